"""What is predicted for the voxels of hearts against what is found: only inside, and where the error is."""

import pytest
import torch

from regthesis.case import Case
from regthesis.evaluate.uncertainty import against_truth
from regthesis.experiments.deformation import calibration
from regthesis.geometry import Grid
from regthesis.models.deformation import DeformationCVAE

GRID = Grid((16, 16), (2.0, 2.0))


def heart(seed, wide):
    mask = torch.zeros(1, 1, 16, 16).long()
    mask[..., 4 : 4 + wide, 5:9] = 1
    images = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(seed))
    return Case(f"{seed}", images, GRID, {0: mask, 1: mask}, truth=torch.ones(1, 2, 16, 16))


def test_voxels_are_those_of_the_hearts_one_after_the_other():
    network = DeformationCVAE(GRID.shape, GRID.spacing, latent=3).eval()
    hearts = [heart(0, 3), heart(1, 5)]
    found = calibration.in_hearts(network, hearts, torch.Generator().manual_seed(0))
    assert all(part.shape == (4 * 3 + 4 * 5,) for part in found)
    first = against_truth(network, hearts[0], calibration.DRAWS, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.error[:12], first.error[hearts[0].fixed_mask > 0])
    torch.testing.assert_close(found.spread[:12], first.spread[hearts[0].fixed_mask > 0])


def test_a_prediction_may_be_calibrated_and_know_nothing_or_know_and_be_bold():
    error = torch.linspace(0.5, 4, 400)
    table = calibration.compared({"blind": error.flip(0), "bold": error**2 / 100}, error)
    assert table.loc["blind", "predicted (mm)"] == pytest.approx(table.loc["blind", "found (mm)"])
    assert table.loc["blind", "rank correlation"] == pytest.approx(-1)
    assert table.loc["bold", "rank correlation"] == pytest.approx(1)
    assert table.loc["bold", "predicted (mm)"] < 0.1 * table.loc["bold", "found (mm)"]
