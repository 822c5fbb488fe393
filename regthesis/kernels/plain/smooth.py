"""Gaussian smoothing by matrix products."""

from functools import lru_cache

import torch

from regthesis.kernels.plain.product import along
from regthesis.kernels.shapes import Float, Tensor


def gaussian(sigma: float, radius: int) -> Tensor:
    """Weights at -radius to radius voxels of a Gaussian of `sigma` voxels, normalised, float64."""
    weight = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).double() / sigma).square())
    return weight / weight.sum()


@lru_cache(maxsize=64)
def smoothing_matrix(
    n: int, sigma: float, radius: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "n n"]:
    """Row i holds the weights that voxel i gives the n voxels of a line whose ends are replicated."""
    with torch.inference_mode(False):
        target = (torch.arange(n)[:, None] + torch.arange(-radius, radius + 1)).clamp(0, n - 1)
        matrix = torch.zeros(n, n, dtype=torch.double).scatter_add_(1, target, gaussian(sigma, radius).expand(n, -1))
        return matrix.to(device, dtype)


def smooth(
    x: Float[Tensor, "b c *space"], sigmas: list[float], radii: list[int], adjoint: bool = False
) -> Float[Tensor, "b c *space"]:
    """x convolved along each axis with a Gaussian of `sigmas` voxels, cut off at `radii`; borders are replicated."""
    for axis, (sigma, radius) in enumerate(zip(sigmas, radii, strict=True), 2):
        if radius:
            matrix = smoothing_matrix(x.shape[axis], sigma, radius, x.dtype, x.device)
            x = along(x, matrix.mT if adjoint else matrix, axis)
    return x
