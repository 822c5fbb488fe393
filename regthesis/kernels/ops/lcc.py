"""Operators of the local cross-correlation.

`local_cc` has two results: the squared correlation of two centred images in the window round each voxel, and the
moments that its gradient needs, (b, 5 c, *space). On every backend these are, channel after channel and for each
window of m voxels, the means of a and b and three factors
    p = 2 s / m,  A = -2 s² variance_b / m,  B = -2 s² variance_a / m,  s = covariance / (variance_a variance_b + eps).
A window with the gradient g adds g (p b + A a - p mean_b - A mean_a) to the gradient by a of each of its voxels, and
g (p a + B b - p mean_a - B mean_b) to that by b.
"""

import torch
from torch import Tensor

from regthesis.kernels.ops import operator


def _local_cc_results(a: Tensor, b: Tensor, eps: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """The squared correlations, and the moments."""
    kept = torch.promote_types(a.dtype, torch.float32)
    return a.new_empty(a.shape), a.new_empty(len(a), 5 * a.shape[1], *a.shape[2:], dtype=kept)


def _local_cc_backward_results(
    grad: Tensor, a: Tensor, b: Tensor, eps: Tensor, moments: Tensor, window: int, a_wanted: bool, b_wanted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients by a, b and eps; an image's that is not wanted is empty."""
    by_a, by_b = a.new_empty(a.shape if a_wanted else 0), b.new_empty(b.shape if b_wanted else 0)
    return by_a, by_b, eps.new_empty(eps.shape)


local_cc = operator("local_cc", "lcc", _local_cc_results)
local_cc_backward = operator("local_cc_backward", "lcc", _local_cc_backward_results)


def _save(ctx, inputs, output):
    a, b, eps, ctx.window = inputs
    ctx.set_materialize_grads(False)  # zeros for the moments would take as long as the rest
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(a, b, eps, output[1])


def _backward(ctx, grad, _):
    if grad is None:
        return None, None, None, None
    wanted = ctx.needs_input_grad[:3]
    grads = local_cc_backward(grad, *ctx.saved_tensors, ctx.window, *wanted[:2])
    return *(g if want else None for g, want in zip(grads, wanted, strict=True)), None


local_cc.register_autograd(_backward, setup_context=_save)
