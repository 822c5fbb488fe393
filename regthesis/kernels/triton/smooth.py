"""Separable Gaussian smoothing, one pass an axis, tap by tap.

Bytes a voxel in float32: 8 an axis that is smoothed; the taps themselves come out of the caches.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
import triton.language as tl

from regthesis.kernels.plain.smooth import gaussian
from regthesis.kernels.shapes import Float, Tensor
from regthesis.kernels.triton.launch import blocks, index_type, kernel, launch


@lru_cache(maxsize=64)
def _taps(sigma: float, radius: int, device: torch.device) -> Float[Tensor, "two taps"]:
    """Weight of each distance from 0 to `radius` voxels in a kernel that sums to one; of all beyond it on one side."""
    with torch.inference_mode(False):
        weights = gaussian(sigma, radius)[radius:]
        beyond = weights.flip(0).cumsum(0).flip(0) - weights
        return torch.stack([weights, beyond]).to(device, torch.float32)


@kernel
def _smooth(x, out, taps, voxels, n, inner, radius, ADJOINT: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """One axis of n voxels that lie `inner` apart.

    A tap that reaches past an end takes the voxel there. In the adjoint that voxel instead gathers from every voxel
    what its taps past the end would have taken.
    """
    voxel = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    here = voxel < voxels
    i = (voxel // inner % n).to(tl.int32)
    total = tl.zeros([BLOCK], tl.float32)
    for tap in range(-radius, radius + 1):
        distance = tl.maximum(tap, -tap)
        weight = tl.load(taps + distance)
        if ADJOINT:
            beyond = tl.load(taps + radius + 1 + distance)
            weight += tl.where((i == 0) & (i + tap >= 0), beyond, 0.0)
            weight += tl.where((i == n - 1) & (i + tap <= n - 1), beyond, 0.0)
            there = here & (i + tap >= 0) & (i + tap < n)
            value = tl.load(x + voxel + tap * inner, mask=there, other=0.0)
        else:
            reached = tl.minimum(tl.maximum(i + tap, 0), n - 1)
            value = tl.load(x + voxel + (reached - i).to(INDEX) * inner, mask=here, other=0.0)
        total += weight * value.to(tl.float32)
    tl.store(out + voxel, total, mask=here)


def smooth(
    x: Float[Tensor, "b c *space"], sigmas: Sequence[float], radii: Sequence[int], adjoint: bool
) -> Float[Tensor, "b c *space"]:
    """x convolved along each axis with a Gaussian of `sigmas` voxels, cut off at `radii` voxels and normalised.

    The borders are replicated; a radius of 0 leaves an axis alone. `adjoint` applies the transpose. Between the axes
    values are kept in float32; the result has the dtype of x.
    """
    values = x.contiguous()
    axes = [axis for axis, radius in enumerate(radii) if radius]
    for axis in axes:
        dtype = x.dtype if axis == axes[-1] else torch.float32
        out = torch.empty_like(values, dtype=dtype)
        taps = _taps(sigmas[axis], radii[axis], x.device)
        inner = x.shape[axis + 3 :].numel()
        launch(
            *(_smooth, blocks(x.numel())),
            *(values, out, taps, x.numel(), x.shape[axis + 2], inner, radii[axis]),
            ADJOINT=adjoint,
            INDEX=index_type(x),
        )
        values = out
    return values if axes else values.clone()
