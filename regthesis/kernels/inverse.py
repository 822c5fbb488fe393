"""The inverse of a map by Newton's method in every voxel."""

import torch

from regthesis.kernels.checks import check_at_least, check_field
from regthesis.kernels.grid import identity_grid
from regthesis.kernels.jacobian import determinant, gradient
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.kernels.warp import compose, warp

LONGEST_STEP = 2.0  # voxels: further away the linearisation of an interpolated field says little


def _newton_step(slopes: Tensor, w: Tensor, residual: Tensor) -> Tensor:
    """Solution s of (I + ∇u(x + w)) s = residual by Cramer's rule, no longer than `LONGEST_STEP`."""
    shape = tuple(w.shape[2:])
    d, space = len(shape), [1] * len(shape)
    target, last = identity_grid(shape, w.dtype, w.device) + w, w.new_tensor(shape).view(d, *space) - 1
    inside = ((target >= 0) & (target <= last))[:, None]  # outside, u continues constantly
    slopes = warp(slopes.flatten(1, 2), w).unflatten(1, (d, d)) * inside
    columns = (slopes + torch.eye(d, dtype=w.dtype, device=w.device).view(d, d, *space)).unbind(2)
    below = determinant(columns)
    below = torch.where(below.abs() > 1e-6, below, 1e-6)
    replaced = [[*columns[:i], residual, *columns[i + 1 :]] for i in range(d)]
    step = torch.cat([determinant(matrix) for matrix in replaced], 1) / below
    length = step.detach().square().sum(1, keepdim=True).sqrt()
    return step * (LONGEST_STEP / length.clamp(min=LONGEST_STEP))


def inverse(
    u: Float[Tensor, "b d *space"], iterations: int = 30, tolerance: Number = 1e-4
) -> Float[Tensor, "b d *space"]:
    """Displacement w of the inverse map, (id + u)∘(id + w) = id, in voxels.

    Newton's method, which unlike the fixed point w ← -u∘(id + w) (Chen et al. 2008) also copes with maps that
    stretch more than twofold or turn far. Stops when no component of `compose(u, w)` is above `tolerance` voxels, or
    after `iterations`. Where id + u folds there is no inverse, and `compose(u, w)` shows what remains. Gradients pass
    through the iterations.

    Raises ValueError for a wrong shape or fewer than one iteration.
    """
    check_field("u", u)
    check_at_least("iterations", iterations, 1)
    w, slopes = -u, gradient(u)
    for _ in range(iterations):
        residual = compose(u, w)
        if residual.abs().max() <= tolerance:
            break
        w = w - _newton_step(slopes, w, residual)
    return w
