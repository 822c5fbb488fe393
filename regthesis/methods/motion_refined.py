"""The motion of a cine, improved for that very cine (beyond the thesis)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.motion import MotionTracking, as_model_sees, on_case_grid, unit_range
from regthesis.methods.refined import descend
from regthesis.models.motion import MotionModel, smoothed

__all__ = ["METHODS", "MotionRefined"]


@dataclass(frozen=True)
class MotionRefined(MotionTracking):
    """Steps of Adam for the whole cine at once: on its motion matrix first, then on what no matrix can say.

    The loss of the first `steps` is the one of training for this cine (Eq. 5.5): squared differences over the noise,
    and half of the squared whitened matrix, which is what the prior says; they change the whitened matrix by up to
    `rate` each. So only the encoder's haste is made up for.

    Then a rest is added to the velocities that the matrix decodes to, on the case's own grid. Its prior is a Gaussian
    process over space and time with a standard deviation of `rest` mm: white noise, smoothed by `sigma` mm and by
    `sigma_time` time steps; `rest_steps` steps of size `rest_rate` change that noise.
    """

    name = "motion-refined"
    label = "Our + refinement"
    steps: int = 20
    rate: float = 0.5
    rest_steps: int = 30
    rest_rate: float = 0.03
    rest: float = 0.3
    sigma: float = 7.0
    sigma_time: float = 2.5

    @torch.inference_mode(False)  # steps follow gradients, also where the caller wants none
    def predict(self, network: MotionModel, case: Case) -> Deformation:
        """As `MotionTracking.predict`, but with all frames, and the motion after the steps."""
        images, places = (it.clone() for it in as_model_sees(network, case))
        with torch.no_grad():
            mu = network.encode(images[None], places[None]).mu.clone()

        def matrix(change: Float[Tensor, "1 z t"]) -> Float[Tensor, "1 z t"]:
            return mu + change @ network.prior.root

        def price(change: Float[Tensor, "1 z t"]) -> Float[Tensor, ""]:
            z = matrix(change)
            v = network.decode(z, images[:1], places)[0]
            return _mismatch(network, images, v) + network.prior.kl(z, torch.ones_like(z[..., 0]))

        z = matrix(descend(torch.zeros_like(mu), price, self.steps, self.rate))
        with torch.no_grad():
            said = on_case_grid(network, network.decode(z, images[:1])[0, places], case)
        code = z[0, :, places].mT.contiguous()
        return Deformation.exp(self._with_rest(network, case, places, said), case.grid, network.steps, code=code)

    def _with_rest(
        self, network: MotionModel, case: Case, places: Tensor, said: Float[Tensor, "n d *space"]
    ) -> Float[Tensor, "n d *space"]:
        """Velocities on a case's grid, and the rest that follows from its images."""
        images = unit_range(case.images).clone()
        voxels = [self.sigma / h for h in case.spacing]
        gain = math.prod((2 * math.sqrt(math.pi) * width) ** 0.5 for width in (*voxels, self.sigma_time))
        unit = self.rest * gain / said.new_tensor(case.spacing).view(-1, *[1] * len(voxels))  # of noise, in voxels

        def whole(noise: Float[Tensor, "n d *space"]) -> Float[Tensor, "n d *space"]:
            return said + unit * smoothed(noise[None], places, case.spacing, self.sigma, self.sigma_time, None)[0]

        def price(noise: Float[Tensor, "n d *space"]) -> Float[Tensor, ""]:
            return _mismatch(network, images, whole(noise)) + 0.5 * noise.square().sum()

        with torch.no_grad():
            return whole(descend(torch.zeros_like(said), price, self.rest_steps, self.rest_rate))


def _mismatch(
    network: MotionModel, images: Float[Tensor, "t 1 *space"], v: Float[Tensor, "n d *space"]
) -> Float[Tensor, ""]:
    """Squared differences between frame 0 as velocities move it and the others, over twice the model's noise."""
    moved = kernels.warp(images[:1].expand_as(images[1:]), kernels.exp(v, network.steps))
    return 0.5 * (images[1:] - moved).square().sum() / network.noise


METHODS = [MotionRefined()]
