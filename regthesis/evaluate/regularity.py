"""How regular a deformation is: folding, roughness of the volume change, gradients in space and time."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from regthesis import kernels
from regthesis.kernels.checks import check_field, check_positive
from regthesis.kernels.shapes import Float, Tensor


class JacobianStatistics(NamedTuple):
    """What det(∇φ) does over the voxels of one or more displacements."""

    min: float
    max: float
    folding: float  # fraction of voxels, 0 to 1, where the determinant is 0 or less
    sd_log: float  # standard deviation of its natural logarithm over the voxels that do not fold


def jacobian_statistics(determinant: Float[Tensor, "b 1 *space"]) -> JacobianStatistics:
    """Extremes, folding and spread of the Jacobian determinant (`kernels.jacobian`, `Deformation.jacobian`).

    `sd_log` is nan where every voxel folds.
    """
    determinant = determinant.double()
    unfolded = determinant[determinant > 0]
    spread = unfolded.log().std(correction=0) if len(unfolded) else float("nan")
    folding = (determinant <= 0).double().mean()
    return JacobianStatistics(*map(float, (determinant.min(), determinant.max(), folding, spread)))


def grad_det_jac(determinant: Float[Tensor, "b 1 *space"], spacing: Sequence[float] | None = None) -> float:
    """Mean magnitude of the gradient of the Jacobian determinant ("Grad Det-Jac", Table 4.1, there x10^-2).

    Over all voxels: per mm with `spacing` (mm per axis, array order), per voxel without.
    The thesis does not say which it printed; it took the determinant from SimpleITK, whose gradients are per mm.
    """
    return float(_magnitude(kernels.gradient(determinant, spacing).flatten(1, 2)).mean(dtype=torch.float64))


def spatial_gradient(u: Float[Tensor, "b d *space"], spacing: Sequence[float]) -> float:
    """Mean Frobenius norm of ∇u in mm/mm, over all voxels and frames ("Spat. Grad.", Table 5.1).

    `u` is in voxels and `spacing` in mm per axis.  The norm and the scale behind the printed column are not stated.
    """
    slope = kernels.gradient(_millimetres(u, spacing), spacing)
    return float(_magnitude(slope.flatten(1, 2)).mean(dtype=torch.float64))


def temporal_gradient(u: Float[Tensor, "t d *space"], spacing: Sequence[float]) -> float:
    """Mean length of u_{t+1} - u_t in mm per frame, over all voxels and t in [1, T) ("Temp. Grad.", Table 5.1).

    `u` holds the displacements of frames 1 to T in order, in voxels; the step from the undeformed frame 0 is left out,
    as in the thesis.  The norm and the scale behind the printed column are not stated.

    Raises ValueError for fewer than two frames.
    """
    if len(u) < 2:
        raise ValueError(f"u: expected at least two frames, got {len(u)}")
    return float(_magnitude(_millimetres(u, spacing).diff(dim=0)).mean(dtype=torch.float64))


def _millimetres(u: Tensor, spacing: Sequence[float]) -> Tensor:
    check_field("u", u)
    check_positive("spacing", spacing, u.shape[1])
    return u * u.new_tensor(spacing).reshape(-1, *[1] * (u.ndim - 2))


def _magnitude(vectors: Tensor) -> Tensor:
    """Euclidean length over axis 1; several times as fast as `norm` over an axis that is not the last."""
    return vectors.square().sum(1).sqrt()
