"""Reader of the official ACDC layout (Bernard et al. 2018): short-axis cine MRI with masks at ED and ES.

    root/patient001/Info.cfg                       ED and ES as 1-based frame numbers, Group, Height, Weight
    root/patient001/patient001_frame01.nii.gz      and patient001_frame01_gt.nii.gz, the same for the ES frame
    root/patient001/patient001_4d.nii.gz           the whole cine, where present
    root/patient001/patient001_frame12_motion.nii.gz    phantoms only: the true displacement, ES grid, LPS mm

Sunnybrook folders written under these names are read too.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
import yaml
from tqdm import tqdm

from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.geometry import Grid, background, check_grid, resample, zscored
from regthesis.identity import identity_of, phantom_identity
from regthesis.images import read_displacement, read_image, read_labels
from regthesis.shipped import DATA

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
REGISTER = DATA / "identities" / "acdc.json"  # of patients of this data set
RECOGNISED = 0.8  # at least this share of a folder's patients must be on it
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
    """What the ledger may compare with the print: `acdc` for patients of that data set, known by the outlines of their
    hearts and each there once; `phantom` for a population that this package made; else `own`.

    Raises:
        UserError: there is no patient, or a mask is missing or broken.
    """
    return "phantom" if is_phantom(root) else _origin(Path(root).resolve())


@lru_cache(maxsize=8)
def _origin(root: Path) -> str:
    register = json.loads(REGISTER.read_text()) if REGISTER.is_file() else {}  # a package may lie without its data
    known = {mark for marks in register.values() for mark in marks}
    drawn = [identity_of([], _masks(root / patient)) for patient in patients(root)]
    recognised = sum(not known.isdisjoint(marks) for marks in drawn)
    all_different = sum(map(len, drawn)) == len(frozenset().union(*drawn))
    return "acdc" if all_different and recognised >= RECOGNISED * len(drawn) else "own"


def layout(root: Path | str) -> str:
    """The data set in whose layout a folder is: `phantom` for a population that this package made, else `acdc`."""
    return "phantom" if is_phantom(root) else "acdc"


def is_phantom(root: Path | str) -> bool:
    """Whether this package made the population."""
    return (Path(root) / "phantom.json").is_file()


def identities(root: Path | str) -> dict[str, list[str]]:
    """Everybody's identity by name, as cards list them.

    Raises:
        UserError: there is no patient, or a file is missing or broken.
    """
    return {patient: sorted(identity(root, patient)) for patient in tqdm(patients(root), "identities", disable=None)}


def identity(root: Path | str, patient: str) -> frozenset[str]:
    """Whose heart this is: by its images and outlines at ED and ES, and for a phantom by its seed as well.

    Raises:
        UserError: a file is missing or broken.
    """
    folder = Path(root) / patient
    info = read_info(folder)
    return _identity(folder, [read_image(_file(folder, info[key])) for key in ("ED", "ES")], _masks(folder))


def _identity(folder: Path, images: Iterable[sitk.Image], masks: Iterable[sitk.Image]) -> frozenset[str]:
    found = identity_of(images, masks)
    if not is_phantom(folder.parent):
        return found
    about = folder.parent / "phantom.json"
    try:
        seed = int(json.loads(about.read_text())["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{about}: broken; delete the folder and make the phantom again") from None
    return found | phantom_identity(seed, folder.name)


def _masks(folder: Path) -> list[sitk.Image]:
    info = read_info(folder)
    return [read_labels(_file(folder, info[key], "_gt")) for key in ("ED", "ES")]


def balanced(root: Path | str, count: int, skip: tuple[str, ...] = ()) -> list[str]:
    """The first `count` patients, taken in turn from each group so that all are represented; `skip` leaves some out.

    Raises:
        UserError: there are not that many.
    """
    groups: dict[str, list[str]] = {}
    for patient in patients(root):
        if patient not in skip:
            groups.setdefault(read_info(Path(root) / patient)["Group"], []).append(patient)
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
            info = read_info(folder)
            if (folder / f"{patient}_4d.nii.gz").is_file():
                ed = _file(folder, info["ED"])
                check_grid(_read_cine(folder, info)[0], folder / f"{patient}_4d.nii.gz", read_image(ed), ed.name)
                cines += 1
            groups[info["Group"] or "unknown"] += 1
        except UserError as fault:
            faults.append(str(fault))
    return dict(sorted(groups.items())), cines, faults


def read(root: Path | str, patient: str, frame: Frame = FULL, sequence: bool = False) -> Case:
    """Read one patient into the common frame: ED first (moving), then ES, or with `sequence` the whole cine.

    Intensities are z-scored over the frame as in the thesis's RMSE; a cine starts at ED and runs once round.
    Outside of the field of view images are 0, as in the thesis, or their `background` where that is below 0.

    Raises:
        UserError: a file is missing or broken, ED equals ES, two files lie on different grids, or a mask holds a
            foreign label.
    """
    folder = Path(root) / patient
    info = read_info(folder)
    ed, es = info["ED"], info["ES"]
    if sequence:
        cine = _read_cine(folder, info)
        order = [(ed - 1 + k) % len(cine) for k in range(len(cine))]
        volumes = [cine[t] for t in order]
        segmented = {order.index(ed - 1): ed, order.index(es - 1): es}
    else:
        volumes = [read_image(_file(folder, number)) for number in (ed, es)]
        check_grid(volumes[1], _file(folder, es), volumes[0], _file(folder, ed).name)
        segmented = {0: ed, 1: es}
    masks = {t: _read_mask(folder, number, volumes[0]) for t, number in segmented.items()}
    images = [_in_frame(volume, frame) for volume in volumes]
    labels = {t: resample(mask, frame.spacing, frame.shape, labels=True) for t, mask in masks.items()}
    grid = Grid.of(images[0])
    return Case(
        id=patient,
        images=zscored(images),
        grid=grid,
        masks={t: torch.from_numpy(sitk.GetArrayFromImage(m)).long()[None, None] for t, m in labels.items()},
        group=info["Group"],
        truth=None if sequence else _read_truth(_file(folder, es, "_motion"), volumes[1], grid),
        structures=STRUCTURES,
        dataset=layout(root),
        identity=_identity(folder, [volumes[t] for t in segmented], masks.values()),
    )


def read_info(folder: Path) -> dict:
    """`Info.cfg` as a dictionary of text, but for integer 1-based `ED` and `ES`; `Group` is empty where it says none.

    Raises:
        UserError: it is missing or broken, ED and ES are not two different frame numbers, or Group is no text.
    """
    path = folder / "Info.cfg"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such patient; check the name and data_root")
    if not path.is_file():
        raise UserError(f"{path}: no such file; every patient folder needs one")
    try:
        # every value as the text that it is: to YAML NO is false, 010 eight and 1:30 ninety
        info = yaml.load(path.read_text("utf-8-sig"), yaml.BaseLoader)
        ed, es = (_frame_number(info[key]) for key in ("ED", "ES"))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError):
        raise UserError(f"{path}: needs lines like 'ED: 1' and 'ES: 12' with 1-based frame numbers") from None
    if ed == es or min(ed, es) < 1:
        raise UserError(f"{path}: ED ({ed}) and ES ({es}) must be two different 1-based frame numbers")
    if not isinstance(group := info.get("Group", ""), str):
        raise UserError(f"{path}: Group must be a word, like 'Group: NOR'")
    return info | {"ED": ed, "ES": es, "Group": group}


def _frame_number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text):
        raise ValueError
    return int(text)


def _file(folder: Path, number: int, suffix: str = "") -> Path:
    return folder / f"{folder.name}_frame{number:02d}{suffix}.nii.gz"


def _read_cine(folder: Path, info: dict) -> list[sitk.Image]:
    cine = read_image(folder / f"{folder.name}_4d.nii.gz", rank=4)
    ed, es, frames = info["ED"], info["ES"], cine.GetSize()[3]
    if max(ed, es) > frames:
        raise UserError(f"{folder}: ED is {ed} and ES {es}, but the cine has {frames} frames; mend Info.cfg")
    return [cine[..., t] for t in range(frames)]


def _in_frame(image: sitk.Image, frame: Frame) -> sitk.Image:
    return resample(sitk.Cast(image, sitk.sitkFloat32), frame.spacing, frame.shape, fill=min(0.0, background(image)))


def _read_mask(folder: Path, number: int, image: sitk.Image) -> sitk.Image:
    path = _file(folder, number, "_gt")
    mask = read_labels(path)
    check_grid(mask, path, image, f"the image at ED of {folder.name}")
    foreign = np.setdiff1d(sitk.GetArrayViewFromImage(mask), list(LABELS))
    if foreign.size:
        raise UserError(f"{path}: label {foreign[0]} is none of {LABELS}; map the labels to ACDC's")
    return sitk.Cast(mask, sitk.sitkUInt8)


def _read_truth(path: Path, es: sitk.Image, grid: Grid) -> torch.Tensor | None:
    """The true displacement in voxels of the common frame, `(1, d, *space)`; None for real patients."""
    if not path.is_file():
        return None
    field = sitk.Cast(read_displacement(path), sitk.sitkVectorFloat64)
    check_grid(field, path, es, "the image at ES")
    target = grid.to_sitk(np.zeros(grid.shape, np.uint8))
    filled = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, 0.0)
    return grid.displacement_from_mm(filled)[None]
