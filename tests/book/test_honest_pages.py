"""No page types what code must make: verdicts, numbers in sentences, and where recorded results come from."""

import ast
import re
from pathlib import Path

import jupytext
import pytest

from regthesis.book import ledger

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "chapters").glob("*.md"), *(ROOT / "book").glob("*.md")])
ALLOWED = re.compile(
    r"""
    (?:thesis\ )?(?:Tables?|Tabs?\.|Figures?|Figs?\.|Equations?|Eqs?\.|[Ss]ections?|[Cc]hapters?|[Ee]xercises?)
        (?:,\ |\ and\ |\ to\ |[ ]|\d[\d.]*[a-z]?)+
    | \b[234]-?D(?:\+T)?\b | \b[A-Z]+[ ]?\d+\b | \b95\ %   # 3-D, S3, the 95 % interval and the 95 % Hausdorff distance
    | (?<![\d.])\d(?![\d.]*\d|\s?(?:%|per\ cent|mm|ms|s|ml|h|points)\b)   # one digit that measures nothing
    | \b(?:19|20)\d\d\b | (?:License|CC\ BY(?:-[A-Z]+)*)\ \d\.\d      # years, licences
    | ^\d+\.\ (?=\D)                                       # lists
    """,
    re.VERBOSE | re.MULTILINE,
)
NOT_PROSE = re.compile(
    r"""
    ^---\n.*?^---$ | ^```.*?^```$ | ^:::?\{.*$ | ^:\w[\w-]*:.*$ | ^\([\w-]+\)=$ | ^%.*$
    | \$\$.*?\$\$(?:\ \(eq-[\w-]+\))? | \$[^$\n]*[a-zA-Z\\=][^$\n]*\$    # formulas; a bare number is none
    | \{[\w:]+\}`[^`]*` | `[^`]*` | \]\([^)]*\) | <[^>]+>
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def typed_numbers(text: str) -> list[str]:
    """Numbers in the sentences of a page that neither code nor a reference to the thesis made."""
    prose = ALLOWED.sub(" ", NOT_PROSE.sub(" ", text))
    return [prose[max(0, m.start() - 40) : m.end() + 20].replace("\n", " ") for m in re.finditer(r"\d[\d.,]*", prose)]


def captions(cell) -> str:
    return cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")


def typed_verdicts(source: str) -> list[str]:
    """Verdicts, or what they rest on, that are written down and not computed."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and node.value in (*ledger.VERDICTS, *ledger.BESIDE):
            found.append(f"line {node.lineno}: {node.value!r}")
        if isinstance(node, ast.Call) and ast.unparse(node.func) in HANDED:
            for argument in node.args[1 : HANDED[ast.unparse(node.func)] + 1]:
                if not any(isinstance(part, ast.Name | ast.Attribute | ast.Call) for part in ast.walk(argument)):
                    found.append(f"line {node.lineno}: {ast.unparse(node)[:60]}")
    return found


HANDED = {"ledger.check": 1, "ledger.claim": 1, "ledger.agrees": 2, "ledger.redrawn": 1}  # arguments that decide


def recorded_in(source: str, known: dict[str, set[str]]) -> set[str]:
    """The recorded runs that a cell uses, directly or through names that earlier cells gave; `known` grows."""
    tree, used = ast.parse(source), set()
    for statement in tree.body:
        runs = set(re.findall(r"recorded/([\w-]+)", ast.unparse(statement)))
        loops = [loop.target for loop in ast.walk(statement) if isinstance(loop, ast.comprehension)]
        inner = {node.id for target in loops for node in ast.walk(target) if isinstance(node, ast.Name)}
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id not in inner]
        runs |= set().union(*(known.get(node.id, set()) for node in names if isinstance(node.ctx, ast.Load)))
        for node in names:
            if isinstance(node.ctx, ast.Store):  # a name that is given anew forgets what it was
                known[node.id] = runs if isinstance(statement, ast.Assign) else known.get(node.id, set()) | runs
        used |= runs
    return used


def cells_of(page: Path):
    return [cell for cell in jupytext.read(page).cells if cell.cell_type == "code"]


RUN = [page for page in PAGES if page.read_text().startswith("---\njupytext:")]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_no_verdict_is_typed(page):
    if page.stem != "scorecard":  # it explains and counts them
        assert [hit for cell in cells_of(page) for hit in typed_verdicts(cell.source)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_sentence_has_a_number_that_no_code_made(page):
    text = page.read_text()
    told = [captions(cell) for cell in cells_of(page)] if page in RUN else []
    assert typed_numbers("\n\n".join([text, *told])) == []


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_what_shows_recorded_results_has_their_line_of_origin(page):
    known: dict[str, set[str]] = {}
    for cell in cells_of(page):
        tags = cell.metadata.get("tags", [])
        runs = recorded_in(cell.source, known)
        shows = "figure" in cell.metadata.get("mystnb", {}) or re.search(r"\bTable\(", cell.source)
        if shows:
            assert {tag.removeprefix("recorded-") for tag in tags if tag.startswith("recorded-")} == runs, cell.source[
                :99
            ]


@pytest.mark.parametrize("verdict", [
    'ledger.claim("C4.42", True, "seen")', 'ledger.check("C4.45", 2.5, dataset="any")',
    'ledger.claim("C4.42", "holds", why)', 'print("reproduced")', 'ledger.check("C4.45", [1, 2.5][1], dataset="any")',
])  # fmt: skip
def test_a_typed_verdict_is_found(verdict):
    assert typed_verdicts(verdict)


def test_a_computed_verdict_is_no_typed_one():
    assert not typed_verdicts('ledger.claim("C4.42", share.min() > 0.2, "fails to be seen")')
    assert not typed_verdicts('ledger.check("C4.45", steps[-1], dataset="any")')


@pytest.mark.parametrize(
    "prose", ["It gains 0.01 of DICE.", "on 80 patients", "about $83$ per cent", "by 3 mm", "of 0.5"]
)
def test_a_typed_number_is_found(prose):
    assert len(typed_numbers(prose)) == 1


@pytest.mark.parametrize("prose", [
    "thesis Table 4.1 and Figs. 4.10 to 4.12, section 2.2.1", "S3 in 3-D", "for $d = 32$ numbers",
    "gains {glue:text}`gain` of DICE", "a 3 by 4 matrix", "the Apache License 2.0", "in 2020",
    "the 95 % Hausdorff distance", "{cite}`krebs2020`", "`-p x 3`",
])  # fmt: skip
def test_other_numbers_are_fine(prose):
    assert typed_numbers(prose) == []


def test_recorded_results_are_followed_through_names():
    known: dict[str, set[str]] = {}
    assert recorded_in('past = read_run("../data/recorded/acdc-codes")', known) == {"acdc-codes"}
    assert recorded_in("part = past[past['fold'] == 1]", known) == {"acdc-codes"}
    assert recorded_in("tables.Table(part)", known) == {"acdc-codes"}
    assert recorded_in("tables.Table(other)", known) == set()
    assert recorded_in("few = [it for it in past]", known) == {"acdc-codes"}
    assert recorded_in("tables.Table([few for few in other])", known) == set()  # a name of the comprehension's own
    assert recorded_in("part = other\ntables.Table(part)", known) == set()
    assert recorded_in("part = past if other else 0\ntables.Table(part)", known) == {"acdc-codes"}
