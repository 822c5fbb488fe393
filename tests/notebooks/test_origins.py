"""Under every recorded figure and table of the built pages stands the line of origin of its own run."""

import os
import re
from pathlib import Path

import jupytext
import pytest

from regthesis.book.chapters import notebook_pages

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("REGTHESIS_HTML") or ROOT / "_build" / "html")


def shown(page) -> dict[str, set[str]]:
    """The numbered figures and tables of a page, each with the recorded runs that its cell is tagged with."""
    found = {}
    for cell in jupytext.read(page.source).cells:
        if cell.cell_type != "code":
            continue
        runs = {tag.removeprefix("recorded-") for tag in cell.metadata.get("tags", []) if tag.startswith("recorded-")}
        names = [cell.metadata.get("mystnb", {}).get("figure", {}).get("name")]
        names += re.findall(r"\"(tab-[\w-]+)\"", cell.source)
        found |= {name: runs for name in names if name}
    return found


def lines_under(name: str, html: str) -> list[str]:
    """The lines of origin between what has this name and the next figure or table."""
    start = html.index(f'id="{name}"')
    after = re.search(r'id="(?:fig|tab)-', html[start + 4 :])
    part = html[start : start + 4 + after.start()] if after else html[start:]
    return re.findall(r'<p class="provenance">(.*?)</p>', part, re.DOTALL)


def missing(html: str, wanted: dict[str, set[str]]) -> list[str]:
    """What is shown without the line of its own run, or of this run."""
    faults = []
    for name, runs in wanted.items():
        lines = lines_under(name, html)
        told = set(re.findall(r"recorded run <code>([^<]+)</code>", " ".join(lines)))
        if told != runs or not lines:
            faults.append(f"{name}: shows {sorted(runs) or 'this run'}, says {sorted(told) or len(lines)}")
    return faults


@pytest.mark.parametrize("page", notebook_pages(ROOT), ids=lambda page: page.name)
def test_every_figure_and_table_has_the_line_of_its_own_run(page):
    path = HTML / page.source.relative_to(ROOT).with_suffix(".html")
    if not path.is_file():
        pytest.skip(f"{path} is not there: run `make book` first")
    assert missing(path.read_text("utf-8"), shown(page)) == []


def test_a_line_that_is_missing_or_of_another_run_is_found():
    line = '<p class="provenance">recorded run <code>{}</code> · commit</p>'
    table, figure = '<table id="tab-41">…</table>', '<figure id="fig-one">…</figure>'
    own = '<p class="provenance">commit · 1.0 s</p>'
    wanted = {"tab-41": {"acdc-codes"}, "fig-one": set()}
    assert missing(table + line.format("acdc-codes") + figure + own, wanted) == []
    assert missing(table + figure + own, wanted)
    assert missing(table + line.format("phantom") + figure + own, wanted)
    assert missing(table + own + figure + own, wanted)
    assert missing(table + line.format("acdc-codes") + figure, wanted)
