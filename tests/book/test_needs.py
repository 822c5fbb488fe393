"""Cells that need what the data lack become a sentence; no cell that stays may use what they would have defined."""

from itertools import combinations

import jupytext
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from regthesis.book.chapters import notebook_pages
from regthesis.book.press.needs import NEEDS, left_out, needs_of, stale_names, without
from regthesis.errors import UserError
from regthesis.shipped import CHECKOUT

SUBSETS = [set(some) for size in range(1, len(NEEDS) + 1) for some in combinations(NEEDS, size)]


def cell(source, *tags):
    return new_code_cell(source, metadata={"tags": list(tags)})


def test_a_cell_goes_where_the_data_lack_one_of_its_needs():
    cells = [cell("a = 1"), cell("b = 2", "needs-masks", "needs-groups"), new_markdown_cell("text")]
    assert needs_of(cells) == {"masks", "groups"}
    assert without(cells, {"truth"}) == cells and not left_out(cells)
    for lacking in ({"masks"}, {"groups", "truth"}):
        kept = without(cells, lacking)
        assert kept[0] is cells[0] and kept[2] is cells[2] and left_out(kept)
        assert kept[1].cell_type == "markdown" and kept[1].source.startswith("*Not shown: this needs ")
    assert "masks and groups of patients, which" in without(cells, {"groups", "masks"})[1].source


def test_neighbours_that_need_the_same_share_a_note():
    one, two, other = cell("a = 1", "needs-masks"), cell("b = 2", "needs-masks"), cell("c = 3", "needs-truth")
    assert len(without([one, two, other, one], {"masks", "truth"})) == 3
    assert len(without([one, cell("d = 4"), two], {"masks"})) == 3


def test_a_tag_that_names_no_need_is_a_slip():
    with pytest.raises(UserError, match="unknown tag needs-mask; known: needs-masks, "):
        needs_of([cell("a = 1", "needs-mask")])


@pytest.mark.parametrize(
    "after",
    [
        "a",
        "b = a",
        "a = a + 1",
        "a += 1",
        "print([a for _ in range(3)])",
        "f = lambda x: x + a",
        "def f(x=1):\n    return x + a",
        "class C:\n    x = a",
        "for x in a:\n    print(x)",
        "if a:\n    pass",
        "import a.b\nc",
        "b = 1\na.x = b",
    ],
)
def test_a_name_that_only_a_left_out_cell_defined_is_told(after):
    cells = [cell("a = c = 0"), cell("import a\nfrom x import y as c", "needs-masks"), cell(after)]
    assert len(list(stale_names(cells, {"masks"}))) == 1
    assert not list(stale_names(cells, {"truth"}))


@pytest.mark.parametrize(
    "after",
    [
        "a = 1\na",
        "[a for a in range(3)]",
        "f = lambda a: a",
        "def f(a):\n    return a",
        "for a in range(3):\n    print(a)",
        "print(f'{b}', b.a, dict(a=1))",
        "def a():\n    return a()",
    ],
)
def test_a_name_that_is_defined_anew_is_no_matter(after):
    cells = [cell("b = 0"), cell("a = 0", "needs-masks"), cell(after)]
    assert not list(stale_names(cells, {"masks"}))


@pytest.mark.parametrize("page", notebook_pages(CHECKOUT), ids=lambda page: page.name)
def test_no_cell_of_a_page_uses_what_a_left_out_cell_defined(page):
    cells = jupytext.read(page.source).cells
    assert [slip for lacking in SUBSETS for slip in stale_names(cells, lacking)] == []
