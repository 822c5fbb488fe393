"""A table says the same to readers and to the comparison with references; a recorded run says what it is."""

import pandas as pd

from regthesis.book import ledger
from regthesis.book.show import tables


def test_table_is_markdown_for_readers_and_text_for_comparison():
    frame = pd.DataFrame({"N": [1, 2], "error": [0.25, 1.0]}, pd.Index(["a", "b"], name="case"))
    table = tables.Table(frame, "Two errors.", "tab-errors", digits=2)
    assert table._repr_markdown_().splitlines()[:2] == [":::{table} Two errors.", ":name: tab-errors"]
    assert "| case | N | error |" in table._repr_markdown_() and "| b | 2 | 1.00 |" in table._repr_markdown_()
    assert repr(table).split() == ["N", "error", "case", "a", "1", "0.25", "b", "2", "1.00"]


def test_a_cell_without_a_value_is_a_dash():
    table = tables.Table(pd.DataFrame({"N": [1, 2], "error": [float("nan"), 1.0]}), "One is missing.", "tab-gap")
    assert "| 0 | 1 | – |" in table._repr_markdown_()


def test_a_cell_of_several_lines_stays_one_row_of_markdown():
    """Its lines are not broken, so that they stay beside those of other cells."""
    frame = pd.DataFrame({"DICE": ["0.7\n0.8 ✓"]}, ["Dem"])
    row = tables.Table(frame, "Two sources.", "tab-two")._repr_markdown_().splitlines()[-2]
    assert row == "| Dem | 0.7<br>0.8\N{NO-BREAK SPACE}✓ |"


def test_the_legend_has_the_marks_that_are_there_and_every_verdict_has_one():
    found = [ledger.Verdict("E4.1", "", "", verdict, "why") for verdict in ("fails", "reproduced", "fails")]
    assert tables.legend(found) == "✓ reproduced, ✗ fails"
    assert {*tables.MARKS, "not attempted"} == set(ledger.VERDICTS) and len(set(tables.MARKS.values())) == 5
