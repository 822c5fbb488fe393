"""Registering two files: the record, what is said, and that results appear all together or not at all."""

import hashlib
import json
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner

from regthesis.cli import main
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.files import together
from regthesis.methods.demons import Demons
from regthesis.register import RESULTS
from regthesis.train import read_card

ENDING = "no voxel folds"


@pytest.fixture
def pair(tmp_path):
    """Two discs as files, and a folder for results."""
    y, x = np.indices((24, 20))
    for name, centre in (("moving", 9), ("fixed", 11)):
        image = sitk.GetImageFromArray(np.exp(-((y - 12) ** 2 + (x - centre) ** 2) / 20).astype(np.float32))
        sitk.WriteImage(image, str(tmp_path / f"{name}.mha"))
    return tmp_path


def register(folder, *more, out="out"):
    words = ["register", "--moving", folder / "moving.mha", "--fixed", folder / "fixed.mha", "--out", folder / out]
    return CliRunner().invoke(main, [str(word) for word in (*words, *more)])


def answering(monkeypatch, answer):
    """Let demons answer so."""
    monkeypatch.setattr(Demons, "pair", lambda self, moving, fixed, grid: answer(moving, grid))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_record_says_how_the_results_came_about(pair):
    result = register(pair)
    assert result.exit_code == 0, result.output
    record = json.loads((pair / "out" / "result.json").read_text())
    for name in ("moving", "fixed"):
        digest = hashlib.sha256((pair / f"{name}.mha").read_bytes()).hexdigest()
        assert record["inputs"][name]["sha256"] == {f"{name}.mha": digest}
    assert record["method"]["name"] == "demons" and record["method"]["parameters"]["window"] == 9
    assert record["versions"]["torch"] == torch.__version__ and record["versions"]["numpy"] == np.__version__
    assert record["version"] == version("regthesis")
    assert record["grid"]["shape"] == [24, 20] and record["device"] == "cpu" and record["seconds"] > 0
    determinant = sitk.GetArrayFromImage(sitk.ReadImage(str(pair / "out" / "jacobian.nii.gz")))
    assert record["jacobian"] == pytest.approx({"min": determinant.min(), "max": determinant.max()})
    assert record["folding"] == {"voxels": 0, "per_cent": 0} and record["warnings"] == []
    assert result.stdout.splitlines()[-1].endswith(f"{determinant.min():.3g} to {determinant.max():.3g}, {ENDING}")


def test_the_voxels_that_a_header_names_are_hashed_too(pair):
    for name in ("moving", "fixed"):
        sitk.WriteImage(sitk.ReadImage(str(pair / f"{name}.mha")), str(pair / f"{name}.mhd"))
    words = ["register", "--moving", pair / "moving.mhd", "--fixed", pair / "fixed.mhd", "--out", pair / "out"]
    assert CliRunner().invoke(main, [str(word) for word in (*words, "--method", "identity")]).exit_code == 0
    hashes = json.loads((pair / "out" / "result.json").read_text())["inputs"]["moving"]["sha256"]
    assert hashes["moving.raw"] == hashlib.sha256((pair / "moving.raw").read_bytes()).hexdigest()


def test_a_folded_result_is_never_silent(pair, monkeypatch):
    def folded(moving, grid):
        u = torch.zeros(1, 2, *grid.shape)
        u[:, 1, :, :10] = -3.0 * torch.arange(10)  # x + u(x) = -2 x on half of the image
        u[:, 1, :, 10:] = -27.0
        return Deformation(u, grid)

    answering(monkeypatch, folded)
    last = register(pair).stdout.splitlines()[-1]
    determinant = sitk.GetArrayFromImage(sitk.ReadImage(str(pair / "out" / "jacobian.nii.gz")))
    count = int((determinant <= 0).sum())
    assert count > 100 and f"{count} voxels fold ({100 * count / determinant.size:.2g} %)" in last
    assert json.loads((pair / "out" / "result.json").read_text())["folding"]["voxels"] == count


def test_a_user_warning_is_a_line_and_in_the_record(pair, monkeypatch):
    def warned(moving, grid):
        for _ in range(2):
            warnings.warn("this network knows hearts,\nnot lungs", UserWarning, stacklevel=1)
        return Deformation(torch.zeros(1, 2, *grid.shape), grid)

    answering(monkeypatch, warned)
    result = register(pair)
    assert result.exit_code == 0
    assert result.stderr == "regthesis: warning: this network knows hearts, not lungs\n"
    record = json.loads((pair / "out" / "result.json").read_text())
    assert record["warnings"] == ["this network knows hearts, not lungs"]


