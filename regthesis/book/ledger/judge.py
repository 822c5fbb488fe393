"""How a verdict comes about: computed values against a printed number, or one method against another.

Every function returns what was computed, in words, the verdict, and why.
"""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import numpy as np

from regthesis.book.ledger.printed import Entry, load
from regthesis.errors import UserError

__all__ = ["Judgement", "number", "order", "setting"]

BOUNDS = {"<": operator.lt, "≤": operator.le, ">": operator.gt, "≥": operator.ge}
STATISTICS = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
SHOWN_FROM = 5  # values; fewer have no interval worth showing


class Judgement(NamedTuple):
    """`computed` is the value with its 95 % interval; `verdict` is one of the ledger's."""

    computed: str
    verdict: str
    why: str


def setting(known: Entry, chosen) -> Judgement:
    """A choice of ours, a number or words, against the thesis's: *kept* or *changed*, and no merit either way.

    Raises `UserError` where the thesis chose a number and `chosen` is none.
    """
    if known.value is None and known.interval is None:
        kept, shown = _bare(str(chosen)) == _bare(known.printed), str(chosen)
    else:
        try:
            value = float(chosen)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise UserError(f"ledger: {known.id} is set to {chosen!r}; give a number beside {known.printed}")
        kept, shown = _inside(known, value), f"{value:.4g}"
    return Judgement(shown, "kept" if kept else "changed", "a setting")


def number(known: Entry, values: np.ndarray, other: str, cases: int | None, control: np.ndarray | None) -> Judgement:
    """A printed number; `other` says why these are not the thesis's data or unit, and is empty where they are.

    `control` are the undeformed scores of the same cases. They are known in print too, so that what some cases are
    easier or harder than all shifts the value that is expected of them (a control variate).
    """
    value = float(STATISTICS[known.statistic](values))
    computed = f"{value:.4g}{_interval(values) if known.statistic == 'mean' else ''}"
    if known.sign in BOUNDS:
        kept = BOUNDS[known.sign](value, known.value)
        verdict = "fails" if not kept else "holds" if other else "reproduced"
        return Judgement(computed, verdict, _and(f"the bound is {'kept' if kept else 'broken'}", other))
    if other:
        return Judgement(computed, "not comparable", other)
    if known.value is None:
        kept = _inside(known, value)
        return Judgement(computed, "reproduced" if kept else "fails", f"{'in' if kept else 'out of'} the printed range")
    expected, chance, words = _expected(known, values, cases, control)
    allowed = _own_allowance(known) + 2 * chance
    off, inside = value - expected, abs(value - expected) <= allowed
    why = f"{off:+.2g} from {words}, {allowed:.2g} allowed"
    return Judgement(computed, "reproduced" if inside else "fails", why)


def order(known: Entry, first: np.ndarray, second: np.ndarray, other: str) -> Judgement:
    """A claim that one method is better or worse than another, differs from it, or is similar, tested in pairs.

    Two-sided Wilcoxon signed-rank test (Wilcoxon 1945) at the thesis's level. The effect is the matched-pairs
    rank-biserial correlation: from -1 to 1, positive where the first method is the better one. A test that misses its
    level decides nothing.
    """
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
    claimed = known.relation == "better" or (known.relation == "differs" and known.direction == known.better)
    return Judgement(computed, agrees if (effect > 0) == claimed else "fails", why)


def _expected(known: Entry, values: np.ndarray, cases: int | None, control: np.ndarray | None):
    """What is expected of these cases, the standard error of that, and what it is in words."""
    drawn = cases and known.counted  # some of the printed ones, without replacement
    missing = math.sqrt(max(0.0, 1 / cases - 1 / known.counted)) if drawn else 0.0
    printed = load().get(f"{known.item}/Undef/{known.id.split('/')[-1]}")
    useful = control is not None and printed not in (None, known) and known.statistic == "mean"
    if useful and len(values) > 2 and np.ptp(control) > 0:
        slope, _ = np.polyfit(control, values, 1)
        rest = values - values.mean() - slope * (control - control.mean())
        shift = slope * (control.mean() - printed.value)
        words = f"the {known.value + shift:.4g} expected of these cases"
        return known.value + shift, missing * float(rest.std(ddof=2)), words
    spread = float(values.std(ddof=1)) if len(values) > 1 else known.spread or 0.0
    chance = missing * spread if known.statistic == "mean" else 0.0
    return known.value, chance, f"the printed {known.value:g}"


def _own_allowance(known: Entry) -> float:
    """Half a unit of the last printed digit; where the value was measured or printed as about, the tolerance too."""
    exact = (known.dataset == "any" or known.setting) and known.sign != "~"
    return known.rounding if exact else max(known.tolerance * abs(known.value), known.rounding)


def _inside(known: Entry, value: float) -> bool:
    """Whether a value is the printed one to its digits, or lies in the printed range or bound."""
    if known.sign in BOUNDS:
        return BOUNDS[known.sign](value, known.value)
    if known.value is None:
        return known.interval[0] <= value <= known.interval[1]
    return abs(value - known.value) <= _own_allowance(known)


def _bare(text: str) -> str:
    return "".join(text.split()).casefold()


def _interval(values: np.ndarray) -> str:
    """A bootstrapped 95 % interval of a mean in brackets; nothing for few values or equal ones."""
    if len(values) < SHOWN_FROM or np.ptp(values) == 0:
        return ""
    from regthesis.evaluate.statistics import mean_interval

    _, low, high, _ = mean_interval(values)
    return f" [{low:.4g}, {high:.4g}]"


def _and(why: str, other: str) -> str:
    return f"{why}, {other}" if other else why
