"""No registration at all: the row called Undef in the thesis's tables, and the yardstick of all others."""

from dataclasses import dataclass

from regthesis.deformation import Deformation
from regthesis.methods.base import Pairwise


@dataclass(frozen=True)
class Identity(Pairwise):
    """u = 0."""

    name = "identity"
    label = "Undef"

    def pair(self, moving, fixed, grid):
        u = fixed.new_zeros(1, grid.rank, *grid.shape)
        return Deformation(u, grid, velocity=u)


METHODS = [Identity()]
