import math

import pandas as pd
import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets.acdc import ACDC
from regthesis.deformation import Deformation
from regthesis.evaluate import dice, evaluate, hausdorff, rmse
from regthesis.evaluate.records import COLUMNS, folds, measured
from regthesis.geometry import Grid
from regthesis.kernels import zscore

STRUCTURES = ACDC.structures

GRID = Grid((10, 16, 18), (3.15, 1.5, 2.0))


def heart(centre=(5, 8, 9), cavity=2.0) -> torch.Tensor:
    """A ball of cavity (3) in a wall (2) beside a ventricle (1), labels `(1, 1, *space)`."""
    grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in GRID.shape), indexing="ij"))
    radius = (grid - torch.tensor(centre).reshape(3, 1, 1, 1)).float().norm(dim=0)
    labels = torch.zeros(GRID.shape, dtype=torch.long)
    labels[(radius < 4) & (grid[2] > centre[2])] = 1
    labels[radius < 3] = 2
    labels[radius < cavity] = 3
    return labels[None, None]


def pair(**about) -> Case:
    """A heart that moves by one voxel along y, and its true displacement."""
    shift = torch.zeros(1, 3, *GRID.shape)
    shift[:, 1] = 1
    texture = torch.zeros(1, 1, *GRID.shape)  # dark at the border, so that the shift keeps mean and deviation
    texture[..., 2:-2, 2:-2, 2:-2] = torch.rand(6, 12, 14, generator=torch.Generator().manual_seed(0))
    masks = {0: heart(), 1: kernels.warp_labels(heart(), shift)}
    images = torch.cat([texture, kernels.warp(texture, shift)])
    return Case(
        **(
            {"id": "p1", "images": images, "grid": GRID, "masks": masks, "group": "NOR", "truth": shift}
            | {"structures": STRUCTURES}
            | about
        )
    )


def identity(frames: int = 1) -> Deformation:
    return Deformation(torch.zeros(frames, 3, *GRID.shape), GRID, seconds=0.5)


def values(frame) -> dict:
    return {(row.metric, row.structure): row.value for row in frame.itertuples()}


def test_the_truth_scores_best_on_every_count():
    case = pair()
    found = values(evaluate(case, Deformation(case.truth, GRID, seconds=2.0), "truth"))
    assert all(found["DICE", name] == 1 for name in STRUCTURES)
    assert all(found["HD95", name] == found["HD", name] == 0 for name in STRUCTURES)
    assert found["EPE", "image"] == found["EPE heart", "heart"] == found["EF error", "LV-BP"] == 0
    assert found["RMSE", "image"] == pytest.approx(0, abs=1e-5)
    assert found["min Det-Jac", "image"] == found["max Det-Jac", "image"] == 1
    assert found["folding", "image"] == found["Grad Det-Jac", "image"] == found["Spat. Grad.", "image"] == 0
    assert found["seconds", "image"] == 2


def test_no_registration_scores_the_masks_as_they_are():
    case = pair()
    found = values(evaluate(case, identity(), "Undef"))
    assert found["RMSE", "image"] == pytest.approx(rmse(zscore(case.fixed), zscore(case.moving)))
    assert found["EPE", "image"] == found["EPE heart", "heart"] == pytest.approx(1.5)
    for name, labels in STRUCTURES.items():
        inside = [torch.isin(case.masks[frame], torch.tensor(labels)) for frame in (0, 1)]
        assert found["DICE", name] == dice(case.fixed_mask, case.moving_mask, labels)
        assert found["HD95", name] == hausdorff(*inside, GRID.spacing, 95)
        assert found["HD", name] == hausdorff(*inside, GRID.spacing, 100)


def test_rows_name_case_group_and_method():
    frame = evaluate(pair(), identity(), "Undef")
    assert tuple(frame.columns) == COLUMNS
    assert set(map(tuple, frame[["case", "group", "method"]].to_numpy())) == {("p1", "NOR", "Undef")}
    assert not frame.duplicated(["metric", "structure"]).any()
    assert frame["value"].dtype == float


def test_ejection_fraction_compares_the_warped_cavity_with_the_true_one():
    case = pair(masks={0: heart(cavity=2.5), 1: heart(cavity=1.5)})
    count = [int((case.masks[frame] == 3).sum()) for frame in (0, 1)]
    found = values(evaluate(case, identity(), "Undef"))
    assert found["EF", "LV-BP"] == 0
    assert found["EF error", "LV-BP"] == pytest.approx(-100 * (1 - count[1] / count[0]))


def test_a_structure_that_a_mask_lacks_is_undefined_and_one_that_was_lost_is_infinitely_far():
    without = heart()
    without[without == 1] = 0
    for masks in ({0: heart(), 1: without}, {0: without, 1: heart()}):
        found = values(evaluate(pair(masks=masks), identity(), "Undef"))
        assert math.isnan(found["DICE", "RV"]) and math.isnan(found["HD95", "RV"])
        assert found["DICE", "LV"] == 1
    away = torch.full((1, 3, *GRID.shape), 50.0)
    found = values(evaluate(pair(), Deformation(away, GRID), "away"))
    assert (found["DICE", "LV"], found["HD95", "LV"]) == (0, math.inf)


