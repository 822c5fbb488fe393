"""The stationary velocity field of a displacement."""

from regthesis.kernels.checks import check_at_least, check_field
from regthesis.kernels.exp import squarings
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.kernels.warp import compose


def _square_root(u: Tensor, iterations: int, tolerance: Number) -> Tensor:
    """Displacement w with (id + w)∘(id + w) = id + u, by w ← w - ½ (w + w∘(id + w) - u)."""
    w = u / 2
    for _ in range(iterations):
        residual = compose(w, w) - u
        if residual.abs().max() <= tolerance:
            break
        w = w - residual / 2
    return w


def log(
    u: Float[Tensor, "b d *space"], steps: int | None = None, iterations: int = 30, tolerance: Number = 1e-4
) -> Float[Tensor, "b d *space"]:
    """Stationary velocity v, in voxels, whose `exp` with the same `steps` is u (Arsigny et al. 2006).

    Inverse scaling and squaring: the square root of id + u is taken N times and the last, small displacement
    multiplied by 2^N. `steps` is N; None takes the N of `squarings` for u. Each root stops when it squares to its
    argument within `tolerance` voxels, or after `iterations`. (Fixed points on the Baker-Campbell-Hausdorff series
    were tried instead: they diverge for displacements of a few voxels.) Not every diffeomorphism has a logarithm:
    compare `exp(log(u, steps), steps)` with u. Gradients pass through the iterations.

    Raises ValueError for a wrong shape, negative steps, fewer than one iteration, or values that are not finite.
    """
    check_field("u", u)
    check_at_least("iterations", iterations, 1)
    steps = squarings(u) if steps is None else steps
    check_at_least("steps", steps, 0)
    root = u
    for _ in range(steps):
        root = _square_root(root, iterations, tolerance)
    return root * 2**steps
