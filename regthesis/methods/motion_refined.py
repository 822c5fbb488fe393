"""The motion of a cine, improved for that very cine (beyond the thesis)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.motion import MotionTracking, as_model_sees, on_case_grid
from regthesis.methods.refined import descend
from regthesis.models.motion import MotionModel, smoothed

__all__ = ["METHODS", "MotionRefined"]


@dataclass(frozen=True)
class MotionRefined(MotionTracking):
    """Steps of Adam for the whole cine at once: on its motion matrix first, then on what no matrix can say.

    The loss of the first `steps` is the one of training for this cine (Eq. 5.5): squared differences over the noise,
    and half of the squared whitened matrix, which is what the prior says; they change the whitened matrix by up to
    `rate` each. So only the encoder's haste is made up for.

    Then a rest is added to the velocities that the matrix decodes to: `rest_steps` steps of size `rest_rate`. Its prior
    is a Gaussian process over space and time: white noise of `rest` voxels, smoothed by `sigma` mm and by `sigma_time`
    time steps.
    """

    name = "motion-refined"
    label = "Our + refinement"
    steps: int = 20
    rate: float = 0.5
    rest_steps: int = 30
    rest_rate: float = 0.1
    rest: float = 2.0
    sigma: float = 5.0
    sigma_time: float = 2.5

    @torch.inference_mode(False)  # steps follow gradients, also where the caller wants none
    def predict(self, network: MotionModel, case: Case) -> Deformation:
        """As `MotionTracking.predict`, but with all frames, and the motion after the steps."""
        images, places = (it.clone() for it in as_model_sees(network, case))
        with torch.no_grad():
            mu = network.encode(images[None], places[None]).mu.clone()
        moving, fixed = images[:1], images[1:]

        def mismatch(v: Float[Tensor, "n d *space"]) -> Float[Tensor, ""]:
            squares = (fixed - kernels.warp(moving.expand_as(fixed), kernels.exp(v, network.steps))).square()
            return 0.5 * squares.sum() / network.noise

        def matrix(change: Float[Tensor, "1 z t"]) -> Float[Tensor, "1 z t"]:
            return mu + change @ network.prior.root

        def price(change: Float[Tensor, "1 z t"]) -> Float[Tensor, ""]:
            z = matrix(change)
            prior = network.prior.kl(z, torch.ones_like(z[..., 0]))
            return mismatch(network.decode(z, moving, places)[0]) + prior

        z = matrix(descend(torch.zeros_like(mu), price, self.steps, self.rate))
        with torch.no_grad():
            said = network.decode(z, moving)[0, places]

        def whole(white: Float[Tensor, "n d *space"]) -> Float[Tensor, "n d *space"]:
            return said + smoothed(white[None], places, network.spacing, self.sigma, self.sigma_time)[0]

        def price_of_rest(white: Float[Tensor, "n d *space"]) -> Float[Tensor, ""]:
            return mismatch(whole(white)) + 0.5 * (white / self.rest).square().sum()

        white = descend(torch.zeros_like(said), price_of_rest, self.rest_steps, self.rest_rate)
        with torch.no_grad():
            v = on_case_grid(network, whole(white), case)
            return Deformation.exp(v, case.grid, network.steps, code=z[0, :, places].mT.contiguous())


METHODS = [MotionRefined()]
