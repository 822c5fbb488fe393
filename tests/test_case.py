"""A case hands out a mask only for the image that has one."""

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
