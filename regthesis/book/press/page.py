"""An executed notebook as a page: how long it took, where its figures come from, and what it cannot refer to."""

import html
import re
from collections.abc import Collection
from pathlib import Path

from nbformat.v4 import new_markdown_cell

from regthesis.book.press import provenance
from regthesis.book.press.refer import glued, plain, plain_html

__all__ = ["as_page", "in_words", "origins"]

LINK_OUTSIDE = re.compile(r"<link[^>]+https?://[^>]*>")  # an icon font that matplotlib's animations ask for
RECORDED = "recorded-"


def as_page(notebook, root: Path):
    """The notebook with its time before the first code, origins under figures and tables, own parameters folded."""
    about = notebook.metadata.pop("regthesis")
    seconds = notebook.metadata.pop("papermill", {}).get("duration")
    first = next((at for at, cell in enumerate(notebook.cells) if cell.cell_type == "code"), None)
    cells = []
    for at, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-cell"]
        if at == first and seconds and "machine" in about:
            took = provenance.time_line(seconds, about["run"]["threads"], about["machine"])
            cells.append(new_markdown_cell(took, id="time"))
        cells.append(cell)
        if lines := origins(cell, about["run"], root):
            cells.append(new_markdown_cell("\n".join(lines), id=f"{cell.id}-provenance"))
        cell.metadata.pop("papermill", None)
        _offline(cell)
    notebook.cells = cells
    return notebook


def in_words(notebook, known: Collection[str], pages: Collection[str]) -> None:
    """Turn references to labels, pages and numbers that are not there into words, in text and in what cells printed."""
    numbers = glued(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source, known, pages, numbers)
        for data in (output.data for output in cell.get("outputs", []) if "data" in output):
            if "text/markdown" in data:
                data["text/markdown"] = plain(data["text/markdown"], known, pages, numbers)
            if "text/html" in data:
                data["text/html"] = plain_html(data["text/html"], pages)
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if "caption" in figure:
            figure["caption"] = plain(figure["caption"], known, pages, numbers)


def origins(cell, run: dict, root: Path) -> list[str]:
    """Where what a cell shows comes from, a line of HTML each.

    A tag `recorded-NAME` says that it shows data of that recorded run, `provenance` that it shows this run's; a figure
    without either shows this run's. A cell that shows nothing has no lines.
    """
    if not cell.get("outputs"):
        return []
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
