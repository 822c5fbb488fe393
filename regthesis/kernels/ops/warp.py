"""Operators of resampling."""

from torch import Tensor

from regthesis.kernels.ops import operator


def _warp_results(image: Tensor, u: Tensor) -> Tensor:
    """The warped images, as many as there are images or fields."""
    return image.new_empty(max(len(image), len(u)), *image.shape[1:])


def _warp_backward_results(
    grad: Tensor, image: Tensor, u: Tensor, image_wanted: bool, u_wanted: bool
) -> tuple[Tensor, Tensor]:
    """The gradients by the image and by the field; one that is not wanted is empty."""
    return image.new_empty(image.shape if image_wanted else 0), u.new_empty(u.shape if u_wanted else 0)


def _warp_labels_results(labels: Tensor, u: Tensor) -> Tensor:
    """The warped labels."""
    return labels.new_empty(max(len(labels), len(u)), *labels.shape[1:])


warp = operator("warp", "warp", _warp_results)
warp_backward = operator("warp_backward", "warp", _warp_backward_results)
warp_labels = operator("warp_labels", "warp", _warp_labels_results)


def _save(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _backward(ctx, grad):
    wanted = ctx.needs_input_grad
    grads = warp_backward(grad, *ctx.saved_tensors, *wanted)
    return tuple(g if want else None for g, want in zip(grads, wanted, strict=True))


warp.register_autograd(_backward, setup_context=_save)
