"""The ledger: what counts as the thesis's data, who is counted, every way to a verdict, and the files they go to."""

import json
import math
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from regthesis.book import ledger
from regthesis.errors import UserError

PRINTED_GRID = SimpleNamespace(shape=(32, 128, 128), spacing=(3.15, 1.5, 1.5))
QUICK = SimpleNamespace(shape=(32, 64, 64), spacing=(3.15, 3.0, 3.0))
REAL = {"dataset": "acdc", "grid": PRINTED_GRID}


def dice(mean: float, n: int = 80, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=n)
    return mean + 0.05 * (values - values.mean())


def by_patient(values, repeats: int = 1) -> pd.Series:
    """Values of patients p0, p1, ..., each `repeats` times, in no order."""
    series = pd.Series(np.repeat(values, repeats), [f"p{k}" for k in np.repeat(np.arange(len(values)), repeats)])
    return series.sample(frac=1, random_state=1)


# What counts as the thesis's data


def test_a_number_on_the_same_data_is_reproduced():
    verdict = ledger.check("T4.1/Undef/DICE", dice(0.709), **REAL)
    assert verdict.verdict == "reproduced"
    assert "80 of 100 patients" in verdict.why
    assert verdict.printed == "0.707 (0.145)" and verdict.computed.startswith("0.709 [0.69")


@pytest.mark.parametrize(
    "values, given, why",
    [
        (dice(0.812), {"dataset": "phantom"}, "on phantom, not on acdc"),
        (dice(0.812), {"dataset": "own"}, "on own, not on acdc"),
        (dice(0.812), {"dataset": "acdc", "grid": QUICK}, "not on the printed grid of 32 x 128 x 128"),
        (dice(0.812, 79), {"dataset": "acdc"}, "79 of 100 patients are too few"),
        (dice(0.812, 101), {"dataset": "acdc"}, "101 are not the 100 patients"),
        (0.812, {"dataset": "acdc", "cases": 79}, "79 of 100 patients are too few"),
        (0.812, {"dataset": "acdc"}, "of how many patients is not said"),
        ([0.812], {"dataset": "acdc"}, "1 of 100 patients are too few"),
        (dice(0.812), {"dataset": "acdc", "unlike": "smoothed by 3 mm"}, "smoothed by 3 mm"),
    ],
)
def test_a_mere_number_on_other_data_is_not_comparable_even_if_it_is_equal(values, given, why):
    verdict = ledger.check("T4.1/S3/DICE", values, **given)
    assert (verdict.verdict, why in verdict.why) == ("not comparable", True)


@pytest.mark.parametrize("given", [{"dataset": "acdc", "grid": QUICK}, {"dataset": "acdc"}, {"dataset": "phantom"}])
def test_an_order_on_other_data_holds_and_is_not_reproduced(given):
    few = dice(0.8, 20)
    assert ledger.check("C4.30/DICE/Dem", few + 0.1, paired_with=few, **given).verdict == "holds"


def test_a_grid_that_is_not_given_is_said_to_be_assumed():
    assert "grid taken as printed" in ledger.check("T4.1/S3/DICE", dice(0.812), dataset="acdc").why
    assert "grid taken" not in ledger.check("T4.1/S3/DICE", dice(0.812), **REAL).why


@pytest.mark.parametrize("dataset, kept", [("acdc", "reproduced"), ("phantom", "holds")])
def test_a_bound_holds_or_fails_on_any_data(dataset, kept):
    """Claim C4.40: no voxel folds. The smallest determinant of all cases counts, and 0 is folding."""
    assert ledger.check("C4.40", np.full(100, 0.2), dataset=dataset).verdict == kept
    assert ledger.check("C4.40", [*np.full(99, 0.2), 0.0], dataset=dataset).verdict == "fails"
    smoothed = ledger.check("C4.40", np.full(100, 0.2), dataset=dataset, unlike="smoothed by 3 mm")
    assert (smoothed.verdict, "smoothed by 3 mm" in smoothed.why) == ("not comparable", True)


def test_an_order_of_what_was_treated_afterwards_is_not_comparable():
    given = {"paired_with": dice(0.8), "unlike": "velocities smoothed by 3 mm", **REAL}
    assert ledger.check("C4.30/DICE/Dem", dice(0.8) + 0.1, **given).verdict == "not comparable"


