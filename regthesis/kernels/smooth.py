"""Gaussian smoothing: the diffusion-like regularisation of velocities."""

from collections.abc import Sequence
from functools import lru_cache

import torch

from regthesis.kernels.checks import check_at_least, check_image, check_positive, check_window
from regthesis.kernels.shapes import Float, Number, Tensor


@lru_cache(maxsize=64)
def _smoothing_matrix(
    n: int, sigma: Number, radius: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "n n"]:
    """Row i holds the weights that voxel i gives the n voxels of a line whose ends are replicated."""
    with torch.inference_mode(False):
        offset = torch.arange(-radius, radius + 1)
        weight = torch.exp(-0.5 * (offset.double() / sigma).square())
        weight = weight / weight.sum()
        target = (torch.arange(n)[:, None] + offset).clamp(0, n - 1)
        matrix = torch.zeros(n, n, dtype=torch.double).scatter_add_(1, target, weight.expand(n, -1))
        return matrix.to(device, dtype)


def smooth(
    x: Float[Tensor, "b c *space"], sigma: Number, spacing: Sequence[Number] | None = None, size: int | None = None
) -> Float[Tensor, "b c *space"]:
    """Separable Gaussian convolution G_σ * x with replicated borders; the truncated kernel sums to one.

    `sigma` is in mm with `spacing` (mm per axis), in voxels without; 0 changes nothing. `size` is the kernel's odd
    length in voxels, None a radius of 4 σ. Section 4.2.2 derives it as the maximum a posteriori under a
    diffusion-like prior (Nielsen et al. 1997).

    Each axis is one product with a banded matrix, which runs at the speed of matrix products both ways.

    Raises ValueError for a negative sigma, an even size, a wrong rank, or a wrong spacing.
    """
    check_image("x", x)
    check_at_least("sigma", sigma, 0)
    spacing = (1.0,) * (x.ndim - 2) if spacing is None else spacing
    check_positive("spacing", spacing, x.ndim - 2)
    if size is not None:
        check_window("size", size)
    for axis, h in enumerate(spacing, 2):
        radius = int(4 * sigma / h + 0.5) if size is None else size // 2
        if sigma == 0 or radius == 0:
            continue
        matrix = _smoothing_matrix(x.shape[axis], sigma / h, radius, x.dtype, x.device)
        x = torch.tensordot(x, matrix, dims=([axis], [1])).movedim(-1, axis)
    return x
