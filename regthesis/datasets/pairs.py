"""Two images of one's own, with masks or without, as a case on one grid; and the moving one after a registration."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid, background, check_grid, resample, zscored
from regthesis.identity import identity_of
from regthesis.images import read_image, read_labels

__all__ = ["moved", "pair", "stem"]

LITTLE = 0.1  # of the smaller image: with less in common, what a registration finds is hardly theirs


def pair(
    moving: Path | str,
    fixed: Path | str,
    moving_mask: Path | str | None = None,
    fixed_mask: Path | str | None = None,
    group: str = "",
    id: str = "",
    fill: float | None = None,
    grid: CommonGrid | None = None,
) -> Case:
    """Two images, 2-D or 3-D, as a case on the fixed image's grid, z-scored; the moving one is resampled onto it.

    With a common `grid` both are resampled onto that, laid in the fixed image as `geometry.resample` lays it.

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
    shown = target if grid is None else _laid(target, grid, fixed)
    masks = [sitk.Resample(mask, shown, sitk.Transform(), sitk.sitkNearestNeighbor, 0) for mask in drawn]
    return Case(
        id=id or stem(fixed),
        images=zscored([_onto(shown, source, fill), shown]),
        grid=Grid.of(shown),
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


def stem(path: Path) -> str:
    """The name without the ending of an image file; a dot before a digit begins no ending."""
    return re.sub(r"(?i)(?<=.)(\.[a-z][a-z0-9]*)?(\.gz)?$", "", path.name) or path.name


def _laid(image: sitk.Image, grid: CommonGrid, path: Path) -> sitk.Image:
    """An image on a common grid."""
    if (rank := image.GetDimension()) != len(grid.shape):
        raise UserError(f"{path}: is {rank}-D, but the first pair is {len(grid.shape)}-D; train on one kind")
    return resample(sitk.Cast(image, sitk.sitkFloat32), grid.spacing, grid.shape, fill=background(image))


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
