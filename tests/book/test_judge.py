"""How a verdict comes about: the control variate against simulation, bounds, ranges, settings, claims of order."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.book import ledger
from regthesis.book.ledger import judge
from regthesis.errors import UserError

quick = settings(deadline=None, max_examples=60, derandomize=True)
DICE, UNDEFORMED = ledger.entry("T4.1/S3/DICE"), ledger.entry("T4.1/Undef/DICE")
EXACT = replace(DICE, tolerance=0.0, rounding=0.0)  # so that chance alone is allowed


# A part of the printed patients


def population(rng, correlation: float, n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Undeformed and registered scores of all printed patients, with exactly the printed means."""
    shared, own = rng.normal(size=(2, n))
    undeformed = 0.1 * shared
    registered = 0.06 * (correlation * shared + math.sqrt(1 - correlation**2) * own)
    shift = [known.value - scores.mean() for known, scores in ((UNDEFORMED, undeformed), (DICE, registered))]
    return undeformed + shift[0], registered + shift[1]


def verdicts(known, shift: float, correlation: float, controlled: bool, draws: int = 600) -> list[str]:
    """Verdicts on 80 patients of such a population, after their scores were shifted."""
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        undeformed, registered = population(rng, correlation)
        drawn = rng.choice(100, 80, replace=False)
        control = undeformed[drawn] if controlled else None
        found.append(judge.number(known, registered[drawn] + shift, "", 80, control).verdict)
    return found


@pytest.fixture
def no_interval(monkeypatch):
    monkeypatch.setattr(judge, "_interval", lambda values: "")  # a bootstrap a draw, which no verdict reads


@pytest.mark.parametrize("controlled", [True, False])
def test_chance_alone_is_wrong_in_one_of_twenty(no_interval, controlled):
    """Two standard errors leave 4.6 % of draws outside, with the undeformed scores and without them."""
    wrong = np.mean([verdict == "fails" for verdict in verdicts(EXACT, 0.0, 0.9, controlled)])
    assert 0.02 < wrong < 0.08


def test_with_the_tolerance_chance_is_hardly_ever_wrong(no_interval):
    assert verdicts(DICE, 0.0, 0.9, True, 300).count("fails") == 0


def test_the_undeformed_scores_show_a_shift_that_the_mean_alone_hides(no_interval):
    """Standard errors are 0.0030 of the mean and 0.0013 of what the undeformed scores (r = 0.9) leave open."""
    seen = verdicts(EXACT, 0.006, 0.9, True).count("fails")
    hidden = verdicts(EXACT, 0.006, 0.9, False).count("fails")
    assert seen > 0.95 * 600 > 0.75 * 600 > hidden


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_shift_of_twice_the_allowance_is_always_seen(no_interval, sign):
    allowance = 0.01 * DICE.value + 2 * 0.0013
    assert set(verdicts(DICE, 2 * sign * allowance, 0.9, True, 200)) == {"fails"}


def test_what_is_expected_of_some_patients_follows_from_their_undeformed_scores(no_interval):
    """An oracle in other words: the regression line, read where the printed undeformed mean lies."""
    rng = np.random.default_rng(5)
    undeformed, registered = (scores[:80] for scores in population(rng, 0.8))
    x = np.column_stack([np.ones(80), undeformed - UNDEFORMED.value])
    (at_print, _), residuals, *_ = np.linalg.lstsq(x, registered, rcond=None)
    allowed = 0.01 * DICE.value + 2 * math.sqrt(residuals[0] / 78 * (1 / 80 - 1 / 100))
    off = at_print - DICE.value
    why = judge.number(DICE, registered, "", 80, undeformed).why
    assert why.startswith(f"{off:+.2g} from the ") and f", {allowed:.2g} allowed" in why
    for edge in (-1, 1):
        inside, outside = (registered - off + edge * allowed * f for f in (1 - 1e-6, 1 + 1e-6))
        assert judge.number(DICE, inside, "", 80, undeformed).verdict == "reproduced"
        assert judge.number(DICE, outside, "", 80, undeformed).verdict == "fails"


def test_harder_patients_are_expected_to_score_less():
    """Patients 0.05 below the printed undeformed mean, each score half of its undeformed one: slope 1/2."""
    undeformed = UNDEFORMED.value - 0.05 + 0.1 * np.linspace(-1, 1, 80)
    registered = DICE.value + 0.5 * (undeformed - UNDEFORMED.value)
    assert judge.number(EXACT, registered + 1e-12, "", 80, undeformed).why.startswith("+1e-12 from the 0.787")
    assert judge.number(DICE, registered, "", 80, undeformed).verdict == "reproduced"
    assert judge.number(DICE, registered, "", 80, None).verdict == "fails"


