"""Run a page once: MyST markdown, papermill, an executed notebook that carries the hashes of its inputs."""

import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import nbformat
import torch

from regthesis import datasets
from regthesis.book.chapters import Page, check_origin, notebook_pages, profile_parameters
from regthesis.book.press import provenance
from regthesis.book.press.needs import needs_of, without
from regthesis.book.press.resume import files_hash, inputs
from regthesis.errors import ChapterError, UserError
from regthesis.files import read_json, whole
from regthesis.train.parallel import check_device

__all__ = ["execute", "execute_all", "executed_from", "run_name"]

SIDE_BY_SIDE = 2  # pages at a time


def execute(
    page: Page,
    root: Path,
    profile: str,
    overrides: dict[str, Any],
    out: Path,
    results: Path,
    force: bool = False,
    keep: bool = False,
    threads: int | None = None,
    report=print,
) -> Path:
    """Execute `page` into `out/<page>.ipynb`, unless what lies there came from the same inputs.

    The kernel starts in the page's own folder, as it does in JupyterLab, and computes with `threads` threads where they
    are given. Verdicts of the ledger go to the
    folder `results` (environment variable REGTHESIS_RESULTS); the scorecard runs again when those of the pages before
    it change. With `keep` a notebook of other parameters in `out`
    stays, unless by `force`. Raises UserError for bad parameters, folders and devices, and for a notebook to be kept;
    ChapterError where a cell fails: the earlier notebook and verdicts then stay as they were, and
    `<page>.failed.ipynb` shows how far it came.
    """
    parameters = profile_parameters(profile, page, root) | overrides
    check_origin(parameters, page)
    check_device(parameters.get("device", "cpu"))
    source = _allowed(page, parameters)
    own = _verdicts(page, results)
    earlier = takewhile(lambda other: other != page, notebook_pages(root))
    others = [_verdicts(other, results) for other in earlier] if page.reads_verdicts else []
    now = inputs(page.source, parameters, root)
    now |= {"verdicts": files_hash([own], results), "verdicts of others": files_hash(others, results)}
    target = out / f"{page.name}.ipynb"
    before = executed_from(target)
    changed = [name for name in now if before.get(name) != now[name]]
    if not changed and not force:
        report(f"{page.name}: unchanged")
        return target
    if keep and not force and target.exists() and before.get("parameters") != now["parameters"]:
        raise UserError(
            f"{target}: holds a run with other parameters; choose another folder with --out, or add --force"
        )
    _writable(out), _writable(results)
    report(f"{page.name}: running ({', '.join(changed) + ' changed' if before and changed else 'anew'})")
    run = provenance.collect(root, profile, parameters, page.source.parent)
    run |= {"threads": str(threads)} if threads else {}
    with _set_aside(own), _seen_by_kernels(results, threads):
        notebook = _papermill(page, source, parameters, out, bar=threads is None)
    now["verdicts"] = files_hash([own], results)
    notebook.metadata["regthesis"] = {"inputs": now, "run": run, "machine": provenance.machine()}
    with whole(target) as sibling:
        nbformat.write(notebook, sibling)
    return target


def execute_all(
    pages: list[Page], root: Path, profile: str, out: Path, results: Path, force: bool = False, report=print
) -> dict[Path, Path]:
    """Execute pages as `execute` does, two at a time with half of the cores each; give each its notebook.

    The scorecard waits for the pages before it. Where a page fails, those that run by then are finished.
    """
    executed, share = {}, max(1, torch.get_num_threads() // SIDE_BY_SIDE)
    one = partial(execute, root=root, profile=profile, overrides={}, out=out, results=results, force=force)
    with ProcessPoolExecutor(SIDE_BY_SIDE) as pool:  # processes, because papermill changes the folder it works in
        for _, some in groupby(pages, key=lambda page: page.reads_verdicts):
            running = {page.source: pool.submit(one, page, threads=share, report=report) for page in some}
            try:
                executed |= {source: notebook.result() for source, notebook in running.items()}
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return executed


def run_name(parameters: dict[str, Any]) -> str:
    """A short name for a run with these parameters, and another for any others: `seed=1,subjects=3`.

    What is no short word is cut to one, with a hash that tells it from others that are cut to the same.
    """
    name = ",".join(f"{name}={_word(str(value))}" for name, value in sorted(parameters.items()))
    return name if len(name) <= 120 else _cut(name, name[:100])


def _word(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9.+-]+", "-", Path(text).name)[:24].strip("-")
    return word if word == text else _cut(text, word)


def _cut(text: str, word: str) -> str:
    return f"{word}~{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _verdicts(page: Page, results: Path) -> Path:
    """Where the ledger notes the verdicts of a page."""
    return results / f"{page.number or page.name}.json"


def executed_from(notebook: Path) -> dict[str, str]:
    """The hashes of the inputs that an executed notebook was made from; empty where there is none."""
    try:
        found = read_json(notebook)["metadata"]["regthesis"]["inputs"]
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _allowed(page: Page, parameters: dict[str, Any]):
    """The page as a notebook in which cells that need what its data lack have become notes."""
    import jupytext

    notebook = jupytext.read(page.source)
    if needs := needs_of(notebook.cells):
        data = datasets.open(parameters["dataset"], page.source.parent / parameters["data_root"])
        notebook.cells = without(notebook.cells, {need for need in needs if not data.has(need)})
    return notebook


def _papermill(page: Page, notebook, parameters: dict[str, Any], out: Path, bar: bool):
    import papermill

    running, failed = out / f".{page.name}.running.ipynb", out / f"{page.name}.failed.ipynb"
    failed.unlink(missing_ok=True)
    try:
        return papermill.execute_notebook(
            notebook,
            str(running).replace("{", "{{").replace("}", "}}"),  # papermill formats it
            parameters,
            kernel_name="python3",
            language="python",
            cwd=page.source.parent,
            progress_bar=bar,
            extra_arguments=["--IPKernelApp.log_level=40"],  # no remarks on the transport
        )
    except papermill.PapermillExecutionError as error:
        os.replace(running, failed)
        if error.ename == "UserError":
            raise UserError(f"{page.name}, cell {error.exec_count}: {error.evalue}") from None
        cell = "\n".join(f"    {text}" for text in error.source.splitlines())
        message = f"{page.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}"
        raise ChapterError(f"{message}\n{cell}\n  see {failed}") from None
    finally:
        running.unlink(missing_ok=True)


@contextmanager
def _seen_by_kernels(results: Path, threads: int | None) -> Iterator[None]:
    """What a kernel that starts meanwhile finds in its environment."""
    new = {"REGTHESIS_RESULTS": str(results.resolve())}
    new["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve each other
    if threads:
        new |= dict.fromkeys(("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), str(threads))
    before = {name: os.environ.get(name) for name in new}
    os.environ.update(new)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _set_aside(file: Path) -> Iterator[None]:
    """Start without this file; bring it back if what follows fails."""
    content = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_bytes(content)
        raise


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"cannot write to {folder}: no permission; choose another folder with --out")
