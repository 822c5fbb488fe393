"""The files of the official ACDC layout (Bernard et al. 2018), read as they are.

root/patient001/Info.cfg                       ED and ES as 1-based frame numbers, Group, Height, Weight
root/patient001/patient001_frame01.nii.gz      and patient001_frame01_gt.nii.gz, the same for the ES frame
root/patient001/patient001_4d.nii.gz           the whole cine, where present
root/patient001/patient001_frame12_motion.nii.gz    phantoms only: the true displacement, ES grid, LPS mm
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import yaml

from regthesis.errors import UserError
from regthesis.geometry import Grid, check_grid
from regthesis.images import read_displacement, read_image, read_labels
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["LABELS", "frame_file", "read_cine", "read_info", "read_mask", "read_motion"]

LABELS = {0: "background", 1: "right ventricle", 2: "myocardium", 3: "left ventricle cavity"}


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


def frame_file(folder: Path, number: int, suffix: str = "") -> Path:
    """Where an image of a patient folder lies; `suffix` is `_gt` for its mask and `_motion` for the true motion."""
    return folder / f"{folder.name}_frame{number:02d}{suffix}.nii.gz"


def read_cine(folder: Path, info: dict) -> list[sitk.Image]:
    """All volumes of a patient's cine, in the order of the file.

    Raises:
        UserError: it is missing or broken, or has no frame ED or ES.
    """
    cine = read_image(folder / f"{folder.name}_4d.nii.gz", rank=4)
    ed, es, frames = info["ED"], info["ES"], cine.GetSize()[3]
    if max(ed, es) > frames:
        raise UserError(f"{folder}: ED is {ed} and ES {es}, but the cine has {frames} frames; mend Info.cfg")
    return [cine[..., t] for t in range(frames)]


def read_mask(folder: Path, number: int, image: sitk.Image) -> sitk.Image:
    """The mask of a frame.

    Raises:
        UserError: it is missing or broken, does not lie on the grid of `image`, or holds a foreign label.
    """
    path = frame_file(folder, number, "_gt")
    mask = read_labels(path)
    check_grid(mask, path, image, f"the image at ED of {folder.name}")
    foreign = np.setdiff1d(sitk.GetArrayViewFromImage(mask), list(LABELS))
    if foreign.size:
        raise UserError(f"{path}: label {foreign[0]} is none of {LABELS}; map the labels to ACDC's")
    return sitk.Cast(mask, sitk.sitkUInt8)


def read_motion(path: Path, es: sitk.Image, grid: Grid) -> Float[Tensor, "1 d *space"] | None:
    """The true displacement of a file on another grid, in its voxels; None where there is no such file.

    Raises:
        UserError: it is broken, or does not lie on the grid of the ES image.
    """
    if not path.is_file():
        return None
    field = sitk.Cast(read_displacement(path), sitk.sitkVectorFloat64)
    check_grid(field, path, es, "the image at ES")
    target = grid.to_sitk(np.zeros(grid.shape, np.uint8))
    filled = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, 0.0)
    return grid.displacement_from_mm(filled)[None]
