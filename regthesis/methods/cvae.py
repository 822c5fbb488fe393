"""Registration in one pass of the network of chapter 4, by weights that never saw the patient."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.methods.base import Method
from regthesis.models.deformation import STEPS, DeformationCVAE
from regthesis.train import load_weights, read_card
from regthesis.train.samples import data_hash

WEIGHTS = Path(__file__).parents[2] / "data" / "weights" / "deformation"


def fingerprint(case: Case) -> str:
    """Eight hexadecimal digits of a case's voxels: by them, and not by a name, a network's card lists whom it saw."""
    return data_hash(TensorDataset(case.images[None]))


@lru_cache(maxsize=8)
def _load(path: Path) -> DeformationCVAE:
    return load_weights(path, DeformationCVAE)[0]


@lru_cache(maxsize=64)
def _seen(path: Path) -> frozenset[str]:
    return frozenset(read_card(path).get("seen", ()))


@dataclass(frozen=True)
class CVAE(Method):
    """The multi-scale network: z from both images, a velocity from z and the moving image.

    `weights` is a file, or a folder with one a fold. The first is taken whose card does not list the case, so that
    nobody is registered by a network that was trained or validated on them.
    """

    name = "s3"
    label = "S3"
    weights: Path = WEIGHTS / "s3"

    def register(self, case: Case) -> Deformation:
        """As every method's, with the velocity and the latent code; reading weights is not counted in the seconds.

        Raises:
            UserError: there are no weights, all have seen the case, or they are for another grid.
        """
        network = self.network(case)
        start = time.perf_counter()
        with torch.no_grad():
            moving = case.moving.expand_as(case.fixed)
            mu, _ = network.encode(moving, case.fixed)
            v = network.decode(mu, moving)
        v = self.refine(v, moving, case.fixed, case.spacing)
        with torch.no_grad():
            u = kernels.exp(v, STEPS)
        return Deformation(u, case.grid, v, mu, time.perf_counter() - start)

    def pair(self, moving, fixed, grid):
        return self.register(Case("pair", torch.cat([moving, fixed]), grid))

    def refine(self, v, moving, fixed, spacing):
        """The network's velocity as it is."""
        return v

    def network(self, case: Case) -> DeformationCVAE:
        """The network for a case."""
        files = sorted(self.weights.rglob("weights.safetensors")) if self.weights.is_dir() else [self.weights]
        if not any(file.is_file() for file in files):
            raise UserError(f"{self.weights}: no weights; train some with `regthesis train deformation`")
        images = fingerprint(case)
        unseen = [file for file in files if images not in _seen(file)]
        if not unseen:
            raise UserError(f"{case.id}: all networks in {self.weights} have seen these images; leave their fold out")
        network = _load(unseen[0])
        if network.shape != case.grid.shape:
            raise UserError(f"{case.id}: grid {case.grid.shape}, but {unseen[0]} is for {network.shape}; resample")
        return network


@dataclass(frozen=True)
class SingleScale(CVAE):
    """The network with a velocity at the finest scale alone."""

    name = "s1"
    label = "S1"
    weights: Path = WEIGHTS / "s1"


METHODS = [CVAE(), SingleScale()]
