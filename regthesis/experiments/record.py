"""Recorded runs, kept as rows, configuration and verdicts under `data/recorded/<id>/`.

records.csv     the rows of one experiment: every score of every registration, or every code, or every transport
run.json        what produced it: commands, commits, data, device, threads, methods with their parameters
results.json    the ledger's verdicts, which the scorecard shows as "recorded"; none of own data, and none where the
                printed data are not at hand, as in an installed package

A folder holds one experiment on one data set. Several commands may add to it, even at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from regthesis.evaluate.growing import locked, read_rows
from regthesis.experiments.description import described, finish, united
from regthesis.experiments.judged import judge

__all__ = ["record"]

Inputs = TypeVar("Inputs")


def record(
    out: Path,
    about: dict,
    read: Callable[[], Inputs],
    compute: Callable[[Inputs, Path], pd.DataFrame],
    columns: Sequence[str] = (),
) -> pd.DataFrame:
    """Keep the rows of an experiment, what produced them, and the ledger's verdicts on them; the rows.

    `about` describes the run (see `describe`). `read` makes the inputs, after it is sure that `out` can take this run.
    `compute` makes the rows of them and keeps them in the file that it is given. Rows with known `columns` may be there
    already: an experiment that was stopped goes on. Where rows are of methods, `rows.attrs["missing"]` says why some
    were not run.

    Raises:
        UserError: `out` cannot be written or holds another run, or what `read` and `compute` raise.
    """
    kept = out / "records.csv"
    united(out, about)
    if columns:
        read_rows(kept, columns)
    inputs = read()
    with described(out, about):
        rows = compute(inputs, kept)
    if "missing" in rows.attrs:
        with locked(out / "run.json"):  # whoever is last describes what all have left
            finish(out, read_rows(kept, columns), rows.attrs["missing"])
    judge(out)
    return rows
