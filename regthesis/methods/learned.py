"""What all trained networks share: weights with a card, and none that has seen the case it registers."""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn
from torch.utils.data import TensorDataset

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.base import Method, seconds_since
from regthesis.models.deformation import STEPS
from regthesis.train import load_weights, read_card
from regthesis.train.samples import data_hash

WEIGHTS = Path(__file__).parents[2] / "data" / "weights"


def fingerprint(case: Case) -> str:
    """Eight hexadecimal digits of a case's voxels: by them, and not by a name, a network's card lists whom it saw."""
    return data_hash(TensorDataset(case.images[None]))


@lru_cache(maxsize=8)
def _load(path: Path, written: int, kind: type[nn.Module]) -> nn.Module:
    return load_weights(path, kind)[0]


@lru_cache(maxsize=64)
def _seen(path: Path, written: int) -> frozenset[str]:
    return frozenset(read_card(path).get("seen", ()))


def _written(path: Path) -> int:
    """When: a network that was trained again is another one."""
    return path.stat().st_mtime_ns


def on_network_grid(network: nn.Module, case: Case) -> tuple[Float[Tensor, "n 1 *space"], Float[Tensor, "n 1 *space"]]:
    """A case's moving and fixed images as its network takes them: on its grid, z-scored, one moving for each fixed."""
    images = kernels.zscore(kernels.regrid(case.images, case.spacing, network.shape, network.spacing))
    return images[:1].expand_as(images[1:]), images[1:]


def on_case_grid(
    network: nn.Module, v: Float[Tensor, "n d *space"], case: Case, smoothing: float = 3.0
) -> Float[Tensor, "n d *case"]:
    """A network's velocity on a case's grid, smoothed by so many mm where that is finer; by default as in training."""
    finer = any(h < 0.99 * other for h, other in zip(case.spacing, network.spacing, strict=True))
    v = kernels.regrid(v, network.spacing, case.grid.shape, case.spacing, field=True)
    return kernels.smooth(v, smoothing, case.spacing) if finer and smoothing else v


@dataclass(frozen=True)
class Learned(Method):
    """A method whose velocity comes from a network of class `kind`, with a `shape` and a `spacing` of its own.

    `weights` is a file, or a folder with one a fold. The first is taken whose card does not list the case, so that
    no study has a patient registered by a network that was trained or validated on him. Cards list pairs of end
    diastole and end systole in the frames of `acdc.FRAMES`: of a cine, or of images in another frame, they know
    nothing. `smoothing`, in mm, is that of velocities
    on grids finer than the network's.
    """

    kind: ClassVar[type[nn.Module]]
    recipe: ClassVar[str]  # of `regthesis train`
    weights: Path
    smoothing: float = field(default=3.0, kw_only=True)

    def register(self, case: Case) -> Deformation:
        """As every method's, with the velocity and, where there is one, the latent code.

        Images are brought to the network's grid, which has the same centre, and the velocity back to theirs, where a
        Gaussian acts once more if that grid is finer: interpolation leaves kinks, and each is a step in the Jacobian.
        Reading weights is not counted in the seconds.

        Raises:
            UserError: there are no weights, all have seen the case, or they are for another number of dimensions.
        """
        network = self.network(case).to(case.images.device)
        start = time.perf_counter()
        code, v = self.velocity(network, *on_network_grid(network, case))
        with torch.no_grad():
            v = on_case_grid(network, v, case, self.smoothing)
            u = kernels.exp(v, STEPS)
        return Deformation(u, case.grid, v, code, seconds_since(start, u.device))

    def pair(self, moving, fixed, grid):
        return self.register(Case("pair", torch.cat([moving, fixed]), grid))

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
        """The first file of weights that has not seen a case."""
        files = weight_files(self.weights, self.recipe)
        images = fingerprint(case)
        unseen = [file for file in files if images not in _seen(file, _written(file))]
        if not unseen:
            raise UserError(f"{case.id}: all networks in {self.weights} have seen these images; leave their fold out")
        return unseen[0]

    def network(self, case: Case) -> nn.Module:
        """The network for a case."""
        file = self.weights_for(case)
        network = _load(file, _written(file), self.kind)
        if len(network.shape) != case.grid.rank:
            raise UserError(f"{case.id}: {case.grid.rank}-D images, but {file} is for {len(network.shape)}-D ones")
        return network


def weight_files(weights: Path, recipe: str) -> list[Path]:
    """The files of weights in a folder, one a fold, or the one file that `weights` is; `recipe` makes some.

    Raises:
        UserError: there are none.
    """
    files = sorted(weights.rglob("weights.safetensors")) if weights.is_dir() else [weights]
    if not any(file.is_file() for file in files):
        raise UserError(f"{weights}: no weights; train some with `regthesis train {recipe}`")
    return files


def trained_on(method: Method, dataset: str) -> Method:
    """The method with the weights trained on `dataset`, `acdc` or `phantom`; one that learns nothing as is."""
    learns = isinstance(method, Learned)
    return replace(method, weights=WEIGHTS / dataset / method.weights.name) if learns else method
