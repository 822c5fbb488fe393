"""Table 4.1: which method and metric is which printed cell, and the verdicts on its numbers and on what is said of it.

Grad Det-Jac is in 10^-2 per mm; the thesis prints no unit of length.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from regthesis.book import ledger
from regthesis.evaluate.table import case_means

__all__ = ["COLUMNS", "ROWS", "beside", "judge", "values"]

ROWS = {"identity": "Undef", "demons": "Dem", "syn": "SyN", "voxelmorph": "VM", "s1": "S1", "s3": "S3"}
COLUMNS = {"RMSE": "RMSE", "DICE": "DICE", "HD95": "HD", "Grad Det-Jac": "GradDetJac"}
METHOD = {row: method for method, row in ROWS.items()}
METRIC = {column: metric for metric, column in COLUMNS.items()}
SCALE = {"GradDetJac": 100}


def values(rows: pd.DataFrame, row: str, column: str) -> pd.Series:
    """A cell's value for each case, in the printed unit; empty where the method was not run.

    A network stands in the table as it is, without smoothing after the fact, where `rows` have it so (method
    `s3-unsmoothed`). Cases without a finite value are left out: a structure that was lost has no distance.
    """
    mine = rows[(rows["method"] == _method(rows, row)) & (rows["metric"] == METRIC[column])]
    found = case_means(mine).set_index("case")["value"] * SCALE.get(column, 1)
    return found[np.isfinite(found)]


def _method(rows: pd.DataFrame, row: str) -> str:
    own = f"{METHOD[row]}-unsmoothed"
    return own if own in set(rows["method"]) else METHOD[row]


def beside(runs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The printed cells, and the mean of each long table of `runs` with its number of cases; a row a cell.

    Cells that no run has are left out.
    """
    lines = {}
    for row, column in product(ROWS.values(), COLUMNS.values()):
        cells = [values(rows, row, column) for rows in runs.values()]
        if (id := f"T4.1/{row}/{column}") in ledger.load() and any(map(len, cells)):
            found = [f"{cell.mean():.3f} (n = {len(cell)})" if len(cell) else "–" for cell in cells]
            lines[id] = [ledger.entry(id).printed, *found]
    return pd.DataFrame(lines, ["printed", *runs]).T.rename_axis("entry")


def judge(
    rows: pd.DataFrame,
    dataset: str,
    frame,
    page: str = "4",
    results: Path | None = None,
    smoothed: Mapping[str, float] | None = None,
) -> list[ledger.Verdict]:
    """Hand to the ledger what the long table `rows` of `evaluate` says of Table 4.1.

    Its cells, each with the undeformed scores of the same cases as control; the claims of order on it, each on the
    cases that both methods have; the time of a registration, C4.25, and folding, C4.40. `smoothed` gives the mm by
    which a method's velocities were smoothed after the fact, which the thesis did not do.
    """
    about = dict(dataset=dataset, frame=frame, page=page, results=results)
    found = []
    for known in ledger.load().values():
        table, *cell = known.id.split("/")
        if table == "T4.1":
            found += _judge_cell(rows, known.id, *cell, _unlike(rows, smoothed, cell[0]), about)
        elif known.kind == "order" and known.table == "T4.1":
            found += _judge_order(rows, known, *cell, _unlike(rows, smoothed, known.of, cell[1]), about)
    seconds = rows[(rows["method"] == _method(rows, "S3")) & (rows["metric"] == "seconds")]
    if len(seconds):
        found.append(ledger.check("C4.25", seconds.set_index("case")["value"], **about))
    smallest = rows[rows["metric"] == "min Det-Jac"]
    registering = [row for row in METHOD if row != "Undef" and _method(rows, row) in set(smallest["method"])]
    worst = smallest[smallest["method"].isin([_method(rows, row) for row in registering])]
    if registering:
        unlike = _unlike(rows, smoothed, *registering)
        found.append(ledger.check("C4.40", worst.set_index("case")["value"], unlike=unlike, **about))
    return found


def _judge_cell(rows, id: str, row: str, column: str, unlike: str, about: dict) -> list[ledger.Verdict]:
    cell, undeformed = values(rows, row, column), values(rows, "Undef", column)
    if cell.empty:
        return []
    control = None if row == "Undef" or len(undeformed.index.intersection(cell.index)) < len(cell) else undeformed
    control = None if control is None else control[cell.index]
    return [ledger.check(id, cell, control=control, unlike=unlike, **about)]


def _judge_order(rows, known: ledger.Entry, column: str, than: str, unlike: str, about: dict) -> list[ledger.Verdict]:
    both = pd.concat([values(rows, row, column) for row in (known.of, than)], axis=1, join="inner")
    if both.empty:
        return []
    first, second = both.iloc[:, 0], both.iloc[:, 1]
    return [ledger.check(known.id, first, paired_with=second, unlike=unlike, **about)]


def _unlike(rows: pd.DataFrame, smoothed: Mapping[str, float] | None, *of: str) -> str:
    """What was done after the fact to one of the methods in these rows of the table."""
    done = {method: mm for row in of if (mm := (smoothed or {}).get(method := _method(rows, row), 0))}
    return "; ".join(f"velocities of {method} were smoothed by {mm:g} mm after the fact" for method, mm in done.items())
