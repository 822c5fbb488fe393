"""A table says the same to readers and to the comparison with references; a recorded run says what it is."""

import json

import pandas as pd
import pytest

from regthesis.book import tables
from regthesis.errors import UserError


def test_table_is_markdown_for_readers_and_text_for_comparison():
    frame = pd.DataFrame({"N": [1, 2], "error": [0.25, 1.0]}, pd.Index(["a", "b"], name="case"))
    table = tables.Table(frame, "Two errors.", "tab-errors", digits=2)
    assert table._repr_markdown_().splitlines()[:2] == [":::{table} Two errors.", ":name: tab-errors"]
    assert "| case | N | error |" in table._repr_markdown_() and "| b | 2 | 1.00 |" in table._repr_markdown_()
    assert repr(table).split() == ["N", "error", "case", "a", "1", "0.25", "b", "2", "1.00"]


def test_a_cell_without_a_value_is_a_dash():
    table = tables.Table(pd.DataFrame({"N": [1, 2], "error": [float("nan"), 1.0]}), "One is missing.", "tab-gap")
    assert "| 0 | 1 | – |" in table._repr_markdown_()


HEAD = "case,group,method,metric,structure,value\n"


def test_a_recorded_run_is_its_rows_and_what_its_run_says(tmp_path):
    """Values to the last digit; names that look like numbers or like nothing stay names."""
    (tmp_path / "records.csv").write_text(HEAD + "007,NA,demons,DICE,LV,0.1234567890123456789\n")
    (tmp_path / "run.json").write_text(json.dumps({"dataset": "acdc", "patients": ["007"]}))
    rows = tables.recorded(tmp_path)
    assert rows["value"].tolist() == [0.1234567890123456789]
    assert (rows["case"].tolist(), rows["group"].tolist()) == (["007"], ["NA"])
    assert rows.attrs == {"dataset": "acdc", "patients": ["007"]}
    assert tables.recorded(str(tmp_path)).equals(rows)


@pytest.mark.parametrize(
    "there", [{}, {"records.csv": HEAD}, {"run.json": "{}"}, {"records.csv": HEAD, "run.json": "{"}]
)
def test_a_run_that_is_not_whole_is_named(tmp_path, there):
    for name, text in there.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=f"{tmp_path.name}: no recorded run"):
        tables.recorded(tmp_path)
