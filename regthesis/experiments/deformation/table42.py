"""Table 4.2: ejection fractions before and after a transport, and the verdicts on them and on what is said of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.book.show import tables
from regthesis.evaluate.statistics import mean_interval, wilcoxon

__all__ = ["beside", "compared", "judge", "judge_words", "off", "values"]

LEVEL = 0.05
WAYS = {"PL": "ladder", "Our": "code"}
STEPS = {"predicted": "EF before (%)", "transported": "EF after (%)", "difference": "diff. (points)"}


def values(rows: pd.DataFrame) -> dict[str, float]:
    """The cells that the long table `rows` of `transports` fills, in %, by their entries in the ledger.

    `difference` is that of the two means, as printed: a gain in one heart pays for a loss in another.
    """
    cells = {}
    for (group, way), found in rows.groupby(["group", "way"]):
        before, after = found["predicted"].mean(), found["transported"].mean()
        for step, value in {"predicted": before, "transported": after, "difference": abs(before - after)}.items():
            cells[f"T4.2/{group}/{way}/{step}"] = float(value)
    return cells


def beside(rows: pd.DataFrame, verdicts: Iterable[ledger.Verdict] = ()) -> pd.DataFrame:
    """Table 4.2 as the thesis prints it, diseases down, and across the two steps and their difference by both ways.

    The first line of a cell is printed, the second is of recorded transports, with its mark where `verdicts` has one.
    The spread is that of the patients before the transport, and of all transports after it.
    """
    marks = {it.id: tables.MARKS[it.verdict] for it in verdicts}
    means = values(rows)
    spreads = {
        f"T4.2/{group}/{way}/{step}": found.drop_duplicates("patient" if step == "predicted" else None)[step].std()
        for (group, way), found in rows.groupby(["group", "way"])
        for step in ("predicted", "transported")
    }
    lines = {}
    printed = dict.fromkeys(id.split("/")[1] for id in ledger.load() if id.startswith("T4.2/"))
    for group in [group for group in printed if group in set(rows["group"])]:
        lines[group] = {"source": "printed\nrecorded"}
        for (step, title), (way, by) in product(STEPS.items(), WAYS.items()):
            id = f"T4.2/{group}/{way}/{step}"
            spread = f" ({spreads[id]:.0f})" if id in spreads else ""
            ours = f"{means[id]:.1f}{spread} {marks.get(id, '')}".strip()
            lines[group][f"{title}, {by}"] = f"{ledger.entry(id).printed}\n{ours}"
    return pd.DataFrame.from_dict(lines, "index").rename_axis("disease")


def off(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean |EF before - EF after| in points, a row a group and patient and a column a way."""
    apart = rows.assign(off=(rows["predicted"] - rows["transported"]).abs())
    return apart.pivot_table(index=["group", "patient"], columns="way", values="off")


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """By group: the mean `off` of both ways in points, code less ladder with a 95 % interval, and p.

    The test is Wilcoxon's on pairs, a pair a patient, since patients are what is counted.
    """
    lines = {}
    for group, patients in off(rows).groupby("group"):
        _, low, high, n = mean_interval(patients["Our"] - patients["PL"])
        p = wilcoxon(patients["Our"], patients["PL"]).p
        means = patients.mean()
        lines[group] = (means["Our"], means["PL"], means["Our"] - means["PL"], low, high, p, n)
    columns = ["by code", "by ladder", "difference", "low", "high", "p", "patients"]
    return pd.DataFrame.from_dict(lines, "index", columns=columns).rename_axis("group")


def judge(rows: pd.DataFrame, dataset: str, page: str = "4", results: Path | None = None) -> list[ledger.Verdict]:
    """Hand the cells to the ledger, and claim C4.49: patient by patient, does the code keep the fraction better?

    It does where it is nearer in every group at the level of 0.05, and does not where it is farther in one and nearer
    in none. Without a transport there is nothing to judge.
    """
    if rows.empty:
        return []
    about = dict(page=page, results=results)
    patients = rows.groupby(["group", "way"])["patient"].nunique()
    found = []
    for id, value in values(rows).items():
        _, group, way, _ = id.split("/")
        found.append(ledger.check(id, value, dataset=dataset, cases=int(patients[group, way]), **about))
    groups = compared(rows)
    sure = groups["p"] < LEVEL
    nearer, farther = sure & (groups["difference"] < 0), sure & (groups["difference"] > 0)
    printed = {id.split("/")[1] for id in ledger.load() if id.startswith("T4.2/")}
    in_all = nearer.all() and printed <= set(groups.index)
    shown = True if in_all else False if farther.any() and not nearer.any() else None
    words = [
        f"{group}: off by {g['by code']:.1f} by code and {g['by ladder']:.1f} by ladder, {g['difference']:+.1f} "
        f"[{g['low']:.1f}, {g['high']:.1f}], p = {g['p']:.1g}, {g['patients']:.0f} patients"
        for group, g in groups.iterrows()
    ]
    return [*found, ledger.claim("C4.49", shown, "; ".join([*words, dataset]), dataset=dataset, **about)]


def judge_words(rows: pd.DataFrame, dataset: str, page: str = "4", results: Path | None = None) -> ledger.Verdict:
    """Claim C4.85: is the code much nearer than the ladder for DCM, and about as near for HCM?

    A difference counts where its interval is clear of zero. Where one of the groups is not there, nobody can say.
    """
    groups = compared(rows)
    weak, thick = (groups.reindex(["DCM", "HCM"]).loc[name] for name in ("DCM", "HCM"))
    shown = True if weak["high"] < 0 and thick["low"] <= 0 <= thick["high"] else None
    shown = False if weak["low"] > 0 or thick["low"] > 0 else shown
    words = [f"{name} {g['difference']:+.1f} [{g['low']:.1f}, {g['high']:.1f}]" for name, g in groups.iterrows()]
    why = f"code less ladder in points: {', '.join(words)}, {dataset}"
    return ledger.claim("C4.85", shown, why, dataset=dataset, page=page, results=results)
