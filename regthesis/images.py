"""Images in files: read whole and finite or refused with one line, written whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regthesis import nifti
from regthesis.dicom import read_beat, read_series
from regthesis.errors import UserError
from regthesis.files import whole

FORMATS = {  # in which ITK, or we for it, notice that a file is cut off; by the names of ITK's readers
    "NiftiImageIO": "NIfTI",
    "MetaImageIO": "MetaImage",
    "NrrdImageIO": "NRRD",
    "GDCMImageIO": "DICOM",
    "PNGImageIO": "PNG",
    "TIFFImageIO": "TIFF",
}
LARGEST = 1e30  # of a voxel's value: no scanner measures more, and its square still fits where float32's would not


def read_image(path: Path, rank: int | None = 3) -> sitk.Image:
    """Read a medical image with one value a voxel, from a file or from the folder of one DICOM series.

    `rank` None takes any.

    Raises:
        UserError: the file is missing, unreadable or truncated, of another rank, in colour or complex, or holds NaN,
            infinity, or values beyond 1e30, which mark padding.
    """
    return _grey(_read(path), path, rank)


def read_cine(path: Path) -> sitk.Image:
    """Read a cine as a 4-D image, time last: from a file, or from the folder of one DICOM series.

    Raises:
        UserError: as `read_image`, or there is one frame alone, or slices have different numbers of frames.
    """
    cine = _grey(_read(path, series=read_beat), path, 4)
    if cine.GetSize()[3] < 2:
        raise UserError(f"{path}: has one frame alone; a cine needs two or more")
    return cine


def _grey(image: sitk.Image, path: Path, rank: int | None) -> sitk.Image:
    """An image with one real value a voxel, of a rank or of any."""
    if image.GetNumberOfComponentsPerPixel() != 1:
        found = image.GetNumberOfComponentsPerPixel()
        raise UserError(f"{path}: expected one value per voxel, found {found}; convert it to grey values")
    if "complex" in image.GetPixelIDTypeAsString():
        raise UserError(f"{path}: expected real values, found complex ones; export its magnitude")
    if rank and image.GetDimension() != rank:
        given = image.GetDimension()
        raise UserError(f"{path}: expected a {rank}-D image, found {given}-D; check how it was exported")
    return image


def read_labels(path: Path, rank: int | None = 3) -> sitk.Image:
    """Read a label image as int64; values within 1e-3 of a whole number are that number.

    Raises:
        UserError: `read_image` refuses it, or a value is no whole number or not below 2^53, from where on ITK
            cannot tell neighbours apart.
    """
    image = read_image(path, rank)
    values = sitk.GetArrayViewFromImage(image)
    rounded = np.rint(values) if values.dtype.kind == "f" else values
    if (broken := values[np.abs(values - rounded) > 1e-3]).size:
        raise UserError(f"{path}: labels must be whole numbers, found {broken[0]:g}; export the mask as integers")
    if (largest := max(int(rounded.max()), -int(rounded.min()))) >= 2**53:
        raise UserError(f"{path}: a label of size {largest:g} is too large; number the structures from 1")
    labels = sitk.GetImageFromArray(rounded.astype(np.int64))
    labels.CopyInformation(image)
    return labels


def read_displacement(path: Path) -> sitk.Image:
    """Read a displacement in mm (LPS): a vector image, `d` components on `d` axes, as ITK, ANTs and elastix write it.

    Raises:
        UserError: the file is missing, unreadable or truncated, holds NaN, or is no displacement in that layout.
    """
    image = _read(path, vectors=True)
    rank, floats = image.GetNumberOfComponentsPerPixel(), (sitk.sitkVectorFloat32, sitk.sitkVectorFloat64)
    if image.GetPixelID() not in floats or image.GetDimension() != rank or rank not in (2, 3):
        raise UserError(
            f"{path}: no displacement: expected 2-D or 3-D vectors in mm as ITK writes them (in NIfTI with a vector "
            f"intent), found a {image.GetDimension()}-D image of {image.GetPixelIDTypeAsString()}; convert it with ITK"
        )
    return image


def _read(path: Path, vectors: bool = False, series: Callable[[Path], sitk.Image] = read_series) -> sitk.Image:
    """Any image, whole and finite; with `vectors`, a NIfTI displacement with all its axes; of a folder its `series`."""
    file, stored = _for_itk(path), None
    try:
        if path.is_dir():
            image = series(path)
        elif not path.is_file():
            raise UserError(f"{path}: no such file; check the folder's layout with `regthesis data check`")
        else:
            kind = _format(path)
            if kind == "NiftiImageIO":
                stored = nifti.stored(path)  # ITK fills up a truncated file and turns NaN into 0
            image = nifti.displacement(path) if vectors and stored is not None else None
            image = image or sitk.ReadImage(file)
    except UserError:
        raise
    except Exception as error:  # whatever two parsers make of a broken file, it is the file that is at fault
        raise UserError(f"{path}: cannot be read as an image ({_why_not(path, error)}") from None
    if not image.GetNumberOfPixels():
        raise UserError(f"{path}: holds no voxels (an axis of length 0); export it again")
    for voxels in (stored, sitk.GetArrayViewFromImage(image)):
        if voxels is not None and voxels.dtype.kind == "f" and not np.isfinite([voxels.min(), voxels.max()]).all():
            raise UserError(f"{path}: holds NaN or infinite voxels; clean the image before registering it")
    if voxels.dtype.kind == "f" and (largest := max(voxels.max(), -voxels.min())) >= LARGEST:
        raise UserError(f"{path}: holds values of size {largest:.2g}; set what marks padding to the background's value")
    if not np.isfinite((*image.GetSpacing()[:3], *image.GetOrigin()[:3], *image.GetDirection())).all():
        raise UserError(f"{path}: its header places it nowhere (NaN or infinity); export it again")
    return image


def _format(path: Path) -> str:
    """The name of ITK's reader of a file, one of FORMATS; empty where it knows none."""
    kind = sitk.ImageFileReader.GetImageIOFromFileName(str(path))
    if kind and kind not in FORMATS:
        known = ", ".join(FORMATS.values())
        raise UserError(f"{path}: {kind.removesuffix('ImageIO')} is not among {known}; convert it to one of them")
    return kind


