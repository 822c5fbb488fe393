"""Own pairs by one CSV: as a data set, on one grid, through training, study, trade-off and codes."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from regthesis import datasets
from regthesis.cli import main
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.train import read_card

LABELS = (3, 7, 500)


def write(path, array, spacing=(1.5, 1.5, 4.0), origin=(10.0, -5.0, 2.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[: image.GetDimension()])
    image.SetOrigin(origin[: image.GetDimension()])
    sitk.WriteImage(image, str(path))


def regthesis(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def make(folder, count=8, masks=True):
    """Discs that shrink, noisy each in its own way, with three labels; in two groups."""
    rng, rows = np.random.default_rng(0), []
    z, y, x = np.indices((5, 30, 34))
    for number in range(count):
        row = {"group": "ab"[number % 2], "id": f"case{number}"}
        for name, radius in (("moving", 10), ("fixed", 7 + number % 3)):
            far = np.hypot(y - 15, (x - 16) * (1 + 0.06 * number))  # no two have one outline
            labels = np.select([far < radius / 3, far < radius / 1.5, far < radius], LABELS).astype(np.uint16)
            image = (np.exp(-((far / radius) ** 2)) + rng.normal(0, 0.05, far.shape)).astype(np.float32)
            write(folder / f"{name}{number}.nii.gz", image)
            row[name] = f"{name}{number}.nii.gz"
            if masks:
                write(folder / f"{name}{number}_seg.nii.gz", labels)
                row[f"{name}_seg"] = f"{name}{number}_seg.nii.gz"
        rows.append(row)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


@pytest.fixture
def table(tmp_path):
    return make(tmp_path)


def test_a_csv_is_a_data_set(table):
    data = datasets.open("folder", table)
    assert data.ids() == [f"case{k}" for k in range(8)] and data.group("case1") == "b"
    assert data.labels == {0: "background", 3: "label 3", 7: "label 7", 500: "label 500"}
    assert data.structures == {"label 3": (3,), "label 7": (7,), "label 500": (500,)}
    assert data.has("masks") and data.has("groups") and not data.has("truth") and not data.has("cavity")
    assert data.origin == "own" and not data.grids
    assert data.balanced(4, skip=["case0"]) == ["case1", "case2", "case3", "case4"]
    case = data.read("case5")
    assert case.grid.shape == (5, 30, 34) and case.id == "case5" and case.dataset == ""
    assert data.identity("case5") == case.identity != data.identity("case4")
    assert data.check() == ({"a": 4, "b": 4}, 0, [])


def test_what_a_csv_lacks_is_known(tmp_path):
    data = datasets.recognise(make(tmp_path, count=3, masks=False))
    assert not data.has("masks") and data.structures == {}
    data.root.write_text("moving,fixed\nmoving0.nii.gz,fixed0.nii.gz\n")
    data = datasets.recognise(data.root)
    assert data.ids() == ["fixed0"] and not data.has("groups")
    with pytest.raises(UserError, match="fixed1: no such pair"):
        data.read("fixed1")
    with pytest.raises(UserError, match="dataset is phantom, but data_root .* holds folder data"):
        datasets.open("phantom", data.root)
    (tmp_path / "fixed0.nii.gz").unlink()
    (fault,) = data.check().faults
    assert "fixed0.nii.gz: no such file" in fault


@pytest.mark.parametrize("name, shape, spacing", [("full", (16, 32, 48), 1.5), ("quick", (16, 16, 32), 3.0)])
def test_the_first_pair_gives_the_common_grid(table, name, shape, spacing):
    data = datasets.recognise(table)
    common = data.common_grid(name)
    assert common.shape == shape and common.spacing == (4.0, spacing, spacing)
    own, case = data.read("case3"), data.read("case3", common)
    assert case.grid.shape == shape and case.masks[1].unique().tolist() == [0, *LABELS]
    apart = np.subtract(middle_in_mm(own, 500), middle_in_mm(case, 500))  # the same place in the world
    assert np.abs(apart).max() < spacing / 2
    with pytest.raises(UserError, match="grid 'half': expected one of full, quick"):
        data.common_grid("half")


def middle_in_mm(case, label):
    """The centre of a label of the fixed mask, x y z."""
    image = Grid(case.grid.shape, case.spacing, case.grid.origin, case.grid.direction).to_sitk(
        case.fixed_mask[0, 0].numpy()
    )
    places = np.argwhere(case.fixed_mask[0, 0].numpy() == label)
    return image.TransformContinuousIndexToPhysicalPoint(places.mean(0)[::-1].tolist())


def test_pairs_of_two_ranks_share_no_grid(table):
    for name in ("moving0", "fixed0"):
        write(table.parent / f"{name}.nii.gz", np.random.default_rng(1).normal(size=(16, 16)))
        write(table.parent / f"{name}_seg.nii.gz", np.ones((16, 16), np.uint8))
    result = regthesis("train", "deformation", table, "--out", table.parent / "out", "--steps", "1")
    assert result.exit_code == 2 and "but the first pair is 2-D; train on one kind" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 and not (table.parent / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("masks", [True, False])
def test_networks_are_trained_on_own_pairs_and_register_the_fold_that_was_left_out(tmp_path, masks):
    table = make(tmp_path, masks=masks)
    for fold in (1, 2):
        out = tmp_path / "weights" / "s3" / f"fold{fold}"
        words = ["--fold", fold, "--folds", "5", "--steps", "1", "--grid", "quick", "--latent", "4"]
        result = regthesis("train", "deformation", table, "--out", out, *words)
        assert result.exit_code == 0, result.output
    card = read_card(out / "weights.safetensors")
    assert card["dataset"] == "pairs.csv" and card["grid"] == "quick" and len(card["validated"]) == 5
    options = ["--weights", tmp_path / "weights"]
    study = regthesis("study", table, "--out", tmp_path / "run", "--methods", "s3", "--fold", "2", *options)
    assert study.exit_code == 0, study.output
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["patients"] == card["held_out"] and about["profile"] == "own"
    seen = regthesis("study", table, "--out", tmp_path / "seen", "--methods", "s3", "--skip", "", *options)
    assert seen.exit_code == 2 and "have seen this patient" in seen.stderr
    told = regthesis("codes", table, "--out", tmp_path / "codes", *options)
    assert told.exit_code == 0 and "groups told" in told.output, told.output
    lacking = regthesis("transport", table, "--out", tmp_path / "carried", *options)
    assert lacking.exit_code == 2 and "no masks of the left cavity" in lacking.stderr
    traded = regthesis(
        "trade-off", table, "--out", tmp_path / "t", "--methods", "s3", "--fold", 2, "--patients", 0, *options
    )
    assert traded.exit_code == 0, traded.output
