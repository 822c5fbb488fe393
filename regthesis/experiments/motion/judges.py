"""What the ledger says of the recorded runs of this chapter."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.datasets.slices import Slices
from regthesis.experiments.motion import missing, table51

__all__ = ["JUDGES"]


def _study(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    if about.get("cines") != "slices":  # chapter 4's
        return []
    return table51.judge(rows, about["dataset"], Slices.grids[about["profile"]], "results", out)


def _missing(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    return missing.judge(rows, about["dataset"], "results", out)


JUDGES = {"study": _study, "missing-frames": _missing}  # by the command that made a run
