"""Whole cines of a data set as cases of their own: its stacks (3D+t), or its slices (see `slices`)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.errors import UserError

__all__ = ["Cines", "Stacks"]


class Cines(Dataset):
    """A view of the cines of a data set; subclasses say what a case is, and on which `grids` networks see it.

    A case has the group, the structures and above all the identity of its patient, so that nothing that has seen the
    patient in any form registers it.
    """

    kind: ClassVar[str]  # of cases, for the description of a run
    option: str  # of `regthesis study`, which takes this view

    def __init__(self, cines: Dataset):
        super().__init__(cines.root)
        if not hasattr(cines, "stack"):
            raise UserError(f"{cines.root}: has no cines")
        self.cines, self.name = cines, cines.name
        self.labels, self.structures, self.contains = cines.labels, cines.structures, cines.contains

    @classmethod
    def lies_at(cls, root: Path) -> bool:
        return False  # it is a way to look at data of other kinds

    def ids(self) -> list[str]:
        return self.cines.ids()

    def group(self, id: str) -> str:
        return self.cines.group(self.patient(id))

    def identity(self, id: str) -> frozenset[str]:
        return self.cines.identity(self.patient(id))

    @property
    def patients(self) -> Dataset:
        return self.cines

    @property
    def origin(self) -> str:
        return self.cines.origin

    @property
    def networks(self) -> str:
        return self.cines.networks


class Stacks(Cines):
    """Every patient's own slices, as many as there are, resampled in their planes alone (3D+t).

    The distance of slices in `grids` is what networks take for all patients: they see a stack slice by slice, at the
    distance that it has, with empty slices above and below (thesis section 5.3.1).
    """

    kind, option = "stacks", "stack"
    grids = {
        "full": CommonGrid((18, 128, 128), (10.0, 1.5, 1.5)),  # thesis section 5.3.1
        "quick": CommonGrid((18, 64, 64), (10.0, 3.0, 3.0)),  # the same field of view at half the resolution
    }

    @property
    def networks(self) -> str:
        return f"{self.cines.networks}/stacks"

    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = True) -> Case:
        """One stack: its whole cine, or without `sequence` the pair of ED and ES; of a grid the plane is taken.

        Raises:
            UserError: there is no such patient or grid, or as the data set's own `read`.
        """
        common = self.common_grid(grid) if isinstance(grid, str) else grid
        plane = CommonGrid(common.shape[1:], common.spacing[1:])
        return self.cines.read(id, self.cines.stack(id, plane), sequence)
