"""A recorded run, read, is its rows and what it says of itself."""

import json

import pytest

from regthesis.errors import UserError
from regthesis.experiments.recorded import read_run

HEAD = "case,group,method,metric,structure,value\n"


def test_a_recorded_run_is_its_rows_and_what_its_run_says(tmp_path):
    """Values to the last digit; names that look like numbers or like nothing stay names."""
    (tmp_path / "records.csv").write_text(HEAD + "007,NA,demons,DICE,LV,0.1234567890123456789\n")
    (tmp_path / "run.json").write_text(json.dumps({"dataset": "acdc", "patients": ["007"]}))
    rows = read_run(tmp_path)
    assert rows["value"].tolist() == [0.1234567890123456789]
    assert (rows["case"].tolist(), rows["group"].tolist()) == (["007"], ["NA"])
    assert rows.attrs == {"dataset": "acdc", "patients": ["007"]}
    assert read_run(str(tmp_path)).equals(rows)


@pytest.mark.parametrize(
    "there", [{}, {"records.csv": HEAD}, {"run.json": "{}"}, {"records.csv": HEAD, "run.json": "{"}]
)
def test_a_run_that_is_not_whole_is_named(tmp_path, there):
    for name, text in there.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=f"{tmp_path.name}: no recorded run"):
        read_run(tmp_path)
