"""One registration scored: every metric of the thesis as rows of a long table."""

import math

import pandas as pd

from regthesis.case import CAVITY, Case
from regthesis.deformation import Deformation
from regthesis.evaluate.error import endpoint_error
from regthesis.evaluate.overlap import dice
from regthesis.evaluate.regularity import grad_det_jac, jacobian_statistics, spatial_gradient, temporal_gradient
from regthesis.evaluate.similarity import rmse
from regthesis.evaluate.structures import Structures, select, structures_of
from regthesis.evaluate.surface import ranked_distance, surface_distances
from regthesis.evaluate.volumes import ejection_fraction, volumes
from regthesis.kernels import zscore

COLUMNS = ("case", "group", "method", "metric", "structure", "value")


def evaluate(case: Case, deformation: Deformation, method: str, structures: Structures | None = None) -> pd.DataFrame:
    """Score one deformation of one case: a row per metric and structure, with columns `COLUMNS`.

    The moving mask is warped and compared with the mask of every other segmented frame, averaged over those frames.
    `structures` are those of the case's data set if left out: of own pairs each label.

    | metric | structure | unit |
    |---|---|---|
    | RMSE | image | standard deviations (both images z-scored before warping) |
    | DICE, HD95, HD | each of `structures` | 1, mm, mm |
    | EF, EF error | `CAVITY`, if asked for | %, and percentage points, predicted minus true; of mask 0 and the last |
    | Grad Det-Jac | image | 1/mm |
    | min Det-Jac, max Det-Jac, folding, sd log Det-Jac | image | 1, fraction of voxels |
    | Spat. Grad., Temp. Grad. | image | mm/mm, mm/frame; the latter for sequences |
    | EPE, EPE heart | image, heart | mm; where the case has its true motion, inside the masks of labelled frames |
    | seconds | image | s |

    A structure that the moving or the fixed mask lacks is nan whatever the method: no deformation can make it.
    One that the warp lost has DICE 0 and an infinite distance.
    """
    structures = structures or structures_of(case)
    rows = [
        *_image_rows(case, deformation),
        *_regularity_rows(deformation),
        *_structure_rows(case, deformation, structures),
        *_error_rows(case, deformation),
    ]
    return pd.DataFrame([(case.id, case.group, method, *row) for row in rows], columns=list(COLUMNS))


def measured(case: Case, structures: Structures | None = None) -> list[tuple[str, str]]:
    """Metric and structure of every row that `evaluate` makes of a case, in its order, without a deformation."""
    structures = structures or structures_of(case)
    image = ["RMSE", "seconds", "Grad Det-Jac", "min Det-Jac", "max Det-Jac", "folding", "sd log Det-Jac"]
    image += ["Spat. Grad.", *(["Temp. Grad."] if len(case.fixed) > 1 else [])]
    found = [(metric, "image") for metric in image]
    if _labelled_frames(case):
        found += [(metric, name) for name in structures for metric in ("DICE", "HD95", "HD")]
        found += [(metric, CAVITY) for metric in ("EF", "EF error") if _ejects(case, structures)]
    if case.truth is not None:
        found += [("EPE", "image"), *([("EPE heart", "heart")] if any(case.masks) else [])]
    return found


def folds(rows: pd.DataFrame) -> list[str]:
    """A line for each method of a long table: how many of its registrations fold, and the smallest determinant.

    With rows of the metric folding also how much of the images does. A deformation folds where its Jacobian
    determinant is 0 or less.
    """
    lines = []
    for method, found in rows.groupby("method", sort=False):
        smallest = found.loc[found["metric"] == "min Det-Jac", "value"]
        share = 100 * found.loc[found["metric"] == "folding", "value"]
        much = f", {share.mean():.3g} % of their voxels on average" if len(share) else ""
        folding = f"folds in {(smallest <= 0).sum()} of {len(smallest)} registrations{much}"
        lines.append(f"{method}: {folding}, smallest determinant {smallest.min():.3g}")
    return lines


def _image_rows(case: Case, deformation: Deformation) -> list[tuple[str, str, float]]:
    moved = deformation.warp(zscore(case.moving))
    return [("RMSE", "image", rmse(zscore(case.fixed), moved)), ("seconds", "image", deformation.seconds)]


def _regularity_rows(deformation: Deformation) -> list[tuple[str, str, float]]:
    u, spacing = deformation.u, deformation.grid.spacing
    determinant = deformation.jacobian()
    volume = jacobian_statistics(determinant)
    values = {
        "Grad Det-Jac": grad_det_jac(determinant, spacing),
        "min Det-Jac": volume.min,
        "max Det-Jac": volume.max,
        "folding": volume.folding,
        "sd log Det-Jac": volume.sd_log,
        "Spat. Grad.": spatial_gradient(u, spacing),
    }
    if len(u) > 1:
        values["Temp. Grad."] = temporal_gradient(u, spacing)
    return [(metric, "image", value) for metric, value in values.items()]


def _labelled_frames(case: Case) -> list[int]:
    """Fixed frames that have a mask to compare the warped moving mask with."""
    return sorted(frame for frame in case.masks if frame and 0 in case.masks)


def _structure_rows(case: Case, deformation: Deformation, structures: Structures) -> list[tuple[str, str, float]]:
    frames = _labelled_frames(case)
    if not frames:
        return []
    moved = deformation.warp_labels(case.moving_mask)
    rows = []
    for name, labels in structures.items():
        scores = [_overlap(case, moved[frame - 1 : frame], frame, labels) for frame in frames]
        means = pd.DataFrame(scores).mean()  # skips the frames on which the structure is not there
        rows += [(metric, name, float(value)) for metric, value in means.items()]
    if _ejects(case, structures):
        rows += _ejection_rows(case, moved[frames[-1] - 1 : frames[-1]], structures)
    return rows


def _ejects(case: Case, structures: Structures) -> bool:
    """A stack in which it is known what the cavity is has an ejection fraction."""
    return CAVITY in structures and case.grid.rank == 3


def _overlap(case: Case, moved, frame: int, labels: tuple[int, ...]) -> dict[str, float]:
    before, after, target = (select(mask, labels) for mask in (case.moving_mask, moved, case.masks[frame]))
    if not (before.any() and target.any()):
        return dict.fromkeys(("DICE", "HD95", "HD"), math.nan)
    distances = surface_distances(target, after, case.spacing)
    return {
        "DICE": dice(case.masks[frame], moved, labels),
        "HD95": ranked_distance(*distances, 95),
        "HD": ranked_distance(*distances, 100),
    }


def _ejection_rows(case: Case, moved, structures: Structures) -> list[tuple[str, str, float]]:
    masks = case.moving_mask, moved, case.fixed_mask
    diastolic, predicted, true = (float(volumes(mask, case.spacing, structures)[CAVITY]) for mask in masks)
    fraction = ejection_fraction(diastolic, predicted)
    return [("EF", CAVITY, fraction), ("EF error", CAVITY, fraction - ejection_fraction(diastolic, true))]


def _error_rows(case: Case, deformation: Deformation) -> list[tuple[str, str, float]]:
    if case.truth is None:
        return []
    u, spacing = deformation.u, case.spacing
    rows = [("EPE", "image", endpoint_error(u, case.truth, spacing))]
    frames = [frame for frame in sorted(case.masks) if frame]
    if frames:
        inside = [
            endpoint_error(u[frame - 1 : frame], case.truth[frame - 1 : frame], spacing, case.masks[frame])
            for frame in frames
        ]
        rows.append(("EPE heart", "heart", sum(inside) / len(inside)))
    return rows
