"""The grid an image lives on, and the only door between tensors in voxels and ITK images in millimetres."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
import torch

from regthesis.errors import UserError
from regthesis.files import whole
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


def resample(image: sitk.Image, spacing: tuple[float, ...], shape: tuple[int, ...], labels: bool = False):
    """Resample to `spacing` (mm, array order), then centre crop or zero pad to `shape` (thesis section 4.3).

    The first voxel keeps its place and as many new voxels follow as fit before the last voxel centre, so that
    no value is extrapolated.  Images are interpolated linearly, labels by their nearest neighbour.
    """
    old = Grid.of(image)
    length = np.multiply(np.subtract(old.shape, 1), old.spacing)  # mm between outermost voxel centres
    inside = (length / spacing + 1e-6).astype(int) + 1
    target = Grid(tuple(inside.tolist()), spacing, old.origin, old.direction).to_sitk(np.zeros(inside, np.uint8))
    interpolator = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    new = sitk.Resample(image, target, sitk.Transform(), interpolator, 0.0, image.GetPixelID())
    return crop_or_pad(new, shape)


def crop_or_pad(image: sitk.Image, shape: tuple[int, ...]) -> sitk.Image:
    """Cut or fill with zeros, equally at both ends of every axis, to `shape` (array order)."""
    surplus = np.subtract(image.GetSize(), shape[::-1])
    low, high = surplus // 2, surplus - surplus // 2
    image = sitk.Crop(image, np.maximum(low, 0).tolist(), np.maximum(high, 0).tolist())
    return sitk.ConstantPad(image, np.maximum(-low, 0).tolist(), np.maximum(-high, 0).tolist(), 0)


def read_image(path: Path, rank: int | None = 3) -> sitk.Image:
    """Read a medical image; `rank` None takes any.

    Raises:
        UserError: the file is missing, unreadable or truncated, of another rank, or holds NaN or infinity.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; check the folder's layout with `regthesis data check`")
    try:
        image = sitk.ReadImage(str(path))
        voxels = sitk.GetArrayViewFromImage(image)
        if path.name.endswith((".nii", ".nii.gz")):  # ITK fills up a truncated NIfTI and turns NaN into 0
            voxels = nib.load(path).dataobj.get_unscaled()
    except (RuntimeError, OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError):
        raise UserError(f"{path}: cannot be read as an image (truncated or not an image); fetch it again") from None
    if rank and image.GetDimension() != rank:
        given = image.GetDimension()
        raise UserError(f"{path}: expected a {rank}-D image, found {given}-D; check how it was exported")
    if not np.isfinite(voxels).all():
        raise UserError(f"{path}: holds NaN or infinite voxels; clean the image before registering it")
    return image


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image whole or not at all: to a sibling first, then renamed into place.

    Raises:
        UserError: the folder cannot be written.
    """
    with whole(path) as sibling:
        sitk.WriteImage(image, str(sibling), useCompression=True)
