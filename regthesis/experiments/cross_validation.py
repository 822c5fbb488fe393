"""Training a registration network on the pairs of the ACDC layout, cross-validated by patient (section 4.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset
from tqdm import tqdm

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets import acdc
from regthesis.datasets.acdc_files import read_info
from regthesis.errors import UserError
from regthesis.evaluate.overlap import dice
from regthesis.train import RandomAffine, Schedule, fit
from regthesis.train.parallel import check_device

VALIDATION = 5  # patients of the training folds, one of each group, that early stopping looks at
SCHEDULE = Schedule(1500, rate=1e-3, anneal=True, every=250)


def folds(root: Path | str, count: int = 5) -> list[list[str]]:
    """The patients dealt out to `count` folds, each group in turn, so that all groups are in all folds."""
    groups = defaultdict(list)
    for patient in acdc.patients(root):
        groups[str(read_info(Path(root) / patient).get("Group", ""))].append(patient)
    dealt = [patient for group in sorted(groups) for patient in groups[group]]
    return [sorted(dealt[i::count]) for i in range(count)]


def train(
    root: Path | str,
    out: Path,
    build: Callable[[acdc.Frame], nn.Module],
    schedule: Schedule = SCHEDULE,
    *,
    fold: int,
    count: int = 5,
    frame: str = "full",
    skip: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    mixed: bool = False,
    about: dict | None = None,
) -> dict:
    """Train the network that `build` makes for a frame on all folds but number `fold`; the card of its weights.

    Folds count from 1 to `count`; 0 leaves none out.

    `skip` names patients that are kept out of everything. The card lists who was trained and validated on, and the
    identity of everybody, by which `regthesis.weights` knows whom the network has not seen. Masks of the validation
    patients, of those who have a structure in both, draw the curve of DICE; the last weights are kept, or with
    the schedule's `patience` those of the highest DICE.

    Raises:
        UserError: a broken or unknown patient, too few of them, none to measure on, a fold that is not there or empty,
            or what `train.fit` raises.
    """
    if not 0 <= fold <= count:
        raise UserError(f"fold: expected 0 (none left out) to {count}, got {fold}")
    common = acdc.frame_named(frame)
    check_device(device)
    acdc.check_named(root, skip)
    dealt = folds(root, count)
    held_out = dealt[fold - 1] if fold else []
    if fold and not held_out:
        raise UserError(f"fold {fold}: nobody is in it, {root} has fewer patients than folds")
    rest = tuple({*held_out, *skip})
    left = [patient for patient in acdc.patients(root) if patient not in rest]
    if len(left) <= VALIDATION:
        raise UserError(
            f"{root}: {len(left)} patients to train with; it takes {VALIDATION + 1} or more, "
            f"{VALIDATION} of them for validation"
        )
    validated = acdc.balanced(root, VALIDATION, rest)
    trained = [patient for patient in left if patient not in validated]
    cases = {p: acdc.read(root, p, common) for p in tqdm([*trained, *validated], "patients", disable=None)}
    measurable = [cases[p] for p in validated if common_labels(cases[p])]
    if not measurable:
        raise UserError(
            f"{root}: no validation patient ({', '.join(validated)}) has a structure in both masks; segment one"
        )
    torch.manual_seed(seed)
    return fit(
        build(common),
        pairs([cases[p] for p in trained]),
        out,
        schedule,
        augment=RandomAffine(common.spacing, shift=0.05),
        validation=pairs(measurable, masks=True),
        measure=lost_overlap,
        seed=seed,
        device=device,
        mixed=mixed,
        about={
            "dataset": acdc.layout(root),
            "frame": frame,
            "fold": [fold, count],
            "trained": trained,
            "validated": validated,
            "held_out": held_out,
            "identities": acdc.identities(root),
            **(about or {}),
        },
    )


def pairs(cases: Sequence[Case], masks: bool = False) -> TensorDataset:
    """Moving and fixed images `(n, 1, *space)` of pairs, and with `masks` their labels."""
    tensors = [torch.cat([case.moving for case in cases]), torch.cat([case.fixed for case in cases])]
    if masks:
        tensors += [torch.cat([case.moving_mask for case in cases]), torch.cat([case.fixed_mask for case in cases])]
    return TensorDataset(*tensors)


def common_labels(case: Case) -> list[int]:
    """The structures that both masks of a pair have; none where a mask is missing or empty."""
    return _common(case.masks[0], case.masks[1]) if {0, 1} <= set(case.masks) else []


def _common(*masks) -> list[int]:
    return [label for label in acdc.LABELS if label and all((mask == label).any() for mask in masks)]


def lost_overlap(model: nn.Module, moving, fixed, moving_mask, fixed_mask) -> float:
    """1 minus the mean DICE of the labels that both masks of a pair have."""
    moved = kernels.warp_labels(moving_mask, kernels.exp(model(moving, fixed).velocities[0], model.steps))
    scores = [dice(fixed_mask, moved, (label,)) for label in _common(moving_mask, fixed_mask)]
    return 1 - sum(scores) / len(scores)
