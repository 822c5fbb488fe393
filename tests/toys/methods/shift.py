"""A toy method: everything moves along the last axis by as many voxels."""

from dataclasses import dataclass

import torch

from regthesis.deformation import Deformation
from regthesis.methods import Pairwise


@dataclass(frozen=True)
class Shift(Pairwise):
    name = "shift"
    label = "Shift"
    voxels: float = -2.0

    def pair(self, moving, fixed, grid):
        u = torch.zeros(1, grid.rank, *grid.shape)
        u[:, -1] = self.voxels
        return Deformation(u, grid)


METHODS = [Shift()]
