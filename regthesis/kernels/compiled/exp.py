"""Scaling and squaring."""

import torch
from torch import Tensor

from regthesis.kernels.compiled.locate import add_samples, locate, room, strides
from regthesis.kernels.compiled.threads import compiled, spread
from regthesis.kernels.compiled.warp import add_field_gradient, add_image_gradient, reach, rows, volumes


@compiled
def _square(out, u, start, stop):
    """out = u + u∘(id + u) in the rows start to stop."""
    ny, (corner, beyond, inside), steps = out.shape[3], room(u), strides(out.shape[2:])
    for b in range(len(out)):
        source = u[b].reshape(out.shape[1], -1)
        for row in range(start, stop):
            z, y = row // ny, row % ny
            locate(u[b], z, y, corner, beyond, inside)
            for c in range(len(source)):
                out[b, c, z, y] = u[b, c, z, y]
                add_samples(out[b, c, z, y], source[c], corner, beyond, steps)


def exp(v: Tensor, steps: int, keep: bool) -> tuple[Tensor, Tensor]:
    """Displacement of the flow of v (b, d, *space) at time 1, and the fields before each squaring if they are kept.

    With `keep` the second tensor is (steps, b, d, *space), else empty.
    """
    u = v / 2**steps
    stages = v.new_empty(steps if keep else 0, *v.shape)
    for i in range(steps):
        if keep:
            stages[i] = u
        out = torch.empty_like(u)
        spread(_square, rows(u), volumes(out), volumes(u))
        u = out
    return u, stages


def exp_backward(grad: Tensor, v: Tensor, stages: Tensor, steps: int) -> Tensor:
    """Gradient of `exp` by v; stages that were not kept are computed again."""
    if steps and not len(stages):
        stages = exp(v, steps, keep=True)[1]
    for u in stages.flip(0):
        grad, after = grad.clone(memory_format=torch.contiguous_format), grad
        after = after.contiguous()
        spread(add_field_gradient, rows(u), volumes(grad), volumes(after), volumes(u), volumes(u))
        spread(add_image_gradient, rows(u), volumes(grad), volumes(after), volumes(u), reach(u))
    return grad / 2**steps
