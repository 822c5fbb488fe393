"""The motion matrix of a cine, improved for that very cine before it is decoded (beyond the thesis)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.motion import MotionTracking, as_model_sees, decoded
from regthesis.methods.refined import descend
from regthesis.models.motion import MotionModel

__all__ = ["METHODS", "MotionRefined"]


@dataclass(frozen=True)
class MotionRefined(MotionTracking):
    """Steps of Adam from the mean of the posterior towards its mode, for the whole cine at once.

    The loss is the one of training for this cine (Eq. 5.5): squared differences over the noise, and half of the squared
    whitened motion matrix, which is what the prior says. So the motion stays one that the decoder can say and the prior
    allows; only the encoder's haste is made up for. `steps` steps of size `rate` change the whitened matrix.
    """

    name = "motion-refined"
    label = "Our + refinement"
    steps: int = 20
    rate: float = 0.5

    @torch.inference_mode(False)  # steps follow gradients, also where the caller wants none
    def predict(self, network: MotionModel, case: Case) -> Deformation:
        """As `MotionTracking.predict`, but with all frames, and the matrix after the steps."""
        images, places = (it.clone() for it in as_model_sees(network, case))
        with torch.no_grad():
            mu = network.encode(images[None], places[None]).mu.clone()
        moving, fixed = images[:1], images[1:]

        def matrix(change: Float[Tensor, "1 z t"]) -> Float[Tensor, "1 z t"]:
            return mu + change @ network.prior.root

        def price(change: Float[Tensor, "1 z t"]) -> Float[Tensor, ""]:
            z = matrix(change)
            v = network.decode(z, moving, places)[0]
            squares = (fixed - kernels.warp(moving.expand_as(fixed), kernels.exp(v, network.steps))).square()
            return 0.5 * squares.sum() / network.noise + network.prior.kl(z, torch.ones_like(z[..., 0]))

        z = matrix(descend(torch.zeros_like(mu), price, self.steps, self.rate))
        return decoded(network, z, moving, places, case)


METHODS = [MotionRefined()]
