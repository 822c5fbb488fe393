"""Overlap against smoothness: every method over the one setting of its that trades the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from regthesis.case import Case
from regthesis.datasets import Dataset
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.evaluate.records import measured
from regthesis.evaluate.structures import Structures
from regthesis.evaluate.study import check_names, study
from regthesis.evaluate.table import case_means
from regthesis.experiments.description import describe
from regthesis.experiments.folds import selected
from regthesis.experiments.record import record
from regthesis.experiments.study import methods_for
from regthesis.methods import Method

SETTINGS = {
    "demons": ("elastic", (0.5, 1.0, 1.5, 2.5, 4.0)),  # mm
    "elastix8": ("spacing", (16, 12, 8, 6)),  # voxels
    "syn": ("fluid", (1.5, 3.0, 6.0)),  # voxels^2
    "s1": ("smoothing", (0.0, 3.0, 5.0, 8.0)),  # mm
    "s3": ("smoothing", (0.0, 3.0, 5.0, 8.0)),
    "voxelmorph": ("smoothing", (0.0, 3.0, 5.0, 8.0)),
    "s3-refined": ("penalty", (2.5, 5.0, 10.0, 20.0, 40.0)),  # mm²
}
"""Method name -> the field that is varied, and its values."""

METRICS = ("DICE", "HD95", "Grad Det-Jac", "min Det-Jac", "EPE heart")
COLUMNS = ("method", "field", "setting", "default", "case", "metric", "value")
PIECE = ("method", "setting", "case")


def trade_off(
    cases: Sequence[Case],
    methods: Sequence[Method],
    out: Path | None = None,
    structures: Structures | None = None,
) -> pd.DataFrame:
    """Scores of every case by every method over its `SETTINGS`: columns `COLUMNS`, a row a case, setting and metric.

    `default` marks the setting that the method has of itself. `out` is a CSV that grows by whole settings, so that a
    run that was stopped goes on. `structures` are as in `evaluate`. Methods without a setting are left out, and those
    whose package is not installed; `frame.attrs["missing"]` says why, by method name, and `frame.attrs["refused"]` in
    one line which cases a method refused.

    Raises:
        UserError: two cases or methods have one name, weights are missing, or `out` cannot be written or has other
            scores of them.
    """
    check_names(cases, methods)
    varied = [(method, *SETTINGS[method.name]) for method in methods if method.name in SETTINGS]
    todo = [(method, name, value) for method, name, values in varied for value in values]
    metrics = {case.id: [(it,) for it in METRICS if it in dict(measured(case, structures))] for case in cases}
    wanted = {(method.name, value, case.id): metrics[case.id] for method, _, value in todo for case in cases}
    rows, missing, refused = read_rows(out, COLUMNS), {}, ""
    for method, name, value in tqdm(todo, desc="settings", disable=None):
        done = finished(rows, PIECE, ("metric",), wanted)
        left = [case for case in cases if (method.name, value, case.id) not in done]
        found = study(left, [replace(method, **{name: value})], structures=structures)
        missing |= found.attrs["missing"]
        refused = refused or found.attrs["refused"]
        scores = case_means(found[found["metric"].isin(METRICS)])
        new = scores.assign(method=method.name, field=name, setting=value, default=value == getattr(method, name))
        if len(new):
            rows = add_rows(rows, new[list(COLUMNS)], out, PIECE)
    if not len(rows):  # a table is there even if all was refused
        rows = add_rows(rows, rows, out, PIECE)
    rows.attrs |= {"missing": missing, "refused": refused}
    return rows


def record_trade_off(
    data: Dataset,
    out: Path,
    names: Sequence[str],
    grid: str = "full",
    count: int = 10,
    fold: int = 0,
    structures: Structures | None = None,
    weights: Path | None = None,
) -> pd.DataFrame:
    """Keep the `trade_off` of so many cases, with `fold` of that fold, by each named method on a grid.

    Raises:
        UserError: as `trade_off`, or as `record_study`.
    """
    chosen = methods_for(data, names, weights)
    ids = selected(data, count, fold=fold)
    command = f"trade-off ROOT --out {out} --methods {','.join(names)} --patients {count}"
    about = describe(data, command + (f" --fold {fold}" if fold else ""), grid, chosen, structures) | {"patients": ids}
    read = lambda: [data.read(id, grid) for id in ids]  # noqa: E731
    return record(out, about, read, lambda cases, kept: trade_off(cases, chosen, kept, structures), COLUMNS)
