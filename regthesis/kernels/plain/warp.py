"""Resampling with `grid_sample`."""

import torch

from regthesis.kernels.grid import normalise, sample
from regthesis.kernels.shapes import Float, Int, Tensor


def warp(
    image: Float[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"], mode: str = "bilinear"
) -> Float[Tensor, "_b c *space"]:
    """`image(x + u(x))`, interpolated in the precision of u."""
    return sample(image.to(u.dtype), normalise(u), mode).to(image.dtype)


def warp_labels(labels: Int[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"]) -> Int[Tensor, "_b c *space"]:
    """The label whose warped indicator is largest."""
    displacement = normalise(u)
    best, winner = None, None
    for label in labels.unique():  # one at a time: memory does not grow with the number of labels
        share = sample((labels == label).to(u.dtype), displacement)
        if best is None:
            best, winner = share, label.expand(share.shape)
        winner = torch.where(share > best, label, winner)
        best = torch.maximum(share, best)
    return winner.contiguous()
