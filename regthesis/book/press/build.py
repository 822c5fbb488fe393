"""Build the pages from notebooks that have run: stage them, call jupyter-book without executing, swap in."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from regthesis.book.press.needs import left_out
from regthesis.book.press.page import as_page, in_words
from regthesis.book.press.refer import labels, plain
from regthesis.book.press.resume import files_hash
from regthesis.errors import ChapterError, UserError

__all__ = ["build", "build_run", "check_files"]

WITH_RUNS = ("glossary", "references")  # pages of the book that stand in every small book of a run
LEAVE_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")


def build(root: Path, notebooks: dict[Path, Path], out: Path, report=print) -> Path:
    """Build the book into `out/html` and return its first page, unless nothing it shows has changed.

    `notebooks` gives the executed notebook of every page that runs. Any warning of Sphinx fails the build: a
    ChapterError then quotes it, and the earlier pages stay.
    """
    stage = _stage(root, out)
    (stage / ".package").write_text(files_hash((root / "regthesis").rglob("*.py"), root))  # its docstrings are pages
    pages = {source: _read(executed, root) for source, executed in notebooks.items()}
    if any(left_out(page.cells) for page in pages.values()):
        texts = [path for path in stage.rglob("*.md") if path.name not in {source.name for source in pages}]
        known = labels(nbformat.v4.new_markdown_cell(path.read_text("utf-8")) for path in texts)
        _in_words(pages, known, {path.stem for path in texts})
    _write(pages, root, stage)
    return _built(stage, out, report)


def build_run(root: Path, notebooks: dict[Path, Path], out: Path, report=print) -> Path:
    """Build the pages of a run of its own, as `build` does, with a first page that says what was run.

    What refers to other pages of the book becomes plain text.
    """
    stage = _stage(root, out)
    pages = {source: nbformat.read(executed, as_version=4) for source, executed in notebooks.items()}
    files = {source.relative_to(root).with_suffix("").as_posix(): page for source, page in pages.items()}
    (stage / "run.md").write_text(_first_page(files), "utf-8")
    pages = {source: as_page(page, root) for source, page in pages.items()}
    with_them = [stage / "book" / f"{name}.md" for name in WITH_RUNS if (stage / "book" / f"{name}.md").exists()]
    names = {path.stem for path in with_them}
    known = _in_words(pages, set(), names)
    for path in with_them:
        path.write_text(plain(path.read_text("utf-8"), known, names | {source.stem for source in pages}, ()), "utf-8")
    _write(pages, root, stage)
    parts = [{"numbered": file.startswith("chapters/"), "chapters": [{"file": file}]} for file in files]
    parts += [{"chapters": [{"file": f"book/{path.stem}"}]} for path in with_them]
    (stage / "_toc.yml").write_text(json.dumps({"format": "jb-book", "root": "run", "parts": parts}))
    return _built(stage, out, report)


def check_files(root: Path) -> None:
    """Raises UserError where the book lacks what its pages are built from, so that none is run in vain."""
    for name in ("_config.yml", "book"):
        if not (root / name).exists():
            raise UserError(f"{root / name}: not there, and no page can be built without it; fetch it again")


def _stage(root: Path, out: Path) -> Path:
    stage = out / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, stage)
    shutil.copytree(root / "book", stage / "book", ignore=LEAVE_OUT)
    return stage


def _read(executed: Path, root: Path):
    return as_page(nbformat.read(executed, as_version=4), root)


def _write(pages: dict, root: Path, stage: Path) -> None:
    for source, page in pages.items():
        place = stage / source.relative_to(root)
        place.unlink(missing_ok=True)
        place.parent.mkdir(exist_ok=True)
        nbformat.write(page, place.with_suffix(".ipynb"))


def _in_words(pages: dict, known: set[str], names: set[str]) -> set[str]:
    """References to what neither the pages nor `known` have become words; `names` are those of other pages.

    Gives all that can be referred to.
    """
    known = known.union(*(labels(page.cells) for page in pages.values()))
    for page in pages.values():
        in_words(page, known, names | {source.stem for source in pages})
    return known


def _first_page(notebooks: dict[str, nbformat.NotebookNode]) -> str:
    """What was run, by the names of the pages' files: a table of parameters each."""
    parts = ["# A run with its own parameters\n\nThese pages of the book were executed with other parameters."]
    for file, notebook in notebooks.items():
        title = re.search(r"^# (.+)", "\n".join(cell.source for cell in notebook.cells), re.MULTILINE)
        given = notebook.metadata.papermill.parameters.items()
        rows = [f"| {name} | `{json.dumps(value, ensure_ascii=False)}` |" for name, value in given]
        head = f"## {title[1] if title else file}\n\n{{doc}}`Read the page <{file}>`.\n"
        parts.append("\n".join([head, "| parameter | value |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _built(stage: Path, out: Path, report) -> Path:
    pages = out / "html"
    now = files_hash(stage.rglob("*"), stage)
    stamp = pages / ".stage"
    if stamp.is_file() and stamp.read_text() == now:
        report("pages: unchanged")
        return pages / "index.html"
    report("pages: building")
    site = out / "site"
    shutil.rmtree(site, ignore_errors=True)
    _jupyter_book(stage, site, out / "build.log")
    fresh = site / "_build" / "html"
    (fresh / ".stage").write_text(now)
    _swap(fresh, pages)
    shutil.rmtree(site)
    return pages / "index.html"


def _jupyter_book(stage: Path, site: Path, log: Path) -> None:
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", stage, "--path-output", site]
    with log.open("w") as file:
        done = subprocess.run([*command, "--all", "-W", "-n", "--keep-going"], stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        lines = log.read_text().splitlines()
        telling = [text for text in lines if "WARNING" in text or "ERROR" in text] or lines[-15:]
        raise ChapterError("\n  ".join([f"the pages were not built; see {log}", *telling]))


def _swap(fresh: Path, target: Path) -> None:
    """Put a folder in the place of another; the earlier one is away only between two renames."""
    earlier = target.with_name(f".{target.name}.earlier")
    shutil.rmtree(earlier, ignore_errors=True)
    if target.exists():
        os.replace(target, earlier)
    os.replace(fresh, target)
    shutil.rmtree(earlier, ignore_errors=True)
