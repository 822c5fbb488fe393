"""Frames that the model has not seen (section 5.3.4): its guess at their motion beside interpolations of the motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.interpolate import CubicSpline
from tqdm import tqdm

from regthesis import methods
from regthesis.book import ledger
from regthesis.case import CAVITY, Case
from regthesis.datasets.slices import Slices, patient_of
from regthesis.deformation import Deformation
from regthesis.errors import Refused, UserError
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.evaluate.statistics import Interval, mean_interval
from regthesis.evaluate.structures import select
from regthesis.experiments.description import describe
from regthesis.experiments.folds import selected
from regthesis.experiments.record import record
from regthesis.experiments.study import weights_for
from regthesis.kernels.shapes import Float, Int, Tensor
from regthesis.methods.learned import with_weights
from regthesis.methods.motion import MotionTracking

__all__ = [
    "COLUMNS",
    "GIVEN",
    "WAYS",
    "area_of",
    "areas",
    "cavity_errors",
    "given_frames",
    "interpolated",
    "record_missing",
]

COLUMNS = ("case", "group", "given", "way", "error")
GIVEN = ("every 2nd", "every 5th", "first 5", "0th and 10th", "only the 0th")
WAYS = ("model", "linear", "cubic")
LEAST = 11  # frames of a cine that can show frame 10


def given_frames(given: str, count: int) -> list[int]:
    """The fixed frames, from 1 on, that a cine of `count` frames shows of itself: one of `GIVEN`.

    Raises UserError where it has none of these frames.
    """
    shown = {
        "every 2nd": range(2, count, 2),
        "every 5th": range(5, count, 5),
        "first 5": range(1, 5),
        "0th and 10th": [10],
        "only the 0th": [],
    }[given]
    if any(frame >= count for frame in shown) or (given.startswith("every") and not shown):
        raise UserError(f"a cine of {count} frames cannot show {given}; take a longer one")
    return list(shown)


def interpolated(
    u: Float[Tensor, "t d *space"], times: Sequence[float], known: Sequence[int], way: str
) -> Float[Tensor, "t d *space"]:
    """Displacements at all fixed frames from those at the `known` ones, "linear" or "cubic" in time.

    `times` are those of all frames as fractions of a beat. The motion is nothing at frame 0, and again where the beat
    ends: without that an interpolation would know nothing beyond the last frame that it is given.
    """
    at = np.array([times[0], *(times[frame] for frame in known), 1.0])
    still = torch.zeros_like(u[:1])
    values = torch.cat([still, *(u[frame - 1 : frame] for frame in known), still]).flatten(1).numpy()
    wanted = np.array(times[1:])
    if way == "cubic":
        found = CubicSpline(at, values, bc_type="periodic")(wanted)
    else:
        right = np.clip(np.searchsorted(at, wanted), 1, len(at) - 1)
        share = ((wanted - at[right - 1]) / (at[right] - at[right - 1]))[:, None]
        found = (1 - share) * values[right - 1] + share * values[right]
    return torch.from_numpy(found).to(u).view_as(u)


def area_of(case: Case, masks: Int[Tensor, "t 1 y x"]) -> np.ndarray:
    """The area in cm² of the left ventricle's cavity in masks of a slice."""
    pixel = case.spacing[0] * case.spacing[1] / 100
    return select(masks, case.structures[CAVITY]).flatten(1).sum(1).double().numpy() * pixel


def areas(case: Case, found: Deformation) -> np.ndarray:
    """That area at each frame, as the mask of frame 0 is carried along."""
    return area_of(case, torch.cat([case.moving_mask, found.warp_labels(case.moving_mask)]))


