"""Training a registration network on the pairs of a data set, cross-validated by patient (section 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    loss_arguments: dict | None = None,
    about: dict | None = None,
) -> dict:
    """Train the network that `build` makes for a grid on all folds but number `fold`; the card of its weights.

    Folds count from 1 to `count`; 0 leaves none out. `grid` names one that all cases are resampled to, for own pairs
    one that the first pair gives (`Folder.common_grid`).

    `skip` names patients that are kept out of everything. The card lists who was trained and validated on, and the
    identity of everybody, by which `regthesis.weights` knows whom the network has not seen. Masks of the validation
    patients, of those who have a structure in both, draw the curve of DICE; without masks it is that of the loss. The
    last weights are kept, or with the schedule's `patience` those of the best validation. `loss_arguments` are further
    ones of the network's loss.

    Raises:
        UserError: a broken or unknown patient, too few of them, none to measure on, a fold that is not there or empty,
            or what `train.fit` raises.
    """
    if not 0 <= fold <= count:
        raise UserError(f"fold: expected 0 (none left out) to {count}, got {fold}")
    common = data.common_grid(grid)
    check_device(device)
    parts = _parts(data, fold, count, skip)
    cases = {id: data.read(id, common) for id in tqdm([*parts["trained"], *parts["validated"]], "cases", disable=None)}
    validated = [cases[id] for id in parts["validated"]]
    masked = data.has("masks")
    measurable = [case for case in validated if common_labels(case)] if masked else validated
    if not measurable:
        names = ", ".join(parts["validated"])
        raise UserError(f"{data.root}: no validation patient ({names}) has a structure in both masks; segment one")
    torch.manual_seed(seed)
    return fit(
        build(common),
        pairs([cases[id] for id in parts["trained"]]),
        out,
        schedule,
        augment=RandomAffine(common.spacing, shift=0.05),
        validation=pairs(measurable, masks=masked),
        measure=lost_overlap if masked else None,
        loss_arguments=loss_arguments,
        seed=seed,
        device=device,
        mixed=mixed,
        about={
            "dataset": data.name if data.grids else data.root.name,
            "grid": grid,
            "fold": [fold, count],
            **parts,
            "identities": data.identities(),
            **(about or {}),
        },
    )


def _parts(data: Dataset, fold: int, count: int, skip: Sequence[str]) -> dict[str, list[str]]:
    """Who is `trained` and `validated` on, and who is `held_out`."""
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


def pairs(cases: Sequence[Case], masks: bool = False) -> TensorDataset:
    """Moving and fixed images `(n, 1, *space)` of pairs, and with `masks` their labels."""
    tensors = [torch.cat([case.moving for case in cases]), torch.cat([case.fixed for case in cases])]
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
