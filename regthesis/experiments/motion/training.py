"""Training a motion model on cines, cross-validated by patient (section 5.3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from regthesis.case import Case
from regthesis.datasets import CommonGrid
from regthesis.datasets.cines import Cines
from regthesis.experiments.cross_validation import SCHEDULE, cases_of, parts_of, whom_it_saw
from regthesis.kernels.shapes import Tensor
from regthesis.methods.motion import as_model_sees
from regthesis.models.motion import MotionModel
from regthesis.train import RandomAffine, Schedule, fit
from regthesis.train.parallel import check_device

__all__ = ["MovedCine", "train"]


@dataclass(frozen=True)
class MovedCine(RandomAffine):
    """Cines with their frames' places: all frames, and all slices, of a cine are moved by one map of the plane."""

    def __call__(self, batch: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """`(b, frames, 1, *space)` images moved, and the places as they are."""
        images, places = batch
        (moved,) = super().__call__([images.flatten(1, -3)])  # frames and slices as channels
        return moved.view(images.shape), places


def train(
    data: Cines,
    out: Path,
    build: Callable[[CommonGrid], MotionModel],
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
    augmentation: dict | None = None,
    about: dict | None = None,
) -> dict:
    """Train the motion model that `build` makes for a grid on the slices or stacks of all folds but one; its card.

    The patients are dealt out as those of chapter 4 (`cross_validation.parts_of`), so that a fold has the same patients
    as long as the data sets have the same. Cases of the patients for validation draw the curve of the loss.

    Raises:
        UserError: as `parts_of`, or what `train.fit` raises.
    """
    common = data.common_grid(grid)
    check_device(device)
    parts = parts_of(data.patients, fold, count, skip)
    whom = whom_it_saw(data.patients, grid, fold, count, parts)
    torch.manual_seed(seed)
    model = build(common)
    samples = {
        name: Samples(model, (data.read(id, common) for id in tqdm(some, name, disable=None)))
        for name, some in cases_of(data, parts).items()
    }
    return fit(
        model,
        samples["trained"],
        out,
        schedule,
        augment=MovedCine(common.spacing[-2:], **{"shift": 0.05, **(augmentation or {})}),
        validation=samples["validated"],
        loss_arguments=loss_arguments,
        seed=seed,
        device=device,
        mixed=mixed,
        about={**whom, "cines": len(samples["trained"]), **(about or {})},
    )


class Samples(torch.utils.data.Dataset):
    """What training takes of each case: its frames as the model sees them, and their places."""

    def __init__(self, model: MotionModel, cases: Iterable[Case]):
        self.samples = [as_model_sees(model, case) for case in cases]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        return self.samples[k]
