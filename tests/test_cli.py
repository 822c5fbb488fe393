"""The command line as a person meets it: what it writes, and one line with exit code 2 for what it cannot do."""

import os
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from regthesis.cli import main
from regthesis.deformation import Deformation


def regthesis(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def disc(path, centre, shape=(40, 48), spacing=(2.0, 1.5)):
    y, x = np.indices(shape)
    image = sitk.GetImageFromArray(np.exp(-((y - 20) ** 2 + (x - centre) ** 2) / 40).astype(np.float32))
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return image


@pytest.fixture
def discs(tmp_path):
    disc(tmp_path / "moving.nii.gz", 22)
    disc(tmp_path / "fixed.nii.gz", 25)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((8, 8, 3), np.uint8), isVector=True), str(tmp_path / "colour.png"))
    for folder in ("made", "taken", "blocked", "blocked/result.json"):
        (tmp_path / folder).mkdir()
    (tmp_path / "taken" / "moved.nii.gz").write_text("mine")
    (tmp_path / "made" / "phantom.json").write_text("{}")
    (tmp_path / "heart" / "patient001").mkdir(parents=True)
    (tmp_path / "heart" / "patient001" / "Info.cfg").write_text("ED: 1\nES: 2\n")
    return tmp_path


def test_register_writes_what_itk_resamples_with(discs):
    out = discs / "out"
    result = regthesis("register", "--moving", discs / "moving.nii.gz", "--fixed", discs / "fixed.nii.gz", "--out", out)
    assert result.exit_code == 0, result.output
    names = ["displacement.nii.gz", "jacobian.nii.gz", "moved.nii.gz", "result.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    moving, fixed = (sitk.ReadImage(str(discs / f"{name}.nii.gz")) for name in ("moving", "fixed"))
    transform = Deformation.load(out / "displacement.nii.gz").to_sitk()
    moved, target, source = (
        sitk.GetArrayFromImage(image) for image in (sitk.Resample(moving, fixed, transform), fixed, moving)
    )
    assert np.square(moved - target).mean() < 0.2 * np.square(source - target).mean()
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "moved.nii.gz")))
    np.testing.assert_allclose(written, moved, atol=1e-4)  # in the units of the moving image


PAIR = ["register", "--moving", "{0}/moving.nii.gz", "--fixed", "{0}/fixed.nii.gz"]
BAD = {
    "no such image": ([*PAIR[:3], "--fixed", "{0}/none.nii", "--out", "{0}/o"], "no such"),
    "no such method": ([*PAIR, "--out", "{0}/o", "--method", "demon"], "did you mean demons"),
    "output is a file": ([*PAIR, "--out", "{0}/fixed.nii.gz"], "cannot be written"),
    "no data": (["data", "check", "acdc", "{0}/nowhere"], "no patient folder"),
    "phantom into a file": (["data", "make", "acdc", "--out", "{0}/fixed.nii.gz"], "cannot be written"),
    "no data for a study": (["study", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such grid": (["study", "{0}/heart", "--out", "{0}/o", "--grid", "huge"], "expected one of full, quick"),
    "no such grid by its old name": (["study", "{0}/heart", "--out", "{0}/o", "--frame", "huge"], "grid 'huge'"),
    "no such grid to train on": (["train", "deformation", "{0}", "--out", "{0}/o", "--profile", "x"], "grid 'x'"),
    "no such data set": (["data", "check", "adcd", "{0}"], "did you mean acdc?"),
    "no such structures": (["study", "{0}", "--out", "{0}/o", "--structures", "gland"], "one name and its labels"),
    "a study of no table": (["study", "{0}/fixed.nii.gz", "--out", "{0}/o"], "columns moving and fixed"),
    "no data to train on": (["train", "deformation", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such fold": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--fold", "6"],
        "expected 0 (none left out) to 5",
    ),
    "a weight for two of three scales": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--scale-weights", "1,0.5"],
        "expected numbers >= 0 with commas, 3 in all",
    ),
    "no weight of a scale": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--scales", "1", "--scale-weights", "nan"],
        "1 in all",
    ),
    "an even window": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--window", "4"],
        "expected an odd number of voxels",
    ),
    "no networks to compare": (["levers", "{0}/heart", "--networks", "{0}", "--out", "{0}/o"], "no weights"),
    "no such device": (["train", "deformation", "{0}", "--out", "{0}/o", "--device", "gpu"], "use cpu or cuda"),
    "no such GPU": (["train", "deformation", "{0}", "--out", "{0}/o", "--device", "cuda:77"], "no GPU of that name"),
    "no such device to register on": ([*PAIR, "--out", "{0}/o", "--device", "mps"], "use cpu or cuda"),
    "no such GPU to register on": ([*PAIR, "--out", "{0}/o", "--device", "cuda:99"], "no GPU of that name"),
    "output below a file": ([*PAIR, "--out", "{0}/fixed.nii.gz/o"], "cannot be written"),
    "output where nobody can write": ([*PAIR, "--out", "/proc/none/o"], "cannot be written"),
    "results are there": ([*PAIR, "--out", "{0}/taken"], "holds moved.nii.gz already"),
    "a folder is in the way": ([*PAIR, "--out", "{0}/blocked", "--overwrite"], "has the name of a result"),
    "unwritable output, whatever the images are": (
        ["register", "--moving", "{0}/none.nii", "--fixed", "{0}/none.nii", "--out", "{0}/fixed.nii.gz"],
        "cannot be written",
    ),
    "colour": (["register", "--moving", "{0}/colour.png", *PAIR[3:], "--out", "{0}/o"], "one value per voxel, found 3"),
    "no such chapter": (["run", "99"], "99"),
    "no GPU for a chapter": (["run", "2", "-p", "device", "cuda"], "no GPU of that name"),
    "no hearts": (["run", "2", "-p", "subjects", "0"], "at least 1"),
    "no population": (["run", "2", "-p", "population", "-40"], "at least 3"),
    "no hearts of chapter 4": (["run", "4", "-p", "subjects", "0"], "at least 1"),
    "no phantoms on the data card": (["run", "data_card", "-p", "subjects", "0"], "at least 1"),
    "no such profile": (["run", "2", "--profile", "quik"], "quick"),
    "no such parameter": (["run", "2", "-p", "sbujects", "3"], "subjects"),
    "value of the wrong kind": (["run", "2", "-p", "subjects", "many"], "subjects"),
    "unwritable folder": (["run", "2", "--out", "{0}/fixed.nii.gz/below"], "fixed.nii.gz"),
    "unknown dataset": (["run", "2", "-p", "dataset", "brain"], "phantom"),
    "phantom called patients": (
        ["run", "2", "-p", "dataset", "acdc", "-p", "data_root", "{0}/made"],
        "holds phantom data",
    ),
    "no data at data_root": (["run", "2", "-p", "data_root", "{0}/nowhere"], "nowhere"),
}


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(name, discs):
    words, message = BAD[name]
    before = sorted(discs.rglob("*"))
    result = regthesis(*(word.format(discs) for word in words))
    assert result.exit_code == 2, result.output
    assert message in result.stderr and "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert (discs / "taken" / "moved.nii.gz").read_text() == "mine"
    assert sorted(discs.rglob("*")) == before, "nothing half-written stays"


