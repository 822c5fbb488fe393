"""The exponential of a velocity field: one kernel a squaring, both ways.

Bytes a voxel in space, float32, N squarings: 24 N forward, the scaling by 2^-N going with the first squaring, and 24
more where the stages are kept; 60 N backward: field and gradient are read, the result is cleared, read and written.
"""

from collections.abc import Callable

import torch
import triton.language as tl

from regthesis.kernels.shapes import Float, Tensor
from regthesis.kernels.triton.cell import corner, field_voxels, interpolate, locate, slope
from regthesis.kernels.triton.launch import blocks, index_type, kernel, launch, volume


@kernel
def _square(u, out, scale, nz, ny, nx, D: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """w + w∘(id + w) of w = `scale` u."""
    field, voxels, i, here = field_voxels(nz, ny, nx, INDEX, BLOCK)
    u += field * D * voxels
    cell = locate(u, scale, i, here, nz, ny, nx, D)
    for axis in tl.static_range(D):
        component = u + axis * voxels
        own = tl.load(component + i, mask=here, other=0.0).to(tl.float32)
        moved = interpolate(component, cell, here, ny, nx, D, INDEX)
        tl.store(out + (field * D + axis) * voxels + i, scale * (own + moved), mask=here)


@kernel
def _square_backward(grad, u, out, scale, nz, ny, nx, D: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """Add `scale` times the gradient by u of u + u∘(id + u): as itself, as what is sampled, and as where."""
    field, voxels, i, here = field_voxels(nz, ny, nx, INDEX, BLOCK)
    first = field * D * voxels
    cell = locate(u + first, 1.0, i, here, nz, ny, nx, D)
    along_z = tl.zeros([BLOCK], tl.float32)
    along_y = tl.zeros([BLOCK], tl.float32)
    along_x = tl.zeros([BLOCK], tl.float32)
    for axis in tl.static_range(D):
        component = first + axis * voxels
        g = scale * tl.load(grad + component + i, mask=here, other=0.0)
        for k in tl.static_range(2**D):
            offset, weight_z, weight_y, weight_x = corner(cell, k, ny, nx, INDEX)
            share = g * (weight_z * weight_y * weight_x)
            tl.atomic_add(out + component + offset, share, mask=here & (share != 0), sem="relaxed")
            value = g * tl.load(u + component + offset, mask=here, other=0.0)
            slope_z, slope_y, slope_x = slope(value, cell, k, weight_z, weight_y, weight_x)
            along_z += slope_z
            along_y += slope_y
            along_x += slope_x
    grad += first + i
    out += first + i
    if D == 3:
        own = scale * tl.load(grad, mask=here, other=0.0)
        tl.atomic_add(out, own + along_z, mask=here, sem="relaxed")
    own = scale * tl.load(grad + (D - 2) * voxels, mask=here, other=0.0)
    tl.atomic_add(out + (D - 2) * voxels, own + along_y, mask=here, sem="relaxed")
    own = scale * tl.load(grad + (D - 1) * voxels, mask=here, other=0.0)
    tl.atomic_add(out + (D - 1) * voxels, own + along_x, mask=here, sem="relaxed")


def _run(function: Callable, u: Tensor, *tensors: Tensor, scale: float) -> None:
    nz, ny, nx = volume(u)
    programs = u.shape[0] * blocks(nz * ny * nx)
    launch(function, programs, *tensors, scale, nz, ny, nx, D=u.shape[1], INDEX=index_type(u))


def _stages(v: Float[Tensor, "b d *space"], steps: int) -> Float[Tensor, "steps b d *space"]:
    """The field before each squaring."""
    stages = v.new_empty(steps, *v.shape)
    torch.mul(v, 0.5**steps, out=stages[0])
    for before, after in zip(stages[:-1], stages[1:], strict=True):
        _run(_square, v, before, after, scale=1.0)
    return stages


def exp(v: Float[Tensor, "b d *space"], steps: int, keep: bool) -> tuple[Tensor, Tensor]:
    """Displacement of v / 2^steps composed `steps` times with itself, and the field before each squaring, or nothing.

    Float32 throughout. Keeping costs 12 `steps` bytes a voxel in space.
    """
    v = v.contiguous()
    if steps == 0:
        return v.clone(), v.new_empty(0, *v.shape)
    if keep:
        stages, u = _stages(v, steps), torch.empty_like(v)
        _run(_square, v, stages[-1], u, scale=1.0)
        return u, stages
    u, scale, spare = v, 0.5**steps, None
    for _ in range(steps):
        spare = torch.empty_like(v) if spare is None or spare is v else spare
        _run(_square, v, u, spare, scale=scale)
        u, spare, scale = spare, u, 1.0
    return u, v.new_empty(0, *v.shape)


def exp_backward(
    grad: Float[Tensor, "b d *space"], v: Float[Tensor, "b d *space"], stages: Tensor, steps: int
) -> Tensor:
    """Gradient of `exp` by v; empty stages are computed again.

    Summed by atomic addition: its last bits depend on the order in which threads arrive.
    """
    grad, v = grad.contiguous(), v.contiguous()
    if steps == 0:
        return grad.clone()
    stages = stages if stages.numel() else _stages(v, steps)
    for step in reversed(range(steps)):
        before = torch.zeros_like(v)
        _run(_square_backward, v, grad, stages[step], before, scale=1.0 if step else 0.5**steps)
        grad = before
    return grad
