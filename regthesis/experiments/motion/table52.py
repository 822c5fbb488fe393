"""Table 5.2: tracking in 3D+t, which method and metric is which printed cell, and what it says beside Table 5.1."""

from __future__ import annotations

import pandas as pd

from regthesis.book import ledger
from regthesis.book.show.prose import interval
from regthesis.datasets.slices import patient_of
from regthesis.evaluate.statistics import mean_interval
from regthesis.evaluate.table import case_means
from regthesis.experiments.motion.table51 import HEADS
from regthesis.experiments.printed_table import PrintedTable

__all__ = ["TABLE", "judge_roughness"]

TABLE = PrintedTable(
    "T5.2",
    rows={
        "identity": "Undef",
        "elastix4d": "4D-Elastix",
        "motion": "Our",
        "motion-refined": "Our, refined",  # beyond the thesis
    },
    columns={
        "RMSE": "RMSE",
        "DICE": "DICE",
        "HD95": "HD",
        "Spat. Grad.": "SpatialGrad",
        "Temp. Grad.": "TemporalGrad",
    },
    heads={"RMSE": "RMSE", **HEADS, "SpatialGrad": "gradient, space", "TemporalGrad": "gradient, time"},
    digits={"RMSE": 2, "DICE": 1, "HD": 1, "SpatialGrad": 2, "TemporalGrad": 2},
    scale={"DICE": 100},
    unmoved=["SpatialGrad", "TemporalGrad"],
)


def judge_roughness(stacks: pd.DataFrame, slices: pd.DataFrame, dataset: str, **about) -> ledger.Verdict:
    """Claim C5.35: Jacobian determinants of the model are smoother in 3D+t than those of the same patients in 2D+t.

    The roughness is the gradient of the determinant; that of a patient in 2D+t is the mean over slices.
    """
    rough = [_roughness(rows) for rows in (stacks, slices)]
    both = pd.concat(rough, axis=1, join="inner")
    change = both.iloc[:, 0] - both.iloc[:, 1]
    found = mean_interval(change)
    shown = True if found.high < 0 else False if found.low > 0 else None
    why = f"gradient of the determinant, 3D+t less 2D+t: {interval(100 * change, 2)} hundredths per mm"
    return ledger.claim("C5.35", shown, f"{why}, {len(both)} patients, {dataset}", dataset=dataset, **about)


def _roughness(rows: pd.DataFrame) -> pd.Series:
    mine = rows[(rows["method"] == "motion") & (rows["metric"] == "Grad Det-Jac")]
    means = case_means(mine)
    patients = means["case"].map(lambda case: patient_of(case) or case)
    return means.groupby(patients)["value"].mean()
