"""The exponential of a stationary velocity field."""

import math

import torch
from torch.utils.checkpoint import checkpoint

from regthesis.kernels.checks import check_at_least, check_field
from regthesis.kernels.ops import HALF, supported
from regthesis.kernels.ops import exp as fused
from regthesis.kernels.plain import exp as plain
from regthesis.kernels.shapes import Float, Tensor


def squarings(v: Float[Tensor, "b d *space"]) -> int:
    """Smallest N with |v| / 2^N <= 0.5 voxel everywhere in the batch (Arsigny et al. 2006).

    Raises ValueError for a field with NaN or infinity.
    """
    longest = v.detach().square().sum(1).max().sqrt().item()
    if not math.isfinite(longest):
        raise ValueError("v: expected finite vectors, got NaN or infinity")
    return max(0, math.ceil(math.log2(2 * longest))) if longest else 0


def exp(
    v: Float[Tensor, "b d *space"], steps: int | None = None, recompute: bool = False
) -> Float[Tensor, "b d *space"]:
    """Displacement u of the flow at time 1 of a stationary velocity: id + u = exp(v), both in voxels.

    Scaling and squaring (Arsigny et al. 2006; the exponentiation layer of section 4.2): v / 2^N is composed with
    itself N times. `steps` is N; None takes the N of `squarings` for the whole batch. The thesis uses 4.
    The error falls as 2^-N. At the border the velocity continues constantly outwards. Half precision is squared, and
    returned, in float32.

    For the gradient, N fields as large as v are kept; with `recompute` only v is, and the backward pass computes them
    again, which takes one more forward pass.

    Raises ValueError for a wrong shape, negative steps, or (with steps None) values that are not finite.
    """
    check_field("v", v)
    steps = squarings(v) if steps is None else steps
    check_at_least("steps", steps, 0)
    if v.dtype in HALF:
        v = v.float()
    if not supported(v):
        return checkpoint(plain.exp, v, steps, use_reentrant=False) if recompute else plain.exp(v, steps)
    keep = v.requires_grad and torch.is_grad_enabled() and not recompute
    return fused.exp(v, steps, keep)[0]