def test_times_on_another_device_are_not_comparable():
    verdict = ledger.check("C4.25", np.full(100, 0.32), dataset="acdc")
    assert (verdict.verdict, "timed on another device" in verdict.why) == ("not comparable", True)


def test_a_unit_that_is_not_printed_has_orders_and_no_numbers():
    rough, smooth = dice(1.9), dice(1.4)
    assert ledger.check("T4.1/S3/GradDetJac", smooth, **REAL).verdict == "not comparable"
    assert "unit or scale is not printed" in ledger.check("T4.1/S3/RMSE", dice(0.31), **REAL).why
    assert ledger.check("C4.34/GradDetJac/Dem", smooth, paired_with=rough, **REAL).verdict == "reproduced"
    assert ledger.check("C4.34/GradDetJac/Dem", rough, paired_with=smooth, **REAL).verdict == "fails"


def test_settings_are_kept_or_changed_on_any_data():
    assert ledger.check("C4.12", 32, dataset="phantom").verdict == "kept"
    assert ledger.check("C4.12", 16, dataset="acdc").verdict == "changed"
    assert ledger.check("C4.15", 421_000, dataset="phantom").verdict == "reproduced"  # follows from the layers


# The patient is what is counted


def test_several_values_of_a_patient_are_one():
    """Twenty patients with nine values each are twenty of a hundred, however many values there are."""
    verdict = ledger.check("T4.1/S3/DICE", by_patient(dice(0.812, 20), 9), **REAL)
    assert verdict.verdict == "not comparable" and "20 of 100 patients are too few" in verdict.why
    given = {"paired_with": by_patient(dice(0.712, 9), 9), "dataset": "phantom"}
    assert "n = 9," in ledger.check("C4.30/DICE/Dem", by_patient(dice(0.812, 9), 9), **given).why


def test_sequences_of_a_hundred_patients_are_a_hundred():
    known = ledger.entry("T5.1/Our/DICE")
    values = pd.Series(np.full(677, known.value), [f"p{k % 100}" for k in range(677)])
    assert "100 of 100 patients" in ledger.check(known.id, values, dataset=known.dataset).why
    assert ledger.check(known.id, values, dataset=known.dataset).verdict == "reproduced"
    assert ledger.check(known.id, values.to_numpy(), dataset=known.dataset).verdict == "not comparable"


def test_every_patient_weighs_the_same():
    """80 patients, one of whom has a thousand values far away: the mean is that of patients."""
    values = pd.concat([by_patient(np.full(79, 0.812)), pd.Series(0.012, ["often"] * 1000)])
    verdict = ledger.check("T4.1/S3/DICE", values, **REAL)
    assert float(verdict.computed.split()[0]) == pytest.approx((79 * 0.812 + 0.012) / 80, abs=1e-4)


def test_one_fold_of_a_patient_s_many_registrations_is_not_averaged_away():
    values = by_patient(np.full(100, 0.5), 3)
    values.iloc[7] = -0.1
    assert ledger.check("C4.40", values, dataset="acdc").verdict == "fails"


def test_series_are_paired_by_patient_and_not_by_place():
    first, second = by_patient(np.arange(20.0) + 0.5), by_patient(np.arange(20.0))
    assert (first.index == second.index).all()
    for order in (slice(None), slice(None, None, -1)):
        verdict = ledger.check("C4.30/DICE/Dem", first, paired_with=second[order], dataset="phantom")
        assert (verdict.verdict, "effect +1.00" in verdict.why) == ("holds", True)
    undeformed = by_patient(dice(0.707))
    values = 0.812 + 0.5 * (undeformed - 0.707)
    whys = {
        ledger.check("T4.1/S3/DICE", values, control=undeformed[o], **REAL).why
        for o in (slice(None), slice(None, None, -1))
    }
    assert len(whys) == 1 and "expected of these cases" in whys.pop()


@pytest.mark.parametrize("how", ["paired_with", "control"])
def test_values_of_other_patients_are_no_pairs(how):
    id = {"paired_with": "C4.30/DICE/Dem", "control": "T4.1/S3/DICE"}[how]
    values, others = by_patient(dice(0.8)), by_patient(dice(0.7)).rename({"p3": "another"})
    for given in (others, others[:70], dice(0.7, 70)):
        with pytest.raises(UserError, match="same cases"):
            ledger.check(id, values, dataset="acdc", **{how: given})


