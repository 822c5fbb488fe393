"""Scaling and squaring."""

import numpy as np
from torch import Tensor

from regthesis.kernels.compiled.locate import add_samples, locate, row_buffers, strides
from regthesis.kernels.compiled.memory import empty
from regthesis.kernels.compiled.threads import compiled, spread
from regthesis.kernels.compiled.warp import field_gradient, image_gradient, reach, rows, volumes


@compiled
def _square(out, u, start, stop):
    """out = u + u∘(id + u) in the rows start to stop."""
    ny, (corner, beyond, inside), steps = out.shape[3], row_buffers(u), strides(out.shape[2:])
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
    stages = empty((steps if keep else 0, *v.shape), v)
    fields = [*stages, empty(v.shape, v)] if keep else [empty(v.shape, v) for _ in range(min(steps, 1) + 1)]
    np.multiply(volumes(v.contiguous()), 0.5**steps, out=volumes(fields[0]))
    for i in range(steps):
        u, out = fields[i % len(fields)], fields[(i + 1) % len(fields)]
        spread(_square, rows(u), volumes(out), volumes(u))
    return fields[steps % len(fields)], stages


def exp_backward(grad: Tensor, v: Tensor, stages: Tensor, steps: int) -> Tensor:
    """Gradient of `exp` by v; stages that were not kept are computed again.

    Between the squarings no torch operator runs: its threads would go on spinning on the cores that ours work on.
    """
    if steps and not len(stages):
        stages = exp(v, steps, keep=True)[1]
    grad, results = volumes(grad.contiguous()), [empty(v.shape, v) for _ in range(min(steps, 1) + 1)]
    for i in reversed(range(steps)):
        u, out = volumes(stages[i]), volumes(results[i % 2])
        spread(field_gradient, rows(v), out, grad, grad, u, u)
        spread(image_gradient, rows(v), out, True, grad, u, reach(u), pieces=1)
        grad = out
    np.multiply(grad, 0.5**steps, out=volumes(results[0]))
    return results[0]
