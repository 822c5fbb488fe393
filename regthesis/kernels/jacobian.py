"""Spatial derivatives by finite differences, and the local change of volume."""

from collections.abc import Sequence

import torch

from regthesis.kernels.checks import check_field, check_image, check_positive
from regthesis.kernels.shapes import Float, Number, Tensor


def _derivative(x: Tensor, axis: int) -> Tensor:
    """Central differences along one axis, one-sided at both ends; zero along an axis of one voxel."""
    if x.shape[axis] == 1:
        return torch.zeros_like(x)
    forward = x.diff(dim=axis)
    ends = forward.narrow(axis, 0, 1), forward.narrow(axis, forward.shape[axis] - 1, 1)
    count = forward.shape[axis] - 1
    inner = (forward.narrow(axis, 0, count) + forward.narrow(axis, 1, count)) / 2
    return torch.cat([ends[0], inner, ends[1]], axis)


def gradient(x: Float[Tensor, "b c *space"], spacing: Sequence[Number] | None = None) -> Float[Tensor, "b c d *space"]:
    """∂x_c / ∂axis_d by central differences, one-sided at the border, as `numpy.gradient`.

    Per mm with `spacing` (mm per axis, array order), per voxel without.

    Raises ValueError for a wrong rank, an integer tensor, or a spacing that is not one positive number per axis.
    """
    check_image("x", x)
    spacing = (1.0,) * (x.ndim - 2) if spacing is None else spacing
    check_positive("spacing", spacing, x.ndim - 2)
    return torch.stack([_derivative(x, axis + 2) / h for axis, h in enumerate(spacing)], 2)


def determinant(rows: Sequence[Float[Tensor, "b d *space"]]) -> Float[Tensor, "b 1 *space"]:
    """Determinant of a field of 2 x 2 or 3 x 3 matrices given by their rows (or, the same, by their columns)."""
    if len(rows) == 2:
        (a, b), (c, d) = (row.split(1, 1) for row in rows)
        return a * d - b * c
    return (rows[0] * torch.linalg.cross(rows[1], rows[2], dim=1)).sum(1, keepdim=True)


def jacobian_matrix(
    u: Float[Tensor, "b d *space"], spacing: Sequence[Number] | None = None
) -> Float[Tensor, "b d d *space"]:
    """Deformation gradient I + ∇u of φ = id + u: entry i, j is ∂φ_i / ∂x_j, by the differences of `gradient`.

    `u` is in voxels; with `spacing` (mm per axis) displacement and position are in mm, without in voxels.

    Raises ValueError for a wrong shape or spacing.
    """
    check_field("u", u)
    d, space = u.shape[1], [1] * (u.ndim - 2)
    if spacing is not None:
        check_positive("spacing", spacing, d)
        u = u * u.new_tensor(spacing).view(d, *space)
    return gradient(u, spacing) + torch.eye(d, dtype=u.dtype, device=u.device).view(d, d, *space)


def jacobian(u: Float[Tensor, "b d *space"], spacing: Sequence[Number] | None = None) -> Float[Tensor, "b 1 *space"]:
    """Jacobian determinant det(I + ∇u) of φ = id + u: below 1 shrinks, below 0 folds.

    `u` is in voxels. The determinant is a ratio of volumes, the same in voxels as in mm, so that the `spacing`
    (mm per axis) in which derivatives are taken can be left out.

    Raises ValueError for a wrong shape or spacing.
    """
    return determinant(jacobian_matrix(u, spacing).unbind(1))
