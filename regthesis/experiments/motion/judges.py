"""What the ledger says of the recorded runs of this chapter."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.datasets.cines import Stacks
from regthesis.datasets.slices import Slices
from regthesis.experiments.motion import missing, table51, table52

__all__ = ["JUDGES"]

TABLES = {"slices": (table51.TABLE, Slices.grids), "stacks": (table52.TABLE, Stacks.grids)}  # by what a case is


def _study(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    if (view := TABLES.get(about.get("cines"))) is None:  # chapter 4's
        return []
    table, grids = view
    how = dict(dataset=about["dataset"], grid=grids[about["profile"]], page="results", results=out)
    return table.judge(rows, how)


def _missing(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    return missing.judge(rows, about["dataset"], "results", out)


JUDGES = {"study": _study, "missing-frames": _missing}  # by the command that made a run
