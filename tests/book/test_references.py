"""The list of references: every work has its DOI, as far as it has one, and every citation has its work."""

import re

from regthesis.shipped import CHECKOUT as ROOT

TEXT = (ROOT / "book" / "references.bib").read_text("utf-8")
ENTRIES = {
    key: dict(re.findall(r"^  (\w+) = \{(.+?)\},?$", body, re.M))
    for key, body in re.findall(r"^@\w+\{(\w+),\n(.*?)^\}", TEXT, re.M | re.S)
}
NONE_KNOWN = {"fischer2002", "goodfellow2016", "jaderberg2015", "kingma2014cvae", "krebs2020", "sermesant2008"}


def test_every_work_has_a_doi_but_those_that_are_known_to_have_none():
    assert len(ENTRIES) > 50
    assert {key for key, fields in ENTRIES.items() if "doi" not in fields} == NONE_KNOWN


def test_a_doi_is_written_bare_and_once():
    dois = [fields["doi"] for fields in ENTRIES.values() if "doi" in fields]
    assert [doi for doi in dois if not re.fullmatch(r"10\.\d{4,5}/[\w.()/:;-]+", doi)] == []
    assert len({doi.lower() for doi in dois}) == len(dois)


def test_every_citation_has_its_work():
    pages = [path.read_text("utf-8") for folder in ("book", "chapters") for path in (ROOT / folder).rglob("*.md")]
    cited = {
        key.strip()
        for page in pages
        for keys in re.findall(r"\{cite[\w:]*\}`([^`]+)`", page)
        for key in keys.split(",")
    }
    assert cited and cited <= ENTRIES.keys()
