"""How a verdict comes about: computed values against a printed number, or one method against another.

Every function returns what was computed, in words, the verdict, and why.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from regthesis.book.printed import Entry, load
from regthesis.errors import UserError

__all__ = ["Judgement", "number", "order", "setting"]

STATISTICS = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
SHOWN_FROM = 5  # values; fewer have no interval worth showing


class Judgement(NamedTuple):
    """`computed` is the value with its 95 % interval; `verdict` is one of the ledger's."""

    computed: str
    verdict: str
    why: str


def setting(known: Entry, values: np.ndarray) -> Judgement:
    """A choice of ours against the thesis's: *kept* or *changed*, and no merit either way."""
    value = float(values.mean())
    kept = abs(value - known.value) <= _own_allowance(known) if known.interval is None else _within(known, value)
    return Judgement(f"{value:.4g}", "kept" if kept else "changed", "a setting")


def number(known: Entry, values: np.ndarray, other: str, cases: int | None, control: np.ndarray | None) -> Judgement:
    """A printed number; `other` says why these are other data than the thesis's and is empty where they are not.

    `control` are the undeformed scores of the same cases. They are known in print too, so that what some cases are
    easier or harder than all shifts the value that is expected of them (a control variate).
    """
    value = float(STATISTICS[known.statistic](values))
    computed = f"{value:.4g}{_interval(values) if known.statistic == 'mean' else ''}"
    if known.sign in ("<", ">"):
        kept = value < known.value if known.sign == "<" else value > known.value
        verdict = "fails" if not kept else "holds" if other else "reproduced"
        return Judgement(computed, verdict, _and(f"the bound is {'kept' if kept else 'broken'}", other))
    if other:
        return Judgement(computed, "not comparable", other)
    if known.interval is not None and known.value is None:
        inside = _within(known, value)
        return Judgement(
            computed, "reproduced" if inside else "fails", f"{'in' if inside else 'out of'} the printed range"
        )
    expected, chance, told = _expected(known, values, cases, control)
    allowed = _own_allowance(known) + 2 * chance
    off, inside = value - expected, abs(value - expected) <= allowed
    why = f"{off:+.2g} from {told}, {allowed:.2g} allowed"
    return Judgement(computed, "reproduced" if inside else "fails", why)


def order(known: Entry, first: np.ndarray, second: np.ndarray, other: str) -> Judgement:
    """A claim that one method is better or worse than another, differs from it, or is similar, tested in pairs.

    Two-sided Wilcoxon signed-rank test (Wilcoxon 1945) at the thesis's level. The effect is the matched-pairs
    rank-biserial correlation: from -1 to 1, positive where the first method is the better one. A test that misses its
    level decides nothing.
    """
    if len(first) != len(second):
        raise UserError(f"ledger: {known.id} pairs {len(first)} values with {len(second)}; give the same cases")
    from regthesis.evaluate.statistics import wilcoxon  # here, because it brings torch along

    n, upwards = len(first), 1 if known.better == "higher" else -1
    computed = f"{first.mean():.4g} against {second.mean():.4g}"
    p, effect, _ = wilcoxon((upwards * first).tolist(), (upwards * second).tolist())
    found = f"{(first - second).mean():+.2g}{_interval(first - second)}, n = {n}, p = {p:.2g}, effect {effect:+.2f}"
    why = _and(f"{found}, level {known.alpha:g}", other)
    if 2.0 ** (1 - n) >= known.alpha:
        return Judgement(computed, "undecided", f"{n} pairs can never reach p < {known.alpha:g}; {why}")
    agrees = "holds" if other else "reproduced"
    if known.relation == "similar":
        return Judgement(computed, "fails" if p < known.alpha else agrees, why)
    if p >= known.alpha:
        return Judgement(computed, "undecided", why)
    return Judgement(computed, agrees if effect * _printed_direction(known) > 0 else "fails", why)


def _printed_direction(known: Entry) -> int:
    """1 where the thesis finds the first method the better one, -1 where the other."""
    if known.relation in ("better", "worse"):
        return 1 if known.relation == "better" else -1
    first, second = (float(text.split()[0]) for text in known.printed.split(" against "))
    return 1 if (first > second) == (known.better == "higher") else -1


def _expected(known: Entry, values: np.ndarray, cases: int | None, control: np.ndarray | None):
    """What is expected of these cases, the standard error of that, and what it is in words."""
    whole = known.patients or known.cases
    missing = math.sqrt(max(0.0, 1 / cases - 1 / whole)) if cases and whole else 0.0  # a draw without replacement
    printed = load().get(f"{known.item}/Undef/{known.id.split('/')[-1]}")
    if control is not None and printed is not None and len(values) > 2 and np.ptp(control) > 0:
        slope, _ = np.polyfit(control, values, 1)
        rest = values - values.mean() - slope * (control - control.mean())
        shift = slope * (control.mean() - printed.value)
        told = f"the {known.value + shift:.4g} expected of these cases"
        return known.value + shift, missing * float(rest.std(ddof=2)), told
    spread = float(values.std(ddof=1)) if len(values) > 1 else known.spread or 0.0
    chance = missing * spread if known.statistic == "mean" else 0.0
    return known.value, chance, f"the printed {known.value:g}"


def _own_allowance(known: Entry) -> float:
    """Half a unit of the last printed digit; where the value was measured or printed as about, the tolerance too."""
    exact = (known.dataset == "any" or known.setting) and known.sign != "~"
    return known.rounding if exact else max(known.tolerance * abs(known.value), known.rounding)


def _within(known: Entry, value: float) -> bool:
    return known.interval[0] <= value <= known.interval[1]


def _interval(values: np.ndarray) -> str:
    """A bootstrapped 95 % interval of a mean in brackets; nothing for few values or equal ones."""
    if len(values) < SHOWN_FROM or np.ptp(values) == 0:
        return ""
    from regthesis.evaluate.statistics import mean_interval

    _, low, high, _ = mean_interval(values)
    return f" [{low:.4g}, {high:.4g}]"


def _and(why: str, other: str) -> str:
    return f"{why}, {other}" if other else why
