"""Diffeomorphic VoxelMorph (Dalca et al. 2018) in one pass of its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from regthesis.methods.learned import Learned
from regthesis.models.voxelmorph import VoxelMorphNetwork
from regthesis.weights import WEIGHTS


@dataclass(frozen=True)
class VoxelMorph(Learned):
    """The mean velocity of the network's posterior."""

    network_name = "voxelmorph"
    network_label = "VM"
    peer = "voxelmorph"
    kind = VoxelMorphNetwork
    recipe = "voxelmorph"
    weights: Path = WEIGHTS / "acdc" / "voxelmorph"

    def velocity(self, network, moving, fixed):
        """The mean; there is no latent code."""
        with torch.no_grad():
            return None, network(moving, fixed).velocities[0]


METHODS = [VoxelMorph(), VoxelMorph(smoothing=0.0)]
