"""A case hands out a mask only for the image that has one."""

from dataclasses import replace

import pytest
import torch

from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.geometry import Grid


def case(*segmented: int) -> Case:
    masks = {frame: torch.full((1, 1, 4, 5), frame + 1) for frame in segmented}
    return Case("p1", torch.zeros(4, 1, 4, 5), Grid((4, 5), (1.0, 1.0)), masks)


def test_masks_are_those_of_their_images():
    both = case(0, 2, 3)
    assert both.moving_mask.unique().tolist() == [1] and both.fixed_mask.unique().tolist() == [4]


@pytest.mark.parametrize("segmented", [(), (0,)])
def test_the_moving_mask_is_no_fixed_mask(segmented):
    with pytest.raises(UserError, match="p1: no mask of a fixed image"):
        _ = case(*segmented).fixed_mask


@pytest.mark.parametrize("segmented", [(), (1,), (2, 3)])
def test_a_fixed_mask_is_no_moving_mask(segmented):
    with pytest.raises(UserError, match="p1: no mask of the moving image"):
        _ = case(*segmented).moving_mask


def test_a_case_goes_to_a_device_as_a_whole():
    there = replace(case(0, 2), truth=torch.zeros(3, 2, 4, 5)).to("meta")
    tensors = [there.images, there.truth, *there.masks.values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"} and len(tensors) == 4
    assert case().to("cpu").truth is None


@pytest.mark.parametrize("times", [(0.0, 0.5, 0.75), (0.1, 0.3, 0.5, 0.9), (0.0, 0.5, 0.5, 0.9), (0.0, 0.3, 0.5, 1.0)])
def test_times_are_those_of_all_frames_and_within_one_cycle(times):
    with pytest.raises(ValueError, match="times: expected 4 of them"):
        replace(case(), times=times)
    assert replace(case(), times=(0.0, 0.3, 0.5, 0.9)).times[1] == 0.3


def stack(structures: dict, **slices: range) -> Case:
    """Ten slices; those of each label, named l1, l2 and so on, hold it in the fixed mask."""
    mask = torch.zeros(1, 1, 10, 4, 5, dtype=torch.long)
    for name, where in slices.items():
        mask[:, :, list(where), int(name[1:]) % 4] = int(name[1:])
    grid = Grid((10, 4, 5), (8.0, 1.0, 1.0))
    masks = {0: torch.ones_like(mask), 1: mask} if slices else {}
    return Case("p1", torch.zeros(2, 1, *grid.shape), grid, masks, structures=structures)


def test_the_middle_is_that_of_the_cavity_else_of_all_labels_else_of_the_volume():
    heart = {"LV-BP": (3,), "RV": (1,)}
    assert stack(heart, l3=range(2, 5), l1=range(0, 9)).middle == 3
    assert stack({}, l3=range(2, 5), l500=range(5, 9)).middle == 5
    assert stack(heart, l1=range(6, 9)).middle == 7
    assert stack(heart).middle == 5
    only_moving = stack(heart, l3=range(2, 5))
    assert replace(only_moving, masks={0: only_moving.masks[1]}).middle == 5
