"""Squared local correlation."""

import torch
from torch.autograd.function import once_differentiable

from regthesis.kernels.plain.box import box_count, box_sum
from regthesis.kernels.shapes import Float, Tensor

FLAT = (
    2.0**-26
)  # a variance of no more than this share of the mean square is none, on every backend, whatever the dtype


def window_moments(a: Tensor, b: Tensor, window: int) -> tuple[Tensor, ...]:
    """Means, variances and covariance over each window in float64, the windows' voxel counts last.

    Float32 would lose small variances beside large means. Where a window is `FLAT` the covariance is zero: divided
    by a small floor, what rounding left of it would else become a value and a gradient.
    """
    a, b = a.double(), b.double()
    count = box_count(tuple(a.shape[2:]), window, a.dtype, a.device)
    mean_a, mean_b, aa, bb, ab = (box_sum(torch.cat([a, b, a * a, b * b, a * b], 1), window) / count).chunk(5, 1)
    a_var, b_var = aa - mean_a * mean_a, bb - mean_b * mean_b
    flat = (a_var <= FLAT * aa) | (b_var <= FLAT * bb)
    cross = torch.where(flat, 0, ab - mean_a * mean_b)
    return mean_a, mean_b, a_var.clamp(min=0), b_var.clamp(min=0), cross, count


class _SquaredCorrelation(torch.autograd.Function):
    """cross² / (variance_a variance_b + floor) in the window round each voxel, with its analytic gradient.

    Autograd would keep and revisit some thirty volumes; by hand it is five window sums each way.
    """

    @staticmethod
    def forward(ctx, a, b, floor, window):
        mean_a, mean_b, a_var, b_var, cross, count = window_moments(a, b, window)
        scale = cross / (a_var * b_var + floor)
        ctx.window = window
        pulls = 2 * scale / count, -2 * scale * scale * b_var / count, -2 * scale * scale * a_var / count
        kept = (x.to(a.dtype) for x in (mean_a, mean_b, scale, *pulls))
        ctx.save_for_backward(a, b, *kept)
        return (cross * scale).to(a.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        a, b, mean_a, mean_b, scale, cross_pull, a_pull, b_pull = ctx.saved_tensors
        floor_grad = -grad * scale * scale
        cross_grad, a_grad, b_grad = grad * cross_pull, grad * a_pull, grad * b_pull
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
        floor_axes = tuple(range(2, a.ndim))
        return c * b + aa * a - ca, c * a + bb * b - cb, floor_grad.sum(floor_axes, keepdim=True), None


def local_cc(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], floor: Tensor, window: int
) -> Float[Tensor, "b c *space"]:
    """cross² / (variance_a variance_b + floor) in the window round each voxel of the centred images a and b."""
    return _SquaredCorrelation.apply(a, b, floor, window)