def _why_not(path: Path, error: Exception) -> str:
    """The reason and what to do."""
    if isinstance(error, nifti.HeaderDataError):
        return f"its header is broken: {' '.join(str(error).split())}); export it again"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}); check the path and its permissions"
    if path.is_dir():
        return "a file of the series is truncated); fetch it again"
    zipped = path.read_bytes()[:2] == b"\x1f\x8b"
    if zipped and path.suffix.lower() in (".nii", ".hdr", ".img"):
        return "it is compressed and its name does not say so); add .gz to its name"
    if not zipped and path.suffix.lower() == ".gz":
        return "its name says that it is compressed and it is not); take .gz off its name"
    return "truncated, or not an image that ITK knows); fetch it again"


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image whole or not at all: to a sibling first, then renamed into place.

    Raises:
        UserError: the folder cannot be written, or the name does not end in a format of one file that ITK writes.
    """
    if path.suffix.lower() in (".mhd", ".nhdr", ".hdr", ".img"):
        raise UserError(f"{path}: images of two files are not written whole; name it .nii.gz, .mha or .nrrd")
    with whole(path) as sibling:
        try:
            sitk.WriteImage(image, _for_itk(sibling), useCompression=True)
        except RuntimeError as error:  # all that ITK says of a full disk, a locked folder, an unknown ending
            raise OSError(0, str(error).splitlines()[-1].strip()) from None


def _for_itk(path: Path) -> str:
    """The name of a file as ITK takes it; it aborts the process for a name that is no UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UserError(f"{path}: its name holds bytes that are no UTF-8; rename it") from None
    return str(path)
