"""Sums over a moving window."""

from functools import lru_cache

import torch
from torch.nn.functional import pad

from regthesis.kernels.shapes import Float, Tensor


def _slide(x: Tensor, window: int, axis: int) -> Tensor:
    """Windowed sum along one axis out of sums over 1, 2, 4, ... voxels: about log2(window) additions."""
    n, radius = x.shape[axis], window // 2
    borders = [0, 0] * (x.ndim - 1 - axis) + [radius, radius]
    power, length = pad(x, borders), 1
    total, start = None, 0
    while True:
        if window & length:
            part = power.narrow(axis, start, n)
            total = part if total is None else total + part
            start += length
        if 2 * length > window:
            return total
        count = power.shape[axis] - length
        power = power.narrow(axis, 0, count) + power.narrow(axis, length, count)
        length *= 2


class _BoxSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, window):
        ctx.window = window
        for axis in range(2, x.ndim):
            x = _slide(x, window, axis)
        return x

    @staticmethod
    def backward(ctx, grad):
        return _BoxSum.apply(grad, ctx.window), None  # a symmetric window with zero padding is its own adjoint


def box_sum(x: Float[Tensor, "b c *space"], window: int) -> Float[Tensor, "b c *space"]:
    """Sum of x over the `window`-wide cube centred at each voxel, clipped at the border of the grid.

    Doubled shifted additions: fewer passes than any convolution, and without the cancellation of a cumulative sum.
    """
    return _BoxSum.apply(x, window)


@lru_cache(maxsize=16)
def box_count(
    shape: tuple[int, ...], window: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "1 1 *space"]:
    """Number of voxels in each clipped window; cached and shared: do not write into it."""
    with torch.inference_mode(False):
        return box_sum(torch.ones(1, 1, *shape, dtype=dtype, device=device), window)
