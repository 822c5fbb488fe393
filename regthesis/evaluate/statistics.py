"""Paired comparison of two methods, and how well a mean is known."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class PairedTest(NamedTuple):
    """Outcome of a paired Wilcoxon signed-rank test."""

    p: float  # two-sided
    effect: float  # matched-pairs rank-biserial correlation, -1 to 1; positive where the first sample is larger
    n: int  # pairs compared, pairs without a difference included


def wilcoxon(a: ArrayLike, b: ArrayLike) -> PairedTest:
    """Two-sided Wilcoxon signed-rank test of paired samples, with its effect size (thesis section 4.3).

    Pairs with a nan are left out and not counted in `n`.  Pairs without a difference carry no rank (Wilcoxon's rule);
    where no pair differs p is 1 and the effect 0.  SciPy chooses the exact distribution, permutations (ties in a small
    sample) or the normal approximation.
    The effect is (R+ - R-) / (R+ + R-) over the rank sums: the share of evidence for a minus that for b.

    Source: Wilcoxon, Biometrics Bulletin 1 (1945); Kerby, Comprehensive Psychology 3 (2014).
    Raises ValueError for samples of different length or without one complete pair.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"b: expected as many values as a, {a.shape}, got {b.shape}")
    complete = ~(np.isnan(a) | np.isnan(b))
    n = int(complete.sum())
    if not n:
        raise ValueError("a, b: expected at least one pair without nan, got none")
    a, b = a[complete], b[complete]
    differing = a != b  # asked before subtracting, so that inf - inf is no difference
    difference = a[differing] - b[differing]
    if not len(difference):
        return PairedTest(1.0, 0.0, n)
    ranks = stats.rankdata(np.abs(difference))
    effect = float((ranks * np.sign(difference)).sum() / ranks.sum())
    return PairedTest(float(stats.wilcoxon(difference, zero_method="wilcox").pvalue), effect, n)


class Interval(NamedTuple):
    """A mean, the bounds of its confidence interval, and how many values it is the mean of."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: ArrayLike, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Bootstrap (BCa, 9999 resamples) confidence interval of a mean; the same seed gives the same bounds.

    nan values are left out and not counted.  Values that are equal but for rounding give an interval of no width; a
    single value has a mean and no bounds (nan).

    Source: Efron, JASA 82 (1987), through `scipy.stats.bootstrap`.
    Raises ValueError where no value is left, or one is infinite.
    """
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if values.ndim != 1 or not len(values) or np.isinf(values).any():
        raise ValueError("values: expected at least one number, all of them finite")
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return Interval(mean, float("nan"), float("nan"), n)
    if np.ptp(values) <= 1e-12 * np.abs(values).max():  # BCa divides by the spread of the jackknife, which is zero here
        return Interval(mean, mean, mean, n)
    bounds = stats.bootstrap((values,), np.mean, confidence_level=confidence, rng=seed).confidence_interval
    return Interval(mean, float(bounds.low), float(bounds.high), n)


def share_interval(hits: int, n: int, confidence: float = 0.95) -> Interval:
    """A share of n independent cases with the exact binomial interval (Clopper and Pearson, Biometrika 26, 1934).

    Raises ValueError for more hits than cases, or no case.
    """
    bounds = stats.binomtest(hits, n).proportion_ci(confidence)
    return Interval(hits / n, float(bounds.low), float(bounds.high), n)
