"""Build the pages from notebooks that have run: stage them, call jupyter-book without executing, swap in."""

import html
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from regthesis.book.press import provenance
from regthesis.book.press.execute import ChapterError
from regthesis.book.press.resume import files_hash
from regthesis.errors import UserError

__all__ = ["build", "check_files"]

LINK_OUTSIDE = re.compile(r"<link[^>]+https?://[^>]*>")  # an icon font that matplotlib's animations ask for
RECORDED = "recorded-"
LEAVE_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")


def build(root: Path, notebooks: dict[Path, Path], out: Path, report=print) -> Path:
    """Build the book into `out/html` and return its first page, unless nothing it shows has changed.

    `notebooks` gives the executed notebook of every page that runs. Any warning of Sphinx fails the build: a
    ChapterError then quotes it, and the earlier pages stay.
    """
    stage, pages = out / "stage", out / "html"
    _stage(root, notebooks, stage)
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
    return pages / "index.html"


def check_files(root: Path) -> None:
    """Raises UserError where the book lacks what its pages are built from, so that none is run in vain."""
    for name in ("_config.yml", "book"):
        if not (root / name).exists():
            raise UserError(f"{root / name}: not there, and no page can be built without it; fetch it again")


def _stage(root: Path, notebooks: dict[Path, Path], stage: Path) -> None:
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(root / name, stage)
    shutil.copytree(root / "book", stage / "book", ignore=LEAVE_OUT)
    for source, executed in notebooks.items():
        page = stage / source.relative_to(root)
        page.unlink(missing_ok=True)
        page.parent.mkdir(exist_ok=True)
        nbformat.write(_page(nbformat.read(executed, as_version=4), root), page.with_suffix(".ipynb"))


def _page(notebook, root: Path):
    """The notebook as a page: origins under figures and tables, injected parameters folded."""
    run = notebook.metadata.pop("regthesis")["run"]
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-cell"]
        if lines := _origins(cell, run, root):
            cells.append(nbformat.v4.new_markdown_cell("\n".join(lines), id=f"{cell.id}-provenance"))
        cell.metadata.pop("papermill", None)
        _offline(cell)
    notebook.metadata.pop("papermill", None)
    notebook.cells = cells
    return notebook


def _origins(cell, run: dict, root: Path) -> list[str]:
    """Where what a cell shows comes from, a line of HTML each.

    A tag `recorded-NAME` says that it shows data of that recorded run, `provenance` that it shows this run's; a figure
    without either shows this run's.
    """
    tags = cell.metadata.get("tags", [])
    names = [tag.removeprefix(RECORDED) for tag in tags if tag.startswith(RECORDED)]
    lines = [provenance.recorded_line(root / "data" / "recorded" / name) for name in names]
    if "provenance" in tags or ("figure" in cell.metadata.get("mystnb", {}) and not names):
        lines.append(provenance.line(cell.metadata.papermill["duration"], run))
    return lines


def _offline(cell) -> None:
    """Take links to the network out of HTML outputs; give their pictures the words that the cell has for them."""
    alt = html.escape(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", ""))
    for output in cell.get("outputs", []):
        if "text/html" in output.get("data", {}):
            text = LINK_OUTSIDE.sub("", output.data["text/html"])
            output.data["text/html"] = text.replace("<img ", f'<img alt="{alt}" ') if alt else text


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
