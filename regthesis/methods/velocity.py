"""Networks that predict a stationary velocity: on which grid they do, and how it comes back to the images' own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.methods.learned import Learned
from regthesis.train import read_card
from regthesis.weights import weight_files

Images = Float[Tensor, "n 1 *space"]


def on_network_grid(network: nn.Module, case: Case) -> tuple[Images, Images]:
    """The moving and the fixed images of a case as a network takes them, n of each for n fixed images.

    They are resampled to the network's grid, whose centre is that of the case's, and z-scored there.
    """
    images = kernels.zscore(kernels.regrid(case.images, case.spacing, network.shape, network.spacing))
    return images[:1].expand_as(images[1:]), images[1:]


def on_case_grid(
    network: nn.Module, v: Float[Tensor, "n d *space"], case: Case, smoothing: float = 3.0
) -> Float[Tensor, "n d *case"]:
    """A network's velocity, in its voxels, on the grid and in the voxels of a case.

    Linear interpolation leaves kinks, and each is a step in the Jacobian. So where the case's grid is the finer one the
    velocity is smoothed by a Gaussian of `smoothing` mm; the default is the Gaussian of the training. Without smoothing
    it is interpolated by cubic B-splines, and is the network's own.
    """
    smoothed = smoothing and is_finer(case.spacing, network.spacing)
    v = kernels.regrid(v, network.spacing, case.grid.shape, case.spacing, field=True, cubic=not smoothed)
    return kernels.smooth(v, smoothing, case.spacing) if smoothed else v


def is_finer(spacing: Sequence[Number], other: Sequence[Number]) -> bool:
    """Whether the spacing of one grid is smaller than another's along any axis; rounding does not count."""
    return any(h < 0.99 * its for h, its in zip(spacing, other, strict=True))


@dataclass(frozen=True)
class VelocityNetwork(Learned):
    """A method whose network predicts the velocity of each pair; subclasses implement `velocity`.

    The network has `shape` and `spacing` (mm) of its grid, and the number of squarings `steps`. `smoothing` is that of
    `on_case_grid`, in mm; a method with none is another row of a table, and its name and label say so.
    """

    network_name: ClassVar[str]  # the method's name where velocities are smoothed
    network_label: ClassVar[str]
    smoothing: float = field(default=3.0, kw_only=True)

    @property
    def name(self) -> str:
        return self.network_name + ("" if self.smoothing else "-unsmoothed")

    @property
    def label(self) -> str:
        return self.network_label + ("" if self.smoothing else ", unsmoothed")

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

    def smoothed_by(self, spacing: Sequence[Number]) -> float:
        """By how many mm velocities are smoothed after the network on a grid; 0 where it is not finer than its own.

        Raises:
            UserError: there are no weights.
        """
        own = read_card(weight_files(self.weights, self.command)[0])["arguments"]["spacing"]
        return self.smoothing if is_finer(spacing, own) else 0.0
