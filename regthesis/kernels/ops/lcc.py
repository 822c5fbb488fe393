"""Operators of the local cross-correlation."""

from torch import Tensor

from regthesis.kernels.ops import operator


@operator
def local_cc(a: Tensor, b: Tensor, floor: Tensor, window: int) -> tuple[Tensor, Tensor]:
    return a.new_empty(a.shape), a.new_empty(len(a), 5 * a.shape[1], *a.shape[2:])


@operator
def local_cc_backward(
    grad: Tensor, a: Tensor, b: Tensor, floor: Tensor, moments: Tensor, window: int, a_wanted: bool, b_wanted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    by_a, by_b = a.new_empty(a.shape if a_wanted else 0), b.new_empty(b.shape if b_wanted else 0)
    return by_a, by_b, floor.new_empty(floor.shape)


def _save(ctx, inputs, output):
    a, b, floor, ctx.window = inputs
    ctx.set_materialize_grads(False)  # zeros for the moments would take as long as the rest
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(a, b, floor, output[1])


def _backward(ctx, grad, _):
    if grad is None:
        return None, None, None, None
    wanted = ctx.needs_input_grad[:3]
    grads = local_cc_backward(grad, *ctx.saved_tensors, ctx.window, *wanted[:2])
    return *(g if want else None for g, want in zip(grads, wanted, strict=True)), None


local_cc.register_autograd(_backward, setup_context=_save)
