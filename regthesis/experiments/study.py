"""The study of a population: every case registered by every method, and scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regthesis import methods
from regthesis.datasets import Dataset
from regthesis.datasets.cines import Cines
from regthesis.errors import UserError
from regthesis.evaluate.records import COLUMNS
from regthesis.evaluate.structures import Structures
from regthesis.evaluate.study import check_names, study
from regthesis.experiments.description import describe
from regthesis.experiments.folds import selected
from regthesis.experiments.record import record
from regthesis.methods import Method
from regthesis.methods.learned import with_weights
from regthesis.train.parallel import check_device
from regthesis.weights import WEIGHTS

__all__ = ["methods_for", "record_study", "weights_for"]


def record_study(
    data: Dataset,
    out: Path,
    names: Sequence[str],
    grid: str = "full",
    count: int = 0,
    skip: Sequence[str] = (),
    fold: int = 0,
    structures: Structures | None = None,
    weights: Path | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Register `count` cases (0: all that are not skipped) by each named method on a grid; keep the outcome.

    `skip` names cases that a method was tuned on; with `fold` only those of that fold of five are taken. `structures`
    are as in `evaluate`, `weights` as in `weights_for`, `device` is cpu or cuda.

    Raises:
        UserError: the data are broken, a name or the device is unknown, nobody and nothing is left to do, or `out`
            cannot be written or holds another run.
    """
    check_device(device)
    chosen = methods_for(data, names, weights)
    ids = selected(data, count, skip, fold)
    if not ids or not chosen:
        raise UserError(f"study: {len(ids)} patients and {len(chosen)} methods leave nothing to do; ask for more")
    command = f"study ROOT --out {out} --methods {','.join(names)}"
    command += f" --patients {count}" if count else ""
    command += f" --fold {fold}" if fold else ""
    command += f" --skip {','.join(skip)}" if skip else ""
    command += f" --device {device}" if device != "cpu" else ""
    about = describe(data, command, grid, chosen, structures, device=device) | {"patients": ids}
    if isinstance(data, Cines):
        about |= {"command": f"{about['command']} --slices {data.option}", "cines": data.kind}

    def read():
        cases = [data.read(id, grid) for id in ids]
        check_names(cases, chosen)
        return cases

    return record(out, about, read, lambda cases, kept: study(cases, chosen, kept, structures, device), COLUMNS)


def weights_for(data: Dataset, weights: Path | None = None) -> Path:
    """The folder with a folder of weights for each network: the given one, or what is shipped for such data."""
    return weights or WEIGHTS / data.networks


def methods_for(data: Dataset, names: Sequence[str], weights: Path | None = None) -> list[Method]:
    """Methods by name, those that learn with `weights_for` the data.

    Raises:
        UserError: there is none of that name.
    """
    return [with_weights(methods.get(name), weights_for(data, weights)) for name in names]
