"""Reader of the official ACDC layout (Bernard et al. 2018): short-axis cine MRI with masks at ED and ES.

    root/patient001/Info.cfg                       ED and ES as 1-based frame numbers, Group, Height, Weight
    root/patient001/patient001_frame01.nii.gz      and patient001_frame01_gt.nii.gz, the same for the ES frame
    root/patient001/patient001_4d.nii.gz           the whole cine, where present
    root/patient001/patient001_frame12_motion.nii.gz    phantoms only: the true displacement, ES grid, LPS mm

Sunnybrook folders written under these names are read too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
import yaml
from tqdm import tqdm

from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.geometry import Grid, read_image, resample
from regthesis.kernels import zscore

LABELS = {0: "background", 1: "right ventricle", 2: "myocardium", 3: "left ventricle cavity"}
STRUCTURES: dict[str, tuple[int, ...]] = {"LV-Myo": (2,), "LV": (2, 3), "LV-BP": (3,), "RV": (1,), "LV+RV": (1, 2, 3)}
"""Structure name -> the labels it joins: those on which the thesis scores (section 4.3, Figure 4.5)."""


@dataclass(frozen=True)
class Frame:
    """The common frame that cases are resampled to: shape in voxels and spacing in mm, array order."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]


FULL = Frame((32, 128, 128), (3.15, 1.5, 1.5))  # thesis section 4.3
QUICK = Frame((32, 64, 64), (3.15, 3.0, 3.0))  # the same field of view at half the in-plane resolution
FRAMES = {"full": FULL, "quick": QUICK}
COMPLETE = 100  # patients in the official training set
SOURCE = "https://www.creatis.insa-lyon.fr/Challenge/acdc"  # where to get the data, and under which terms


def frame_named(name: str) -> Frame:
    """One of `FRAMES`.

    Raises:
        UserError: there is none of that name.
    """
    if name not in FRAMES:
        raise UserError(f"frame {name!r}: expected one of {', '.join(FRAMES)}")
    return FRAMES[name]


def patients(root: Path | str) -> list[str]:
    """The patient folders under `root`, sorted: those that hold an `Info.cfg`.

    Raises:
        UserError: there is no such folder, or no patient in it.
    """
    root = Path(root)
    found = sorted(path.parent.name for path in root.glob("*/Info.cfg"))
    if not found:
        raise UserError(f"{root}: no patient folder with an Info.cfg; point data_root at ACDC's training folder")
    return found


def check_named(root: Path | str, names: Iterable[str]) -> None:
    """Raises UserError where one of the names is no patient under `root`: a slip would let him in."""
    if strangers := sorted(set(names) - set(patients(root))):
        raise UserError(f"{strangers[0]}: no such patient in {root}; check the name")


def origin(root: Path | str) -> str:
    """`phantom` for a population that this package made, else `acdc`: what the ledger may compare with the print."""
    return "phantom" if (Path(root) / "phantom.json").is_file() else "acdc"


def balanced(root: Path | str, count: int, skip: tuple[str, ...] = ()) -> list[str]:
    """The first `count` patients, taken in turn from each group so that all are represented; `skip` leaves some out.

    Raises:
        UserError: there are not that many.
    """
    groups: dict[str, list[str]] = {}
    for patient in patients(root):
        if patient not in skip:
            groups.setdefault(str(read_info(Path(root) / patient).get("Group", "")), []).append(patient)
    turns = [patient for turn in zip_longest(*groups.values()) for patient in turn if patient]
    if len(turns) < count:
        raise UserError(f"{root}: {count} patients wanted, {len(turns)} there; ask for fewer")
    return sorted(turns[:count])


def check(root: Path | str) -> tuple[dict[str, int], int, list[str]]:
    """Read everything under `root`: patients per group, how many have a whole cine, and a line for every fault.

    Raises:
        UserError: there is no patient at all.
    """
    groups, cines, faults = Counter(), 0, []
    for patient in tqdm(patients(root), desc="patients", leave=False, disable=None):
        folder = Path(root) / patient
        try:
            read(root, patient, QUICK)
            groups[str(read_info(folder).get("Group", "unknown"))] += 1
            cines += (folder / f"{patient}_4d.nii.gz").is_file()
        except UserError as fault:
            faults.append(str(fault))
    return dict(sorted(groups.items())), cines, faults


