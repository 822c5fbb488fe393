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


def jacobian_statistics(u: Float[Tensor, "b d *space"]) -> JacobianStatistics:
    """Extremes, folding and spread of the Jacobian determinant of φ = id + u, `u` in voxels.

    A ratio of volumes, the same in voxels and in mm.  `sd_log` is nan where every voxel folds.
    """
    determinant = kernels.jacobian(u.double())
    unfolded = determinant[determinant > 0]
    spread = unfolded.log().std(correction=0) if len(unfolded) else float("nan")
    folding = (determinant <= 0).double().mean()
    return JacobianStatistics(*map(float, (determinant.min(), determinant.max(), folding, spread)))


def grad_det_jac(u: Float[Tensor, "b d *space"], spacing: Sequence[float] | None = None) -> float:
    """Mean magnitude of the gradient of the Jacobian determinant ("Grad Det-Jac", Table 4.1, there x10^-2).

    `u` is in voxels.  With `spacing` (mm per axis, array order) the gradient is per mm, without it per voxel.
    The thesis does not say which it printed; it took the determinant from SimpleITK, whose gradients are per mm.
    """
    slope = kernels.gradient(kernels.jacobian(u.double()), spacing)
    return float(slope.norm(dim=2).mean())


def spatial_gradient(u: Float[Tensor, "b d *space"], spacing: Sequence[float]) -> float:
    """Mean Frobenius norm of ∇u in mm/mm, over all voxels and frames ("Spat. Grad.", Table 5.1).

    `u` is in voxels and `spacing` in mm per axis.  The norm and the scale behind the printed column are not stated.
    """
    slope = kernels.gradient(_millimetres(u, spacing), spacing)
    return float(slope.flatten(1, 2).norm(dim=1).mean())


def temporal_gradient(u: Float[Tensor, "t d *space"], spacing: Sequence[float]) -> float:
    """Mean length of u_{t+1} - u_t in mm per frame, over all voxels and t in [1, T) ("Temp. Grad.", Table 5.1).

    `u` holds the displacements of frames 1 to T in order, in voxels; the step from the undeformed frame 0 is left out,
    as in the thesis.  The norm and the scale behind the printed column are not stated.

    Raises ValueError for fewer than two frames.
    """
    if len(u) < 2:
        raise ValueError(f"u: expected at least two frames, got {len(u)}")
    return float(_millimetres(u, spacing).diff(dim=0).norm(dim=1).mean())


def _millimetres(u: Tensor, spacing: Sequence[float]) -> Tensor:
    check_field("u", u)
    check_positive("spacing", spacing, u.shape[1])
    scale = torch.tensor(spacing, dtype=torch.float64, device=u.device)
    return u.double() * scale.reshape(-1, *[1] * (u.ndim - 2))
