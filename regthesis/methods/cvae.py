"""Registration in one pass of the network of chapter 4, at three scales and at one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.velocity import VelocityNetwork
from regthesis.models.deformation import DeformationCVAE
from regthesis.weights import shipped


@dataclass(frozen=True)
class CVAE(VelocityNetwork):
    """The multi-scale network: z from both images, a velocity from z and the moving image."""

    name = "s3"
    label = "S3"
    network_class = DeformationCVAE
    command = "deformation"
    weights: Path = shipped("s3")

    def velocity(
        self,
        network: DeformationCVAE,
        moving: Float[Tensor, "n 1 *space"],
        fixed: Float[Tensor, "n 1 *space"],
    ) -> tuple[Float[Tensor, "n z"], Float[Tensor, "n d *space"]]:
        """The mean of the posterior and the velocity that it decodes to."""
        with torch.no_grad():
            mu, _ = network.encode(moving, fixed)
            return mu, network.decode(mu, moving)


@dataclass(frozen=True)
class SingleScale(CVAE):
    """The network with a velocity at the finest scale alone."""

    name = "s1"
    label = "S1"
    weights: Path = shipped("s1")


@dataclass(frozen=True)
class Plain(CVAE):
    """The multi-scale network in the form of the thesis, trained as the one of a single scale was."""

    name = "s3-plain"
    label = "S3, plain"
    weights: Path = shipped("s3-plain")


@dataclass(frozen=True)
class PairwiseSlices(CVAE):
    """A network of a single scale in 2-D, trained on all pairs of the cines of slices: chapter 5's LPR (5.3.3)."""

    name = "lpr"
    label = "LPR"
    weights: Path = shipped("lpr")


METHODS = [CVAE(), SingleScale(), Plain(), PairwiseSlices()]
