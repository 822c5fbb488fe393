"""A recorded study: complete files, honest labels, and going on where it stopped."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch

from regthesis.book import ledger
from regthesis.datasets import recognise
from regthesis.datasets.phantom import heart
from regthesis.errors import UserError
from regthesis.evaluate.growing import read_rows
from regthesis.evaluate.records import COLUMNS
from regthesis.experiments import description, study
from regthesis.experiments.deformation.trade_off import SETTINGS, record_trade_off
from regthesis.experiments.folds import folds
from regthesis.experiments.study import record_study
from regthesis.methods import get
from regthesis.methods.demons import Demons
from regthesis.train.tensors import write

pytestmark = pytest.mark.slow  # registrations of phantoms


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    root = tmp_path_factory.mktemp("hearts")
    heart.make(root, subjects=2, progress=False)
    return recognise(root)


def test_a_study_keeps_rows_configuration_and_verdicts(hearts, tmp_path):
    rows = record_study(hearts, tmp_path / "run", ["identity"], grid="quick")
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["dataset"] == "phantom" and about["patients"] == ["patient001", "patient002"]
    assert "ROOT" in about["command"] and str(hearts.root) not in json.dumps(about)
    verdicts = json.loads((tmp_path / "run" / "results.json").read_text())["verdicts"]
    assert {verdict["verdict"] for verdict in verdicts} == {"not comparable"}
    kept = pd.read_csv(tmp_path / "run" / "records.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(kept, rows, check_dtype=False, check_exact=True)


def test_what_was_registered_is_not_registered_again(hearts, tmp_path):
    first = record_study(hearts, tmp_path, ["identity"], grid="quick", count=1)
    kept = pd.read_csv(tmp_path / "records.csv", float_precision="round_trip")
    kept.loc[kept["metric"] == "seconds", "value"] = 123.0  # a mark that a second registration would wipe out
    kept.to_csv(tmp_path / "records.csv", index=False)
    both = record_study(hearts, tmp_path, ["identity"], grid="quick")
    assert len(both) == 2 * len(first)
    seconds = both[both["metric"] == "seconds"].set_index("case")["value"]
    assert seconds["patient001"] == 123.0 != seconds["patient002"]


def test_bad_requests_write_nothing(hearts, tmp_path):
    for words, message in (
        ({"names": ["identity"], "grid": "huge"}, "expected one of full, quick"),
        ({"names": ["idenity"]}, "did you mean identity"),
        ({"names": ["identity"], "count": 3}, "3 patients wanted, 2 there"),
        ({"names": ["identity"], "skip": ["patinet001"]}, "patinet001: no such patient"),
        ({"names": ["identity"], "skip": ["patient001", "patient002"]}, "0 patients and 1 methods leave nothing"),
        ({"names": []}, "0 methods leave nothing to do"),
    ):
        with pytest.raises(UserError, match=message):
            record_study(hearts, tmp_path / "run", **{"grid": "quick"} | words)
    assert not list(tmp_path.iterdir())


def test_a_fold_takes_its_patients_alone(tmp_path):
    heart.make(tmp_path / "hearts", subjects=6, progress=False)
    rows = record_study(recognise(tmp_path / "hearts"), tmp_path / "run", ["identity"], grid="quick", fold=1)
    assert sorted(set(rows["case"])) == folds(recognise(tmp_path / "hearts"))[0]
    assert "--fold 1" in json.loads((tmp_path / "run" / "run.json").read_text())["command"]


def test_a_trade_off_keeps_its_settings(hearts, tmp_path, monkeypatch):
    monkeypatch.setitem(SETTINGS, "demons", ("elastic", (1.5, 3.0)))
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: get("identity").pair(moving, fixed, grid))
    rows = record_trade_off(hearts, tmp_path, ["demons"], "quick", count=2)
    assert set(rows["setting"]) == {1.5, 3.0} and set(rows["case"]) == {"patient001", "patient002"}
    about = json.loads((tmp_path / "run.json").read_text())
    assert about["methods"]["demons"]["elastic"] == 1.5 and about["command"].endswith("--patients 2 --grid quick")


def test_a_folder_holds_one_run(hearts, tmp_path, monkeypatch):
    record_study(hearts, tmp_path, ["identity"], grid="quick", count=1)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="another profile; give another folder"):
        record_study(hearts, tmp_path, ["identity"], grid="full")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    heart.make(tmp_path / "others", subjects=1, seed=9, progress=False)
    with pytest.raises(UserError, match="another data"):
        record_study(recognise(tmp_path / "others"), tmp_path, ["identity"], grid="quick")
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: get("identity").pair(moving, fixed, grid))
    record_study(hearts, tmp_path, ["demons"], grid="quick", count=1)
    monkeypatch.setattr(study.methods, "get", lambda name: replace(get(name), elastic=9.0))
    with pytest.raises(UserError, match="another demons"):
        record_study(hearts, tmp_path, ["demons"], grid="quick", count=1)


def test_networks_that_were_trained_again_are_other_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(description, "CHECKOUT", tmp_path)
    told = []
    for number, card in ((1.0, "a"), (2.0, "a"), (2.0, "b")):
        write(tmp_path / "w" / "weights.safetensors", {"x": torch.tensor(number)}, {"held_out": card})
        told.append(description.settings_of(replace(get("s3"), weights=tmp_path / "w"))["weights"])
    assert told[0] != told[1] == told[2] and all(text.startswith("w ") for text in told)
    monkeypatch.setattr(description, "CHECKOUT", tmp_path / "elsewhere")
    assert (
        description.settings_of(replace(get("s3"), weights=tmp_path / "w"))["weights"] == told[1]
    )  # and no path of here


def test_recorded_runs_of_the_repository_can_be_gone_on_with():
    """They name weights by a hash of their files, or by none."""
    for file in sorted((description.CHECKOUT / "data" / "recorded").glob("*/records.csv")):
        before = description.read(file.parent)
        about = json.loads(json.dumps(before))
        for settings in about.get("methods", {}).values():
            if "weights" in settings and " tensors:" not in settings["weights"]:
                settings["weights"] = settings["weights"].split(" ")[0] + " tensors:0123456789abcdef"
        assert description.united(file.parent, about) == before
        for name, wrong in {"data": "0", "profile": "none", "command": "regthesis none"}.items():
            with pytest.raises(UserError, match=f"another {name}"):
                description.united(file.parent, about | {name: wrong})
        for name in about.get("methods", {}):
            other = {"methods": {name: {**about["methods"][name], "weights": "data/weights/others tensors:1"}}}
            with pytest.raises(UserError, match=f"another {name}"):
                description.united(file.parent, about | other)


def test_a_second_command_adds_its_methods_and_patients(hearts, tmp_path, monkeypatch):
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: get("identity").pair(moving, fixed, grid))
    record_study(hearts, tmp_path, ["identity"], "quick", count=1)
    record_study(hearts, tmp_path, ["demons"], "quick")
    record_study(hearts, tmp_path, ["demons"], "quick")
    about = json.loads((tmp_path / "run.json").read_text())
    assert set(about["methods"]) == {"identity", "demons"} and about["patients"] == ["patient001", "patient002"]
    first, second = about["command"].split("; ")
    assert "identity" in first and "demons" in second
    rows = read_rows(tmp_path / "records.csv", COLUMNS)
    seconds = rows[rows["metric"] == "seconds"]
    assert seconds.groupby("method")["case"].count().to_dict() == {"identity": 1, "demons": 2}
    assert about["seconds"] == seconds["value"].sum()
    judged = {verdict["id"] for verdict in json.loads((tmp_path / "results.json").read_text())["verdicts"]}
    assert {"T4.1/Undef/RMSE", "T4.1/Dem/RMSE"} <= judged


def test_two_commands_at_once_in_one_folder(hearts, tmp_path):
    command = [
        sys.executable,
        "-m",
        "regthesis.cli",
        "study",
        str(hearts.root),
        "--grid",
        "quick",
        "--out",
        str(tmp_path),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    names = ("identity", "elastix16,identity", "demons")
    running = [
        subprocess.Popen([*command, "--methods", some], env=environment, stderr=-1, encoding="utf-8") for some in names
    ]
    for process in running:
        assert process.wait(400) == 0, process.stderr.read()
    rows, about = read_rows(tmp_path / "records.csv", COLUMNS), json.loads((tmp_path / "run.json").read_text())
    assert not rows.duplicated(["case", "method", "metric", "structure"]).any()
    measured = {"identity", "elastix16", "demons"} - set(about["missing"])
    assert rows.groupby("method")["case"].nunique().to_dict() == dict.fromkeys(measured, 2)
    assert set(about["methods"]) == {"identity", "elastix16", "demons"} and len(about["command"].split("; ")) == 3


def test_a_study_that_failed_leaves_nothing_and_runs_once_its_data_are_mended(tmp_path):
    heart.make(tmp_path / "hearts", subjects=1, progress=False)
    image = next((tmp_path / "hearts" / "patient001").glob("*_frame01.nii.gz"))
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    for run in (record_study, record_trade_off):
        with pytest.raises(UserError):
            run(recognise(tmp_path / "hearts"), tmp_path / "run", ["demons"], "quick", 1)
        assert not (tmp_path / "run").exists()
    image.write_bytes(whole)
    assert len(record_study(recognise(tmp_path / "hearts"), tmp_path / "run", ["identity"], "quick"))


def test_a_study_whose_first_registration_fails_leaves_no_description(hearts, tmp_path, monkeypatch):
    def refuse(*_):
        raise UserError("patient001: too flat")

    monkeypatch.setattr(Demons, "pair", refuse)
    with pytest.raises(UserError, match="too flat"):
        record_study(hearts, tmp_path, ["demons"], "quick", 1)
    assert not list(tmp_path.glob("[!.]*"))
    with pytest.raises(UserError, match="too flat"):
        record_study(hearts, tmp_path, ["identity", "demons"], "quick", 1)
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["records.csv", "run.json"]


@pytest.mark.parametrize("text", ['{\n "comm', "", "[]", "{}", '{"command": 1, "data": "", "profile": ""}', "null"])
def test_a_broken_description_is_one_line(hearts, tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    for run in (record_study, record_trade_off):
        with pytest.raises(UserError, match="run.json: broken") as error:
            run(hearts, tmp_path, ["identity"], "quick", 1)
        assert "\n" not in str(error.value) and (tmp_path / "run.json").read_text() == text


def test_rows_that_nothing_describes_are_not_gone_on_with(hearts, tmp_path):
    record_study(hearts, tmp_path, ["identity"], "quick", count=1)
    (tmp_path / "run.json").unlink()
    with pytest.raises(UserError, match="no run.json to say what made it"):
        record_study(hearts, tmp_path, ["identity"], "quick", count=1)


def test_other_structures_and_other_commands_are_other_runs(hearts, tmp_path):
    rows = record_study(hearts, tmp_path, ["identity"], "quick", count=1, structures={"heart": (1, 2, 3)})
    assert set(rows["structure"]) == {"image", "heart"} and not (tmp_path / "results.json").exists()
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="another structures"):
        record_study(hearts, tmp_path, ["identity"], "quick", count=1)
    with pytest.raises(UserError, match="another command"):
        record_trade_off(hearts, tmp_path, ["identity"], "quick", 1, structures={"heart": (1, 2, 3)})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_without_the_printed_data_there_are_scores_and_no_verdicts(hearts, tmp_path, monkeypatch):
    def load():
        raise UserError("ledger: no data/thesis here")

    monkeypatch.setattr(ledger, "load", load)
    rows = record_study(hearts, tmp_path, ["identity"], "quick")
    assert len(rows) and sorted(path.name for path in tmp_path.glob("[!.]*")) == ["records.csv", "run.json"]


def test_own_pairs_are_scored_by_their_own_labels(tmp_path):
    for name, centre in (("moving", 5), ("fixed", 6)):
        z, y, x = np.indices((4, 12, 12))
        inside = (y - 6) ** 2 + (x - centre) ** 2 < 9
        for suffix, array in {"": inside * 100.0 + x, "_seg": inside.astype(np.uint8)}.items():
            sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"{name}{suffix}.nii.gz"))
    table = tmp_path / "pairs.csv"
    table.write_text("moving,fixed,moving_seg,fixed_seg\n" + ",".join(
        f"{name}.nii.gz" for name in ("moving", "fixed", "moving_seg", "fixed_seg")
    ))  # fmt: skip
    rows = record_study(recognise(table), tmp_path / "run", ["identity"])
    assert set(rows["structure"]) == {"image", "label 1"} and not (tmp_path / "run" / "results.json").exists()
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (about["dataset"], about["profile"], len(about["patients"])) == ("own", "own", 1)
    with pytest.raises(UserError, match="another structures"):
        record_study(recognise(table), tmp_path / "run", ["identity"], structures={"gland": (1,)})
    rows = record_study(recognise(table), tmp_path / "other", ["identity"], structures={"gland": (1,)})
    assert set(rows["structure"]) == {"image", "gland"}
    with pytest.raises(UserError, match="moving: no such patient"):
        record_study(recognise(table), tmp_path / "run", ["identity"], skip=["moving"])
    sitk.WriteImage(sitk.GetImageFromArray(inside * 90.0), str(tmp_path / "fixed.nii.gz"))
    with pytest.raises(UserError, match="another data"):
        record_study(recognise(table), tmp_path / "run", ["identity"])


def test_the_command_names_who_was_skipped_and_the_fold(tmp_path):
    heart.make(tmp_path / "hearts", subjects=6, progress=False)
    gone = folds(recognise(tmp_path / "hearts"))[0][0]
    rows = record_study(recognise(tmp_path / "hearts"), tmp_path / "run", ["identity"], "quick", skip=[gone], fold=1)
    assert gone not in set(rows["case"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["command"].endswith(
        f"--fold 1 --skip {gone} --grid quick"
    )