@pytest.mark.parametrize("error", [RuntimeError("out of\nmemory"), IndexError("7"), MemoryError()])
def test_a_method_that_fails_is_one_line_and_nothing_is_written(pair, monkeypatch, error):
    def fails(moving, grid):
        raise error

    answering(monkeypatch, fails)
    before = files(pair)
    result = register(pair, out="a/b/out")
    reason = " ".join(str(error).split()) or "MemoryError"
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and reason in result.stderr
    assert files(pair) == before and not (pair / "a").exists()


def test_a_displacement_that_is_not_finite_is_refused(pair, monkeypatch):
    answering(monkeypatch, lambda moving, grid: Deformation(torch.full((1, 2, *grid.shape), torch.nan), grid))
    result = register(pair)
    assert result.exit_code == 2 and "no finite displacement" in result.stderr and not (pair / "out").exists()


def test_results_are_replaced_only_when_asked_and_nothing_else_is(pair):
    assert register(pair, "--method", "identity").exit_code == 0
    (pair / "out" / "notes.txt").write_text("mine")
    before = files(pair)
    result = register(pair)
    assert result.exit_code == 2 and "--overwrite" in result.stderr and files(pair) == before
    assert register(pair, "--overwrite").exit_code == 0
    after = files(pair)
    assert after.keys() == before.keys()
    assert {path.name for path in before if before[path] != after[path]} == {*RESULTS}


def test_a_failure_leaves_earlier_results_as_they_were(pair, monkeypatch):
    assert register(pair, "--method", "identity").exit_code == 0
    before = files(pair)
    answering(monkeypatch, lambda moving, grid: 1 / 0)
    assert register(pair, "--overwrite").exit_code == 2
    assert files(pair) == before


@pytest.mark.parametrize("there", [False, True])
def test_files_appear_together(tmp_path, there):
    folder = tmp_path / "deep" / "er"
    if there:
        folder.mkdir(parents=True)
        (folder / "other").write_text("other")
    with together(folder, ["a", "b"]) as scratch:
        for name in ("a", "b"):
            (scratch / name).write_text(name)
            assert not (folder / name).exists()
    assert files(folder) == {**{type(folder)(name): name.encode() for name in (["a", "b", "other"] if there else "ab")}}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["er"]


@pytest.mark.parametrize("there", [False, True])
def test_who_comes_second_overwrites_nothing(tmp_path, there):
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    with pytest.raises(UserError, match="holds b already"), together(folder, ["a", "b"]) as slow:  # noqa: PT012
        with together(folder, ["b"]) as fast:
            (fast / "b").write_text("first")
        for name in ("a", "b"):
            (slow / name).write_text("second")
    assert files(tmp_path) == {(folder / "b").relative_to(tmp_path): b"first"}


@pytest.mark.slow
def test_the_record_names_the_weights_that_were_taken_and_their_fold(tmp_path):
    z, y, x = np.indices((8, 24, 24))
    for name, centre in (("moving", 11), ("fixed", 12)):
        image = sitk.GetImageFromArray(
            np.exp(-((z - 4) ** 2 + (y - 12) ** 2 + (x - centre) ** 2) / 20).astype(np.float32)
        )
        sitk.WriteImage(image, str(tmp_path / f"{name}.mha"))
    assert register(tmp_path, "--method", "s3").exit_code == 0
    weights = json.loads((tmp_path / "out" / "result.json").read_text())["weights"]
    content = Path(weights["file"]).read_bytes()
    assert weights["sha256"] == hashlib.sha256(content).hexdigest()
    assert weights["fold"] == read_card(weights["file"])["fold"] and f"fold{weights['fold'][0]}" in weights["file"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")
@pytest.mark.parametrize("method", ["demons", "identity"])
def test_a_gpu_gives_the_same_result(pair, method):
    for device in ("cpu", "cuda"):
        assert register(pair, "--method", method, "--device", device, out=device).exit_code == 0
    there, here = (Deformation.load(pair / device / "displacement.nii.gz").u for device in ("cuda", "cpu"))
    torch.testing.assert_close(there, here, atol=0.02, rtol=0)
