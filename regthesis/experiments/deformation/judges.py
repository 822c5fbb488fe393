"""What the ledger says of the recorded runs of this chapter."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regthesis import datasets
from regthesis.book import ledger
from regthesis.experiments.deformation import figure46, figure47, table41, table42

__all__ = ["JUDGES"]


def _study(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    if "cines" in about:  # chapter 5's
        return []
    return table41.judge(rows, about["dataset"], _grid(about), "results", out)


def _codes(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    return figure47.judge(rows, about["dataset"], _grid(about), page="results", results=out)


def _transport(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    claim = table42.judge_words(rows, about["dataset"], "results", out)
    return [*table42.judge(rows, about["dataset"], "results", out), claim]


def _levers(rows: pd.DataFrame, about: dict, out: Path) -> list[ledger.Verdict]:
    sizes = figure46.of_lengths(rows)
    if sizes.empty:  # levers of another kind
        return []
    chosen = int(ledger.entry("C4.12").value)
    return figure46.judge(sizes, chosen, about["dataset"], page="results", results=out)


def _grid(about: dict) -> datasets.CommonGrid:
    return datasets.known()[about["dataset"]].grids[about["profile"]]


JUDGES = {"study": _study, "codes": _codes, "transport": _transport, "levers": _levers}  # by a run's command
