"""The smallest network that learns to register slices: f_omega of Eq. 2.3, for chapter 2."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import leaky_relu

from regthesis import kernels
from regthesis.kernels.shapes import Float, Int, Tensor


class Primer(nn.Module):
    """phi = f_omega(F, M): two images in, the displacement of a diffeomorphism out, in voxels.

    Two halvings gather context, one doubling brings it back to half the resolution; there a velocity is smoothed and
    exponentiated, and the displacement enlarged. The last weights start at zero, so that training starts from the
    identity. `width`: channels of every inner layer; `sigma`: smoothing of the velocity, in its own voxels.
    """

    def __init__(self, width: int = 24, sigma: float = 1.0):
        super().__init__()
        self.sigma = sigma
        self.fine = nn.Conv2d(2, width, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.wide = nn.ModuleList(nn.Conv2d(width, width, 3, padding=n, dilation=n) for n in (1, 2, 4))
        self.merge = nn.Conv2d(2 * width, width, 3, padding=1)
        self.velocity = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.zeros_(self.velocity.weight)
        nn.init.zeros_(self.velocity.bias)

    def forward(self, fixed: Float[Tensor, "b 1 y x"], moving: Float[Tensor, "b 1 y x"]) -> Float[Tensor, "b 2 y x"]:
        half = leaky_relu(self.fine(torch.cat([fixed, moving], 1)))  # (b, width, y/2, x/2)
        quarter = leaky_relu(self.coarse(half))  # (b, width, y/4, x/4)
        for layer in self.wide:
            quarter = quarter + leaky_relu(layer(quarter))
        joined = torch.cat([half, kernels.resize(quarter, half.shape[2:])], 1)
        v = kernels.smooth(self.velocity(leaky_relu(self.merge(joined))).float(), self.sigma)
        u = kernels.exp(v, steps=4)  # as often as the thesis squares
        return kernels.resize(u, fixed.shape[2:], field=True)


def overlap(
    u: Float[Tensor, "b 2 y x"],
    moving: Int[Tensor, "b 1 y x"],
    fixed: Int[Tensor, "b 1 y x"],
    labels: Sequence[int],
) -> Float[Tensor, ""]:
    """Mean DICE of some labels over a whole batch, differentiable in u: the moving masks are warped linearly."""
    a, b = (torch.cat([mask == label for label in labels], 1).to(u.dtype) for mask in (moving, fixed))
    a = kernels.warp(a, u)
    return (2 * (a * b).sum((0, 2, 3)) / (a + b).sum((0, 2, 3)).clamp(min=1)).mean()
