"""The exponential of a stationary velocity field."""

import math

from regthesis.kernels.checks import check_at_least, check_field
from regthesis.kernels.grid import denormalise, normalise, sample
from regthesis.kernels.shapes import Float, Tensor


def squarings(v: Float[Tensor, "b d *space"]) -> int:
    """Smallest N with |v| / 2^N <= 0.5 voxel everywhere in the batch (Arsigny et al. 2006).

    Raises ValueError for a field with NaN or infinity.
    """
    longest = v.detach().square().sum(1).max().sqrt().item()
    if not math.isfinite(longest):
        raise ValueError("v: expected finite vectors, got NaN or infinity")
    return max(0, math.ceil(math.log2(2 * longest))) if longest else 0


def exp(v: Float[Tensor, "b d *space"], steps: int | None = None) -> Float[Tensor, "b d *space"]:
    """Displacement u of the flow at time 1 of a stationary velocity: id + u = exp(v), both in voxels.

    Scaling and squaring (Arsigny et al. 2006; the exponentiation layer of section 4.2): v / 2^N is composed with
    itself N times. `steps` is N; None takes the N of `squarings` for the whole batch. The thesis uses 4.
    The error falls as 2^-N. At the border the velocity continues constantly outwards.

    Raises ValueError for a wrong shape, negative steps, or (with steps None) values that are not finite.
    """
    check_field("v", v)
    steps = squarings(v) if steps is None else steps
    check_at_least("steps", steps, 0)
    displacement = normalise(v) / 2**steps  # in grid_sample's units, channels last, through all squarings
    for _ in range(steps):
        moved = sample(displacement.movedim(-1, 1), displacement)
        displacement = displacement + moved.movedim(1, -1).contiguous()
    return denormalise(displacement)