def test_the_undeformed_scores_reach_the_verdict():
    """All patients are harder by 0.05 and score as much less as that explains."""
    undeformed = dice(0.657)
    values = 0.812 + undeformed - 0.707
    assert ledger.check("T4.1/S3/DICE", values, **REAL).verdict == "fails"
    assert ledger.check("T4.1/S3/DICE", values, control=undeformed, **REAL).verdict == "reproduced"
    assert ledger.check("T4.1/S3/DICE", values + 0.02, control=undeformed, **REAL).verdict == "fails"


# Statements, equations, figures


@pytest.mark.parametrize(
    "shown, dataset, verdict",
    [
        (True, "any", "reproduced"),
        (True, "phantom", "holds"),
        (True, "", "holds"),
        (np.True_, "phantom", "holds"),
        (False, "any", "fails"),
        (np.False_, "acdc", "fails"),
        (None, "acdc", "undecided"),
    ],
)
def test_a_condition_decides_a_statement(shown, dataset, verdict):
    assert ledger.claim("C4.42", shown, "seen", dataset=dataset).verdict == verdict
    unlike = ledger.claim("C4.42", shown, "seen", dataset=dataset, unlike="smoothed")
    assert (unlike.verdict, unlike.why) == ("not comparable", "seen; smoothed")


def test_what_may_be_the_extraction_s_fault_does_not_fail():
    extracted = ledger.entry("E4.6").as_extracted
    assert extracted
    found = ledger.claim("E4.6", False, "wrong sign", dataset="any")
    assert found.verdict == "as extracted" and extracted in found.why
    assert ledger.claim("E4.6", True, "right sign", dataset="any").verdict == "reproduced"
    assert ledger.agrees("E4.6", 1.0, -1.0, "both signs").verdict == "as extracted"
    assert ledger.entry("E5.6").as_extracted == ""
    assert ledger.claim("E5.6", False, "wrong power", dataset="any").verdict == "fails"


@pytest.mark.parametrize("factor, verdict", [(1 + 0.9e-5, "reproduced"), (1 + 1.1e-5, "fails"), (-1, "fails")])
def test_two_computations_agree_to_the_tolerance(factor, verdict):
    theirs = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    found = ledger.agrees("E4.9", theirs * factor, theirs, "closed form")
    assert (found.verdict, "1e-05 allowed" in found.why) == (verdict, True)
    assert ledger.agrees("E4.9", theirs * factor, theirs, "closed form", tolerance=3.0).verdict == "reproduced"


def test_a_gap_counts_against_the_largest_value_and_not_by_element():
    theirs = np.array([1000.0, 0.0])
    assert ledger.agrees("E4.9", theirs + [0, 0.001], theirs, "x").verdict == "reproduced"
    assert ledger.agrees("E4.9", theirs + [0, 0.1], theirs, "x").verdict == "fails"
    assert ledger.agrees("E4.9", theirs, 0 * theirs, "x").verdict == "fails"


def drawn():
    figure, ax = plt.subplots()
    ax.plot([0, 1])
    return figure


def test_a_drawn_figure_points_to_the_claims_that_it_carries():
    found = ledger.redrawn("F4.7", drawn(), ["C4.30/DICE/Dem", "C4.42"], "on phantoms")
    assert (found.verdict, found.why) == ("redrawn", "on phantoms; see C4.30/DICE/Dem, C4.42")
    assert ledger.redrawn("F4.7", drawn()).why == "it carries no claim"


@pytest.mark.parametrize(
    "draw", [lambda ax: ax.imshow([[0, 1]]), lambda ax: ax.bar([0], [1]), lambda ax: ax.text(0, 0, "x")]
)
def test_a_picture_is_a_picture(draw):
    figure, (empty, ax) = plt.subplots(1, 2)
    with pytest.raises(UserError, match="picture is empty"):
        ledger.redrawn("F4.7", figure)
    draw(ax)
    assert ledger.redrawn("F4.7", figure).verdict == "redrawn"


# Refusals


@pytest.mark.parametrize("values", [math.nan, [0.8, math.inf], [], pd.Series([0.8, math.nan], ["a", "a"])])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(UserError, match="NaN or infinite"):
        ledger.check("T4.1/S3/DICE", values, dataset="acdc")


@pytest.mark.parametrize(
    "id, nearest", [("T4.1/S3/dice", "T4.1/S3/DICE"), ("T4.1/S4/HD", "T4.1/S[13]/HD"), ("E4.77", "E4.7")]
)
def test_a_wrong_id_names_the_nearest(id, nearest):
    with pytest.raises(UserError, match=f"the nearest is '{nearest}'"):
        ledger.check(id, 0.8, dataset="acdc")


