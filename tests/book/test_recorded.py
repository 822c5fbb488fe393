"""A recorded study: complete files, honest labels, and going on where it stopped."""

import json

import pandas as pd
import pytest

from regthesis.book import recorded
from regthesis.datasets import phantom
from regthesis.errors import UserError
from regthesis.methods import get
from regthesis.methods.demons import Demons
from regthesis.recipes.deformation import folds
from regthesis.recipes.trade_off import SETTINGS


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    root = tmp_path_factory.mktemp("hearts")
    phantom.make(root, subjects=2, progress=False)
    return root


def test_a_study_keeps_rows_configuration_and_verdicts(hearts, tmp_path):
    rows = recorded.record(hearts, tmp_path / "run", ["identity"], frame="quick")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["dataset"] == "phantom" and about["patients"] == ["patient001", "patient002"]
    assert "ROOT" in about["command"] and str(hearts) not in json.dumps(about)
    verdicts = json.loads((tmp_path / "run" / "results.json").read_text())["verdicts"]
    assert {verdict["verdict"] for verdict in verdicts} == {"not comparable"}
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "run" / "records.csv"), rows, check_dtype=False)


def test_what_was_registered_is_not_registered_again(hearts, tmp_path):
    first = recorded.record(hearts, tmp_path, ["identity"], frame="quick", patients=1)
    kept = pd.read_csv(tmp_path / "records.csv")
    kept.loc[kept["metric"] == "seconds", "value"] = 123.0  # a mark that a second registration would wipe out
    kept.to_csv(tmp_path / "records.csv", index=False)
    both = recorded.record(hearts, tmp_path, ["identity"], frame="quick")
    assert len(both) == 2 * len(first)
    seconds = both[both["metric"] == "seconds"].set_index("case")["value"]
    assert seconds["patient001"] == 123.0 != seconds["patient002"]


def test_bad_requests_write_nothing(hearts, tmp_path):
    for words, message in (
        ({"names": ["identity"], "frame": "huge"}, "expected one of full, quick"),
        ({"names": ["idenity"]}, "did you mean identity"),
        ({"names": ["identity"], "patients": 3}, "3 patients wanted, 2 there"),
    ):
        with pytest.raises(UserError, match=message):
            recorded.record(hearts, tmp_path / "run", **words)
    assert not list(tmp_path.iterdir())


def test_a_fold_takes_its_patients_alone(tmp_path):
    phantom.make(tmp_path / "hearts", subjects=6, progress=False)
    rows = recorded.record(tmp_path / "hearts", tmp_path / "run", ["identity"], frame="quick", fold=1)
    assert sorted(set(rows["case"])) == folds(tmp_path / "hearts")[0]
    assert "--fold 1" in json.loads((tmp_path / "run" / "run.json").read_text())["command"]


def test_a_trade_off_keeps_its_settings(hearts, tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "demons", ("elastic", (1.5, 3.0)))
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: get("identity").pair(moving, fixed, grid))
    rows = recorded.record_trade_off(hearts, tmp_path, ["demons"], "quick", patients=2)
    assert set(rows["setting"]) == {1.5, 3.0} and set(rows["case"]) == {"patient001", "patient002"}
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["methods"]["demons"]["elastic"] == 1.5 and about["command"].endswith("--patients 2")
