"""A folder that holds one DICOM series, as one image: a stack of slices, or a cine of them."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regthesis.errors import UserError

UID, NAME = "0020|000e", "0008|103e"  # of the series
TRIGGER, INSTANCE = "0018|1060", "0020|0013"  # ms since the R wave, and the number of a file


def read_series(folder: Path) -> sitk.Image:
    """The stack of slices in `folder`, in the order in which they lie in the patient.

    Raises:
        UserError: there is no DICOM in it, more than one series, a broken file, or slices that form no even stack
            (one is missing, they are turned, or there are several instants).
    """
    return _volume(folder, _only_series(folder))


def read_beat(folder: Path) -> sitk.Image:
    """The cine in `folder`, 4-D: every slice at as many instants, in the order of their trigger times, or else numbers.

    Raises:
        UserError: as `read_series`, or there are more files of one slice than of another, or only one of each.
    """
    headers, places = _only_series(folder), defaultdict(list)
    normal = np.reshape(headers[0].GetDirection(), (3, 3))[:, 2]
    for header in headers:
        places[round(float(np.dot(header.GetOrigin(), normal)), 1)].append(header)
    counts = {len(of_slice) for of_slice in places.values()}
    if len(counts) > 1 or counts == {1}:
        numbers = " or ".join(map(str, sorted(counts)))
        raise UserError(f"{folder}: no cine: has {numbers} files of a slice; each needs as many, two or more")
    ordered = [
        sorted(of_slice, key=lambda header: (_number(header, TRIGGER), _number(header, INSTANCE)))
        for of_slice in places.values()
    ]
    return sitk.JoinSeries([_volume(folder, list(instant)) for instant in zip(*ordered, strict=True)])


def _only_series(folder: Path) -> list[sitk.ImageFileReader]:
    """The headers of all files of the one series in a folder."""
    series = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "DICOMDIR" and _is_dicom(path):
            header = _header(path)
            series[header.GetMetaData(UID) if header.HasMetaDataKey(UID) else ""].append(header)
    if not series:
        raise UserError(f"{folder}: a folder without DICOM; give an image file, or the folder of one DICOM series")
    if len(series) > 1:
        names = ", ".join(f"{_name(headers[0])} ({len(headers)} files)" for headers in series.values())
        raise UserError(f"{folder}: holds {len(series)} DICOM series: {names}; put one into a folder of its own")
    (slices,) = series.values()
    return slices


def _volume(folder: Path, slices: list[sitk.ImageFileReader]) -> sitk.Image:
    if len(slices) == 1:
        return sitk.ReadImage(slices[0].GetFileName())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([header.GetFileName() for header in _stacked(folder, slices)])
    return reader.Execute()


def _number(header: sitk.ImageFileReader, tag: str) -> float:
    """A number of a header; 0 where it has none."""
    try:
        return float(header.GetMetaData(tag))
    except (RuntimeError, ValueError):
        return 0.0


def _is_dicom(path: Path) -> bool:
    """By its mark or its name also where it is too short for ITK to know it: no slice is left out for that."""
    with path.open("rb") as file:
        marked = file.read(132)[128:] == b"DICM"
    named = path.suffix.lower() == ".dcm"
    return marked or named or sitk.ImageFileReader.GetImageIOFromFileName(str(path)) == "GDCMImageIO"


def _header(path: Path) -> sitk.ImageFileReader:
    header = sitk.ImageFileReader()
    header.SetFileName(str(path))
    try:
        header.ReadImageInformation()
    except RuntimeError:
        raise UserError(f"{path}: DICOM without an image, or truncated; fetch it again, or move it away") from None
    return header


def _name(header: sitk.ImageFileReader) -> str:
    return header.GetMetaData(NAME).strip() if header.HasMetaDataKey(NAME) else "unnamed"


def _stacked(folder: Path, slices: list[sitk.ImageFileReader]) -> list[sitk.ImageFileReader]:
    """The slices from first to last along their normal; each lies within a tenth of a gap of its even place."""
    first = slices[0]
    normal = np.reshape(first.GetDirection(), (3, 3))[:, 2]
    ordered = sorted(slices, key=lambda header: float(np.dot(header.GetOrigin(), normal)))
    places = np.array([header.GetOrigin() for header in ordered])
    gap = np.dot(places[-1] - places[0], normal) / (len(ordered) - 1)
    even = places[0] + gap * np.arange(len(ordered))[:, None] * normal
    astray = np.linalg.norm(places - even, axis=1).max() > 0.1 * gap
    unlike = any(
        header.GetSize() != first.GetSize() or not np.allclose(header.GetDirection(), first.GetDirection(), atol=1e-3)
        for header in slices
    )
    if gap <= 0 or astray or unlike:
        raise UserError(
            f"{folder}: its {len(slices)} slices form no even stack (one is missing, they are turned, "
            "or there are several instants); export the volume as one file"
        )
    return ordered
