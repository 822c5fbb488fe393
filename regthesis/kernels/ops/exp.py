"""Operators of scaling and squaring."""

from torch import Tensor

from regthesis.kernels.ops import operator


def _exp_results(v: Tensor, steps: int, keep: bool) -> tuple[Tensor, Tensor]:
    """The displacement, and the fields before each squaring, or none."""
    return v.new_empty(v.shape), v.new_empty(steps if keep else 0, *v.shape)


def _exp_backward_results(grad: Tensor, v: Tensor, stages: Tensor, steps: int) -> Tensor:
    """The gradient by v."""
    return v.new_empty(v.shape)


exp = operator("exp", "exp", _exp_results)
exp_backward = operator("exp_backward", "exp", _exp_backward_results)


def _save(ctx, inputs, output):
    v, ctx.steps, _ = inputs
    ctx.set_materialize_grads(False)  # the stages have no gradient, and zeros for it would be as large as they are
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(v, output[1])


def _backward(ctx, grad, _):
    return None if grad is None else exp_backward(grad, *ctx.saved_tensors, ctx.steps), None, None


exp.register_autograd(_backward, setup_context=_save)
