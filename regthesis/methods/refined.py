"""The network's velocity, improved for the very pair at hand before it is applied (beyond the thesis)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.cvae import CVAE
from regthesis.models.deformation import STEPS


@dataclass(frozen=True)
class Refined(CVAE):
    """Adam on an update of the velocity, smoothed by `sigma` mm, from the amortised start.

    The loss is 1 - D_LCC plus `penalty` times the diffusion energy of the velocity in mm. `rate` is the step of Adam
    in voxels before smoothing.
    """

    name = "s3-refined"
    label = "S3 + refinement"
    iterations: int = 30
    rate: float = 0.5
    sigma: float = 6.0
    penalty: float = 1.0
    window: int = 9

    def refine(
        self,
        v: Float[Tensor, "n d *space"],
        moving: Float[Tensor, "n 1 *space"],
        fixed: Float[Tensor, "n 1 *space"],
        spacing,
    ) -> Float[Tensor, "n d *space"]:
        """The velocity after `iterations` of Adam."""
        update = torch.zeros_like(v, requires_grad=True)
        adam = torch.optim.Adam([update], lr=self.rate)
        for _ in range(self.iterations):
            better = v + kernels.smooth(update, self.sigma, spacing)
            match = kernels.symmetric_lcc(fixed, moving, better, self.window, steps=STEPS)
            loss = 1 - match + self.penalty * kernels.diffusion(better, spacing)
            adam.zero_grad()
            loss.backward()
            adam.step()
        return (v + kernels.smooth(update, self.sigma, spacing)).detach()


METHODS = [Refined()]
