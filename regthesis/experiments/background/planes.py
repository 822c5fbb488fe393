"""Chapter 2 looks at slices: a small grid for a whole population, and the middle slice of a case as a case in 2-D."""

from __future__ import annotations

from dataclasses import replace

import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets import CommonGrid, Dataset
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["SIDE", "moved", "plane", "small_grid"]

SIDE = 64  # pixels; with more in plane, the experiments of the chapter would take minutes


def small_grid(data: Dataset) -> CommonGrid:
    """The quick grid of a data set, coarser in plane by a whole factor where a side has more than `SIDE` pixels.

    Raises:
        UserError: there is no case, or the first one cannot be read.
    """
    quick = data.common_grid("quick")
    factor = -(-max(quick.shape[-2:]) // SIDE)
    factors = (1,) * (len(quick.shape) - 2) + (factor, factor)
    shape = tuple(-(-n // by) for n, by in zip(quick.shape, factors, strict=True))
    return CommonGrid(shape, tuple(h * by for h, by in zip(quick.spacing, factors, strict=True)))


def plane(case: Case, beside: int = 0) -> Case:
    """The slice that pictures show, or the one `beside` slices further (the last one there is), as a 2-D case.

    Of its true displacement the part in the plane stays. A case in 2-D is its own slice.
    """
    if case.grid.rank == 2:
        return case
    z = min(max(case.middle + beside, 0), case.grid.shape[0] - 1)
    return replace(
        case,
        images=case.images[:, :, z],
        grid=Grid(case.grid.shape[1:], case.spacing[1:]),
        masks={frame: mask[:, :, z] for frame, mask in case.masks.items()},
        truth=None if case.truth is None else case.truth[:, 1:, z],
    )


def moved(case: Case, u: Float[Tensor, "1 d *space"]) -> Case:
    """A pair whose moving image is warped by `u`, a displacement in voxels, with `u` in the place of the truth."""
    return replace(case, images=torch.cat([kernels.warp(case.moving, u), case.fixed]), truth=u)
