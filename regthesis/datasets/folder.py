"""Own images: a pair of files, or a CSV that lists pairs, as cases on the grid of the fixed image.

The CSV has a line per pair and the columns `moving, fixed, moving_seg, fixed_seg, group`, the last three
optional; paths are relative to the CSV.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import SimpleITK as sitk
import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid, read_image
from regthesis.identity import identity_of
from regthesis.kernels import zscore


def pair(
    moving: Path | str,
    fixed: Path | str,
    moving_mask: Path | str | None = None,
    fixed_mask: Path | str | None = None,
    group: str = "",
) -> Case:
    """Two images, 2-D or 3-D, as a case on the fixed image's grid, z-scored; the moving one is resampled onto it.

    Raises:
        UserError: a file is missing, broken or in colour, the ranks differ, or only one mask is given.
    """
    target = _scalar(fixed)
    if target.GetDimension() not in (2, 3):
        raise UserError(f"{fixed}: expected a 2-D or 3-D image, found {target.GetDimension()}-D")
    if (moving_mask is None) != (fixed_mask is None):
        raise UserError(f"{fixed}: masks come in pairs; give both the moving and the fixed one, or none")
    images = [_onto(target, path) for path in (moving, fixed)]
    drawn = [path for path in (moving_mask, fixed_mask) if path is not None]
    masks = [_onto(target, path, labels=True) for path in drawn]
    return Case(
        id=Path(fixed).name.split(".")[0],
        images=zscore(torch.stack(images)[:, None]),
        grid=Grid.of(target),
        masks={frame: mask[None, None] for frame, mask in enumerate(masks)},
        group=group,
        identity=identity_of(map(_scalar, (moving, fixed)), map(_scalar, drawn)),
    )


def moved(moving: Path | str, fixed: Path | str, found: Deformation) -> sitk.Image:
    """The moving image after a registration, float32 in the units of its file, on the fixed image's grid."""
    return sitk.Resample(_scalar(moving), _scalar(fixed), found.to_sitk(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)


def cases(table: Path | str) -> Iterator[Case]:
    """The pairs listed in a CSV, one after the other.

    Raises:
        UserError: the CSV is missing or lacks the columns `moving` and `fixed`, or `pair` refuses a line.
    """
    path = Path(table)
    try:
        rows = pd.read_csv(path, dtype=str)
    except (OSError, ValueError):
        raise UserError(f"{path}: cannot be read as a CSV; it needs the columns moving and fixed") from None
    if not {"moving", "fixed"} <= set(rows):
        raise UserError(f"{path}: needs the columns moving and fixed, found {', '.join(rows)}")
    for row in rows.to_dict("records"):
        given = {key: value for key, value in row.items() if isinstance(value, str)}
        files = {key: path.parent / given[key] if key in given else None for key in ("moving_seg", "fixed_seg")}
        yield pair(
            path.parent / given.get("moving", ""),
            path.parent / given.get("fixed", ""),
            files["moving_seg"],
            files["fixed_seg"],
            given.get("group", ""),
        )


def _scalar(path: Path | str, rank: int | None = None) -> sitk.Image:
    image = read_image(Path(path), rank=rank)
    if (channels := image.GetNumberOfComponentsPerPixel()) != 1:
        raise UserError(f"{path}: expected one value per voxel, found {channels}; convert it to grey values")
    return image


def _onto(target: sitk.Image, path: Path | str, labels: bool = False) -> torch.Tensor:
    image = _scalar(path, target.GetDimension())
    kind, interpolator = (sitk.sitkInt32, sitk.sitkNearestNeighbor) if labels else (sitk.sitkFloat32, sitk.sitkLinear)
    image = sitk.Resample(sitk.Cast(image, kind), target, sitk.Transform(), interpolator, 0.0, kind)
    array = torch.from_numpy(sitk.GetArrayFromImage(image))
    return array.long() if labels else array
