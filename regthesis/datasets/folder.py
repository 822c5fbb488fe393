"""Own images: a pair of files, or a CSV that lists pairs, as cases on the grid of the fixed image.

The CSV has a line per pair and the columns `moving, fixed, moving_seg, fixed_seg, group, id`, the last four optional;
paths are relative to the CSV. A path may also be the folder of one DICOM series.
"""

from __future__ import annotations

import csv
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid, background, check_grid, zscored
from regthesis.identity import identity_of
from regthesis.images import read_image, read_labels

LITTLE = 0.1  # of the smaller image: with less in common, what a registration finds is hardly theirs


def pair(
    moving: Path | str,
    fixed: Path | str,
    moving_mask: Path | str | None = None,
    fixed_mask: Path | str | None = None,
    group: str = "",
    id: str = "",
    fill: float | None = None,
) -> Case:
    """Two images, 2-D or 3-D, as a case on the fixed image's grid, z-scored; the moving one is resampled onto it.

    Outside of its field of view the moving image is `fill`, by default its `background`. `id` is by default the name
    of the fixed file without its ending. Images of which less than a tenth overlaps give a warning.

    Raises:
        UserError: a file is missing, broken or in colour, the ranks differ, the images have no voxel in common, only
            one mask is given, or a mask does not lie on its image's grid.
    """
    moving, fixed = Path(moving), Path(fixed)
    target = read_image(fixed, rank=None)
    if (rank := target.GetDimension()) not in (2, 3):
        raise UserError(f"{fixed}: expected a 2-D or 3-D image, found {rank}-D")
    if (moving_mask is None) != (fixed_mask is None):
        raise UserError(f"{fixed}: masks come in pairs; give both the moving and the fixed one, or none")
    source = read_image(moving, rank)
    _check_overlap(source, target, moving, fixed)
    drawn = []
    for path, image, of in ((moving_mask, source, moving), (fixed_mask, target, fixed)):
        if path is not None:
            drawn.append(read_labels(Path(path), rank))
            check_grid(drawn[-1], Path(path), image, str(of))
    masks = [sitk.Resample(mask, target, sitk.Transform(), sitk.sitkNearestNeighbor, 0) for mask in drawn]
    return Case(
        id=id or _stem(fixed),
        images=zscored([_onto(target, source, fill), target]),
        grid=Grid.of(target),
        masks={t: torch.from_numpy(sitk.GetArrayFromImage(mask))[None, None] for t, mask in enumerate(masks)},
        group=group,
        identity=identity_of([source, target], drawn),
    )


def moved(moving: Path | str, fixed: Path | str, found: Deformation, fill: float | None = None) -> sitk.Image:
    """The moving image after a registration, float32 in the units of its file, on the fixed image's grid.

    Outside of its field of view it is `fill`, by default its `background`.
    """
    source = read_image(Path(moving), rank=None)
    return _onto(read_image(Path(fixed), rank=None), source, fill, found.to_sitk())


def cases(table: Path | str) -> Iterator[Case]:
    """The pairs listed in a CSV, one after the other.

    The id of a case is what the column `id` says. Without that column it is the shortest path that tells the cases
    apart: of the fixed images, else of the moving ones, else of both.

    Raises:
        UserError: the CSV is missing, lacks the columns `moving` and `fixed` or has one twice, a line lacks an image or
            has too many fields, two lines are one case, or `pair` refuses a line.
    """
    path = Path(table)
    rows = _rows(path)
    for row, id in zip(rows, _ids(rows, path), strict=True):
        files = [path.parent / row[key] if row.get(key) else None for key in ("moving_seg", "fixed_seg")]
        yield pair(path.parent / row["moving"], path.parent / row["fixed"], *files, row.get("group", ""), id)


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
    return (*path.parent.parts, _stem(path))


def _stem(path: Path) -> str:
    """The name without the ending of an image file; a dot before a digit begins no ending."""
    return re.sub(r"(?i)(?<=.)(\.[a-z][a-z0-9]*)?(\.gz)?$", "", path.name) or path.name


def _check_overlap(source: sitk.Image, target: sitk.Image, moving: Path, fixed: Path) -> None:
    ones = Grid.of(source).to_sitk(np.ones(source.GetSize()[::-1], np.uint8))
    inside = sitk.Resample(ones, target, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(inside)))
    if not voxels:
        raise UserError(f"{moving}: does not overlap with {fixed} in the world; align their headers first")
    shared, *whole = (
        n * np.prod(image.GetSpacing())
        for n, image in ((voxels, target), (target.GetNumberOfPixels(), target), (source.GetNumberOfPixels(), source))
    )
    if shared < LITTLE * min(whole):
        warnings.warn(f"{moving}: only {shared / min(whole):.0%} overlaps with {fixed}; look at both", stacklevel=3)


def _onto(target: sitk.Image, source: sitk.Image, fill: float | None, transform: sitk.Transform | None = None):
    fill = background(source) if fill is None else fill
    source = sitk.Cast(source, sitk.sitkFloat32)
    return sitk.Resample(source, target, transform or sitk.Transform(), sitk.sitkLinear, fill)
