"""Table 4.1: which method and metric is which printed cell, and the verdicts on its numbers and on what is said of it.

Grad Det-Jac is in 10^-2 per mm; the thesis prints no unit of length.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.evaluate.statistics import mean_interval, wilcoxon
from regthesis.experiments.printed_table import PrintedTable

__all__ = ["HEADS", "ROWS", "TABLE", "apart", "beside", "judge", "plain", "printed", "values"]

ROWS = {"identity": "Undef", "demons": "Dem", "syn": "SyN", "voxelmorph": "VM", "s1": "S1", "s3": "S3"}
HEADS = {"RMSE": "RMSE (in sd)", "DICE": "DICE", "HD": "HD95 (mm)", "GradDetJac": "Grad Det-Jac (10⁻² per mm)"}
TABLE = PrintedTable(
    "T4.1",
    ROWS,
    columns={"RMSE": "RMSE", "DICE": "DICE", "HD95": "HD", "Grad Det-Jac": "GradDetJac"},
    heads=HEADS,
    digits={"RMSE": 2, "DICE": 3, "HD": 1, "GradDetJac": 1},
    scale={"GradDetJac": 100},
    unmoved=["GradDetJac"],
)
values, beside, printed = TABLE.values, TABLE.beside, TABLE.printed
LEVEL = 0.001
PLAIN = "s3-plain"  # S3 in the form and training of S1


def plain(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of S3 in the form of the thesis, as rows of S3; none where that form was not run."""
    return rows[rows["method"] == PLAIN].assign(method=TABLE.method("S3"))


def apart(rows: pd.DataFrame, some: Collection[str]) -> pd.DataFrame:
    """Means of each method, a column each: DICE of all, by group, by structure, and of `some` cases alone, of fold 1.

    Then what overlap hides: Grad Det-Jac, the error of the ejection fraction, predicted less true, and the time.
    """
    dice = rows[rows["metric"] == "DICE"]
    lines = {"DICE, all": dice} | {f"DICE, group {name}": part for name, part in dice.groupby("group")}
    lines |= {f"DICE, {name}": part for name, part in dice.groupby("structure", sort=False)}
    lines |= {"DICE, fold 1": dice[dice["case"].isin(some)]}
    others = {HEADS["GradDetJac"]: "Grad Det-Jac", "EF error (points)": "EF error", "time (s)": "seconds"}
    lines |= {name: rows[rows["metric"] == metric] for name, metric in others.items()}
    means = {name: part.groupby("method", sort=False)["value"].mean() for name, part in lines.items()}
    found = pd.DataFrame(means).T[list(rows["method"].unique())]
    found.loc[HEADS["GradDetJac"]] *= TABLE.scale["GradDetJac"]
    return found


def judge(
    rows: pd.DataFrame,
    dataset: str,
    grid,
    page: str = "4",
    results: Path | None = None,
) -> list[ledger.Verdict]:
    """Hand to the ledger what the long table `rows` of `evaluate` says of Table 4.1.

    Its cells, each with the undeformed scores of the same cases as control; the claims of order on it, each on the
    cases that both methods have; the time of a registration, C4.25, and folding, C4.40; and what is said beside it, as
    `_judge_words`.
    """
    about = dict(dataset=dataset, grid=grid, page=page, results=results)
    found = [*TABLE.judge_cells(rows, about), *TABLE.judge_orders(rows, about, _pairs)]
    seconds = rows[(rows["method"] == TABLE.method("S3")) & (rows["metric"] == "seconds")]
    if len(seconds):
        found.append(ledger.check("C4.25", seconds.set_index("case")["value"], **about))
    smallest = rows[rows["metric"] == "min Det-Jac"]
    registering = [name for name in ROWS if name != "identity" and name in set(smallest["method"])]
    if registering:
        worst = smallest[smallest["method"].isin(registering)]
        found.append(ledger.check("C4.40", worst.set_index("case")["value"], **about))
    return found + _judge_words(rows, about)


def _judge_words(rows: pd.DataFrame, about: dict) -> list[ledger.Verdict]:
    """C4.48 and C4.61 on the ejection fraction of thick hearts; C4.50 and C4.67, methods that overlap about as well."""
    noted = {name: about[name] for name in ("dataset", "page", "results")}
    found, thick = [], rows[rows["group"] == "HCM"]
    parts = (thick[thick["metric"] == metric] for metric in ("EF", "EF error"))
    fraction, error = (part.set_index(["method", "case"])["value"] for part in parts)
    if len(error) and about["dataset"] == ledger.entry("C4.48").dataset:  # said of these patients, not of hearts
        found.append(ledger.check("C4.48", (fraction - error).groupby("case").first(), **about))
    if "demons" in error:
        mean, low, high, n = mean_interval(error["demons"])
        shown = bool(mean < 0) if low * high > 0 else None  # nan, of a single heart, is not above 0
        bounds = f" [{low:+.1f}, {high:+.1f}]" if n > 1 else ""
        why = f"demons off by {mean:+.1f} points{bounds}, n = {n} with HCM, {about['dataset']}"
        found.append(ledger.claim("C4.61", shown, why, **noted))
    other_loss = "VoxelMorph also has another loss and another prior"
    for id, row, others, unlike in (("C4.50", "VM", ["S3"], other_loss), ("C4.67", "S1", ["Dem", "SyN"], "")):
        pairs = {other: both for other in others if len(both := _pairs(rows, "DICE", row, other))}
        if pairs:
            shown, why = _alike(pairs)
            found.append(ledger.claim(id, shown, f"{why}, {about['dataset']}", unlike=unlike, **noted))
    return found


def _alike(pairs: Mapping[str, pd.DataFrame]) -> tuple[bool | None, str]:
    """Whether no pair differs at the thesis's level; None where so few cases never could, and why, in words."""
    tests = {other: wilcoxon(both.iloc[:, 0], both.iloc[:, 1]) for other, both in pairs.items()}
    words = [
        f"{both.iloc[:, 0].mean():.3f} against {both.iloc[:, 1].mean():.3f} of {other}, p = {tests[other].p:.2g}"
        for other, both in pairs.items()
    ]
    differs = any(test.p < LEVEL for test in tests.values())
    few = any(2.0 ** (1 - test.n) >= LEVEL for test in tests.values())
    return None if few else not differs, f"DICE {'; '.join(words)}, {min(test.n for test in tests.values())} cases"


def _pairs(rows: pd.DataFrame, column: str, first: str, second: str) -> pd.DataFrame:
    """A column of two rows of the table, on the cases that both have.

    S1 is compared with S3 in its plain form, where that was run: the two differ in their scales alone.
    """
    if {first, second} == {"S1", "S3"} and PLAIN in set(rows["method"]):
        rows = pd.concat([rows[rows["method"] != TABLE.method("S3")], plain(rows)])
    return TABLE.pairs(rows, column, first, second)
