"""The network's answer, improved for the very pair at hand before it is applied (beyond the thesis)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.cvae import CVAE
from regthesis.models.deformation import DeformationCVAE


@dataclass(frozen=True)
class Refined(CVAE):
    """Steps of Adam on the latent code, then on an update of the velocity, from what the network predicts.

    The loss is 1 less the symmetric correlation of Eq. 4.7, plus `penalty` times the diffusion energy of the velocity
    in mm. First `code_steps` steps of size `rate_code` change the code; it is returned as they leave it. Then `steps`
    steps of size `rate` change an update of the velocity, in voxels, which is smoothed by `sigma` mm. `window` of the
    correlation is in the network's voxels: 5 of 3 mm are about as wide as the thesis's 9 of 1.5 mm.
    """

    network_name = "s3-refined"
    network_label = "S3 + refinement"
    code_steps: int = 0
    rate_code: float = 0.05
    steps: int = 40
    rate: float = 0.5
    sigma: float = 6.0
    penalty: float = 0.1
    window: int = 5

    @torch.inference_mode(False)  # steps follow gradients, also where the caller wants none
    def velocity(
        self,
        network: DeformationCVAE,
        moving: Float[Tensor, "n 1 *space"],
        fixed: Float[Tensor, "n 1 *space"],
    ) -> tuple[Float[Tensor, "n z"], Float[Tensor, "n d *space"]]:
        """The code and the velocity after the steps."""
        moving, fixed = moving.clone(), fixed.clone()  # a tensor made in inference mode cannot enter a graph
        z, v = super().velocity(network, moving, fixed)

        def mismatch(v):
            match = kernels.symmetric_lcc(fixed, moving, v, self.window, steps=network.steps)
            return 1 - match + self.penalty * kernels.diffusion(v, network.spacing)

        if self.code_steps:
            z = descend(z, lambda z: mismatch(network.decode(z, moving)), self.code_steps, self.rate_code)
            with torch.no_grad():
                v = network.decode(z, moving)
        better = lambda update: v + kernels.smooth(update, self.sigma, network.spacing)  # noqa: E731
        update = descend(torch.zeros_like(v), lambda update: mismatch(better(update)), self.steps, self.rate)
        return z, better(update)


@torch.enable_grad()
def descend(start: Tensor, loss: Callable[[Tensor], Tensor], steps: int, rate: float) -> Tensor:
    """What so many steps of Adam of size `rate` on a loss make of `start`."""
    x = start.clone().requires_grad_()
    adam = torch.optim.Adam([x], lr=rate)
    for _ in range(steps):
        adam.zero_grad()
        loss(x).backward(inputs=[x])
        adam.step()
    return x.detach()


METHODS = [Refined()]
