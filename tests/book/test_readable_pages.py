"""Pages that can be read: code that fits its column, figures in words, the thesis's equations, a way in and out."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import jupytext
import pytest

from regthesis.book import ledger
from regthesis.book.chapters import notebook_pages

ROOT = Path(__file__).parents[2]
PAGES = notebook_pages(ROOT)
CHAPTERS = [page for page in PAGES if page.number]
WIDTH = 88  # characters that a column of the book shows
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell", "parameters"}
BOOKKEEPING = re.compile(r"^\s*(?:import|from) |\bledger\.\w|\bsay\(|\brcParams\b", re.MULTILINE)
EQUATION = re.compile(r"\$\$[^$]+\$\$ \((eq-\d[\w-]*)\)|^:label: (eq-\d[\w-]*)$", re.MULTILINE)
OF_THE_PRINT = re.compile(r"(?<!thesis )\b(?:tables?|tabs?\.|figures?|figs?\.) \d+\.\d+", re.IGNORECASE)
OPENING = ("**Learning goals.**", "**Prerequisites.**", "**In ninety minutes.**")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
every_chapter = pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.name)


@lru_cache
def notebook(page):
    return jupytext.read(page.source)


def cells(page, kind: str):
    return [cell for cell in notebook(page).cells if cell.cell_type == kind]


def prose(page) -> str:
    return "\n\n".join(cell.source for cell in cells(page, "markdown"))


def wide(source: str) -> list[str]:
    return [line for line in source.splitlines() if len(line) > WIDTH]


def undescribed(cell) -> bool:
    """Whether a cell draws without a caption, a name to refer to, or a text for those who cannot see."""
    settings = cell.metadata.get("mystnb", {})
    figure, image = settings.get("figure", {}), settings.get("image", {})
    draws = bool(figure) or re.search(r"plt\.show\(\)|\bPlayer\(|\bplayers\.\w+\(", cell.source)
    return bool(draws) and not (figure.get("caption") and figure.get("name") and image.get("alt"))


def open_bookkeeping(cell) -> list[str]:
    """Imports, verdicts and styles that stand in the reader's way."""
    return [] if FOLDED & set(cell.metadata.get("tags", [])) else BOOKKEEPING.findall(cell.source)


def equations_of(chapter: int) -> list[str]:
    """Labels of the thesis's numbered equations of a chapter, in its order."""
    ids = [id for id in ledger.load() if re.fullmatch(rf"E{chapter}\.\d+", id)]
    return [id.replace("E", "eq-").replace(".", "-") for id in sorted(ids, key=lambda id: int(id.split(".")[1]))]


def displayed(text: str) -> list[str]:
    return [one or other for one, other in EQUATION.findall(text)]


def texts_of(source: str) -> list[str]:
    return [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant | ast.JoinedStr)
            for node in ast.walk(node) if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip


def in_solutions(page) -> list[str]:
    """Source of the code cells between the start and the end of a solution."""
    found, inside = [], False
    for cell in notebook(page).cells:
        if cell.cell_type == "markdown":
            marks = re.findall(r"\{solution-(start|end)\}", cell.source)
            inside = marks[-1] == "start" if marks else inside
        elif inside:
            found.append(cell.source)
    return found


@every_page
def test_code_fits_its_column(page):
    assert [line for cell in cells(page, "code") for line in wide(cell.source)] == []
    assert [line for block in re.findall(r"^```(?:shell|bash|python)\n(.*?)^```", prose(page), re.M | re.S)
            for line in wide(block)] == []  # fmt: skip


@every_page
def test_every_figure_has_a_caption_a_name_and_words(page):
    assert [cell.source for cell in cells(page, "code") if undescribed(cell)] == []


@every_chapter
def test_imports_and_bookkeeping_are_folded(page):
    assert [(cell.source, hits) for cell in cells(page, "code") if (hits := open_bookkeeping(cell))] == []


@every_chapter
def test_the_numbered_equations_are_those_of_the_thesis(page):
    """All of them in their order and no other, so that the book gives them the thesis's numbers."""
    assert displayed(prose(page)) == equations_of(page.number) != []


@every_chapter
def test_a_chapter_opens_with_goals_prerequisites_and_a_path(page):
    opening = prose(page).split("\n## ")[0]
    places = [opening.find(start) for start in OPENING]
    assert -1 not in places and places == sorted(places)
    goals = opening[places[0] : places[1]]
    assert len(re.findall(r"^- ", goals, re.MULTILINE)) >= 3


@every_chapter
def test_a_chapter_ends_with_what_to_take_away(page):
    title, _, last = prose(page).split("\n## ")[-1].partition("\n")
    assert title == "Summary" and len(re.findall(r"^- ", last, re.MULTILINE)) >= 3


@every_page
def test_tables_and_figures_of_the_print_are_said_to_be_the_thesis_s(page):
    settings = [cell.metadata.get("mystnb", {}) for cell in cells(page, "code")]
    told = [prose(page), *(s.get("figure", {}).get("caption", "") for s in settings)]
    told += [s.get("image", {}).get("alt", "") for s in settings]
    told += [text for cell in cells(page, "code") for text in texts_of(cell.source)]
    assert [text[max(0, m.start() - 30) : m.end()] for text in told for m in OF_THE_PRINT.finditer(text)] == []


@every_chapter
def test_no_verdict_is_made_inside_a_solution(page):
    """A student edition leaves the solutions out, and no verdict with them."""
    assert [source for source in in_solutions(page) if "ledger." in source] == []


def test_the_rules_find_what_they_forbid():
    code = jupytext.reads("```{code-cell} ipython3\nplt.show()\n```", "md:myst").cells[0]
    assert undescribed(code)
    code.source = "x = 1\nledger.claim('C2.4', found, why)"
    assert open_bookkeeping(code)
    assert wide("x" * 89) and not wide("x" * 88)
    assert OF_THE_PRINT.search("as Table 4.1 says") and OF_THE_PRINT.search("(Figs. 2.1 and 2.2)")
    assert not OF_THE_PRINT.search("as thesis Table 4.1 and Thesis Figs. 2.1 say")
    assert displayed("$$ a = b $$ (eq-2-1)\n\n$$ c $$\n\n$$ d $$ (eq-other)") == ["eq-2-1"]


def test_the_thesis_s_equations_come_from_its_ledger():
    assert equations_of(2) == [f"eq-2-{n}" for n in range(1, 6)]
    assert equations_of(4) == [f"eq-4-{n}" for n in range(1, 15)]


def test_no_two_pages_share_a_label():
    """Figures, tables, exercises and targets are one namespace for the whole book."""
    labels = [
        label
        for page in PAGES
        for label in re.findall(
            r"^ *(?:name: (fig-\S+)|:label: (\S+)|\((\S+)\)=$)", page.source.read_text("utf-8"), re.MULTILINE
        )
    ]
    names = [next(filter(None, found)) for found in labels]
    assert len(names) > 50 and [name for name in dict.fromkeys(names) if names.count(name) > 1] == []
