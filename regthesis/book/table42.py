"""Table 4.2: ejection fractions before and after a transport, and the verdicts on them and on what is said of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regthesis.book import ledger

__all__ = ["beside", "judge", "values"]


def values(rows: pd.DataFrame) -> dict[str, float]:
    """The cells that the long table `rows` of `recipes.transport` fills, in %, by their entries in the ledger.

    `difference` is that of the two means, as printed: a gain in one heart pays for a loss in another.
    """
    cells = {}
    for (group, way), found in rows.groupby(["group", "way"]):
        before, after = found["predicted"].mean(), found["transported"].mean()
        for step, value in {"predicted": before, "transported": after, "difference": abs(before - after)}.items():
            cells[f"T4.2/{group}/{way}/{step}"] = float(value)
    return cells


def beside(rows: pd.DataFrame) -> pd.DataFrame:
    """The printed cells and those of recorded transports; a row a cell."""
    lines = {id: (ledger.entry(id).printed, value) for id, value in values(rows).items()}
    columns = ["printed", f"recorded, {len(rows) // 2} transports"]
    return pd.DataFrame.from_dict(lines, "index", columns=columns).rename_axis("entry")


def judge(rows: pd.DataFrame, dataset: str, page: str = "4", results: Path | None = None) -> list[ledger.Verdict]:
    """Hand the cells to the ledger, and claim C4.49: heart by heart, does the code keep the fraction better?

    Without a transport there is nothing to judge.
    """
    if rows.empty:
        return []
    about = dict(page=page, results=results)
    cases = rows.groupby(["group", "way"]).size()
    found = []
    for id, value in values(rows).items():
        _, group, way, _ = id.split("/")
        found.append(ledger.check(id, value, dataset=dataset, cases=int(cases[group, way]), **about))
    apart = (rows["predicted"] - rows["transported"]).abs().groupby([rows["group"], rows["way"]]).mean().unstack()
    nearer = bool((apart["Our"] < apart["PL"]).all())
    why = ", ".join(f"{g}: {apart['Our'][g]:.1f} by code, {apart['PL'][g]:.1f} by ladder" for g in apart.index)
    why = f"mean |EF before - EF after| in points, {len(rows) // 2} transports, {dataset}; {why}"
    return [*found, ledger.state("C4.49", "holds" if nearer else "fails", why, **about)]
