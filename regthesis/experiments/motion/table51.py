"""Table 5.1: tracking in 2D+t, which method and metric is which printed cell.

Gradients are in mm/mm and mm/frame. The thesis prints 10^-2 above numbers of this very size in Table 5.1, nothing above
them in Table 5.2, and no units.
"""

from __future__ import annotations

import pandas as pd

from regthesis.book import ledger
from regthesis.datasets.slices import patient_of
from regthesis.experiments.printed_table import PrintedTable

__all__ = ["HEADS", "TABLE", "ratios"]

HEADS = {
    "DICE": "DICE (%)",
    "HD": "HD95 (mm)",
    "SpatialGrad": "spatial gradient (mm/mm)",
    "TemporalGrad": "temporal gradient (mm/frame)",
}
TABLE = PrintedTable(
    "T5.1",
    rows={
        "identity": "Undef",
        "syn": "SyN",
        "lpr": "LPR",
        "elastix4d": "4D-Elastix",
        "motion-no-gp": "No-GP",
        "motion": "Our",
        "motion-refined": "Our, refined",  # beyond the thesis
    },
    columns={"DICE": "DICE", "HD95": "HD", "Spat. Grad.": "SpatialGrad", "Temp. Grad.": "TemporalGrad"},
    heads=HEADS,
    digits={"DICE": 1, "HD": 2, "SpatialGrad": 2, "TemporalGrad": 2},
    scale={"DICE": 100},
    unmoved=["SpatialGrad", "TemporalGrad"],
    patient=patient_of,
)


def ratios(rows: pd.DataFrame, of: str = "Our", to: str = "4D-Elastix") -> pd.DataFrame:
    """How rough one row is beside another, on the cases that both have here and as printed: free of any unit.

    What is not printed, such as a row beyond the thesis, has no printed ratio.
    """
    lines = {}
    for column in ("SpatialGrad", "TemporalGrad"):
        both = TABLE.pairs(rows, column, of, to).mean()
        known = [ledger.load().get(f"T5.1/{row}/{column}") for row in (of, to)]
        printed = known[0].value / known[1].value if all(known) else float("nan")
        lines[HEADS[column].split(" (")[0]] = {"printed": printed, "here": both.iloc[0] / both.iloc[1]}
    return pd.DataFrame.from_dict(lines, "index")
