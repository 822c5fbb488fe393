"""Regularisation energies of velocity and displacement fields (section 2.2.2)."""

from collections.abc import Sequence

from regthesis.kernels.checks import check_field, check_positive
from regthesis.kernels.shapes import Float, Number, Tensor


def _in_mm(v: Tensor, spacing: Sequence[Number] | None) -> tuple[Tensor, Sequence[Number]]:
    check_field("v", v)
    if spacing is None:
        return v, (1.0,) * v.shape[1]
    check_positive("spacing", spacing, v.shape[1])
    return v * v.new_tensor(spacing).view(-1, *[1] * (v.ndim - 2)), spacing


def _mean_square(vectors: Tensor) -> Tensor:
    """Mean squared length; an axis too short for the difference contributes nothing."""
    return vectors.square().sum(1).mean() if vectors.numel() else vectors.sum()


def diffusion(v: Float[Tensor, "b d *space"], spacing: Sequence[Number] | None = None) -> Float[Tensor, ""]:
    """Diffusion energy, the mean over the voxels of Σ_ij (∂v_i / ∂x_j)²: 0 for a constant field.

    `v` is in voxels; with `spacing` (mm per axis) field and derivatives are taken in mm. A linear field v(x) = A x has
    the squared Frobenius norm of A. Forward differences, because central ones do not see a checkerboard.

    Raises ValueError for a wrong shape or spacing.
    """
    v, spacing = _in_mm(v, spacing)
    return sum(_mean_square(v.diff(dim=axis) / h) for axis, h in enumerate(spacing, 2))


def bending(v: Float[Tensor, "b d *space"], spacing: Sequence[Number] | None = None) -> Float[Tensor, ""]:
    """Bending energy, the mean over the voxels of Σ_ijk (∂²v_i / ∂x_j ∂x_k)² (Rueckert et al. 1999): 0 if affine.

    `v` is in voxels; with `spacing` (mm per axis) field and derivatives are taken in mm, the energy in 1/mm².
    Differences are taken between neighbours, so that only affine fields have no energy.

    Raises ValueError for a wrong shape or spacing.
    """
    v, spacing = _in_mm(v, spacing)
    axes = list(enumerate(spacing, 2))
    return sum(_mean_square(v.diff(dim=j).diff(dim=k) / (hj * hk)) for j, hj in axes for k, hk in axes)
