"""Squared local correlation."""

import torch
from torch.autograd.function import once_differentiable

from regthesis.kernels.plain.box import box_count, box_sum
from regthesis.kernels.shapes import Float, Tensor

# A variance of no more than this share of the mean square is none, on every backend and in every dtype: float32 keeps
# an image to 2^-25, and so a texture of 2^-13 of the level to 2^-12.
FLAT = 2.0**-26


def window_moments(a: Tensor, b: Tensor, window: int) -> tuple[Tensor, ...]:
    """Means, variances and covariance over each window, the windows' voxel counts last.

    Summed in float64: float32 would lose small variances beside large means. Where a window is `FLAT` the covariance
    is zero: divided by a small eps, what rounding left of it would else become a value and a gradient.
    """
    dtype, a, b = a.dtype, a.double(), b.double()
    count = box_count(tuple(a.shape[2:]), window, a.dtype, a.device)
    products = a, b, a * a, b * b, a * b  # one after the other: all at once leave the processor's cache
    mean_a, mean_b, aa, bb, ab = (box_sum(x, window) / count for x in products)
    a_var, b_var = aa - mean_a * mean_a, bb - mean_b * mean_b
    flat = (a_var <= FLAT * aa) | (b_var <= FLAT * bb)
    cross = torch.where(flat, 0, ab - mean_a * mean_b)
    return tuple(x.to(dtype) for x in (mean_a, mean_b, a_var.clamp(min=0), b_var.clamp(min=0), cross, count))


class _SquaredCorrelation(torch.autograd.Function):
    """cross² / (variance_a variance_b + eps) in the window round each voxel, with its analytic gradient.

    Autograd would keep and revisit some thirty volumes; by hand it is five window sums each way.
    """

    @staticmethod
    def forward(ctx, a, b, eps, window):
        mean_a, mean_b, a_var, b_var, cross, count = window_moments(a, b, window)
        scale = cross / (a_var * b_var + eps)
        ctx.window = window
        ctx.save_for_backward(a, b, mean_a, mean_b, a_var, b_var, scale, count)
        return cross * scale

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        a, b, mean_a, mean_b, a_var, b_var, scale, count = ctx.saved_tensors
        eps_grad = -grad * scale * scale
        cross_grad = 2 * grad * scale / count  # of the window's mean a b; the halves of the variances follow
        a_grad, b_grad = 2 * eps_grad * b_var / count, 2 * eps_grad * a_var / count
        pulled = torch.cat(
            [
                cross_grad,
                a_grad,
                b_grad,
                cross_grad * mean_b + a_grad * mean_a,
                cross_grad * mean_a + b_grad * mean_b,
            ],
            1,
        )
        c, aa, bb, ca, cb = box_sum(pulled, ctx.window).chunk(5, 1)
        space = tuple(range(2, a.ndim))
        return c * b + aa * a - ca, c * a + bb * b - cb, eps_grad.sum(space, keepdim=True), None


def local_cc(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], eps: Tensor, window: int
) -> Float[Tensor, "b c *space"]:
    """cross² / (variance_a variance_b + eps) in the window round each voxel of the centred images a and b."""
    return _SquaredCorrelation.apply(a, b, eps, window)
