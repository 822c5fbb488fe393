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

    Cases without a finite value are left out: a structure that was lost has no distance.
    """
    mine = rows[(rows["method"] == METHOD[row]) & (rows["metric"] == METRIC[column])]
    found = case_means(mine).set_index("case")["value"] * SCALE.get(column, 1)
    return found[np.isfinite(found)]


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
    rows: pd.DataFrame, dataset: str, frame, page: str = "4", results: Path | None = None
) -> list[ledger.Verdict]:
    """Hand to the ledger what the long table `rows` of `evaluate` says of Table 4.1.

    Its cells, the claims C4.30 to C4.40 and the time of a registration, C4.25. A claim of order is tested on the cases
    that both methods have.
    """
    about = dict(dataset=dataset, frame=frame, page=page, results=results)
    found = []
    for known in ledger.load().values():
        parts = known.id.split("/")
        if parts[0] == "T4.1" and len(cell := values(rows, *parts[1:])):
            found.append(ledger.check(known.id, cell, **about))
        if known.kind == "order" and known.table == "T4.1":
            both = pd.concat([values(rows, row, parts[1]) for row in (known.of, parts[2])], axis=1, join="inner")
            if len(both):
                found.append(ledger.check(known.id, both.iloc[:, 0], paired_with=both.iloc[:, 1], **about))
    seconds = rows[(rows["method"] == METHOD["S3"]) & (rows["metric"] == "seconds")]["value"]
    if len(seconds):
        found.append(ledger.check("C4.25", seconds, **about))
    smallest = rows[(rows["metric"] == "min Det-Jac") & rows["method"].isin([*ROWS][1:])]
    if len(smallest):
        worst = smallest.groupby("case")["value"].min()
        found.append(ledger.check("C4.40", worst, **about))
    return found