INDEXED = pd.Series([0.8, 0.9], pd.MultiIndex.from_tuples([("NOR", "p1"), ("NOR", "p2")], names=["group", "patient"]))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ledger.check("C4.30/DICE/Dem", [0.8] * 20, dataset="acdc"), "need it"),
        (lambda: ledger.check("T4.1/S3/DICE", [1], dataset="acdc", paired_with=[1]), "is a number"),
        (lambda: ledger.check("T4.1/S3/DICE", [0.8] * 5, dataset="acdc", cases=100), "leave out cases"),
        (lambda: ledger.check("T4.1/S3/DICE", INDEXED, dataset="acdc"), "by patient alone"),
        (lambda: ledger.check("E4.7", 1, dataset="acdc"), "use ledger.claim, agrees or redrawn"),
        (lambda: ledger.claim("T4.1/S3/DICE", True, "seen"), "is a number; hand it to ledger.check"),
        (lambda: ledger.claim("C4.12", True, "seen"), "is a setting; hand it to ledger.check"),
        (lambda: ledger.claim("E4.7", True, ""), "a reason"),
        (lambda: ledger.agrees("T4.1/S3/DICE", 1, 1, "same"), "is a number; hand it to ledger.check"),
        (lambda: ledger.agrees("C4.12", 1, 1, "same"), "is a setting; hand it to ledger.check"),
        (lambda: ledger.agrees("F4.7", 1, 1, "same"), "is a figure"),
        (lambda: ledger.agrees("E4.7", 1, 1, ""), "needs a reason"),
        (lambda: ledger.agrees("E4.7", [0, 0], [0, 0], "both vanish"), "not all zero"),
        (lambda: ledger.agrees("E4.7", [1, 2], [1], "x"), "give the same places"),
        (lambda: ledger.agrees("E4.7", np.ones((2, 3)), np.ones((3, 2)), "x"), "give the same places"),
        (lambda: ledger.agrees("E4.7", [1, math.nan], [1, 1], "x"), "NaN or infinite"),
        (lambda: ledger.redrawn("C4.42", plt.figure()), "not a figure"),
        (lambda: ledger.redrawn("F4.7", plt.figure()), "picture is empty"),
        (lambda: ledger.redrawn("F4.7", drawn(), ["C4.999"]), "no entry 'C4.999'"),
    ],
)  # fmt: skip
def test_a_call_of_the_wrong_kind_says_what_to_do(call, message):
    with pytest.raises(UserError, match=message):
        call()


# Files


def test_a_verdict_reads_as_a_line():
    assert str(ledger.check("C4.12", 16, dataset="any")) == "C4.12: printed 32, computed 16: changed; a setting"
    assert str(ledger.claim("E4.7", True, "swap test", dataset="any")) == "E4.7: reproduced; swap test"


def test_verdicts_are_merged_by_id_into_the_page_s_file(tmp_path, monkeypatch):
    monkeypatch.setenv("REGTHESIS_RESULTS", str(tmp_path))
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    ledger.claim("E4.7", True, "swap test")
    last = ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", cases=100)
    ledger.claim("E4.6", False, "wrong sign", page="errata")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["4.json", "errata.json"]
    noted = json.loads((tmp_path / "4.json").read_text("utf-8"))["verdicts"]
    assert [each["id"] for each in noted] == ["E4.7", "T4.1/S3/DICE"]
    assert noted[1]["why"] == last.why
    assert ledger.read(tmp_path / "4.json")["T4.1/S3/DICE"] == last


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("REGTHESIS_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    assert list(tmp_path.iterdir()) == []


WORD = {"id": "E4.7", "printed": "", "computed": "", "verdict": "plausible", "why": "?"}


@pytest.mark.parametrize("text", ["{", "[]", '{"verdicts": [{"id": "E4.7"}]}', json.dumps({"verdicts": [WORD]})])
def test_a_broken_results_file_is_named_and_kept(tmp_path, text):
    (tmp_path / "4.json").write_text(text)
    with pytest.raises(UserError, match="4.json holds no verdicts"):
        ledger.claim("E4.7", True, "swap test", results=tmp_path)
    assert (tmp_path / "4.json").read_text() == text


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        ledger.claim("E4.7", True, "swap test", results=tmp_path / "file")
