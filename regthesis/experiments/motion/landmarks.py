"""Points in a cine that people followed by eye, and how far from them a method carries them: outside truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import grid_sample
from tqdm import tqdm

from regthesis import kernels, methods
from regthesis.case import Case
from regthesis.datasets.own_cine import OwnCine
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.experiments.description import describe
from regthesis.experiments.record import record
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.whole_cine import follow
from regthesis.shipped import DATA

__all__ = ["COLUMNS", "FORMS", "beside_others", "carried", "distances", "read_landmarks", "record_landmarks"]

COLUMNS = ("method", "form", "frame", "landmark", "error", "in_plane", "through_plane")  # the last three in mm
FORMS = {"slices": False, "stack": True}  # 2D+t and 3D+t; whether a method sees all slices together
PIECE = ("method", "form")
PUBLISHED = DATA / "published" / "cmac.csv"  # of volunteer 1, each row with the citation of its paper


def read_landmarks(path: Path) -> dict[int, pd.DataFrame]:
    """The landmarks of a CSV with the columns `frame,landmark,x,y,z`: frames from 1 on, in mm (LPS), by frame.

    A landmark that stands several times at a frame, as when several people placed it, is where it is on average.

    Raises:
        UserError: the file cannot be read, a column is missing, a number is none, or frame 1 has no landmark that a
            later frame has.
    """
    columns = ["frame", "landmark", "x", "y", "z"]
    try:
        rows = pd.read_csv(path, dtype={"landmark": str})
        missing = [name for name in columns if name not in rows]
        rows = rows if missing else rows[columns].astype({"frame": float, "x": float, "y": float, "z": float})
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no table of landmarks ({' '.join(str(error).split())})") from None
    if missing:
        raise UserError(f"{path}: has no column {missing[0]}; it needs {','.join(columns)}")
    if not np.isfinite(rows[["x", "y", "z"]]).all(axis=None) or not (rows["frame"] == 1).any():
        raise UserError(f"{path}: needs finite positions, and landmarks at frame 1, from which they are carried")
    if (rows["frame"] % 1 != 0).any() or (rows["frame"] < 1).any():
        raise UserError(f"{path}: frames are whole numbers from 1 on")
    rows["frame"] = rows["frame"].astype(int)
    means = rows.groupby(["frame", "landmark"], sort=False)[["x", "y", "z"]].mean()
    found = {frame: them.droplevel(0) for frame, them in means.groupby(level=0)}
    if not any(len(_known(found, there)) for frame, there in found.items() if frame > 1):
        raise UserError(f"{path}: no landmark of frame 1 stands at a later frame, so there is nothing to compare")
    return found


def carried(points: Float[Tensor, "n 3"], found: Deformation, frame: int) -> Float[Tensor, "n 3"]:
    """Where points of frame 0, in voxels (z, y, x), are at a fixed frame, counted from 1.

    A deformation says where each voxel of a frame comes from, so that points follow its inverse.
    """
    u = kernels.inverse(found.u[frame - 1 : frame])
    size = torch.tensor(u.shape[2:], dtype=points.dtype)
    at = 2 * points.flip(-1) / (size.flip(0) - 1).clamp(min=1) - 1
    moved = grid_sample(u, at.view(1, -1, 1, 1, 3).to(u), align_corners=True, padding_mode="border")
    return points + moved[0, :, :, 0, 0].T


def distances(case: Case, found: Deformation, landmarks: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """How far from its place each landmark of a later frame is carried, in mm: as a whole, in and through the plane."""
    rows = []
    for frame, there in landmarks.items():
        known = _known(landmarks, there)
        if frame == 1 or not len(known):
            continue
        if frame > len(case.images):
            raise UserError(f"{case.id}: has {len(case.images)} frames, but there are landmarks at frame {frame}")
        start, end = (_voxels(case.grid, landmarks[number].loc[known]) for number in (1, frame))
        off = (carried(start, found, frame - 1) - end) * torch.tensor(case.spacing)
        for name, away in zip(known, off, strict=True):
            rows.append((frame, name, float(away.norm()), float(away[1:].norm()), float(away[0].abs())))
    return pd.DataFrame(rows, columns=list(COLUMNS[2:]))


def beside_others(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean distances of each method and form, beside those that other authors print: a row each, the best last."""
    labels = rows["method"].map({name: methods.get(name).label for name in rows["method"].unique()})
    names = labels.where(rows["method"] == "identity", labels + ", " + rows["form"])
    found = rows.groupby(names)[["error", "in_plane", "through_plane"]].mean()
    printed = pd.read_csv(PUBLISHED).set_index("method")[["error"]]
    both = pd.concat([found, printed]).sort_values("error", ascending=False).rename_axis("method")
    return both.rename(columns={"in_plane": "in the plane", "through_plane": "through it", "error": "distance"})


def record_landmarks(cine: Path, points: Path, out: Path, names: Sequence[str], forms: Sequence[str]) -> pd.DataFrame:
    """Keep the `distances` of each named method in each of `FORMS` on one cine.

    Raises:
        UserError: a file is broken, a method or a form is unknown, or `out` cannot be written or holds another run.
    """
    if unknown := [form for form in forms if form not in FORMS]:
        raise UserError(f"form {unknown[0]!r}: expected one of {', '.join(FORMS)}")
    chosen = [methods.get(name) for name in names]
    if not chosen or not forms:
        raise UserError(f"landmarks: {len(chosen)} methods in {len(forms)} forms leave nothing to do; name some")
    data = OwnCine(cine)
    command = f"landmarks CINE POINTS --out {out} --methods {','.join(names)} --forms {','.join(forms)}"
    about = describe(data, command, "own", chosen)

    def compute(case: Case, kept: Path) -> pd.DataFrame:
        rows = read_rows(kept, COLUMNS)
        pieces = [(method, form) for method in chosen for form in forms]
        wanted = [(frame, name) for frame, there in landmarks.items() if frame > 1 for name in _known(landmarks, there)]
        done = finished(rows, PIECE, ("frame", "landmark"), {(method.name, form): wanted for method, form in pieces})
        for method, form in tqdm(pieces, "methods", disable=None):
            if (method.name, form) not in done:
                found = follow(case, FORMS[form], method.register)
                new = distances(case, found, landmarks).assign(method=method.name, form=form)[list(COLUMNS)]
                rows = add_rows(rows, new, kept, PIECE)
        return rows

    landmarks = read_landmarks(points)
    return record(out, about, lambda: data.read(""), compute, COLUMNS)


def _known(landmarks: dict[int, pd.DataFrame], there: pd.DataFrame) -> pd.Index:
    """Those landmarks of a frame that frame 1 has too."""
    return there.index.intersection(landmarks[1].index)


def _voxels(grid: Grid, points: pd.DataFrame) -> Float[Tensor, "n 3"]:
    """Positions in mm (LPS) as voxels (z, y, x)."""
    image = grid.to_sitk(np.zeros(grid.shape, np.uint8))
    places = [image.TransformPhysicalPointToContinuousIndex(xyz) for xyz in points[["x", "y", "z"]].to_numpy().tolist()]
    return torch.tensor(places, dtype=torch.float32).flip(-1)
