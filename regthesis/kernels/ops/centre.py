"""Operator that makes image pairs ready for comparison."""

from torch import Tensor

from regthesis.kernels.ops import operator


def _centred_results(a: Tensor, b: Tensor, tau: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The centred images, their eps, and its slopes (see `plain.centre`)."""
    channel = a.shape[:2] + (1,) * (a.ndim - 2)
    return a.new_empty(a.shape), b.new_empty(b.shape), a.new_empty(channel), a.new_empty(2, *channel)


def _centred_backward_results(grad: Tensor, eps_grad: Tensor, x: Tensor, slope: Tensor) -> Tensor:
    """The gradient by an image."""
    return x.new_empty(x.shape)


centred = operator("centred", "centre", _centred_results)
centred_backward = operator("centred_backward", "centre", _centred_backward_results)


def _save(ctx, inputs, output):
    a, b, _, eps_slopes = output
    ctx.set_materialize_grads(False)
    constant = [x for x, varies in zip((a, b), ctx.needs_input_grad, strict=False) if not varies]
    ctx.mark_non_differentiable(eps_slopes, *constant)
    ctx.save_for_backward(a, b, eps_slopes)


def _backward(ctx, a_grad, b_grad, eps_grad, _):
    a, b, eps_slopes = ctx.saved_tensors
    if eps_grad is None:
        return None, None, None
    by_a, by_b, _ = ctx.needs_input_grad
    return (
        centred_backward(a_grad, eps_grad, a, eps_slopes[0]) if by_a else None,
        centred_backward(b_grad, eps_grad, b, eps_slopes[1]) if by_b else None,
        None,
    )


centred.register_autograd(_backward, setup_context=_save)
