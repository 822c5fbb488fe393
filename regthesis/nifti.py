"""What ITK's reader of NIfTI passes over in silence: cut files, NaN, and axes of one voxel in a displacement."""

from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from nibabel.spatialimages import HeaderDataError

__all__ = ["HeaderDataError", "displacement", "stored"]

PLACES = {  # what counts where the code is above 0
    "qform_code": ("quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    "sform_code": ("srow_x", "srow_y", "srow_z"),
}
VECTORS = {"vector": 1.0, "displacement vector": -1.0}  # the intent, and the sign of LPS x and y in such a file


def stored(path: Path) -> np.ndarray:
    """The voxels as they are stored, before slope and intercept; any error of a broken file or header passes.

    Raises HeaderDataError where a number that places the voxels is none, which ITK takes for 0, or a spacing is 0,
    which it takes for 1.
    """
    image = nib.load(path)
    with image.file_map.get("header", image.file_map["image"]).get_prepare_fileobj("rb") as file:
        header = type(image.header).from_fileobj(file, check=False)  # nibabel mends the other
    spacing = header["pixdim"][1 : 1 + min(3, len(image.shape))]
    placed = [spacing]
    for code, names in PLACES.items():
        if header.get(code, 0) > 0:
            placed += [np.ravel(header[name]) for name in names]
    if not np.isfinite(np.concatenate(placed, axis=None)).all() or not spacing.all():
        raise HeaderDataError("spacing, origin or direction is no number, or a spacing is 0")
    return np.asanyarray(image.dataobj.get_unscaled())


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
