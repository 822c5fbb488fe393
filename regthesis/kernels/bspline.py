"""Cubic B-splines: the basis, and free-form deformations on a grid of control points."""

from collections.abc import Sequence
from math import ceil

import torch

from regthesis.kernels.checks import check_image, check_positive
from regthesis.kernels.plain.product import along
from regthesis.kernels.shapes import Float, Number, Tensor


def cubic(t: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Cardinal cubic B-spline β³(t): 2/3 at 0, 1/6 at ±1, zero from ±2 on, twice continuously differentiable."""
    near, far = (1 - t.abs()).clamp(min=0), (2 - t.abs()).clamp(min=0)
    return far**3 / 6 - near**3 * (2 / 3)


def bspline(
    control: Float[Tensor, "b c *grid"], shape: Sequence[int], grid_spacing: Sequence[Number]
) -> Float[Tensor, "b c *space"]:
    """Dense field of a cubic free-form deformation (Rueckert et al. 1999): u(x) = Σ_i c_i Π_a β³(x_a / δ_a + 1 - i_a).

    `control` holds the coefficients (voxels, for a displacement), `shape` the dense grid's size, `grid_spacing` the
    distance δ of control points in voxels per axis. Control point 1 lies on voxel 0, so that one lies outside on
    either side, as in Rueckert's FFD and ITK's BSplineTransform (where δ = (shape - 1) / mesh size).

    Raises ValueError for a wrong rank or spacing, and where the control points do not cover the dense grid: an axis
    of n voxels takes ceil((n - 1) / δ) + 3 of them.
    """
    check_image("control", control)
    check_positive("grid_spacing", grid_spacing, control.ndim - 2)
    if len(shape) != control.ndim - 2 or min(shape) < 1:
        raise ValueError(f"shape: expected {control.ndim - 2} sizes >= 1, got {tuple(shape)}")
    needed = tuple(ceil((n - 1) / delta) + 3 for n, delta in zip(shape, grid_spacing, strict=True))
    if any(has < need for has, need in zip(control.shape[2:], needed, strict=True)):
        raise ValueError(f"control: expected at least {needed} control points, got {tuple(control.shape[2:])}")
    dense = control
    for axis, (n, delta) in enumerate(zip(shape, grid_spacing, strict=True), 2):
        x = torch.arange(n, dtype=control.dtype, device=control.device)
        i = torch.arange(control.shape[axis], dtype=control.dtype, device=control.device)
        dense = along(dense, cubic(x[:, None] / delta + 1 - i), axis)
    return dense
