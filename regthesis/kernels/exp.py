"""Between velocities and displacements: exponential, logarithm, and the inverse map."""

import math
from collections.abc import Callable

import torch

from regthesis.kernels.checks import check_at_least, check_field
from regthesis.kernels.grid import denormalise, normalise, sample
from regthesis.kernels.shapes import Float, Tensor
from regthesis.kernels.warp import compose


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


def _solve(residual: Callable[[Tensor], Tensor], w: Tensor, iterations: int, tolerance: float) -> Tensor:
    """Fixed-point iteration w ← w - s residual(w), whose step s, 1 at first, is halved voxel by voxel where the
    residual grew: the plain iteration diverges where a map stretches more than twofold."""
    step, previous = torch.ones_like(w[:, :1]), None
    for _ in range(iterations):
        remaining = residual(w)
        error = remaining.detach().abs().amax(1, keepdim=True)
        if error.max() <= tolerance:
            break
        if previous is not None:
            step = torch.where(error > previous, step / 2, step)
        w, previous = w - step * remaining, error
    return w


def inverse(
    u: Float[Tensor, "b d *space"], iterations: int = 50, tolerance: float = 1e-4
) -> Float[Tensor, "b d *space"]:
    """Displacement w of the inverse map, (id + u)∘(id + w) = id, in voxels, by fixed points (Chen et al. 2008).

    Stops when no component of `compose(u, w)` is above `tolerance` voxels, or after `iterations`. Where id + u folds
    there is no inverse, and `compose(u, w)` shows what remains. Gradients pass through the iterations.

    Raises ValueError for a wrong shape or fewer than one iteration.
    """
    check_field("u", u)
    check_at_least("iterations", iterations, 1)
    return _solve(lambda w: compose(u, w), -u, iterations, tolerance)


def log(
    u: Float[Tensor, "b d *space"], steps: int | None = None, iterations: int = 50, tolerance: float = 1e-5
) -> Float[Tensor, "b d *space"]:
    """Stationary velocity v, in voxels, whose `exp` with the same `steps` is u (Arsigny et al. 2006).

    Inverse scaling and squaring: the square root of id + u is taken N times and the last, small displacement
    multiplied by 2^N. `steps` is N; None takes the N of `squarings` for u. Each root is a fixed point, solved to
    `tolerance` voxels or for `iterations`. Far more robust for large fields than series of Lie brackets, which
    diverge. Not every diffeomorphism has a logarithm: compare `exp(log(u, steps), steps)` with u.

    Raises ValueError for a wrong shape, negative steps, or fewer than one iteration.
    """
    check_field("u", u)
    check_at_least("iterations", iterations, 1)
    steps = squarings(u) if steps is None else steps
    check_at_least("steps", steps, 0)
    root = u
    for _ in range(steps):
        whole = root
        root = _solve(lambda w, whole=whole: (compose(w, w) - whole) / 2, whole / 2, iterations, tolerance)
    return root * 2**steps
