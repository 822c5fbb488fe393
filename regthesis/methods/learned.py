"""What all trained networks share: grids of their own, and weights that have not seen the patient."""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from warnings import catch_warnings, warn

import torch
from torch import nn

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import DomainWarning, UserError
from regthesis.kernels.shapes import Float, Number, Tensor
from regthesis.methods.base import Method, seconds_since
from regthesis.models.deformation import STEPS
from regthesis.train import read_card
from regthesis.weights import WEIGHTS, card_of, load, unseen, weight_files


def on_network_grid(network: nn.Module, case: Case) -> tuple[Float[Tensor, "n 1 *space"], Float[Tensor, "n 1 *space"]]:
    """A case's moving and fixed images as its network takes them: on its grid, z-scored, one moving for each fixed."""
    images = kernels.zscore(kernels.regrid(case.images, case.spacing, network.shape, network.spacing))
    return images[:1].expand_as(images[1:]), images[1:]


def on_case_grid(
    network: nn.Module, v: Float[Tensor, "n d *space"], case: Case, smoothing: float = 3.0
) -> Float[Tensor, "n d *case"]:
    """A network's velocity on a case's grid, smoothed by so many mm where that is finer; by default as in training."""
    v = kernels.regrid(v, network.spacing, case.grid.shape, case.spacing, field=True)
    return kernels.smooth(v, smoothing, case.spacing) if smoothing and is_finer(case.spacing, network.spacing) else v


def is_finer(spacing: Sequence[Number], other: Sequence[Number]) -> bool:
    """Whether a grid is finer than another along any axis; rounding is not."""
    return any(h < 0.99 * its for h, its in zip(spacing, other, strict=True))


@dataclass(frozen=True)
class Learned(Method):
    """A method whose velocity comes from a network of class `kind`, with a `shape` and a `spacing` of its own.

    `weights` is a file, or a folder with one a fold. The first is taken whose network was neither trained nor validated
    on the case's patient, known by `case.identity`. `smoothing`, in mm, is that of velocities on grids finer than the
    network's.
    """

    kind: ClassVar[type[nn.Module]]
    network_name: ClassVar[str]  # of the method, where its velocities are smoothed as by default
    network_label: ClassVar[str]
    recipe: ClassVar[str]  # of `regthesis train`
    weights: Path
    smoothing: float = field(default=3.0, kw_only=True)

    @property
    def name(self) -> str:
        return self.network_name + ("" if self.smoothing else "-unsmoothed")

    @property
    def label(self) -> str:
        return self.network_label + ("" if self.smoothing else ", unsmoothed")

    def smoothed_by(self, spacing: Sequence[Number]) -> float:
        """By how many mm velocities are smoothed after the fact on a grid, 0 where it is not finer than the network's.

        Raises:
            UserError: there are no weights.
        """
        own = read_card(weight_files(self.weights, self.recipe)[0])["arguments"]["spacing"]
        return self.smoothing if is_finer(spacing, own) else 0.0

    def register(self, case: Case) -> Deformation:
        """As every method's, with the velocity and, where there is one, the latent code.

        Images are brought to the network's grid, which has the same centre, and the velocity back to theirs, where a
        Gaussian acts once more if that grid is finer: interpolation leaves kinks, and each is a step in the Jacobian.
        Reading weights is not counted in the seconds.

        Warns and raises as `network`.
        """
        network = self.network(case).to(case.images.device)
        start = time.perf_counter()
        code, v = self.velocity(network, *on_network_grid(network, case))
        with torch.no_grad():
            v = on_case_grid(network, v, case, self.smoothing)
            u = kernels.exp(v, STEPS)
        return Deformation(u, case.grid, v, code, seconds_since(start, u.device))

    def pair(self, moving, fixed, grid):
        """Refused: two images without a case do not say whose they are, so the network may have seen the patient."""
        raise UserError(f"{self.name}: images alone do not say whose they are; make a case, and register that")

    @abstractmethod
    def velocity(
        self, network: nn.Module, moving: Float[Tensor, "n 1 *space"], fixed: Float[Tensor, "n 1 *space"]
    ) -> tuple[Float[Tensor, "n z"] | None, Float[Tensor, "n d *space"]]:
        """Latent code, or None, and velocity of each pair on the network's grid and in its voxels."""

    def about(self, case: Case) -> dict:
        """The file of the weights that `case` is registered with, its SHA-256, and the fold that they left out."""
        file = self.weights_for(case)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"weights": {"file": str(file), "sha256": digest, "fold": read_card(file).get("fold")}}

    def weights_for(self, case: Case) -> Path:
        """The file of weights that registers a case; it has not seen the patient.

        Warns with a `DomainWarning` where the images are not of the network's data set.

        Raises:
            UserError: there are no weights.
            Refused: all have seen the patient, or the patient is a stranger in the layout of the network's own data
                set.
        """
        file = unseen(self.weights, self.recipe, case.id, case.identity, case.dataset)
        card = card_of(file)
        if card.dataset != case.dataset and not card.names_of(case.identity):
            text = f"{self.name} was trained on {card.dataset or 'other images'} alone; look at what it makes of these"
            warn(text, DomainWarning, stacklevel=2)
        return file

    def check(self, case: Case) -> None:
        """Raises as `weights_for`."""
        with catch_warnings(action="ignore"):
            self.weights_for(case)

    def network(self, case: Case) -> nn.Module:
        """The network for a case; warns and raises as `weights_for`, and for another number of dimensions."""
        file = self.weights_for(case)
        network = load(file, self.kind)
        if len(network.shape) != case.grid.rank:
            raise UserError(f"{case.id}: {case.grid.rank}-D images, but {file} is for {len(network.shape)}-D ones")
        return network


def trained_on(method: Method, dataset: str) -> Method:
    """The method with the weights trained on `dataset`, `acdc` or `phantom`; one that learns nothing as is."""
    learns = isinstance(method, Learned)
    return replace(method, weights=WEIGHTS / dataset / method.weights.name) if learns else method
