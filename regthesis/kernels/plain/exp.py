"""Scaling and squaring with `grid_sample`."""

from regthesis.kernels.grid import denormalise, normalise, sample
from regthesis.kernels.shapes import Float, Tensor


def exp(v: Float[Tensor, "b d *space"], steps: int) -> Float[Tensor, "b d *space"]:
    """Displacement of the flow of v at time 1; u ← u + u∘(id + u), `steps` times from v / 2^steps."""
    displacement = normalise(v) / 2**steps  # in grid_sample's units, channels last, through all squarings
    for _ in range(steps):
        moved = sample(displacement.movedim(-1, 1), displacement)
        displacement = displacement + moved.movedim(1, -1).contiguous()
    return denormalise(displacement)
