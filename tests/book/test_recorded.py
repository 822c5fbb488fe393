"""A recorded study: complete files, honest labels, and going on where it stopped."""

import json
from dataclasses import replace

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
        ({"names": ["identity"], "skip": ["patinet001"]}, "patinet001: no such patient"),
        ({"names": ["identity"], "skip": ["patient001", "patient002"]}, "0 patients and 1 methods leave nothing"),
        ({"names": []}, "0 methods leave nothing to do"),
    ):
        with pytest.raises(UserError, match=message):
            recorded.record(hearts, tmp_path / "run", **{"frame": "quick"} | words)
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


def test_a_folder_holds_one_run(hearts, tmp_path, monkeypatch):
    recorded.record(hearts, tmp_path, ["identity"], frame="quick", patients=1)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="another profile; give another folder"):
        recorded.record(hearts, tmp_path, ["identity"], frame="full")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    phantom.make(tmp_path / "others", subjects=1, seed=9, progress=False)
    with pytest.raises(UserError, match="another data"):
        recorded.record(tmp_path / "others", tmp_path, ["identity"], frame="quick")
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: get("identity").pair(moving, fixed, grid))
    recorded.record(hearts, tmp_path, ["demons"], frame="quick", patients=1)
    monkeypatch.setattr(recorded.methods, "get", lambda name: replace(get(name), elastic=9.0))
    with pytest.raises(UserError, match="another demons"):
        recorded.record(hearts, tmp_path, ["demons"], frame="quick", patients=1)


def test_networks_that_were_trained_again_are_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    (tmp_path / "w").mkdir()
    told = []
    for weights in (b"1", b"2"):
        (tmp_path / "w" / "weights.safetensors").write_bytes(weights)
        told.append(recorded._settings(replace(get("s3"), weights=tmp_path / "w"))["weights"])
    assert told[0] != told[1] and all(text.startswith("w ") for text in told)


def test_the_command_names_who_was_skipped_and_the_fold(tmp_path):
    phantom.make(tmp_path / "hearts", subjects=6, progress=False)
    gone = folds(tmp_path / "hearts")[0][0]
    rows = recorded.record(tmp_path / "hearts", tmp_path / "run", ["identity"], "quick", skip=[gone], fold=1)
    assert gone not in set(rows["case"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["command"].endswith(f"--fold 1 --skip {gone}")