def read(root: Path | str, patient: str, frame: Frame = FULL, sequence: bool = False) -> Case:
    """Read one patient into the common frame: ED first (moving), then ES, or with `sequence` the whole cine.

    Intensities are z-scored over the frame as in the thesis's RMSE; a cine starts at ED and runs once round.

    Raises:
        UserError: a file is missing or broken, ED equals ES, sizes disagree, or a mask holds a foreign label.
    """
    folder = Path(root) / patient
    info = read_info(folder)
    ed, es = info["ED"], info["ES"]
    if sequence:
        cine = _read_cine(folder)
        if max(ed, es) > len(cine):
            raise UserError(f"{folder}: ED is {ed} and ES {es}, but the cine has {len(cine)} frames; mend Info.cfg")
        order = [(ed - 1 + k) % len(cine) for k in range(len(cine))]
        volumes = [cine[t] for t in order]
        segmented = {order.index(ed - 1): ed, order.index(es - 1): es}
    else:
        volumes = [read_image(_file(folder, ed)), read_image(_file(folder, es))]
        segmented = {0: ed, 1: es}
    for volume in volumes[1:]:
        _same_grid(volume, volumes[0], folder)
    masks = {t: _read_mask(folder, number, volumes[0]) for t, number in segmented.items()}
    images = [resample(sitk.Cast(v, sitk.sitkFloat32), frame.spacing, frame.shape) for v in volumes]
    labels = {t: resample(mask, frame.spacing, frame.shape, labels=True) for t, mask in masks.items()}
    grid = Grid.of(images[0])
    return Case(
        id=patient,
        images=zscore(torch.stack([torch.from_numpy(sitk.GetArrayFromImage(image)) for image in images])[:, None]),
        grid=grid,
        masks={t: torch.from_numpy(sitk.GetArrayFromImage(m)).long()[None, None] for t, m in labels.items()},
        group=str(info.get("Group", "")),
        truth=None if sequence else _read_truth(_file(folder, es, "_motion"), grid),
        structures=STRUCTURES,
    )


def read_info(folder: Path) -> dict:
    """`Info.cfg` as a dictionary, with integer 1-based `ED` and `ES`.

    Raises:
        UserError: it is missing or broken, or ED and ES are not two different frame numbers.
    """
    path = folder / "Info.cfg"
    if not path.is_file():
        raise UserError(f"{path}: no such file; every patient folder needs one")
    try:
        info = yaml.safe_load(path.read_text())
        ed, es = (int(info[key]) for key in ("ED", "ES"))
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        raise UserError(f"{path}: needs lines like 'ED: 1' and 'ES: 12' with 1-based frame numbers") from None
    if ed == es or min(ed, es) < 1:
        raise UserError(f"{path}: ED ({ed}) and ES ({es}) must be two different 1-based frame numbers")
    return info | {"ED": ed, "ES": es}


def _file(folder: Path, number: int, suffix: str = "") -> Path:
    return folder / f"{folder.name}_frame{number:02d}{suffix}.nii.gz"


def _read_cine(folder: Path) -> list[sitk.Image]:
    cine = read_image(folder / f"{folder.name}_4d.nii.gz", rank=4)
    return [cine[..., t] for t in range(cine.GetSize()[3])]


def _read_mask(folder: Path, number: int, image: sitk.Image) -> sitk.Image:
    path = _file(folder, number, "_gt")
    mask = read_image(path)
    _same_grid(mask, image, path)
    foreign = np.setdiff1d(sitk.GetArrayViewFromImage(mask), list(LABELS))
    if foreign.size:
        raise UserError(f"{path}: label {foreign[0]:g} is none of {LABELS}; map the labels to ACDC's")
    return sitk.Cast(mask, sitk.sitkUInt8)


def _same_grid(image: sitk.Image, other: sitk.Image, where: Path) -> None:
    if image.GetSize() != other.GetSize():
        raise UserError(f"{where}: size {image.GetSize()} is not the ED frame's {other.GetSize()}; export again")
    if not np.allclose(image.GetSpacing(), other.GetSpacing(), rtol=1e-3):
        raise UserError(f"{where}: spacing {image.GetSpacing()} is not the ED frame's {other.GetSpacing()} mm")


def _read_truth(path: Path, grid: Grid) -> torch.Tensor | None:
    """The true displacement in voxels of the common frame, `(1, d, *space)`; None for real patients."""
    if not path.is_file():
        return None
    field = sitk.Cast(read_image(path), sitk.sitkVectorFloat64)
    target = grid.to_sitk(np.zeros(grid.shape, np.uint8))
    filled = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, 0.0)
    return grid.displacement_from_mm(filled)[None]
