"""From long records to the tables of the thesis: mean (standard deviation) per method, and who beats whom."""

from collections.abc import Mapping, Sequence

import pandas as pd

from regthesis.evaluate.statistics import PairedTest, wilcoxon

TABLE_41 = ("RMSE", "DICE", "HD95", "Grad Det-Jac")


def case_means(frame: pd.DataFrame, by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """One value per case and metric: the mean over structures, for each combination of `by`.

    nan (a structure that was not there) is left out; an infinite distance (a structure that was lost) stays.
    """
    keys = [*by, *(key for key in ("metric", "case") if key not in by)]
    return frame.groupby(keys, sort=False)["value"].mean().reset_index()


def summary(frame: pd.DataFrame, by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """Mean, standard deviation (n - 1) and number of cases, indexed by `by` and metric.

    Structures are averaged within a case first, so a case is one observation; with "structure" or "group" in `by`
    each has its own row.  Order is that of first appearance.
    """
    values = case_means(frame, by).groupby([*by, "metric"], sort=False)["value"]
    return values.agg(mean="mean", sd="std", n="count")


def printed_style(mean: float, sd: float, digits: int = 3) -> str:
    """`0.799 (0.096)`, as the thesis prints; a dash for what there is none of."""
    number, spread = (f"{value:z.{digits}f}" if pd.notna(value) else "–" for value in (mean, sd))
    return f"{number} ({spread})" if number != "–" else "–"


def table(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    digits: Mapping[str, int] | None = None,
    scale: Mapping[str, int | float] | None = None,
) -> pd.DataFrame:
    """Methods down, `metrics` across (by default those of Table 4.1 that the frame has), cells in `printed_style`.

    `digits` after the point (default 3) and factors in `scale` (100 shows Grad Det-Jac in 10^-2) go by metric.

    Raises ValueError for a metric that the frame does not have.
    """
    there = set(frame["metric"])
    metrics = [metric for metric in TABLE_41 if metric in there] if metrics is None else metrics
    if missing := [metric for metric in metrics if metric not in there]:
        raise ValueError(f"metrics: expected some of {sorted(there)}, got {missing}")
    numbers, digits, scale = summary(frame), digits or {}, scale or {}
    cells = {
        metric: {
            method: printed_style(
                row["mean"] * scale.get(metric, 1), row["sd"] * scale.get(metric, 1), digits.get(metric, 3)
            )
            for method, row in numbers.xs(metric, level="metric").iterrows()
        }
        for metric in metrics
    }
    return pd.DataFrame(cells).reindex(frame["method"].unique()).fillna("–").rename_axis("method")


def compare(frame: pd.DataFrame, metric: str, method: str, other: str) -> PairedTest:
    """Paired Wilcoxon test of two methods over the cases that both have; a positive effect: `method` is larger.

    Raises ValueError for a method or metric that the frame does not have, or no case in common.
    """
    values = case_means(frame[frame["metric"] == metric]).pivot(index="case", columns="method", values="value")
    missing = {method, other} - set(values)
    if missing:
        raise ValueError(f"method: expected some of {sorted(values)} with metric {metric}, got {sorted(missing)}")
    return wilcoxon(values[method], values[other])
