"""Own images, listed in a CSV, as a data set.

The CSV has a line per pair and the columns `moving, fixed, moving_seg, fixed_seg, group, id`, the last four optional;
paths are relative to the CSV. A path may also be the folder of one DICOM series.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.datasets.pairs import pair, stem
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.identity import identity_of
from regthesis.images import read_image, read_labels

__all__ = ["DATASETS", "Folder", "cases"]


class Folder(Dataset):
    """The pairs that the CSV `root` lists, each on the grid of its fixed image.

    The id of a case is what the column `id` says. Without that column it is the shortest path that tells the cases
    apart: of the fixed images, else of the moving ones, else of both. Labels are those of the masks, and each is a
    structure by itself. Networks are trained on grids that the first pair gives (see `common_grid`).

    Raises:
        UserError: the CSV is missing, lacks the columns `moving` and `fixed` or has one twice, a line lacks an image or
            has too many fields, or two lines are one case.
    """

    name = "folder"
    origin = "own"
    networks = "acdc"  # with a warning that these images are of another kind

    def __init__(self, root: Path | str):
        super().__init__(root)
        rows = _rows(self.root)
        self._rows = dict(zip(_ids(rows, self.root), rows, strict=True))
        masked = all(row.get("moving_seg") and row.get("fixed_seg") for row in rows)
        self.contains = {"masks"} if masked else set()

    @classmethod
    def lies_at(cls, root: Path) -> bool:
        return root.is_file()

    def ids(self) -> list[str]:
        if not self._rows:
            raise UserError(f"{self.root}: lists no pair; add one")
        return list(self._rows)

    def group(self, id: str) -> str:
        return self._row(id).get("group", "")

    @cached_property
    def labels(self) -> dict[int, str]:
        """What the masks hold, background first; masks are read for it."""
        files = [file for id in self._rows for file in self._files(id)[2:] if file]
        found = {int(label) for file in files for label in np.unique(sitk.GetArrayFromImage(_mask(file)))}
        return {0: "background"} | {label: f"label {label}" for label in sorted(found - {0})}

    @cached_property
    def structures(self) -> dict[str, tuple[int, ...]]:
        return {name: (label,) for label, name in self.labels.items() if label}

    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = False) -> Case:
        """One pair, on the grid of its fixed image or on any `CommonGrid`; there are no cines and no grids by name.

        Raises:
            UserError: there is no such case, or `pair` refuses it.
        """
        common = None if isinstance(grid, str) else grid
        return pair(*self._files(id), self.group(id), id, grid=common)

    def identity(self, id: str) -> frozenset[str]:
        moving, fixed, *masks = self._files(id)
        images = [read_image(file, rank=None) for file in (moving, fixed)]
        return identity_of(images, [_mask(file) for file in masks if file])

    def common_grid(self, name: str) -> CommonGrid:
        """The grid of the first pair ("full"), or the same field of view at half the in-plane resolution ("quick").

        Sizes are rounded up to multiples of 16, as networks need them.

        Raises:
            UserError: there is no grid of that name, or the first fixed image is broken.
        """
        if name not in (reduction := {"full": 1, "quick": 2}):
            raise UserError(f"grid {name!r}: expected one of {', '.join(reduction)}")
        first = Grid.of(read_image(self._files(self.ids()[0])[1], rank=None))
        factors = (1,) * (first.rank - 2) + (reduction[name],) * 2
        shape = tuple(-(-n // (16 * by)) * 16 for n, by in zip(first.shape, factors, strict=True))
        return CommonGrid(shape, tuple(h * by for h, by in zip(first.spacing, factors, strict=True)))

    def _row(self, id: str) -> dict[str, str]:
        if id not in self._rows:
            raise UserError(f"{id}: no such pair in {self.root}; check the name")
        return self._rows[id]

    def _files(self, id: str) -> list[Path | None]:
        """Moving and fixed image and their masks, None where there is none."""
        row = self._row(id)
        names = (row.get(key) for key in ("moving", "fixed", "moving_seg", "fixed_seg"))
        return [self.root.parent / name if name else None for name in names]


DATASETS = {"folder": Folder}


def cases(table: Path | str) -> Iterator[Case]:
    """The pairs of a CSV, one after the other, as `Folder.read`."""
    data = Folder(table)
    yield from map(data.read, data.ids())


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restval="", skipinitialspace=True)
            columns = [name.strip() for name in table.fieldnames or ()]
            table.fieldnames = columns
            rows = list(table)
    except (OSError, ValueError, csv.Error):
        raise UserError(f"{path}: cannot be read as a CSV; it needs the columns moving and fixed") from None
    if not {"moving", "fixed"} <= set(columns):
        raise UserError(f"{path}: needs the columns moving and fixed, found {', '.join(columns)}")
    if len(set(columns)) < len(columns):
        raise UserError(f"{path}: names a column twice: {', '.join(columns)}; rename one")
    needed = {"moving", "fixed", "id"} & set(columns)
    for number, row in enumerate(rows, 1):
        if None in row:
            raise UserError(f"{path}: row {number} has more fields than there are columns; put quotes around commas")
        if missing := sorted(name for name in needed if not row[name].strip()):
            raise UserError(f"{path}: row {number} has no {missing[0]}; fill it in or delete the row")
    return [{name: value.strip() for name, value in row.items()} for row in rows]


def _ids(rows: list[dict[str, str]], path: Path) -> list[str]:
    if rows and "id" in rows[0]:
        ids = [row["id"] for row in rows]
    else:
        fixed, moving = ([_parts(row[key]) for row in rows] for key in ("fixed", "moving"))
        both = [(f"{'/'.join(m)} to {'/'.join(f)}",) for f, m in zip(fixed, moving, strict=True)]
        depth = max(map(len, fixed + moving), default=1)
        tries = [
            ["/".join(name[-n:]) for name in names] for names in (fixed, moving, both) for n in range(1, depth + 1)
        ]
        ids = next((ids for ids in tries if len(set(ids)) == len(rows)), tries[-1])
    first = {}
    for number, id in enumerate(ids, 1):
        if (other := first.setdefault(id, number)) != number:
            raise UserError(f"{path}: rows {other} and {number} are both {id!r}; delete one, or tell them apart by id")
    return ids


def _parts(file: str) -> tuple[str, ...]:
    path = Path(os.path.normpath(file))
    return (*path.parent.parts, stem(path))


def _mask(file: Path) -> sitk.Image:
    return read_labels(file, rank=None)
