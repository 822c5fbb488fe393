"""What every page that runs must have: pictures with a caption and words, checked outputs, short cells."""

import os
from pathlib import Path

import jupytext
import nbformat
import pytest

from regthesis.book.chapters import book_root, notebook_pages, profile_parameters

ROOT = Path(__file__).resolve().parents[2]
EXECUTED = Path(os.environ.get("REGTHESIS_EXECUTED") or ROOT / "_build" / "executed" / "quick")
PAGES = notebook_pages(ROOT)


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request):
    return request.param


@pytest.fixture
def executed(page):
    path = EXECUTED / f"{page.name}.ipynb"
    if not path.is_file():
        pytest.skip(f"{path} is not there: run `make book` first")
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_folded(cell):
    """Imports and bookkeeping: the reader opens them if at all."""
    return bool({"hide-input", "hide-cell", "remove-input"} & set(cell.metadata.get("tags", [])))


def test_book_root_is_this_checkout():
    assert book_root() == ROOT


def test_cells_are_short_and_fewer_than_the_words(page):
    notebook = jupytext.read(page.source)
    lengths = [len(cell.source.splitlines()) for cell in code(notebook)]
    assert len([cell for cell in code(notebook) if not is_folded(cell)]) <= 25 and max(lengths) <= 20
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert words > sum(len(cell.source.split()) for cell in code(notebook))


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_profiles_fit_the_page(page, profile):
    profile_parameters(profile, page, ROOT)


def test_every_picture_has_caption_name_and_words(executed):
    for cell in code(executed):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            settings = cell.metadata.get("mystnb", {})
            assert settings.get("figure", {}).get("caption"), cell.source
            assert settings["figure"].get("name"), cell.source
            assert settings.get("image", {}).get("alt"), cell.source


def test_a_cell_with_a_figure_shows_nothing_else(executed):
    """Whatever else it displayed would get the name of the figure too, and the build would fail."""
    for cell in code(executed):
        if "figure" in cell.metadata.get("mystnb", {}):
            shown = [output.data for output in cell.outputs if "data" in output]
            assert len([data for data in shown if not any("papermill" in kind for kind in data)]) == 1, cell.source


def test_ran_to_the_end_without_warnings(executed):
    for cell in code(executed):
        assert cell.execution_count or not cell.source.strip(), cell.source
        assert [output.text for output in cell.outputs if output.get("name") == "stderr"] == []


def test_tagged_pages_have_a_reference(page, executed):
    if any("nbval-check-output" in cell.metadata.get("tags", []) for cell in code(executed)):
        assert (ROOT / "tests" / "reference" / f"{page.name}.ipynb").is_file(), "run `make reference`"
