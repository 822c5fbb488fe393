"""Networks that predict a stationary velocity: on which grid they do, and how it comes back to the images' own."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import nn

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.learned import Learned

Images = Float[Tensor, "n 1 *space"]


def on_network_grid(network: nn.Module, case: Case) -> tuple[Images, Images]:
    """The moving and the fixed images of a case as a network takes them, n of each for n fixed images.

    They are resampled to the network's grid, whose centre is that of the case's, and z-scored there.
    """
    images = kernels.zscore(kernels.regrid(case.images, case.spacing, network.shape, network.spacing))
    return images[:1].expand_as(images[1:]), images[1:]


def on_case_grid(
    network: nn.Module, v: Float[Tensor, "n d *space"], case: Case, smoothing: float = 0.0
) -> Float[Tensor, "n d *case"]:
    """A network's velocity, in its voxels, on the grid and in the voxels of a case.

    Cubic B-splines interpolate it: linear interpolation leaves kinks, and each is a step in the Jacobian. With
    `smoothing` a Gaussian of so many mm smooths it there, where the case's grid is the finer one.
    """
    v = kernels.regrid(v, network.spacing, case.grid.shape, case.spacing, field=True, cubic=True)
    finer = any(h < 0.99 * its for h, its in zip(case.spacing, network.spacing, strict=True))  # rounding does not count
    return kernels.smooth(v, smoothing, case.spacing) if smoothing and finer else v


@dataclass(frozen=True)
class VelocityNetwork(Learned):
    """A method whose network predicts the velocity of each pair; subclasses implement `velocity`.

    The network has `shape` and `spacing` (mm) of its grid, and the number of squarings `steps`. `smoothing` after the
    network is that of `on_case_grid`, in mm; the thesis has none.
    """

    smoothing: float = field(default=0.0, kw_only=True)

    @abstractmethod
    def velocity(
        self, network: nn.Module, moving: Images, fixed: Images
    ) -> tuple[Float[Tensor, "n z"] | None, Float[Tensor, "n d *space"]]:
        """Latent code, or None, and velocity of each pair, on the network's grid and in its voxels."""

    def predict(self, network: nn.Module, case: Case) -> Deformation:
        """The exponential of the velocity, which was brought to the case's grid first."""
        code, v = self.velocity(network, *on_network_grid(network, case))
        with torch.no_grad():
            v = on_case_grid(network, v, case, self.smoothing)
            return Deformation.exp(v, case.grid, network.steps, code=code)
