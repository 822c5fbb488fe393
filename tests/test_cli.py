"""The command line as a person meets it: what it writes, and one line with exit code 2 for what it cannot do."""

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
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "phantom.json").write_text("{}")
    return tmp_path


def test_register_writes_what_itk_resamples_with(discs):
    out = discs / "out"
    result = regthesis("register", "--moving", discs / "moving.nii.gz", "--fixed", discs / "fixed.nii.gz", "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["displacement.nii.gz", "jacobian.nii.gz", "moved.nii.gz"]
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
    "no data for a study": (["study", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such frame": (["study", "{0}", "--out", "{0}/o", "--frame", "huge"], "expected one of full, quick"),
    "no such structures": (["study", "{0}", "--out", "{0}/o", "--structures", "gland"], "one name and its labels"),
    "a study of no table": (["study", "{0}/fixed.nii.gz", "--out", "{0}/o"], "columns moving and fixed"),
    "no data to train on": (["train", "deformation", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such fold": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--fold", "6"],
        "expected 0 (none left out) to 5",
    ),
    "no such device": (["train", "deformation", "{0}", "--out", "{0}/o", "--device", "gpu"], "use cpu or cuda"),
    "no such GPU": (["train", "deformation", "{0}", "--out", "{0}/o", "--device", "cuda:77"], "no GPU of that name"),
    "colour": (["register", "--moving", "{0}/colour.png", *PAIR[3:], "--out", "{0}/o"], "one value per voxel, found 3"),
    "no such chapter": (["run", "99"], "99"),
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


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(name, discs):
    words, message = BAD[name]
    before = sorted(discs.rglob("*"))
    result = regthesis(*(word.format(discs) for word in words))
    assert result.exit_code == 2, result.output
    assert message in result.stderr and "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(discs.rglob("*")) == before, "nothing half-written stays"


@pytest.mark.parametrize("option", [("--rate", "-1"), ("--rate", "0"), ("--seed", "-1"), ("--steps", "0")])
def test_impossible_settings_of_a_training_are_refused_before_it_reads(option, discs):
    result = regthesis("train", "deformation", discs, "--out", discs / "o", *option)
    assert result.exit_code == 2 and "range" in result.stderr


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
