"""The slices of cines as cases of their own: 2-D sequences of the plane in which the scanner is sharp (2D+t)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

from regthesis.case import Case
from regthesis.datasets.cines import Cines
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.errors import UserError
from regthesis.geometry import Grid

__all__ = ["Slices", "patient_of", "slice_of"]

PLANES = {
    "full": CommonGrid((128, 128), (1.5, 1.5)),  # thesis section 5.3.1
    "quick": CommonGrid((64, 64), (3.0, 3.0)),  # the same field of view at half the resolution
}


class Slices(Cines):
    """Every slice of the cines of a data set in which a structure is segmented in both frames, as `id/slice03`.

    Slices count from 0, the first of the stack. With `middle` only the one in the middle of those that are segmented
    counts, so that every patient has one case.
    """

    kind = "slices"
    grids = PLANES

    def __init__(self, cines: Dataset, middle: bool = False):
        super().__init__(cines)
        self.middle = middle
        self.option = "middle" if middle else "all"

    def ids(self) -> list[str]:
        return [f"{id}/slice{k:02d}" for id in self.cines.ids() for k in self._segmented(id)]

    def patient(self, id: str) -> str:
        return patient_of(id)

    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = True) -> Case:
        """One slice: its whole cine, or without `sequence` the pair of ED and ES.

        Raises:
            UserError: there is no such slice or grid, or as the data set's own `read`.
        """
        plane = self.common_grid(grid) if isinstance(grid, str) else grid
        patient, k = patient_of(id), _number(id)
        case = self._cine(patient, plane, sequence)
        if not 0 <= k < case.grid.shape[0]:
            raise UserError(f"{id}: {patient} has slices 0 to {case.grid.shape[0] - 1}")
        return slice_of(case, k)

    @lru_cache(maxsize=2)  # noqa: B019 (the slices of a patient are read one after the other)
    def _cine(self, patient: str, plane: CommonGrid, sequence: bool) -> Case:
        return self.cines.read(patient, self.cines.stack(patient, plane), sequence)

    @cache  # noqa: B019
    def _segmented(self, patient: str) -> list[int]:
        case = self.cines.read(patient, self.cines.stack(patient, PLANES["quick"]))
        both = (case.moving_mask > 0).flatten(3).any(-1) & (case.fixed_mask > 0).flatten(3).any(-1)
        found = both[0, 0].nonzero().flatten().tolist()
        return found[len(found) // 2 :][:1] if self.middle else found


def slice_of(case: Case, k: int) -> Case:
    """Slice `k` of a case in 3-D, as `id/slice03`; of a known motion what lies in the plane."""
    grid = Grid(case.grid.shape[1:], case.grid.spacing[1:])
    return replace(
        case,
        id=f"{case.id}/slice{k:02d}",
        images=case.images[:, :, k],
        grid=grid,
        masks={t: mask[:, :, k] for t, mask in case.masks.items()},
        truth=None if case.truth is None else case.truth[:, 1:, k],
    )


def patient_of(id: str) -> str:
    """The patient of a slice."""
    return id.rpartition("/slice")[0]


def _number(id: str) -> int:
    patient, _, number = id.rpartition("/slice")
    if not patient or not number.isdecimal():
        raise UserError(f"{id}: no such slice; slices are called like patient001/slice03")
    return int(number)