def test_a_sequence_is_scored_on_its_segmented_frames():
    still, moved = pair().images
    images = torch.stack([still, moved, still, moved])
    case = pair(images=images, masks={0: heart(), 2: heart(), 3: pair().masks[1]}, truth=None)
    found = values(evaluate(case, identity(3), "Undef"))
    single = values(evaluate(pair(), identity(), "Undef"))
    assert found["DICE", "LV"] == pytest.approx((1 + single["DICE", "LV"]) / 2)
    assert found["HD95", "LV"] == pytest.approx(single["HD95", "LV"] / 2)
    assert found["RMSE", "image"] == pytest.approx(2 * single["RMSE", "image"] / 3)
    assert found["Temp. Grad.", "image"] == 0
    assert ("EPE", "image") not in found


def test_each_frame_is_warped_by_its_own_displacement():
    still, moved = pair().images
    case = pair(images=torch.stack([still, still, moved]), masks={0: heart(), 2: pair().masks[1]}, truth=None)
    u = torch.cat([torch.zeros_like(pair().truth), pair().truth])
    assert values(evaluate(case, Deformation(u, GRID), "truth"))["DICE", "LV"] == 1
    assert values(evaluate(case, Deformation(u.flip(0), GRID), "late"))["DICE", "LV"] < 1


def test_a_case_without_masks_or_truth_keeps_the_other_metrics():
    found = values(evaluate(pair(masks={}, truth=None), identity(), "Undef"))
    assert {metric for metric, _ in found} == {
        *("RMSE", "seconds", "Grad Det-Jac", "min Det-Jac", "max Det-Jac", "folding", "sd log Det-Jac", "Spat. Grad.")
    }


def test_other_structures_than_the_hearts():
    found = values(evaluate(pair(), identity(), "Undef", {"gland": (1, 2, 3)}))
    assert found["DICE", "gland"] == values(evaluate(pair(), identity(), "Undef"))["DICE", "LV+RV"]
    assert ("DICE", "LV") not in found and ("EF", "LV-BP") not in found


def test_own_labels_are_never_scored_as_a_heart():
    own = values(evaluate(pair(structures={}), identity(), "Undef"))
    hearts = values(evaluate(pair(), identity(), "Undef"))
    assert {name for metric, name in own if metric == "DICE"} == {"label 1", "label 2", "label 3"}
    assert own["DICE", "label 1"] == hearts["DICE", "RV"]
    assert not {name for _, name in own} & set(STRUCTURES) and not {metric for metric, _ in own} & {"EF", "EF error"}


def test_an_ejection_fraction_needs_to_know_the_cavity_and_nothing_else():
    found = values(evaluate(pair(structures={}), identity(), "Undef", {"LV-BP": (3,)}))
    assert found["EF error", "LV-BP"] == values(evaluate(pair(), identity(), "Undef"))["EF error", "LV-BP"]


@pytest.mark.parametrize("structures", [None, {"gland": (1, 2)}, {"LV-BP": (3,), "wall": (2,)}])
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("truth", [False, True])
@pytest.mark.parametrize("masks", [(), (0,), (1,), (0, 1), (0, 2), (0, 1, 2)])
def test_what_will_be_measured_is_known_before(structures, flat, truth, masks):
    case = pair()
    frames = 3 if 2 in masks else 2
    images = torch.cat([case.images, case.images[1:]])[:frames]
    u = case.truth.expand(frames - 1, -1, -1, -1, -1)
    labels = {frame: case.masks[min(frame, 1)] for frame in masks}
    if flat:
        images, u, labels = images[:, :, 5], u[:, 1:, 5], {frame: mask[:, :, 5] for frame, mask in labels.items()}
    grid = Grid(GRID.shape[flat:], GRID.spacing[flat:])
    case = Case("a", images, grid, labels, truth=u if truth else None, structures=case.structures if truth else {})
    rows = evaluate(case, Deformation(u, grid), "truth", structures)
    assert measured(case, structures) == list(zip(rows["metric"], rows["structure"], strict=True))


def test_folding_is_told_method_by_method():
    u = torch.zeros(1, 3, *GRID.shape)
    u[..., 9] = 3.0  # the column before it is thrown past its neighbour
    rows = pd.concat([evaluate(pair(), Deformation(u, GRID), "torn"), evaluate(pair(), identity(), "still")])
    torn, still = folds(rows)
    share = float((Deformation(u, GRID).jacobian() <= 0).float().mean())
    assert torn.startswith("torn: folds in 1 of 1 registrations") and f", {100 * share:.3g} % of" in torn
    assert torn.endswith(f"smallest determinant {float(Deformation(u, GRID).jacobian().min()):.3g}")
    assert still == "still: folds in 0 of 1 registrations, 0 % of their voxels on average, smallest determinant 1"
    (line,) = folds(rows[(rows["metric"] == "min Det-Jac") & (rows["method"] == "torn")])
    assert line.startswith("torn: folds in 1 of 1 registrations, smallest determinant -")  # as a trade-off has it


def test_a_slice_has_everything_but_an_ejection_fraction():
    case, grid = pair(), Grid(GRID.shape[1:], GRID.spacing[1:])
    masks = {frame: mask[:, :, 5] for frame, mask in case.masks.items()}
    flat = Case("s1", case.images[:, :, 5], grid, masks, truth=case.truth[:, 1:, 5], structures=STRUCTURES)
    found = values(evaluate(flat, Deformation(flat.truth, grid), "truth"))
    assert found["DICE", "LV"] == 1 and found["EPE", "image"] == 0
    assert ("EF", "LV-BP") not in found
