import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regthesis.evaluate import mean_interval, share_interval, wilcoxon

whole = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30)
few = settings(max_examples=20, deadline=None)  # SciPy's permutation test of a small sample with ties is slow


def average_ranks(sizes: list[float]) -> list[float]:
    """Rank by counting: those below, plus half of those alike."""
    return [sum(s < size for s in sizes) + (sum(s == size for s in sizes) + 1) / 2 for size in sizes]


def test_p_is_the_share_of_sign_patterns_that_are_as_extreme():
    a = np.array([1.1, 2.4, 3.3, 0.2, 5.1, 2.2, 4.8, 3.9])
    b = np.array([1.0, 2.6, 2.6, 0.7, 3.9, 2.9, 2.5, 1.4])
    ranks = average_ranks(np.abs(a - b).tolist())
    sums = [abs(np.dot(signs, ranks)) for signs in product((-1, 1), repeat=8)]
    extreme = abs(np.dot(np.sign(a - b), ranks))
    assert wilcoxon(a, b).p == pytest.approx(np.mean([s >= extreme for s in sums]))


@few
@given(whole)
def test_the_effect_weighs_ranks_for_against_ranks_against(pairs):
    a, b = np.array(pairs, float).T
    differences = [x - y for x, y in pairs if x != y]
    ranks = average_ranks([abs(d) for d in differences])
    favour = sum(rank for rank, d in zip(ranks, differences, strict=True) if d > 0)
    found = wilcoxon(a, b)
    assert found.n == len(pairs)
    assert found.effect == pytest.approx((2 * favour - sum(ranks)) / sum(ranks) if ranks else 0)


@few
@given(whole)
@pytest.mark.slow
def test_swapping_the_samples_turns_the_effect_and_keeps_p(pairs):
    a, b = np.array(pairs, float).T
    there, back = wilcoxon(a, b), wilcoxon(b, a)
    assert there.effect == -back.effect
    assert there.p == pytest.approx(back.p)
    assert 0 <= there.p <= 1


def test_equal_samples_do_not_differ():
    assert wilcoxon([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]) == (1, 0, 3)


def test_pairs_without_a_difference_change_n_alone():
    a, b = [1.0, 2.0, 3.0, 4.5, 6.0], [1.4, 1.9, 2.2, 3.1, 3.3]
    same = [7.0] * 4
    assert wilcoxon(a + same, b + same) == (*wilcoxon(a, b)[:2], 9)


def test_nan_pairs_are_left_out_and_infinite_ones_rank_last():
    found = wilcoxon([1.0, 2.0, math.nan, math.inf, math.inf], [1.5, math.nan, 1.0, math.inf, 9.0])
    assert found.n == 3
    assert found.effect == pytest.approx(1 / 3)  # ranks 1 against and 2 for; inf and inf are alike


@pytest.mark.parametrize("a, b", [([1.0], [1.0, 2.0]), ([], []), ([math.nan], [1.0])])
def test_samples_that_cannot_be_paired_are_refused(a, b):
    with pytest.raises(ValueError, match="expected"):
        wilcoxon(a, b)


def test_the_interval_of_many_values_is_the_normal_one():
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = mean_interval(values)
    low, high = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert found.n == 400


def test_more_confidence_is_a_wider_interval_and_a_seed_repeats_it():
    values = np.random.default_rng(1).exponential(size=30)
    narrow, wide = mean_interval(values, 0.8), mean_interval(values, 0.99)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high
    assert mean_interval(values) == mean_interval(values)
    assert mean_interval(values) != mean_interval(values, seed=1)


def test_equal_values_single_values_and_none():
    assert mean_interval([2.0, 2.0, math.nan, 2.0]) == (2, 2, 2, 3)
    values = np.linspace(0.1, 0.9, 9)
    rounded = (values + 0.7) - values  # 0.7, but for rounding
    assert np.ptp(rounded) > 0 and mean_interval(rounded)[:3] == (rounded.mean(),) * 3
    single = mean_interval([3.0])
    assert (single.mean, single.n) == (3, 1)
    assert math.isnan(single.low) and math.isnan(single.high)
    for values in ([], [math.nan], [1.0, math.inf]):
        with pytest.raises(ValueError, match="values: expected"):
            mean_interval(values)


@pytest.mark.parametrize(("hits", "n"), [(35, 80), (83, 100), (1, 7)])
def test_the_bounds_of_a_share_leave_one_fortieth_on_either_side(hits, n):
    """Of the binomial distribution: as many hits or more at the lower bound, as many or fewer at the upper one."""
    share, low, high, count = share_interval(hits, n)
    assert (share, count) == (hits / n, n)
    assert stats.binom.sf(hits - 1, n, low) == pytest.approx(0.025, rel=1e-4)
    assert stats.binom.cdf(hits, n, high) == pytest.approx(0.025, rel=1e-4)


def test_a_share_of_none_or_all_keeps_to_its_end():
    assert share_interval(0, 9)[:2] == (0, 0) and share_interval(9, 9)[2] == 1
    with pytest.raises(ValueError):
        share_interval(10, 9)
