"""Grids that differ are told apart, what is filled in is no tissue, units change no image."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given
from hypothesis import strategies as st

from regthesis.geometry import Grid, background, crop_or_pad, resample, zscored
from regthesis.kernels import zscore

GRID = Grid((5, 40, 44), (9.0, 3.0, 2.0), (-20.0, 7.0, 31.0))


def turned(degrees: float, mirror: bool = False) -> Grid:
    a = np.deg2rad(degrees)
    direction = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) * (-1 if mirror else 1)
    return Grid(GRID.shape, GRID.spacing, GRID.origin, tuple(direction.ravel()))


@pytest.mark.parametrize(
    "other, word",
    [
        (Grid((5, 40, 43), GRID.spacing, GRID.origin), "size is (43, 40, 5), not (44, 40, 5)"),
        (Grid(GRID.shape, (9.0, 3.0, 2.1), GRID.origin), "spacing is (2.1, 3, 9), not (2, 3, 9) mm"),
        (Grid(GRID.shape, GRID.spacing, (80.0, 7.0, 31.0)), "lies 100 mm away"),
        (Grid(GRID.shape, GRID.spacing, (-18.9, 7.0, 31.0)), "lies 1.1 mm away"),
        (turned(1), "direction"),
        (turned(0, mirror=True), "direction"),
        (Grid(GRID.shape[1:], GRID.spacing[1:]), "size"),
    ],
)
def test_a_grid_that_lies_elsewhere_is_described(other, word):
    assert word in GRID.difference(other)


def test_rounded_headers_are_the_same_grid():
    header = Grid(GRID.shape, (9.002, 3.0001, 2.0), (-20.04, 7.03, 31.1), tuple(np.eye(3).ravel() + 4e-4))
    assert GRID.difference(header) == "" == GRID.difference(GRID)


@given(st.integers(0, 2), st.floats(0.51, 1e4), st.sampled_from([-1, 1]), st.floats(0, 360))
def test_half_a_voxel_along_any_axis_is_noticed(axis, voxels, sign, degrees):
    grid = turned(degrees)
    step = grid._voxel_to_lps()[:, axis] * voxels * sign
    moved = Grid(grid.shape, grid.spacing, tuple(np.add(grid.origin, step)), grid.direction)
    assert "mm away" in grid.difference(moved)
    near = Grid(grid.shape, grid.spacing, tuple(np.add(grid.origin, step * 0.49 / voxels)), grid.direction)
    assert not grid.difference(near)


@pytest.mark.parametrize("dark, bright", [(-1000.0, 40.0), (0.0, 900.0), (-0.7, 3.0), (54.0, 255.0), (-5.0, -1.0)])
def test_what_is_filled_in_is_background(dark, bright):
    """Air for a CT, 0 for a magnitude image, the darkest of a z-scored one: never the middle of the tissue."""
    array = np.full((4, 6, 8), dark)
    array[1:3, 2:4, 2:6] = bright
    image = sitk.GetImageFromArray(array)
    for padded in (crop_or_pad(image, (8, 10, 12)), resample(image, (0.5, 0.5, 0.5), (10, 16, 20))):
        values = sitk.GetArrayFromImage(padded)
        assert values.min() == dark == values[0, 0, 0] == values[-1, -1, -1]
    assert sitk.GetArrayFromImage(crop_or_pad(image, (8, 10, 12), fill=7.0))[0, 0, 0] == 7.0
    labels = sitk.GetImageFromArray(np.full((4, 6, 8), 3, np.uint8))
    assert sitk.GetArrayFromImage(resample(labels, (1.0, 1.0, 1.0), (8, 8, 8), labels=True))[0, 0, 0] == 0
    assert background(image) == dark


def test_ringing_about_zero_is_no_background():
    array = np.zeros((4, 6, 8))
    array[1:3, 2:4, 2:6], array[0, 0, 0] = 1000.0, -60.0
    assert background(sitk.GetImageFromArray(array)) == 0.0


@given(st.integers(-95, 95))
def test_intensities_in_other_units_are_the_same_image(exponent):
    """Values from 1e-28 to 1e28: their squares are not numbers of float32, the z-scores are, and to the bit."""
    array = np.random.default_rng(0).normal(3, 1, (4, 6, 8)).astype(np.float32)
    images = [sitk.GetImageFromArray(np.ldexp(array, exponent)), sitk.GetImageFromArray(array)]
    found, same = zscored(images)
    assert torch.equal(found, same) and torch.equal(same, zscore(torch.from_numpy(array)[None, None])[0])
    np.testing.assert_allclose(same[0].numpy(), (array - array.mean()) / array.astype(float).std(), atol=1e-5)


def test_an_image_of_zeros_has_zero_scores():
    assert not zscored([sitk.GetImageFromArray(np.zeros((4, 5)))]).any()
