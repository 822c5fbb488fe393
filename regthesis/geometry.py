"""The grid an image lives on, and the only door between tensors in voxels and ITK images in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from regthesis.errors import UserError
from regthesis.kernels import zscore
from regthesis.kernels.shapes import Float, Tensor


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an image lie.

    `shape` and `spacing` (mm) are in array order (z, y, x); `origin` (mm) and `direction` (row-major) are
    ITK's, in LPS order x, y, z.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...] = ()
    direction: tuple[float, ...] = ()

    def __post_init__(self):
        rank = len(self.shape)
        if len(self.spacing) != rank:
            raise ValueError(f"spacing: expected {rank} values for shape {self.shape}, given {self.spacing}")
        object.__setattr__(self, "origin", tuple(self.origin) or (0.0,) * rank)
        object.__setattr__(self, "direction", tuple(self.direction) or tuple(np.eye(rank).ravel()))

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of an ITK image."""
        size, spacing = image.GetSize()[::-1], image.GetSpacing()[::-1]
        return cls(size, spacing, image.GetOrigin(), image.GetDirection())

    @property
    def rank(self) -> int:
        return len(self.shape)

    def difference(self, other: Grid) -> str:
        """What is different about another grid, in words; empty where both are the same.

        The same are grids of one shape whose spacings differ by less than a thousandth, whose directions by less than
        1e-3, and whose corners by less than half a voxel of this one.
        """
        if other.shape != self.shape:
            return f"its size is {other.shape[::-1]}, not {self.shape[::-1]}"
        if not np.allclose(other.spacing, self.spacing, rtol=1e-3, atol=0):
            return f"its spacing is {_short(other.spacing[::-1])}, not {_short(self.spacing[::-1])} mm"
        if not np.allclose(other.direction, self.direction, rtol=0, atol=1e-3):
            return f"its direction is {_short(other.direction)}, not {_short(self.direction)}"
        away = np.array([other._corners() - self._corners()])
        if np.abs(away @ np.linalg.inv(self._voxel_to_lps()).T).max() >= 0.5:
            return f"it lies {np.linalg.norm(away, axis=-1).max():.3g} mm away"
        return ""

    def _corners(self) -> np.ndarray:
        """The centres of the outermost voxels, LPS mm, `(2^d, d)`."""
        indices = np.array(list(product(*((0, n - 1) for n in self.shape[::-1]))))
        return indices @ self._voxel_to_lps().T + self.origin

    def to_sitk(self, array: np.ndarray, vector: bool = False) -> sitk.Image:
        """An ITK image on this grid from an array in array order; with `vector`, components come last."""
        image = sitk.GetImageFromArray(array, isVector=vector)
        image.SetSpacing([float(s) for s in self.spacing[::-1]])
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def displacement_to_mm(self, u: Float[Tensor, "d *space"]) -> sitk.Image:
        """A displacement in voxels as ITK's: a float64 vector image in mm, LPS, components x, y, z."""
        voxels = u.detach().cpu().double().flip(0).movedim(0, -1).numpy()
        return self.to_sitk(voxels @ self._voxel_to_lps().T, vector=True)

    def displacement_from_mm(self, image: sitk.Image) -> Float[Tensor, "d *space"]:
        """The inverse of `displacement_to_mm`, as float32."""
        mm = sitk.GetArrayFromImage(image).astype(np.float64)
        voxels = mm @ np.linalg.inv(self._voxel_to_lps()).T
        return torch.from_numpy(voxels).movedim(-1, 0).flip(0).float().contiguous()

    def _voxel_to_lps(self) -> np.ndarray:
        return np.array(self.direction).reshape(self.rank, self.rank) * np.array(self.spacing[::-1])


def _short(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


def check_grid(image: sitk.Image, path: Path, reference: sitk.Image, name: str) -> None:
    """Raises UserError where an image from `path` does not lie on the grid of the reference, called `name`."""
    if difference := Grid.of(reference).difference(Grid.of(image)):
        raise UserError(f"{path}: does not lie on the grid of {name}: {difference}; export both on one grid")


def background(image: sitk.Image) -> float:
    """What an image is taken to be outside of its field of view: its lowest value, which is no tissue.

    That is air for a CT (-1000, where 0 would be water) and the darkest value of z-scores (where 0 would be the mean).
    It is 0 where the image goes below 0 by less than a tenth of its bright values (their 99th percentile): by ringing
    or noise about a background of 0.
    """
    values = sitk.GetArrayViewFromImage(image).ravel()
    low = float(values.min())
    if low >= 0:
        return low
    bright = np.percentile(values[:: 1 + values.size // 10**6], 99)  # a million voxels tell it as well as all
    return 0.0 if -low < bright / 10 else low


def resample(
    image: sitk.Image,
    spacing: tuple[float, ...],
    shape: tuple[int, ...],
    labels: bool = False,
    fill: float | None = None,
) -> sitk.Image:
    """Resample to `spacing` (mm, array order), then centre crop or pad to `shape` (thesis section 4.3).

    The first voxel keeps its place and as many new voxels follow as fit before the last voxel centre, so that
    no value is extrapolated.  Images are interpolated linearly and padded with `fill`, by default their background;
    labels by their nearest neighbour and with 0.
    """
    old = Grid.of(image)
    length = np.multiply(np.subtract(old.shape, 1), old.spacing)  # mm between outermost voxel centres
    inside = (length / spacing + 1e-6).astype(int) + 1
    target = Grid(tuple(inside.tolist()), spacing, old.origin, old.direction).to_sitk(np.zeros(inside, np.uint8))
    interpolator = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    fill = 0.0 if labels else background(image) if fill is None else fill
    new = sitk.Resample(image, target, sitk.Transform(), interpolator, fill, image.GetPixelID())
    return crop_or_pad(new, shape, fill)


def crop_or_pad(image: sitk.Image, shape: tuple[int, ...], fill: float | None = None) -> sitk.Image:
    """Cut or fill, equally at both ends of every axis, to `shape` (array order); by default with the background."""
    surplus = np.subtract(image.GetSize(), shape[::-1])
    low, high = surplus // 2, surplus - surplus // 2
    fill = background(image) if fill is None else fill
    image = sitk.Crop(image, np.maximum(low, 0).tolist(), np.maximum(high, 0).tolist())
    return sitk.ConstantPad(image, np.maximum(-low, 0).tolist(), np.maximum(-high, 0).tolist(), fill)


def zscored(images: Sequence[sitk.Image]) -> Float[Tensor, "t 1 *space"]:
    """Images on one grid as a float32 tensor, each with mean 0 and standard deviation 1 over its voxels.

    Each is divided by a power of two first, which changes no digit: squares of values up to 1e30, and of values as
    small as 1e-30, are then numbers that float32 has.
    """
    array = np.stack([sitk.GetArrayFromImage(sitk.Cast(image, sitk.sitkFloat32)) for image in images])[:, None]
    exponent = np.frexp(np.abs(array).max(tuple(range(1, array.ndim)), keepdims=True))[1]
    return zscore(torch.from_numpy(np.ldexp(array, -exponent)))
