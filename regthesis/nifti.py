"""What ITK's reader of NIfTI passes over in silence: cut files, NaN, and axes of one voxel in a displacement."""

from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

VECTORS = {"vector": 1.0, "displacement vector": -1.0}  # the intent, and the sign of LPS x and y in such a file


def stored(path: Path) -> np.ndarray:
    """The voxels as they are stored, before slope and intercept; any error of a broken file or header passes."""
    return np.asanyarray(nib.load(path).dataobj.get_unscaled())


def displacement(path: Path) -> sitk.Image | None:
    """A displacement as ITK writes it, float64 in mm (LPS), with all axes; None for a file of another layout.

    ITK writes `(x, y, z, 1, d)` with a vector intent, and drops trailing axes of one voxel when it reads that. The
    intent "displacement vector" says RAS.
    """
    image = nib.load(path)
    sign = VECTORS.get(image.header.get_intent()[0])
    shape, affine = image.shape, image.affine
    placed = image.header["qform_code"] > 0 or image.header["sform_code"] > 0
    if sign is None or not placed or len(shape) != 5 or shape[3] != 1 or shape[4] not in (2, 3):
        return None
    rank = shape[4]
    if any(n != 1 for n in shape[rank:3]):
        return None
    mm = image.get_fdata().reshape(*shape[:rank], rank)
    mm[..., :2] *= sign
    axes = (np.diag([-1.0, -1.0, 1.0]) @ affine[:3, :3])[:rank, :rank]
    spacing = np.linalg.norm(axes, axis=0)
    field = sitk.GetImageFromArray(mm.transpose(*range(rank)[::-1], rank), isVector=True)
    field.SetSpacing(spacing.tolist())
    field.SetOrigin((affine[:rank, 3] * [-1.0, -1.0, 1.0][:rank]).tolist())
    field.SetDirection((axes / spacing).ravel().tolist())
    return field
