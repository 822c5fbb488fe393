"""Operator that makes image pairs ready for comparison."""

from torch import Tensor

from regthesis.kernels.ops import operator


@operator
def centred(a: Tensor, b: Tensor, tau: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    channel = a.shape[:2] + (1,) * (a.ndim - 2)
    return a.new_empty(a.shape), b.new_empty(b.shape), a.new_empty(channel), a.new_empty(2, *channel)


@operator
def centred_backward(grad: Tensor, floor_grad: Tensor, x: Tensor, rise: Tensor) -> Tensor:
    return x.new_empty(x.shape)


def _save(ctx, inputs, output):
    a, b, _, rises = output
    ctx.set_materialize_grads(False)
    constant = [x for x, varies in zip((a, b), ctx.needs_input_grad, strict=False) if not varies]
    ctx.mark_non_differentiable(rises, *constant)
    ctx.save_for_backward(a, b, rises)


def _backward(ctx, a_grad, b_grad, floor_grad, _):
    a, b, rises = ctx.saved_tensors
    if floor_grad is None:
        return None, None, None
    by_a, by_b, _ = ctx.needs_input_grad
    return (
        centred_backward(a_grad, floor_grad, a, rises[0]) if by_a else None,
        centred_backward(b_grad, floor_grad, b, rises[1]) if by_b else None,
        None,
    )


centred.register_autograd(_backward, setup_context=_save)
