"""Data in the official ACDC layout (Bernard et al. 2018): short-axis cine MRI with masks at ED and ES.

These are the patients of that challenge, our phantoms, which are written in the same layout, and anything else that is,
such as the hearts of Sunnybrook.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import SimpleITK as sitk
import torch

from regthesis.case import Case
from regthesis.datasets.acdc_files import LABELS, frame_file, read_cine, read_info, read_mask, read_motion
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.errors import UserError
from regthesis.files import read_json
from regthesis.geometry import Grid, background, check_grid, resample, zscored
from regthesis.identity import identity_of, phantom_identity
from regthesis.images import read_image, read_labels
from regthesis.shipped import DATA

__all__ = ["ACDC", "DATASETS", "FULL", "QUICK", "read"]

REGISTER = DATA / "identities" / "acdc.json"  # of patients of this data set
RECOGNISED = 0.8  # at least this share of a folder's patients must be on it


class ACDC(Dataset):
    """The patient folders under `root`: those that hold an `Info.cfg`.

    Its name is "phantom" where this package made the population, else "acdc".
    """

    labels = LABELS
    structures = {"LV-Myo": (2,), "LV": (2, 3), "LV-BP": (3,), "RV": (1,), "LV+RV": (1, 2, 3)}  # section 4.3, Fig. 4.5
    grids = {
        "full": CommonGrid((32, 128, 128), (3.15, 1.5, 1.5)),  # thesis section 4.3
        "quick": CommonGrid((32, 64, 64), (3.15, 3.0, 3.0)),  # the same field of view at half the in-plane resolution
    }
    complete = 100  # patients in the official training set
    source = "https://www.creatis.insa-lyon.fr/Challenge/acdc"  # where to get the data, and under which terms

    def __init__(self, root: Path | str):
        super().__init__(root)
        phantoms = (self.root / "phantom.json").is_file()
        self.name = "phantom" if phantoms else "acdc"
        self.contains = {"masks", "truth"} if phantoms else {"masks"}

    @classmethod
    def lies_at(cls, root: Path) -> bool:
        return (root / "phantom.json").is_file() or any(root.glob("*/Info.cfg"))

    def ids(self) -> list[str]:
        found = sorted(path.parent.name for path in self.root.glob("*/Info.cfg"))
        if not found:
            raise UserError(
                f"{self.root}: no patient folder with an Info.cfg; point data_root at ACDC's training folder"
            )
        return found

    def group(self, id: str) -> str:
        return read_info(self.root / id)["Group"]

    @property
    def origin(self) -> str:
        """ "acdc" for patients of that data set, known by the outlines of their hearts and each there once; "phantom"
        for a population that this package made; else "own".

        Raises:
            UserError: there is no patient, or a mask is missing or broken.
        """
        return self.name if self.name == "phantom" else _origin(self.root.resolve())

    def identity(self, id: str) -> frozenset[str]:
        """By the images and outlines at ED and ES, and for a phantom by its seed as well."""
        folder = self.root / id
        info = read_info(folder)
        images = [read_image(frame_file(folder, info[key])) for key in ("ED", "ES")]
        return self._identity(id, images, _masks(folder))

    def _identity(self, id: str, images: Iterable[sitk.Image], masks: Iterable[sitk.Image]) -> frozenset[str]:
        found = identity_of(images, masks)
        if self.name != "phantom":
            return found
        about = self.root / "phantom.json"
        try:
            seed = int(read_json(about)["seed"])
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{about}: broken; delete the folder and make the phantom again") from None
        return found | phantom_identity(seed, id)

    def check_case(self, id: str) -> bool:
        self.read(id, "quick")
        folder = self.root / id
        info, cine = read_info(folder), folder / f"{id}_4d.nii.gz"
        if not cine.is_file():
            return False
        ed = frame_file(folder, info["ED"])
        check_grid(read_cine(folder, info)[0], cine, read_image(ed), ed.name)
        return True

    def stack(self, id: str, plane: CommonGrid) -> CommonGrid:
        """The grid of a patient's own slices, with `plane` in each of them.

        Raises:
            UserError: there is no such patient, or the image at ED is missing or broken.
        """
        folder = self.root / id
        own = Grid.of(read_image(frame_file(folder, read_info(folder)["ED"])))
        return CommonGrid((own.shape[0], *plane.shape), (own.spacing[0], *plane.spacing))

    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = False) -> Case:
        """One patient: ED first (moving), then ES, or with `sequence` the whole cine, from ED once round.

        Intensities are z-scored over the grid as in the thesis's RMSE. Outside of the field of view images are 0, as in
        the thesis, or their `background` where that is below 0. The frames of a cine are taken to be evenly spaced over
        one cycle.

        Raises:
            UserError: there is no such patient or grid, a file is missing or broken, ED equals ES, two files lie on
                different grids, or a mask holds a foreign label.
        """
        common = self.common_grid(grid) if isinstance(grid, str) else grid
        folder = self.root / id
        info = read_info(folder)
        ed, es = info["ED"], info["ES"]
        if sequence:
            cine = read_cine(folder, info)
            order = [(ed - 1 + k) % len(cine) for k in range(len(cine))]
            volumes = [cine[t] for t in order]
            segmented = {order.index(ed - 1): ed, order.index(es - 1): es}
        else:
            volumes = [read_image(frame_file(folder, number)) for number in (ed, es)]
            check_grid(volumes[1], frame_file(folder, es), volumes[0], frame_file(folder, ed).name)
            segmented = {0: ed, 1: es}
        masks = {t: read_mask(folder, number, volumes[0]) for t, number in segmented.items()}
        images = [_resampled(volume, common) for volume in volumes]
        labels = {t: resample(mask, common.spacing, common.shape, labels=True) for t, mask in masks.items()}
        own = Grid.of(images[0])
        return Case(
            id=id,
            images=zscored(images),
            grid=own,
            masks={t: torch.from_numpy(sitk.GetArrayFromImage(m)).long()[None, None] for t, m in labels.items()},
            group=info["Group"],
            truth=None if sequence else read_motion(frame_file(folder, es, "_motion"), volumes[1], own),
            structures=self.structures,
            dataset=self.name,
            identity=self._identity(id, [volumes[t] for t in segmented], masks.values()),
            times=tuple(k / len(volumes) for k in range(len(volumes))) if sequence else None,
        )


DATASETS = {"phantom": ACDC, "acdc": ACDC}
FULL, QUICK = ACDC.grids["full"], ACDC.grids["quick"]


def read(root: Path | str, patient: str, grid: str | CommonGrid = FULL, sequence: bool = False) -> Case:
    """One patient of a folder, as `ACDC.read`."""
    return ACDC(root).read(patient, grid, sequence)


@lru_cache(maxsize=8)
def _origin(root: Path) -> str:
    register = read_json(REGISTER) if REGISTER.is_file() else {}  # a package may lie without its data
    known = {mark for marks in register.values() for mark in marks}
    drawn = [identity_of([], _masks(root / patient)) for patient in ACDC(root).ids()]
    recognised = sum(not known.isdisjoint(marks) for marks in drawn)
    all_different = sum(map(len, drawn)) == len(frozenset().union(*drawn))
    return "acdc" if all_different and recognised >= RECOGNISED * len(drawn) else "own"


def _masks(folder: Path) -> list[sitk.Image]:
    info = read_info(folder)
    return [read_labels(frame_file(folder, info[key], "_gt")) for key in ("ED", "ES")]


def _resampled(image: sitk.Image, grid: CommonGrid) -> sitk.Image:
    fill = min(0.0, background(image))
    return resample(sitk.Cast(image, sitk.sitkFloat32), grid.spacing, grid.shape, fill=fill)
