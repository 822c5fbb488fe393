"""Overlap against smoothness: every method over the one setting of its that trades the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from regthesis.case import Case
from regthesis.evaluate.growing import begun, finished, grown
from regthesis.evaluate.records import measured
from regthesis.evaluate.structures import Structures
from regthesis.evaluate.study import check_names, study
from regthesis.evaluate.table import case_means
from regthesis.methods import Method

SETTINGS = {
    "demons": ("elastic", (0.5, 1.0, 1.5, 2.5, 4.0)),  # mm
    "elastix8": ("spacing", (16, 12, 8, 6)),  # voxels
    "syn": ("fluid", (1.5, 3.0, 6.0)),  # voxels^2
    "s1": ("smoothing", (0.0, 3.0, 5.0, 8.0)),  # mm
    "s3": ("smoothing", (0.0, 3.0, 5.0, 8.0)),
    "voxelmorph": ("smoothing", (0.0, 3.0, 5.0, 8.0)),
    "s3-refined": ("penalty", (0.02, 0.05, 0.1, 0.2, 0.5)),
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
    rows, missing, refused = begun(out, COLUMNS), {}, ""
    for method, name, value in tqdm(todo, desc="settings", disable=None):
        done = finished(rows, PIECE, ("metric",), wanted)
        left = [case for case in cases if (method.name, value, case.id) not in done]
        found = study(left, [replace(method, **{name: value})], structures=structures)
        missing |= found.attrs["missing"]
        refused = refused or found.attrs["refused"]
        scores = case_means(found[found["metric"].isin(METRICS)])
        new = scores.assign(method=method.name, field=name, setting=value, default=value == getattr(method, name))
        if len(new):
            rows = grown(rows, new[list(COLUMNS)], out, PIECE)
    if not len(rows):  # a table is there even if all was refused
        rows = grown(rows, rows, out, PIECE)
    rows.attrs |= {"missing": missing, "refused": refused}
    return rows
