"""Diffeomorphic VoxelMorph (Dalca et al. 2018) in one pass of its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from regthesis.methods.velocity import VelocityNetwork
from regthesis.models.voxelmorph import VoxelMorphNetwork
from regthesis.weights import shipped


@dataclass(frozen=True)
class VoxelMorph(VelocityNetwork):
    """The mean velocity of the network's posterior."""

    name = "voxelmorph"
    label = "VM"
    peer = "voxelmorph"
    network_class = VoxelMorphNetwork
    command = "voxelmorph"
    weights: Path = shipped("voxelmorph")

    def velocity(self, network, moving, fixed):
        """The mean; there is no latent code."""
        with torch.no_grad():
            return None, network(moving, fixed).velocities[0]


METHODS = [VoxelMorph()]
