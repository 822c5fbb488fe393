"""Operators of resampling."""

from torch import Tensor

from regthesis.kernels.ops import operator


@operator
def warp(image: Tensor, u: Tensor) -> Tensor:
    return image.new_empty(max(len(image), len(u)), *image.shape[1:])


@operator
def warp_backward(grad: Tensor, image: Tensor, u: Tensor, image_wanted: bool, u_wanted: bool) -> tuple[Tensor, Tensor]:
    return image.new_empty(image.shape if image_wanted else 0), u.new_empty(u.shape if u_wanted else 0)


@operator
def warp_labels(labels: Tensor, u: Tensor) -> Tensor:
    return labels.new_empty(max(len(labels), len(u)), *labels.shape[1:])


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _backward(ctx, grad):
    wanted = ctx.needs_input_grad
    grads = warp_backward(grad, *ctx.saved_tensors, *wanted)
    return tuple(g if want else None for g, want in zip(grads, wanted, strict=True))


warp.register_autograd(_backward, setup_context=_save)