@pytest.mark.parametrize(
    "option",
    [("--rate", "-1"), ("--rate", "0"), ("--seed", "-1"), ("--steps", "0")]
    + [("--degrees", "-1"), ("--degrees", "181"), ("--zoom", "1"), ("--updates", "-1"), ("--sigma-in-use", "0")],
)
def test_impossible_settings_of_a_training_are_refused_before_it_reads(option, discs):
    result = regthesis("train", "deformation", discs, "--out", discs / "o", *option)
    assert result.exit_code == 2 and "range" in result.stderr


@pytest.mark.parametrize("option", ["--rate", "--sigma", "--sigma-in-use"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_numbers_of_a_training_are_finite(option, number, discs):
    result = regthesis("train", "deformation", discs, "--out", discs / "o", option, number)
    assert result.exit_code == 2 and "not a finite number" in result.stderr


def test_a_stack_of_one_slice_is_registered(tmp_path):
    y, x = np.indices((32, 32))
    for name, centre in (("moving", 14), ("fixed", 17)):
        image = np.exp(-((y - 16) ** 2 + (x - centre) ** 2) / 30).astype(np.float32)[None]
        sitk.WriteImage(sitk.GetImageFromArray(image), str(tmp_path / f"{name}.nii.gz"))
    pair = "--moving", tmp_path / "moving.nii.gz", "--fixed", tmp_path / "fixed.nii.gz"
    result = regthesis("register", *pair, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    moved, fixed, moving = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        for path in (tmp_path / "out" / "moved.nii.gz", tmp_path / "fixed.nii.gz", tmp_path / "moving.nii.gz")
    )
    assert np.square(moved - fixed).mean() < 0.2 * np.square(moving - fixed).mean()


def test_a_folder_whose_name_is_no_utf8_is_checked(tmp_path):
    patient = tmp_path / os.fsdecode(b"M\xfcller") / "patient001"
    patient.mkdir(parents=True)
    (patient / "Info.cfg").write_text("ED: 1\nES: 2\n")
    result = regthesis("data", "check", "acdc", patient.parent)
    assert result.exit_code == 2 and "rename it" in result.stdout, result.output


@pytest.mark.parametrize("command", ["run", "book"])
def test_without_the_extra_for_the_book_one_line_says_what_to_install(command, monkeypatch):
    for name in ("jupytext", "papermill"):
        monkeypatch.setitem(sys.modules, name, None)
    result = regthesis(command, *(["2"] if command == "run" else []))
    assert result.exit_code == 2 and "Traceback" not in result.output
    assert "jupytext, papermill not installed" in result.stderr and "pip install 'regthesis[book]'" in result.stderr


@pytest.mark.slow
def test_a_warning_of_a_study_is_one_line_said_once(tmp_path):
    for name in "abc":
        ball = sitk.GaussianSource(sitk.sitkFloat32, (16, 16, 8), (4, 4, 4), (8 + ord(name) - 97, 8, 4))
        sitk.WriteImage(ball, str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "pairs.csv").write_text("moving,fixed\na.nii.gz,b.nii.gz\na.nii.gz,c.nii.gz\n")
    result = regthesis("study", tmp_path / "pairs.csv", "--methods", "s3", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    said = [line for line in result.stderr.splitlines() if "trained on" in line]
    assert said == ["regthesis: warning: s3 was trained on acdc alone; look at what it makes of these"]
    assert ".py:" not in result.stderr
