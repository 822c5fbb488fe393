"""The scorecard: every entry once for each verdict on it, with its source and the page that judged it."""

import json
import re

import pytest

from regthesis.book import ledger
from regthesis.book.ledger.scorecard import scorecard, verdicts
from regthesis.errors import UserError
from regthesis.shipped import CHECKOUT as ROOT


@pytest.fixture
def folders(tmp_path):
    """Results of this run, recorded runs and chapters, of which the fourth is written."""
    results, recorded, chapters = (tmp_path / name for name in ("results", "recorded", "chapters"))
    chapters.mkdir()
    (chapters / "04_deformation.md").write_text("")
    return results, recorded, chapters


def test_every_entry_has_every_verdict(folders):
    results, recorded, _ = folders
    ledger.check("T4.1/S3/DICE", 0.9, dataset="phantom", results=results)
    ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", cases=80, page="results", results=recorded / "acdc-full")
    ledger.claim("E5.3", False, "not finite", page="errata", results=results)
    ledger.claim("E5.6", False, "wrong power", page="errata", results=results)
    ledger.check("C4.12", 16, dataset="any", results=results)
    card = scorecard(*folders)
    assert set(card["id"]) == set(ledger.load())
    assert len(card) == len(ledger.load()) + 1
    both = card[card["id"] == "T4.1/S3/DICE"].set_index("source")["verdict"].to_dict()
    assert both == {"this run": "not comparable", "recorded acdc-full": "reproduced"}
    row = card.set_index("id").loc
    assert (row["E5.3", "verdict"], row["E5.3", "link"]) == ("as extracted", "book/errata.html")
    assert row["E5.3", "as_extracted"] == ledger.entry("E5.3").as_extracted
    assert row["E5.6", "verdict"] == "fails"
    assert row["C4.12", "verdict"] == "changed"
    assert not card.isna().any().any()


def test_what_nobody_judged_says_why(folders):
    row = scorecard(*folders).set_index("id").loc
    assert row["T4.1/S1/HD", "link"] == "chapters/04_deformation.html"
    assert row["T4.1/S1/HD", "why"] == "chapter 4 does not check it yet"
    assert (row["T5.1/Our/HD", "why"], row["T5.1/Our/HD", "link"]) == ("chapter 5 is not written yet", "")
    assert row["F7.4", "why"] == "a picture of another work"
    assert set(scorecard(*folders)["verdict"]) == {"not attempted"}


def test_what_a_killed_run_left_half_written_is_passed_over(folders):
    ledger.claim("E4.7", True, "swap test", results=folders[0])
    (folders[0] / ".123.2.json").write_text("{")
    assert verdicts(*folders[:2])["id"].tolist() == ["E4.7"]


def test_results_of_an_unknown_id_are_refused(folders):
    verdict = {"id": "T4.1/S9/DICE", "printed": "", "computed": "", "verdict": "holds", "why": "?"}
    folders[0].mkdir()
    (folders[0] / "4.json").write_text(json.dumps({"verdicts": [verdict]}))
    with pytest.raises(UserError, match="no entry 'T4.1/S9/DICE'"):
        scorecard(*folders)


def test_the_recorded_runs_of_the_checkout_are_read():
    noted = verdicts("")
    assert set(noted["source"].str.split().str[0]) == {"recorded"}
    assert set(noted["verdict"]) <= {*ledger.VERDICTS, *ledger.BESIDE}


# The pages that explain the verdicts


def test_the_scorecard_explains_every_word_once():
    page = (ROOT / "book" / "scorecard.md").read_text("utf-8")
    explained = [word for words in re.findall(r"^(.+)\n: ", page, re.M) for word in words.split(", ")]
    assert sorted(explained) == sorted([*ledger.VERDICTS, *ledger.BESIDE])


def test_the_first_page_names_every_word_and_no_chapter():
    """A list of chapters that are written, or are not, would be wrong one day."""
    page = (ROOT / "book" / "start.md").read_text("utf-8")
    assert set(re.findall(r"\*([a-z ]+)\*", page)) - {"recorded runs"} == {*ledger.VERDICTS, *ledger.BESIDE}
    assert not re.search(r"[Cc]hapters? \d", page)


def test_every_chapter_of_the_thesis_has_its_section():
    page = (ROOT / "book" / "scorecard.md").read_text("utf-8")
    assert re.findall(r'card\["chapter"\] == (\d)', page) == sorted({str(e.chapter) for e in ledger.load().values()})
