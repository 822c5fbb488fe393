"""Training a registration network on the pairs of a data set, cross-validated by patient (section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset
from tqdm import tqdm

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets import CommonGrid, Dataset
from regthesis.errors import UserError
from regthesis.evaluate.overlap import dice
from regthesis.experiments.folds import folds
from regthesis.kernels.shapes import Tensor
from regthesis.train import RandomAffine, Schedule, fit
from regthesis.train.parallel import check_device

FRAMES = 6  # of a cine that make pairs with its first
VALIDATION = 5  # patients of the training folds, one of each group, that early stopping looks at
SCHEDULE = Schedule(1500, rate=1e-3, anneal=True, every=250)


def train(
    data: Dataset,
    out: Path,
    build: Callable[[CommonGrid], nn.Module],
    schedule: Schedule = SCHEDULE,
    *,
    fold: int,
    count: int = 5,
    grid: str = "full",
    skip: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    mixed: bool = False,
    both_directions: bool = False,
    cines: Dataset | None = None,
    loss_arguments: dict | None = None,
    augmentation: dict | None = None,
    about: dict | None = None,
) -> dict:
    """Train the network that `build` makes for a grid on all folds but number `fold`; the card of its weights.

    Folds count from 1 to `count`; 0 leaves none out. `grid` names one that all cases are resampled to, for own pairs
    one that the first pair gives (`Folder.common_grid`).

    `skip` names patients that are kept out of everything. The card lists who was trained and validated on, and the
    identity of everybody, by which `regthesis.weights` knows whom the network has not seen. Masks of the validation
    patients, of those who have a structure in both, draw the curve of DICE; without masks it is that of the loss. The
    last weights are kept, or with the schedule's `patience` those of the best validation. `loss_arguments` are further
    ones of the network's loss, `augmentation` those of `RandomAffine` whose defaults will not do.

    Where a case is a whole cine, as those of `Slices` are, its frames make a pair each with its first one. Two things
    make more pairs of the same patients. With `both_directions` each pair is trained on the other way round
    as well. `cines` is a data set that has whole cines of some of them, known by their identity: its pairs lead from
    ED to `FRAMES` frames of each patient that is trained on, and of nobody else.

    Raises:
        UserError: a broken or unknown patient, too few of them, none to measure on, a fold that is not there or empty,
            or what `train.fit` raises.
    """
    common = data.common_grid(grid)
    check_device(device)
    parts = parts_of(data.patients, fold, count, skip)
    ids = cases_of(data, parts)
    trained = [data.read(id, common) for id in tqdm(ids["trained"], "trained", disable=None)]
    validated = [data.read(id, common, sequence=False) for id in tqdm(ids["validated"], "validated", disable=None)]
    masked = data.has("masks")
    measurable = [case for case in validated if common_labels(case)] if masked else validated
    if not measurable:
        names = ", ".join(parts["validated"])
        raise UserError(f"{data.root}: no validation patient ({names}) has a structure in both masks; segment one")
    whom = whom_it_saw(data.patients, grid, fold, count, parts)
    if cines is not None:
        known = set().union(*(whom["identities"][id] for id in parts["trained"]))
        trained += beats(cines, known, common)
    if both_directions:
        trained += [turned_round(case) for case in trained]
    torch.manual_seed(seed)
    samples = pairs(trained)
    return fit(
        build(common),
        samples,
        out,
        schedule,
        augment=RandomAffine(common.spacing, **{"shift": 0.05, **(augmentation or {})}),
        validation=pairs(measurable, masks=masked),
        measure=lost_overlap if masked else None,
        loss_arguments=loss_arguments,
        seed=seed,
        device=device,
        mixed=mixed,
        about={**whom, "pairs": len(samples), **(about or {})},
    )


def parts_of(data: Dataset, fold: int, count: int, skip: Sequence[str]) -> dict[str, list[str]]:
    """Who is `trained` and `validated` on, and who is `held_out`.

    Raises:
        UserError: a fold that is not there or empty, an unknown patient to skip, or too few are left.
    """
    if not 0 <= fold <= count:
        raise UserError(f"fold: expected 0 (none left out) to {count}, got {fold}")
    data.check_ids(skip)
    held_out = folds(data, count)[fold - 1] if fold else []
    if fold and not held_out:
        raise UserError(f"fold {fold}: nobody is in it, {data.root} has fewer patients than folds")
    rest = {*held_out, *skip}
    left = [id for id in data.ids() if id not in rest]
    if len(left) <= VALIDATION:
        raise UserError(
            f"{data.root}: {len(left)} patients to train with; it takes {VALIDATION + 1} or more, "
            f"{VALIDATION} of them for validation"
        )
    validated = data.balanced(VALIDATION, rest)
    trained = [id for id in left if id not in validated]
    return {"trained": trained, "validated": validated, "held_out": held_out}


def cases_of(data: Dataset, parts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The cases of the patients that are `trained` and `validated` on: each patient, or all slices of each."""
    return {
        name: [id for id in data.ids() if data.patient(id) in set(parts[name])] for name in ("trained", "validated")
    }


