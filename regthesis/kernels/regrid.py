"""Resampling between grids of other extents that share their centre."""

from collections.abc import Sequence

import torch

from regthesis.kernels.bspline import cubic as basis
from regthesis.kernels.checks import check_field, check_image, check_positive
from regthesis.kernels.plain.product import along
from regthesis.kernels.shapes import Float, Number, Tensor


def regrid(
    x: Float[Tensor, "b c *old"],
    spacing: Sequence[Number],
    shape: Sequence[int],
    new_spacing: Sequence[Number],
    field: bool = False,
    cubic: bool = False,
) -> Float[Tensor, "b c *new"]:
    """Image or field on a grid of `shape` and `new_spacing` whose centre is that of the old one with `spacing`.

    Spacings are in mm per axis, array order. Linear, or with `cubic` by the cubic B-spline through all samples, which
    are mirrored at the ends (Unser 1999): twice continuously differentiable, where linear interpolation has a kink at
    every old voxel. Without a low-pass filter. Outside the old grid an image's border value continues; with
    `field=True` the vectors, in voxels, are brought to the new voxels, and there are none outside. Where both grids
    have the same extent the linear one is `resize`.

    Raises ValueError for a wrong number of axes, sizes below 1, spacings that are not positive, or a field without
    one component per axis.
    """
    (check_field if field else check_image)("x", x)
    rank, shape = x.ndim - 2, tuple(shape)
    check_positive("spacing", spacing, rank)
    check_positive("new_spacing", new_spacing, rank)
    if len(shape) != rank or min(shape) < 1:
        raise ValueError(f"shape: expected {rank} sizes >= 1, got {shape}")
    voxels = [h / old for h, old in zip(new_spacing, spacing, strict=True)]  # of a new voxel, in old ones
    if shape == tuple(x.shape[2:]) and voxels == [1.0] * rank:
        return x
    for axis, (n, step) in enumerate(zip(shape, voxels, strict=True), 2):
        old = x.shape[axis]
        place = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * step + (old - 1) / 2
        at = place.clamp(0, old - 1)
        x = along(x, _spline_weights(at, old).to(x), axis) if cubic else _between(x, at, axis)
        if field:
            inside = ((place >= -1e-6) & (place <= old - 1 + 1e-6)).to(x)
            x = x * inside.view(-1, *[1] * (x.ndim - 1 - axis))
    return x / x.new_tensor(voxels).view(-1, *[1] * rank) if field else x


def _between(x: Tensor, place: Tensor, axis: int) -> Tensor:
    """Linear interpolation at places along an axis, in voxels and inside."""
    old = x.shape[axis]
    below = place.floor().clamp(0, max(old - 2, 0)).long()
    share = (place - below).to(x).view(-1, *[1] * (x.ndim - 1 - axis))
    below = below.to(x.device)
    near, far = x.index_select(axis, below), x.index_select(axis, (below + 1).clamp(max=old - 1))
    return near + share * (far - near)


def _spline_weights(place: Float[Tensor, "new"], old: int) -> Float[Tensor, "new old"]:
    """How much each of the old samples counts for the interpolating spline at places along an axis, in voxels."""
    return _spline_basis(place, old) @ torch.linalg.inv(_spline_basis(torch.arange(old, dtype=place.dtype), old))


def _spline_basis(place: Float[Tensor, "new"], old: int) -> Float[Tensor, "new old"]:
    """The B-splines of the old voxels at places along an axis; those beyond the ends are mirrored at the end voxels."""
    knots = torch.arange(-2, old + 2)
    if old == 1:
        return torch.ones(len(place), 1, dtype=place.dtype)
    mirrored = (old - 1) - ((knots % (2 * old - 2)) - (old - 1)).abs()
    weights = basis(place[:, None] - knots)
    return torch.zeros(len(place), old, dtype=place.dtype).index_add_(1, mirrored, weights)