@pytest.mark.parametrize("control", [np.full(80, 0.7), None])
def test_without_use_of_the_undeformed_scores_the_spread_of_the_values_counts(control):
    values = np.full(80, DICE.value) + 0.05 * np.tile([-1, 1], 40)
    chance = 2 * values.std(ddof=1) * math.sqrt(1 / 80 - 1 / 100)
    told = judge.number(EXACT, values, "", 80, control).why
    assert told.endswith(f"from the printed {DICE.value:g}, {chance:.2g} allowed")


def test_the_undeformed_row_is_no_control_of_itself():
    """Else whatever was computed would be what is expected."""
    values = UNDEFORMED.value + 0.2 + 0.05 * np.tile([-1, 1], 40)
    assert judge.number(UNDEFORMED, values, "", 80, values).verdict == "fails"


def test_all_patients_leave_nothing_to_chance():
    values = DICE.value + 0.05 * np.tile([-1, 1], 50)
    assert ", 0.0081 allowed" in judge.number(DICE, values, "", 100, None).why


# Bounds, ranges, digits


@quick
@given(st.sampled_from("<≤>≥"), st.integers(-5, 15), st.sampled_from(["", "on phantom, not on acdc"]))
def test_a_bound_is_kept_or_broken_at_its_edge(sign, value, other):
    known = replace(ledger.entry("C4.48"), sign=sign, value=5.0)
    kept = {"<": value < 5, "≤": value <= 5, ">": value > 5, "≥": value >= 5}[sign]
    expected = ("holds" if other else "reproduced") if kept else "fails"
    assert judge.number(known, np.array([float(value)]), other, None, None).verdict == expected


@pytest.mark.parametrize("value, verdict", [(13, "reproduced"), (35, "reproduced"), (12.99, "fails"), (35.01, "fails")])
def test_a_printed_range_is_compared_with_its_ends(value, verdict):
    assert judge.number(ledger.entry("C5.4"), np.array([value]), "", None, None).verdict == verdict


@pytest.mark.parametrize("statistic, verdict", [("mean", "fails"), ("median", "reproduced")])
def test_a_median_is_compared_with_the_median(statistic, verdict):
    known = replace(ledger.entry("T3.1/2D/T/HD-median"), statistic=statistic)
    values = np.array([known.value - 1] * 30 + [known.value] * 31 + [known.value + 19] * 30)
    assert judge.number(known, values, "", None, None).verdict == verdict


@pytest.mark.parametrize("statistic, value", [("min", -1.0), ("max", 1.0)])
def test_an_extreme_is_that_of_all_values(statistic, value):
    known = replace(ledger.entry("C4.48"), statistic=statistic, sign=">", value=0.0)
    found = judge.number(known, np.array([-1.0, 0.5, 1.0]), "", None, None)
    assert found.computed == f"{value:g}" and found.verdict == ("reproduced" if value > 0 else "fails")


def test_the_printed_rounding_is_allowed_where_it_is_wider_than_the_tolerance():
    """0.24 stands for anything from 0.235 to 0.245, which is more than one per cent."""
    known = ledger.entry("T4.1/VM/RMSE")
    for value, verdict in ((0.2449, "reproduced"), (0.2451, "fails"), (0.2351, "reproduced"), (0.2349, "fails")):
        assert judge.number(known, np.array([value]), "", 100, None).verdict == verdict


@pytest.mark.parametrize(
    "id, value, verdict",
    [
        ("C5.10", 1088, "reproduced"),
        ("C5.10", 1089, "fails"),
        ("C5.11", 212e3, "reproduced"),
        ("C5.11", 213e3, "fails"),
    ],
)
def test_a_count_is_exact_and_an_about_has_the_tolerance(id, value, verdict):
    assert judge.number(ledger.entry(id), np.array([float(value)]), "", None, None).verdict == verdict


# Means have intervals


def test_a_mean_stands_beside_its_interval():
    values = np.random.default_rng(0).normal(0.8, 0.05, 80)
    shown, low, high = judge.number(DICE, values, "", 80, None).computed.replace(",", "").replace("[", "").split()
    low, high = float(low), float(high.rstrip("]"))
    assert low < float(shown) < high and float(shown) == pytest.approx(values.mean(), abs=1e-4)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(80), rel=0.15)


