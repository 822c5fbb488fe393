"""The ledger: every verdict, and the files and the scorecard they go to."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from regthesis.book import ledger
from regthesis.errors import UserError

# Verdicts

FRAME = SimpleNamespace(shape=(32, 128, 128), spacing=(3.15, 1.5, 1.5))
QUICK = SimpleNamespace(shape=(32, 64, 64), spacing=(3.15, 3.0, 3.0))


def dice(mean: float, n: int = 80, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=n)
    return mean + 0.05 * (values - values.mean())


def test_a_number_on_the_same_data_is_reproduced():
    verdict = ledger.check("T4.1/Undef/DICE", dice(0.709), dataset="acdc", frame=FRAME)
    assert verdict.verdict == "reproduced"
    assert "80 of 100 cases" in verdict.why
    assert (verdict.printed, verdict.computed) == ("0.707 (0.145)", "0.709")


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_tolerance_has_sharp_edges(sign):
    edge = 0.01 * 0.707
    inside, outside = (0.707 + sign * edge * factor for factor in (1 - 1e-9, 1 + 1e-9))
    assert ledger.check("T4.1/Undef/DICE", inside, dataset="acdc").verdict == "reproduced"
    assert ledger.check("T4.1/Undef/DICE", outside, dataset="acdc").verdict == "fails"


def test_the_printed_rounding_is_allowed_where_it_is_wider_than_the_tolerance():
    """0.24 stands for anything from 0.235 to 0.245, which is more than one per cent."""
    assert ledger.check("T4.1/VM/RMSE", 0.2449, dataset="acdc").verdict == "reproduced"
    assert ledger.check("T4.1/VM/RMSE", 0.2451, dataset="acdc").verdict == "fails"


@pytest.mark.parametrize(
    "given, why",
    [
        ({"dataset": "phantom"}, "on phantom, not on acdc"),
        ({"dataset": "acdc", "frame": QUICK}, "not in the printed frame"),
        ({"dataset": "acdc", "cases": 79}, "79 of 100 cases are too few"),
    ],
)
def test_a_mere_number_on_other_data_is_not_comparable_even_if_it_is_equal(given, why):
    verdict = ledger.check("T4.1/S3/DICE", 0.812, **given)
    assert (verdict.verdict, why in verdict.why) == ("not comparable", True)


def test_a_frame_that_is_not_given_is_said_to_be_assumed():
    assert "frame taken as printed" in ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc").why
    assert "frame" not in ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", frame=FRAME).why


def test_times_are_not_comparable_and_settings_need_no_data():
    assert ledger.check("C4.25", 0.32, dataset="acdc").verdict == "not comparable"
    assert ledger.check("C4.15", 421_000, dataset="phantom").verdict == "reproduced"
    assert ledger.check("C4.12", 16, dataset="phantom").verdict == "fails"


def test_a_count_is_exact_and_an_about_has_the_tolerance():
    assert ledger.check("C5.10", 1088, dataset="any").verdict == "reproduced"
    assert ledger.check("C5.10", 1089, dataset="any").verdict == "fails"
    assert ledger.check("C5.11", 1.0099 * 210e3, dataset="any").verdict == "reproduced"
    assert ledger.check("C5.11", 1.0101 * 210e3, dataset="any").verdict == "fails"


def test_a_verdict_reads_as_a_line():
    line = str(ledger.check("C4.12", 16, dataset="any"))
    assert line == "C4.12: printed 32, computed 16: fails; not within 0.5 of the printed value; needs no data"
    assert str(ledger.state("E4.7", "holds", "swap test")) == "E4.7: holds; swap test"


def test_a_median_is_compared_with_the_median():
    values = [10.0] * 30 + [11.7] * 31 + [30.0] * 30
    assert ledger.check("T3.1/2D/T/HD-median", values, dataset="prostate-thesis").verdict == "reproduced"


@pytest.mark.parametrize("dataset, kept", [("acdc", "reproduced"), ("phantom", "holds")])
def test_a_bound_holds_or_fails_on_any_data(dataset, kept):
    """Claim C4.40: no voxel folds. The smallest determinant of all cases counts, and 0 is folding."""
    assert ledger.check("C4.40", np.full(100, 0.2), dataset=dataset).verdict == kept
    assert ledger.check("C4.40", [*np.full(99, 0.2), 0.0], dataset=dataset).verdict == "fails"


def test_a_printed_range_is_compared_with_its_ends():
    data = "acdc-and-md-paedigree"
    assert ledger.check("C5.4", 35, dataset=data).verdict == "reproduced"
    assert ledger.check("C5.4", 36, dataset=data).verdict == "fails"


@pytest.mark.parametrize("dataset, kept", [("acdc", "reproduced"), ("phantom", "holds")])
def test_a_claim_of_order_is_tested_in_pairs(dataset, kept):
    """Claim C4.30: S3 beats demons in DICE. A small gain in every case counts, whatever the spread."""
    ours, theirs = dice(0.81) + 0.01, dice(0.81)
    given = {"dataset": dataset, "frame": FRAME}
    verdict = ledger.check("C4.30/DICE/Dem", ours, paired_with=theirs, **given)
    assert (verdict.verdict, "effect +1.00" in verdict.why) == (kept, True)
    assert ledger.check("C4.30/DICE/Dem", theirs, paired_with=ours, **given).verdict == "fails"
    assert ledger.check("C4.30/DICE/Dem", ours, paired_with=ours, **given).verdict == "fails"


def test_a_lower_distance_is_the_better_one():
    """Claim C4.31 on the Hausdorff distance, and C4.36 that VoxelMorph is rougher."""
    low, high = dice(7.0), dice(7.0) + 0.5
    assert ledger.check("C4.31/HD/Dem", low, dataset="phantom", paired_with=high).verdict == "holds"
    assert ledger.check("C4.31/HD/Dem", high, dataset="phantom", paired_with=low).verdict == "fails"
    assert ledger.check("C4.36/GradDetJac/S3", high, dataset="phantom", paired_with=low).verdict == "holds"
    assert ledger.check("C4.36/GradDetJac/S3", low, dataset="phantom", paired_with=high).verdict == "fails"


def test_similar_and_different_are_two_sided():
    same, noise = dice(0.8), dice(0.0, seed=1)
    above = same + 0.01
    assert ledger.check("C4.37/DICE/Dem", same, dataset="phantom", paired_with=same + noise).verdict == "holds"
    assert ledger.check("C4.37/DICE/Dem", same, dataset="phantom", paired_with=above).verdict == "fails"
    for first, second in ((same, above), (above, same)):
        assert ledger.check("C4.33/RMSE/VM", first, dataset="phantom", paired_with=second).verdict == "holds"


def test_few_pairs_cannot_settle_an_order():
    """Ten pairs reach p = 2^-9 at best, which is not below 0.001; twelve do."""
    for n, expected in ((10, "not comparable"), (12, "holds")):
        pair = {"paired_with": dice(0.7, n)}
        assert ledger.check("C4.30/DICE/Dem", dice(0.7, n) + 0.1, dataset="phantom", **pair).verdict == expected


@pytest.mark.parametrize("values", [math.nan, [0.8, math.inf], []])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(UserError, match="NaN or infinite"):
        ledger.check("T4.1/S3/DICE", values, dataset="acdc")


@pytest.mark.parametrize(
    "id, nearest", [("T4.1/S3/dice", "T4.1/S3/DICE"), ("T4.1/S4/HD", "T4.1/S[13]/HD"), ("E4.77", "E4.7")]
)
def test_a_wrong_id_names_the_nearest(id, nearest):
    with pytest.raises(UserError, match=f"the nearest is '{nearest}'"):
        ledger.check(id, 0.8, dataset="acdc")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ledger.check("C4.30/DICE/Dem", [0.8] * 20, dataset="acdc"), "need it"),
        (lambda: ledger.check("T4.1/S3/DICE", [1], dataset="acdc", paired_with=[1]), "is a number"),
        (lambda: ledger.check("C4.30/DICE/Dem", [1] * 20, dataset="acdc", paired_with=[1]), "same cases"),
        (lambda: ledger.check("E4.7", 1, dataset="acdc"), "use ledger.state"),
        (lambda: ledger.state("T4.1/S3/DICE", "holds", "seen"), "ledger.check"),
        (lambda: ledger.state("E4.7", "fine", "seen"), "one of reproduced"),
        (lambda: ledger.state("E4.7", "holds", ""), "needs a reason"),
    ],
)
def test_a_call_of_the_wrong_kind_says_what_to_do(call, message):
    with pytest.raises(UserError, match=message):
        call()


# Results and scorecard


def test_verdicts_are_merged_by_id_into_the_page_s_file(tmp_path, monkeypatch):
    monkeypatch.setenv("REGTHESIS_RESULTS", str(tmp_path))
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    ledger.state("E4.7", "holds", "swap test")
    last = ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc")
    ledger.state("E4.6", "fails", "wrong sign", page="errata")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["4.json", "errata.json"]
    noted = json.loads((tmp_path / "4.json").read_text("utf-8"))["verdicts"]
    assert [each["id"] for each in noted] == ["E4.7", "T4.1/S3/DICE"]
    assert noted[1]["why"] == last.why


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("REGTHESIS_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_results_file_is_named_and_kept(tmp_path):
    (tmp_path / "4.json").write_text("{")
    with pytest.raises(UserError, match="4.json holds no verdicts"):
        ledger.state("E4.7", "holds", "swap test", results=tmp_path)
    assert (tmp_path / "4.json").read_text() == "{"


def test_what_a_killed_run_left_half_written_is_passed_over(tmp_path):
    ledger.state("E4.7", "holds", "swap test", results=tmp_path)
    (tmp_path / ".123.2.json").write_text("{")
    noted = ledger.verdicts(tmp_path).query("source == 'this run'")
    assert noted["id"].tolist() == ["E4.7"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        ledger.state("E4.7", "holds", "swap test", results=tmp_path / "file")


def test_the_scorecard_lists_every_entry_with_every_verdict(tmp_path):
    results, recorded, chapters = tmp_path / "results", tmp_path / "recorded", tmp_path / "chapters"
    chapters.mkdir()
    (chapters / "04_deformation.md").write_text("")
    ledger.check("T4.1/S3/DICE", 0.9, dataset="phantom", results=results)
    ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", page="results", results=recorded / "acdc-full")
    ledger.state("E5.3", "fails", "not finite", page="errata", results=results)
    card = ledger.scorecard(results, recorded, chapters)
    assert set(card["id"]) == set(ledger.load())
    assert len(card) == len(ledger.load()) + 1
    both = card[card["id"] == "T4.1/S3/DICE"].set_index("source")["verdict"].to_dict()
    assert both == {"this run": "not comparable", "recorded acdc-full": "reproduced"}
    row = card.set_index("id").loc
    assert (row["E5.3", "verdict"], row["E5.3", "link"]) == ("fails", "book/errata.html")
    assert row["T4.1/S1/HD", "link"] == "chapters/04_deformation.html"
    assert row["T4.1/S1/HD", "why"] == "chapter 4 does not check it yet"
    assert row["T5.1/Our/HD", "why"] == "chapter 5 is not written yet"
    assert row["F7.4", "why"] == "a picture of another work"
    assert set(card["verdict"]) <= set(ledger.VERDICTS)
    assert not card.isna().any().any()


def test_results_of_an_unknown_id_are_refused(tmp_path):
    verdict = {"id": "T4.1/S9/DICE", "printed": "", "computed": "", "verdict": "holds", "why": "?"}
    (tmp_path / "4.json").write_text(json.dumps({"verdicts": [verdict]}))
    with pytest.raises(UserError, match="no entry 'T4.1/S9/DICE'"):
        ledger.scorecard(tmp_path)


def test_a_subset_may_differ_by_chance_but_not_by_more():
    """80 of 100 patients, printed 10.1 (2.2) mm: twice the standard error is 2 * 2.2 * sqrt(1/80 - 1/100) = 0.22 mm."""
    known = ledger.entry("T4.1/Undef/HD")
    assert known.allowance() == known.allowance(100) == pytest.approx(0.101)
    assert known.allowance(80) == pytest.approx(0.101 + 0.22)
    every_subset = np.random.default_rng(0).normal(10.1, 2.2, (2000, 100))
    means = [values[:80].mean() - values.mean() for values in every_subset]
    assert np.mean(np.abs(means) <= 0.22) == pytest.approx(0.954, abs=0.02)


@pytest.mark.parametrize("value, verdict", [(9.864, "reproduced"), (9.77, "fails"), (10.43, "fails")])
def test_the_verdict_on_a_subset(value, verdict):
    values = np.full(80, value)
    assert ledger.check("T4.1/Undef/HD", values, dataset="acdc").verdict == verdict
