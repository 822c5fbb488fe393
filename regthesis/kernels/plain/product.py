"""Products of matrices that keep their precision under autocast."""

import torch

from regthesis.kernels.shapes import Float, Tensor


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        a_varies, b_varies = ctx.needs_input_grad
        ctx.save_for_backward(a if b_varies else None, b if a_varies else None)
        with torch.autocast(a.device.type, enabled=False):
            return a @ b

    @staticmethod
    def backward(ctx, grad):  # autocast is on here as well if it is where the gradient is asked for
        a, b = ctx.saved_tensors
        return None if b is None else product(grad, b.mT), None if a is None else product(a.mT, grad)


def product(a: Float[Tensor, "*b n k"], b: Float[Tensor, "*b k m"]) -> Float[Tensor, "*b n m"]:
    """a @ b, which autocast would round to half precision, and its gradients too."""
    return _Product.apply(a, b)


def along(x: Float[Tensor, "b c *old"], matrix: Float[Tensor, "m n"], axis: int) -> Float[Tensor, "b c *new"]:
    """Every line of x along `axis`, of n voxels, multiplied by the matrix: m voxels."""
    lines = x.movedim(axis, -1)
    return product(lines.reshape(-1, lines.shape[-1]), matrix.mT).view(*lines.shape[:-1], -1).movedim(-1, axis)