def test_few_or_equal_values_have_no_interval():
    assert "[" not in judge.number(DICE, np.array([0.8, 0.7, 0.9, 0.8]), "", 100, None).computed
    assert "[" not in judge.number(DICE, np.full(80, 0.8), "", 100, None).computed


# Claims of order


def order(relation: str, better: str = "higher", direction: str = "higher", alpha: float = 0.05):
    return replace(ledger.entry("C4.30/DICE/Dem"), relation=relation, better=better, direction=direction, alpha=alpha)


@quick
@given(st.sampled_from(["better", "worse"]), st.sampled_from(["higher", "lower"]), st.booleans(), st.booleans())
def test_an_order_holds_in_the_claimed_direction_and_fails_in_the_other(relation, better, rises, elsewhere):
    first = np.linspace(0.5, 0.9, 20)
    second = first - (0.1 if rises else -0.1)
    other = "on phantom, not on acdc" if elsewhere else ""
    is_better = rises == (better == "higher")
    expected = ("holds" if elsewhere else "reproduced") if is_better == (relation == "better") else "fails"
    assert judge.order(order(relation, better), first, second, other).verdict == expected


@quick
@given(st.sampled_from(["higher", "lower"]), st.sampled_from(["higher", "lower"]), st.booleans())
def test_a_difference_holds_only_in_the_printed_direction(better, direction, rises):
    first = np.linspace(0.5, 0.9, 20)
    second = first - (0.1 if rises else -0.1)
    expected = "holds" if rises == (direction == "higher") else "fails"
    assert judge.order(order("differs", better, direction), first, second, "elsewhere").verdict == expected


@pytest.mark.parametrize("relation", ["better", "worse", "differs"])
def test_a_test_that_misses_its_level_decides_nothing(relation):
    noise = np.tile([-0.01, 0.01], 20)
    assert judge.order(order(relation), 0.8 + noise, 0.8 - noise, "").verdict == "undecided"


def test_similar_is_what_no_test_tells_apart():
    noise = np.tile([-0.01, 0.01], 20)
    assert judge.order(order("similar"), 0.8 + noise, 0.8 - noise, "").verdict == "reproduced"
    assert judge.order(order("similar"), 0.81 + noise, 0.8 + noise, "").verdict == "fails"


@pytest.mark.parametrize("relation", ["better", "worse", "differs", "similar"])
@pytest.mark.parametrize("n, decided", [(10, False), (11, True), (12, True)])
@pytest.mark.slow
def test_too_few_pairs_decide_nothing(relation, n, decided):
    """n pairs reach a two-sided p of 2^(1-n) at best: 2^-9 is not below 0.001, 2^-10 is."""
    first = np.linspace(0.5, 0.9, n)
    verdict = judge.order(order(relation, alpha=1e-3), first, first - 0.1, "").verdict
    assert (verdict != "undecided") == decided


def test_an_order_tells_means_difference_interval_pairs_and_effect():
    first = np.linspace(0.5, 0.9, 20)
    found = judge.order(order("better"), first, first - np.linspace(0.05, 0.15, 20), "")
    assert found.computed == "0.7 against 0.6"
    assert all(part in found.why for part in ("+0.1 [0.0", "n = 20", "p = 1.9e-06", "effect +1.00", "level 0.05"))


# Settings


@pytest.mark.parametrize(
    "id, chosen, verdict",
    [
        ("C4.12", 32, "kept"),
        ("C4.12", 16, "changed"),
        ("C4.22", 1.5e-4, "kept"),
        ("C4.22", 5e-4, "changed"),
        ("C4.45", 2.5, "kept"),
    ],
)
def test_a_number_of_ours_is_kept_or_changed(id, chosen, verdict):
    found = judge.setting(ledger.entry(id), chosen)
    assert (found.verdict, found.why) == (verdict, "a setting")


def test_words_of_ours_are_kept_or_changed():
    worded = [known for known in ledger.load().values() if known.setting and known.kind == "statement"]
    assert worded
    for known in worded:
        assert judge.setting(known, known.printed.upper().replace(" ", "  ")).verdict == "kept"
        assert judge.setting(known, known.printed + " and more").verdict == "changed"


@pytest.mark.parametrize("chosen", ["sixteen", math.nan, [1, 2], None])
def test_a_setting_that_is_no_number_is_refused(chosen):
    with pytest.raises(UserError, match="give a number"):
        judge.setting(ledger.entry("C4.12"), chosen)
