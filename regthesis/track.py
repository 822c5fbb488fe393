"""A cine file whose every frame is reached from the first one: fields, carried labels and their volumes over a beat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch

from regthesis import methods
from regthesis.book.show.style import LABELS, STYLE
from regthesis.case import Case
from regthesis.datasets.own_cine import own_cine
from regthesis.datasets.slices import slice_of
from regthesis.deformation import Deformation
from regthesis.errors import UserError, user_warnings
from regthesis.evaluate.volumes import ejection_fraction, volumes
from regthesis.experiments.motion.players import tracked
from regthesis.files import together
from regthesis.geometry import Grid
from regthesis.images import read_cine, write_image
from regthesis.kernels.shapes import Float, Int, Number, Tensor
from regthesis.methods.whole_cine import cut, follow, square
from regthesis.register import how, registered, regularity
from regthesis.train.parallel import check_device

__all__ = ["summary", "track"]

NOTE = "Research software, not for clinical use."


def track(
    cine: Path,
    out: Path,
    mask: Path | None = None,
    first: int = 1,
    times: Sequence[Number] | None = None,
    method: str = "motion-refined",
    stack: bool = False,
    device: str = "cpu",
    overwrite: bool = False,
    commit: str = "unknown",
    warn: Callable[[str], None] = print,
) -> dict:
    """Track a cine from frame `first` to all others; what `result.json` holds. `cine` to `times` are as in `own_cine`.

    Every slice is tracked in its plane, or with `stack` all together in 3-D. What lies outside of `whole_cine.square`
    stays where it is.

    The folder `out` then has the displacement of every frame (a vector image in mm, LPS), frame `first` moved to all of
    them, with a mask its labels on all of them and their volumes as CSV, a page on which the beat plays, and
    `result.json`; all on the cine's own grid, at once and at the end.

    Raises:
        UserError: a file is broken, the method or the device is not there, the method fails, or `out` cannot be written
            or has results already.
    """
    chosen = methods.get(method)
    check_device(device)
    with user_warnings(warn) as heard:
        case = own_cine(cine, mask, first, times)
        numbers = [(first - 1 + k) % len(case.images) + 1 for k in range(len(case.images))]
        fields = {number: f"displacement_{number:02d}.nii.gz" for number in numbers[1:]}
        labelled = ["labels.nii.gz", "volumes.csv"] if case.masks else []
        with together(
            out, ["moved.nii.gz", *fields.values(), *labelled, "player.html", "result.json"], overwrite
        ) as to:
            found = follow(case, stack, lambda seen: registered(chosen, seen, device))
            determinant = found.jacobian()
            if not (found.u.isfinite().all() and determinant.isfinite().all()):
                raise UserError(f"{cine}: no finite displacement by {chosen.label}; look for extreme values in it")
            for frame, name in enumerate(fields.values()):
                found.save(to / name, frame)
            image = _as_in_file(cine, first)
            _write_sequence(torch.cat([image, found.warp(image)]).numpy(), case.grid, to / "moved.nii.gz")
            record = how(chosen, case if stack else slice_of(case, 0), found, _inputs(cine, mask), device, commit)
            record |= {"grid": vars(case.grid), "frames": numbers, "stack": stack, **regularity(determinant)}
            curves = pd.DataFrame()
            if case.masks:
                labels = torch.cat([case.moving_mask, found.warp_labels(case.moving_mask)])
                _write_sequence(labels.numpy().astype(np.int32), case.grid, to / "labels.nii.gz")
                curves = _volumes(case, labels).assign(frame=numbers)
                curves.to_csv(to / "volumes.csv", index=False)
                record |= {"labels": _beats(curves)}
            (to / "player.html").write_text(_page(case, found, curves), "utf-8")
            record |= {"warnings": heard, "note": NOTE}
            (to / "result.json").write_text(json.dumps(record, indent=1, default=str) + "\n", "utf-8")
    return record


def summary(record: dict) -> str:
    """One line on what `track` did."""
    folds = f"{record['folding']['voxels']} voxels fold" if record["folding"]["voxels"] else "no voxel folds"
    lost = [f"label {label} loses {of['lost_per_cent']:.0f} %" for label, of in record.get("labels", {}).items()]
    text = f"{len(record['frames'])} frames tracked in {record['seconds']:.1f} s by {record['method']['label']}"
    return "; ".join([text, folds, *lost]) + f". {NOTE}"


def _as_in_file(cine: Path, frame: int) -> Float[Tensor, "1 1 *space"]:
    """A frame with its intensities as they are."""
    voxels = sitk.GetArrayFromImage(sitk.Cast(read_cine(cine)[..., frame - 1], sitk.sitkFloat32))
    return torch.from_numpy(voxels)[None, None]


def _write_sequence(frames: np.ndarray, grid: Grid, path: Path) -> None:
    write_image(sitk.JoinSeries([grid.to_sitk(frame[0]) for frame in frames]), path)


def _volumes(case: Case, labels: Int[Tensor, "t 1 *space"]) -> pd.DataFrame:
    """The volume in ml of every label at every frame, with the frame's time as a fraction of the beat."""
    structures = {str(label): (label,) for label in case.moving_mask.unique().tolist() if label}
    found = volumes(labels, case.spacing, structures)
    columns = {"frame": 0, "time": case.times} | {f"label {label}": ml.numpy() for label, ml in found.items()}
    return pd.DataFrame(columns)


def _beats(curves: pd.DataFrame) -> dict[str, dict]:
    """Of every label its first and its least volume, at which frame that is, and the share that is lost until then."""
    found = {}
    for column in curves.columns[2:]:
        ml, least = curves[column], int(curves[column].argmin())
        found[column.split()[1]] = {
            "first_ml": float(ml[0]),
            "least_ml": float(ml[least]),
            "frame_of_least": int(curves["frame"][least]),
            "lost_per_cent": ejection_fraction(float(ml[0]), float(ml[least])),
        }
    return found


def _inputs(cine: Path, mask: Path | None) -> dict[str, Path]:
    return {"cine": cine} | ({"mask": mask} if mask else {})


def _page(case: Case, found: Deformation, curves: pd.DataFrame) -> str:
    """A page that needs nothing but itself: the slice in the middle of the labels, and the volumes."""
    rows, columns = square(case)
    middle = cut(case, rows, columns)
    k = _middle(middle)
    moving = Deformation(found.u[:, 1:, k, rows, columns], slice_of(middle, k).grid)
    shown = {column: curves[column].to_numpy() for column in curves.columns[2:]}
    colours = {column: LABELS[(int(column.split()[1]) - 1) % len(LABELS)] for column in shown}  # as the outlines
    with plt.rc_context(STYLE):
        player = tracked(slice_of(middle, k), moving, shown, {}, "volume (ml)", colours)
    title = f"{case.id}, slice {k + 1} of {case.grid.shape[0]}"
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
    style = "<style>body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto; }</style>\n"
    return f"{head}{style}<h1>{title}</h1>\n{player.html()}\n<p>{NOTE}</p>\n</html>\n"


def _middle(case: Case) -> int:
    """The slice with half of the labels on either side, or the middle one."""
    slices = (case.masks[0] > 0).flatten(3).any(-1)[0, 0].nonzero() if case.masks else torch.empty(0)
    return int(slices.float().median()) if len(slices) else case.grid.shape[0] // 2