def whom_it_saw(data: Dataset, grid: str, fold: int, count: int, parts: dict[str, list[str]]) -> dict:
    """What a card says of the patients of a training: whose they are, on which grid, and everybody's identity."""
    about = {"dataset": data.name if data.grids else data.root.name, "grid": grid, "fold": [fold, count]}
    return about | parts | {"identities": data.identities()}


def beats(cines: Dataset, known: set[str], grid: CommonGrid, frames: int = FRAMES) -> list[Case]:
    """Pairs from ED to `frames` evenly spaced frames of each cine whose patient has a mark in `known`.

    Raises:
        UserError: a cine is broken, or none is of such a patient.
    """
    ids = [id for id in cines.ids() if not known.isdisjoint(cines.identity(id))]
    if not ids:
        raise UserError(f"{cines.root}: no cine of a patient to train with; check the folder")
    found = []
    for id in tqdm(ids, "cines", disable=None):
        beat = cines.read(id, grid, sequence=True)
        last = len(beat.images) - 1
        at = sorted({round(1 + k * (last - 1) / max(frames - 1, 1)) for k in range(frames)})
        found += [replace(beat, images=beat.images[[0, t]], masks={}, times=None) for t in at]
    return found


def turned_round(case: Case) -> Case:
    """A pair with the fixed image as the moving one."""
    return replace(case, images=case.images.flip(0), masks={}, truth=None)


def pairs(cases: Sequence[Case], masks: bool = False) -> TensorDataset:
    """Moving and fixed images `(n, 1, *space)` of pairs, and with `masks` their labels; a cine has many pairs."""
    moving = [case.moving.expand_as(case.fixed) for case in cases]
    tensors = [torch.cat(moving), torch.cat([case.fixed for case in cases])]
    if masks:
        tensors += [torch.cat([case.moving_mask for case in cases]), torch.cat([case.fixed_mask for case in cases])]
    return TensorDataset(*tensors)


def common_labels(case: Case) -> list[int]:
    """The structures that both masks of a pair have; none where a mask is missing or empty."""
    return _common(case.masks[0], case.masks[1]) if {0, 1} <= set(case.masks) else []


def _common(first: Tensor, second: Tensor) -> list[int]:
    return sorted({int(label) for label in first.unique()} & {int(label) for label in second.unique()} - {0})


def lost_overlap(model: nn.Module, moving, fixed, moving_mask, fixed_mask) -> float:
    """1 minus the mean DICE of the labels that both masks of a pair have."""
    moved = kernels.warp_labels(moving_mask, kernels.exp(model(moving, fixed).velocities[0], model.steps))
    scores = [dice(fixed_mask, moved, (label,)) for label in _common(moving_mask, fixed_mask)]
    return 1 - sum(scores) / len(scores)
