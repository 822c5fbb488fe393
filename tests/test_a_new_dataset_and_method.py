"""A new data set and a new method are a file each: the commands, tables and figures of the chapters take them as is."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from regthesis import datasets, evaluate, methods
from regthesis.book.show import registrations
from regthesis.cli import main
from regthesis.errors import UserError
from regthesis.experiments.deformation import figures, table41

TOYS = Path(__file__).parent / "toys"


@pytest.fixture
def blobs(tmp_path, monkeypatch):
    """The data set, as if both files lay in their rooms."""
    for room in (datasets, methods):
        monkeypatch.setattr(room, "__path__", [*room.__path__, str(TOYS / room.__name__.split(".")[-1])])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blobs.txt").write_text("one two three")
    return datasets.open("blobs", tmp_path / "data")


def test_a_study_of_them_is_recorded(blobs, tmp_path):
    words = ["study", str(blobs.root), "--methods", "identity,shift", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    about = json.loads((tmp_path / "out" / "run.json").read_text())
    assert about["dataset"] == "blobs" and about["patients"] == ["one", "two", "three"]
    rows = pd.read_csv(tmp_path / "out" / "records.csv")
    dice = rows[rows["metric"] == "DICE"].groupby(["method", "structure"])["value"].mean()
    assert dice["shift", "blob"] == 1 > dice["identity", "blob"]


def test_chapter_4_tables_and_draws_them(blobs):
    cases = [blobs.read(id) for id in blobs.balanced(2)]
    chosen = [methods.get(name) for name in ("identity", "shift")]
    found = evaluate.deformations(cases, chosen)
    rows = evaluate.scores(cases, found)
    assert list(evaluate.table(rows, ["DICE", "HD95"]).loc["shift"]) == ["1.000 (0.000)", "0.000 (0.000)"]
    assert "Undef" in table41.beside({"these": rows}).index
    assert list(table41.apart(rows, ["one"])["shift"].loc[["DICE, blob", "DICE, fold 1"]]) == [1, 1]
    one = {name: some[0] for name, some in found.items()}
    figure = registrations.side_by_side(cases[0], one, cases[0].middle)
    assert {"target", "identity", "shift"} <= {text.get_text() for ax in figure.axes for text in ax.texts}
    titles = [ax.get_title() for ax in figures.scores(rows, cases[0]).axes]
    assert "blob" in titles


def test_what_they_lack_is_known(blobs):
    assert blobs.has("masks") and blobs.has("groups") and not blobs.has("truth") and not blobs.has("cavity")
    with pytest.raises(ValueError, match="expected one of masks"):
        blobs.has("colour")
    with pytest.raises(UserError, match="dataset is phantom, but data_root .* holds blobs data"):
        datasets.open("phantom", blobs.root)
    with pytest.raises(UserError, match="grid 'quick': expected one of full"):
        blobs.common_grid("quick")
