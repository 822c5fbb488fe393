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


PAIR = ["register", "--moving", "{0}/moving.nii.gz", "--fixed", "{0}/fixed.nii.gz"]
BAD = {
    "no such image": ([*PAIR[:3], "--fixed", "{0}/none.nii", "--out", "{0}/o"], "no such"),
    "no such method": ([*PAIR, "--out", "{0}/o", "--method", "demon"], "did you mean demons"),
    "output is a file": ([*PAIR, "--out", "{0}/fixed.nii.gz"], "cannot be written"),
    "no data": (["data", "check", "acdc", "{0}/nowhere"], "no patient folder"),
    "no data for a study": (["study", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such frame": (["study", "{0}", "--out", "{0}/o", "--frame", "huge"], "expected one of full, quick"),
    "no data to train on": (["train", "deformation", "{0}/nowhere", "--out", "{0}/o"], "no patient folder"),
    "no such fold": (
        ["train", "deformation", "{0}", "--out", "{0}/o", "--fold", "6"],
        "expected 0 (none left out) to 5",
    ),
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