def cavity_errors(method: MotionTracking, case: Case, given: Sequence[str] = GIVEN) -> pd.DataFrame:
    """Root mean square over the beat of the cavity's area in cm², less that of the model which sees all frames.

    A row for each of `given` and each way with columns `COLUMNS`; a simulation has nothing to interpolate.
    """
    network = method.network(case)
    seen = method.predict(network, case)
    whole, count = areas(case, seen), len(case.images)
    times = case.times or [frame / count for frame in range(count)]
    rows = []
    for name in given:
        known = given_frames(name, count)
        found = {"model": method.predict(network, case, known)}
        if known:
            found |= {
                way: Deformation(interpolated(seen.u, times, known, way), case.grid) for way in ("linear", "cubic")
            }
        for way, deformation in found.items():
            off = areas(case, deformation) - whole
            rows.append((case.id, case.group, name, way, float(np.sqrt(np.mean(off[1:] ** 2)))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def record_missing(data: Slices, out: Path, grid: str = "full", count: int = 0, weights: Path | None = None):
    """Keep the `cavity_errors` of the cines of `count` patients (0: all).

    Those of fewer than `LEAST` frames, and patients whom the networks have seen, are left out.

    Goes on where it was stopped.

    Raises:
        UserError: the data are broken or have no cavity, there are no weights, no cine is long enough, or
            `out` cannot be written.
    """
    method = with_weights(methods.get("motion"), weights_for(data, weights))
    if not data.has("cavity"):
        raise UserError(f"{data.root}: no structure {CAVITY} in its masks, whose area could be compared")
    ids = selected(data, count)
    command = f"missing-frames ROOT --out {out}" + (f" --patients {count}" if count else "")
    about = describe(data, command, grid, [method]) | {"patients": ids, "cines": "slices"}
    return record(out, about, lambda: ids, lambda some, kept: _kept(data, some, grid, method, kept), COLUMNS)


def _kept(data: Slices, ids: Sequence[str], grid: str, method: MotionTracking, out: Path) -> pd.DataFrame:
    rows = read_rows(out, COLUMNS)
    done = finished(rows, ("case",), ("given", "way"), {(id,): _wanted() for id in ids})
    refused = f"no cine of {LEAST} frames or more, of which frames could be hidden"
    for id in tqdm([id for id in ids if (id,) not in done], "cines", disable=None):
        case = data.read(id, grid)
        try:
            method.check(case)
        except Refused as why:  # the networks have seen the patient, or may have
            refused = str(why)
            continue
        if len(case.images) >= LEAST:
            rows = add_rows(rows, cavity_errors(method, case), out, ("case",))
    if rows.empty:
        raise UserError(f"{data.root}: {refused}")
    return rows


def _wanted() -> list[tuple[str, str]]:
    return [(given, way) for given in GIVEN for way in (WAYS if given != "only the 0th" else WAYS[:1])]


def judge(rows: pd.DataFrame, dataset: str, page: str = "5", results: Path | None = None) -> list[ledger.Verdict]:
    """Claims C5.37 and C5.38, with slices of a patient averaged: is the model off by no more, and by less?

    It is no worse where no interval of the difference from an interpolation lies above zero, and better where all lie
    below. It is not better where one lies above; otherwise the data cannot tell.
    """
    differences = {(given, way): _difference(rows, given, way) for given in GIVEN[:4] for way in WAYS[1:] if len(rows)}
    found = []
    for id, of in {"C5.37": GIVEN[:2], "C5.38": ("first 5", "0th and 10th")}.items():
        some = {key: it for key, it in differences.items() if key[0] in of}
        worse = any(it.low > 0 for it in some.values())
        better = all(it.high < 0 for it in some.values())
        shown = not worse if id == "C5.37" else True if better else False if worse else None
        words = [f"{given}, {way}: {it.mean:+.2f} [{it.low:+.2f}, {it.high:+.2f}]" for (given, way), it in some.items()]
        why = f"model less interpolation in cm²: {'; '.join(words)}; {dataset}"
        found.append(ledger.claim(id, shown, why, dataset=dataset, page=page, results=results))
    return found


def _difference(rows: pd.DataFrame, given: str, way: str) -> Interval:
    """The model's error less that of an interpolation, with a 99 % interval over patients: four are looked at."""
    mine = rows[rows["given"] == given].assign(patient=rows["case"].map(patient_of))
    by_patient = mine.pivot_table("error", "patient", "way")
    return mean_interval(by_patient["model"] - by_patient[way], confidence=0.99)
