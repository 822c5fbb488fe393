"""Slices as cases in 2-D, and the small grid of chapter 2."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regthesis import datasets
from regthesis.case import Case
from regthesis.experiments.background.planes import SIDE, moved, plane, small_grid
from regthesis.geometry import Grid


@pytest.fixture
def stack():
    torch.manual_seed(0)
    shape = (5, 8, 7)
    mask = torch.zeros(1, 1, *shape, dtype=int)
    mask[:, :, 3:] = 2
    mask[:, :, 1:4, 3:5] = 7
    images, truth = torch.randn(2, 1, *shape), torch.randn(1, 3, *shape)
    return Case("a", images, Grid(shape, (5.0, 1.5, 2.0)), {0: mask, 1: mask}, truth=truth)


def test_a_slice_is_the_case_at_one_height(stack):
    last = plane(stack, beside=99)
    assert torch.equal(last.images, stack.images[:, :, -1]) and torch.equal(last.masks[1], stack.masks[1][:, :, -1])
    assert torch.equal(last.truth, stack.truth[:, 1:, -1]) and last.spacing == (1.5, 2.0)
    assert torch.equal(plane(stack, -99).images, stack.images[:, :, 0])


def test_the_middle_slice_goes_through_what_is_labelled(stack):
    assert (plane(stack).fixed_mask > 0).any()


def test_a_case_in_2d_is_its_own_slice(stack):
    flat = plane(stack)
    assert plane(flat, 4) is flat


@pytest.mark.parametrize("shape", [(20, 30, 25), (5, 256, 192), (512, 400)])
def test_the_small_grid_covers_the_field_of_view_of_the_quick_one(shape, tmp_path):
    image = sitk.GetImageFromArray(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    sitk.WriteImage(image, tmp_path / "a.nii.gz")
    (tmp_path / "pairs.csv").write_text("moving,fixed\na.nii.gz,a.nii.gz\n")
    data = datasets.open("folder", tmp_path / "pairs.csv")
    quick, small = data.common_grid("quick"), small_grid(data)
    assert max(small.shape[-2:]) <= SIDE and small.shape[:-2] == quick.shape[:-2]
    for n, m, of_n, of_m in zip(quick.shape, small.shape, quick.spacing, small.spacing, strict=True):
        assert n * of_n <= m * of_m < n * of_n + of_m


def test_a_moved_case_has_a_warped_moving_image(stack):
    u = torch.zeros(1, 3, *stack.grid.shape)
    u[:, 2] = 1
    after = moved(stack, u)
    assert torch.allclose(after.moving[..., :-1], stack.moving[..., 1:], atol=1e-6)
    assert torch.equal(after.fixed, stack.fixed) and torch.equal(after.truth, u)
