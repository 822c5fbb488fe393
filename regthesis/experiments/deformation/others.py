"""What other authors print of the patients of ACDC, beside recorded runs: DICE of three structures, and their mean."""

from __future__ import annotations

import pandas as pd

from regthesis.methods import get
from regthesis.shipped import DATA

__all__ = ["STRUCTURES", "beside_others"]

STRUCTURES = {"LV-BP": "LV cavity", "LV-Myo": "myocardium", "RV": "RV"}
PUBLISHED = DATA / "published" / "acdc.csv"  # as printed, each row with the citation of its paper


def beside_others(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean DICE of each method, the best last: a row a method, a column a structure, their mean, and the patients.

    `rows` is the long table of `evaluate`; methods come by their labels. Those of other authors come with theirs, whose
    test patients are fewer, and others.
    """
    ours = rows[rows["metric"] == "DICE"]
    labels = {name: get(name).label for name in ours["method"].unique()}
    counts = ours.groupby("method")["case"].nunique().rename(labels)
    printed = pd.read_csv(PUBLISHED).query("metric == 'DICE'")
    both = pd.concat([ours.assign(method=ours["method"].map(labels)), printed])
    means = both.groupby(["method", "structure"])["value"].mean().unstack()[list(STRUCTURES)].rename(columns=STRUCTURES)
    counts = pd.concat([counts, printed.groupby("method")["patients"].first()])
    return means.assign(mean=means.mean(axis=1), patients=counts).sort_values("mean")
