"""Verdicts on Table 4.1: every cell that a study reaches, claims on the cases that both methods have."""

import numpy as np
import pandas as pd
import pytest

from regthesis.book import ledger
from regthesis.datasets.acdc import FULL
from regthesis.evaluate.records import COLUMNS
from regthesis.experiments.deformation import table41


def study(means, cases=80, seed=0):
    """A long table in which each method's DICE, distance and roughness have these means."""
    rng = np.random.default_rng(seed)
    rows = []
    for method, by_metric in means.items():
        for metric, mean in by_metric.items():
            for case in range(cases):
                for structure in ("LV", "RV"):
                    rows.append((f"p{case}", "NOR", method, metric, structure, mean * (1 + 0.01 * rng.normal())))
    return pd.DataFrame(rows, columns=list(COLUMNS))


ROWS = study(
    {
        "identity": {"DICE": 0.707, "min Det-Jac": 1.0},
        "demons": {"DICE": 0.79, "Grad Det-Jac": 0.02, "min Det-Jac": 0.4},
        "s3": {"DICE": 0.812, "Grad Det-Jac": 0.014, "min Det-Jac": 0.5},
    }
)


def verdicts(rows, dataset="acdc", grid=FULL):
    return {verdict.id: verdict for verdict in table41.judge(rows, dataset, grid)}


def test_cells_are_judged_in_the_printed_unit():
    """Roughness has no printed unit of length, so that its number decides nothing; its scale is the printed 10^-2."""
    found = verdicts(ROWS)
    assert found["T4.1/S3/DICE"].verdict == "reproduced"
    assert found["T4.1/Undef/DICE"].verdict == "reproduced"
    assert found["T4.1/S3/GradDetJac"].verdict == "not comparable"
    assert float(found["T4.1/S3/GradDetJac"].computed.split()[0]) == pytest.approx(1.4, rel=0.01)
    assert not [id for id in found if "VM" in id or "/RMSE" in id or id == "T4.1/Undef/GradDetJac"]


def shifted(rows, by):
    """The rows of patients all of whom score `by` less, undeformed and registered alike, apart from their own noise."""
    own = rows["case"].map({f"p{k}": 0.05 * (-1) ** k for k in range(80)})
    return rows.assign(value=rows["value"].where(rows["metric"] != "DICE", rows["value"] + own - by))


@pytest.mark.slow
def test_undeformed_scores_of_the_same_cases_say_what_is_expected():
    easy = shifted(ROWS[ROWS["method"] != "demons"], 0.03)
    assert verdicts(easy)["T4.1/S3/DICE"].verdict == "reproduced"
    assert "expected of these cases" in verdicts(easy)["T4.1/S3/DICE"].why
    assert verdicts(easy)["T4.1/Undef/DICE"].verdict == "fails"
    alone = easy[easy["method"] == "s3"]
    assert verdicts(alone)["T4.1/S3/DICE"].verdict == "fails"
    one_missing = easy[(easy["method"] == "s3") | (easy["case"] != "p5")]
    assert "from the printed" in verdicts(one_missing)["T4.1/S3/DICE"].why


def renamed(rows, **names):
    return rows.assign(method=rows["method"].replace(names))


def test_s1_is_compared_with_s3_in_its_plain_form():
    """Where that was run: S3 of another training says nothing about the number of scales."""
    same = study({"s1": {"DICE": 0.80}, "s3": {"DICE": 0.83}})
    assert verdicts(same)["C4.30/DICE/S1"].verdict == "reproduced"
    rows = pd.concat([same, renamed(study({"s1": {"DICE": 0.79}}), s1="s3-plain")])
    assert verdicts(rows)["C4.30/DICE/S1"].verdict == "fails"
    assert table41.values(rows, "S3", "DICE").mean() == pytest.approx(0.83, abs=0.002)
    assert set(table41.plain(rows)["method"]) == {"s3"}
    assert table41.values(table41.plain(rows), "S3", "DICE").mean() == pytest.approx(0.79, abs=0.002)


def test_other_forms_of_a_network_are_no_rows_of_the_table():
    folded = pd.concat([ROWS, renamed(study({"s3": {"min Det-Jac": -1.0}}), s3="s3-plain")])
    assert verdicts(folded)["C4.40"].verdict == "reproduced"


def test_times_are_those_of_s3_and_not_comparable():
    seconds = study({"s3": {"seconds": 0.32}})
    assert verdicts(seconds)["C4.25"].verdict == "not comparable"


def test_claims_are_tested_between_methods_that_were_run():
    found = verdicts(ROWS)
    assert found["C4.30/DICE/Dem"].verdict == "reproduced"
    assert found["C4.34/GradDetJac/Dem"].verdict == "reproduced"
    assert "C4.30/DICE/S1" not in found


def test_claims_use_the_cases_that_both_have():
    few = ROWS[(ROWS["method"] != "demons") | ROWS["case"].isin([f"p{k}" for k in range(12)])]
    assert "n = 12" in verdicts(few)["C4.30/DICE/Dem"].why
    with_other = verdicts(few, "phantom")
    assert with_other["C4.30/DICE/Dem"].verdict == "holds"
    assert with_other["T4.1/Dem/DICE"].verdict == "not comparable"


def test_folding_by_any_method_breaks_the_bound():
    assert verdicts(ROWS)["C4.40"].verdict == "reproduced"
    folded = ROWS.copy()
    one = (folded["method"] == "demons") & (folded["metric"] == "min Det-Jac") & (folded["case"] == "p7")
    folded.loc[one, "value"] = -0.1
    assert verdicts(folded)["C4.40"].verdict == "fails"


def test_every_order_of_the_table_names_methods_that_exist():
    orders = [known for known in ledger.load().values() if known.kind == "order" and known.table == "T4.1"]
    assert orders
    for known in orders:
        _, column, other = known.id.split("/")
        assert {known.of, other} <= set(table41.ROWS.values()) and column in table41.HEADS


def test_beside_the_print_stands_each_run_in_a_line_of_its_own():
    rows = pd.DataFrame(
        [
            (case, "NOR", "s3", m, s, v + off)
            for m, s, v in (("DICE", "LV", 0.8), ("DICE", "RV", 0.6), ("Grad Det-Jac", "image", 0.02))
            for case, off in (("a", 0.005), ("b", -0.005))
        ],
        columns=["case", "group", "method", "metric", "structure", "value"],
    )
    table = table41.beside({"recorded": rows, "this run": rows[:0]})
    assert list(table.index) == ["S3"] and table["source"].tolist() == ["printed\nrecorded"]
    assert table.loc["S3", "DICE"].splitlines() == ["0.812 (0.085)", "0.700 (0.007)"]
    assert table.loc["S3", table41.HEADS["GradDetJac"]].splitlines() == ["1.4 (0.3)", "2.0 (0.7)"]
    assert table.loc["S3", table41.HEADS["HD"]].splitlines() == ["7.3 (2.7)", "–"]


def test_a_line_has_the_mark_of_its_own_run_s_verdict():
    marked = table41.beside({"first": ROWS, "second": ROWS}, {"second": table41.judge(ROWS, "acdc", FULL)})
    printed, first, second = marked.loc["S3", "DICE"].splitlines()
    assert (printed, f"{first} ✓") == ("0.812 (0.085)", second)
    assert marked.loc["Dem", "DICE"].endswith("✗")  # 0.79 is not the printed 0.799


def test_the_undeformed_images_have_no_roughness():
    rows = study({"identity": {"DICE": 0.707, "Grad Det-Jac": 0.0}}, cases=2)
    assert table41.beside({"run": rows}).loc["Undef", table41.HEADS["GradDetJac"]] == "–\n–"


def test_a_lost_structure_leaves_its_case_out():
    rows = study({"s3": {"HD95": 7.3, "DICE": 0.812}, "demons": {"HD95": 8.3, "DICE": 0.8}})
    lost = rows.copy()
    lost.loc[(lost["case"] == "p3") & (lost["metric"] == "HD95") & (lost["method"] == "s3"), "value"] = np.inf
    assert len(table41.values(lost, "S3", "HD")) == 79 and len(table41.values(lost, "Dem", "HD")) == 80
    found = verdicts(lost)
    assert "79 of 100" in found["T4.1/S3/HD"].why and "n = 79" in found["C4.31/HD/Dem"].why


def fractions(**errors):
    """EF and its error of thick hearts by method: true fractions of 60, 62, 64, ... less what is given, and noise."""
    rng, rows = np.random.default_rng(0), []
    for method, off in errors.items():
        for case in range(16):
            true, error = 60 + 2 * case, off + rng.normal()
            rows += [(f"p{case}", "HCM", method, "EF", "LV-BP", true + error)]
            rows += [(f"p{case}", "HCM", method, "EF error", "LV-BP", error)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.parametrize(("off", "verdict"), [(-14.0, "holds"), (9.0, "fails"), (0.1, "undecided")])
def test_demons_underestimate_where_the_interval_says_so(off, verdict):
    assert verdicts(fractions(demons=off))["C4.61"].verdict == verdict


def test_a_single_thick_heart_decides_nothing_about_demons():
    rows = fractions(demons=-14.0)
    assert verdicts(rows[rows["case"] == "p0"])["C4.61"].verdict == "undecided"


def test_the_fraction_of_thick_hearts_is_the_true_one_whoever_registered():
    found = verdicts(fractions(s3=-30.0, demons=-14.0))["C4.48"]
    assert found.computed.startswith("75 ") and found.verdict == "reproduced"
    assert "C4.48" not in verdicts(fractions(s3=-30.0), "phantom")  # it is said of the patients of ACDC


def test_methods_overlap_about_as_well_unless_a_test_tells_them_apart():
    same = {"DICE": 0.79}
    alike = study({"s1": same, "demons": same, "syn": same, "s3": same, "voxelmorph": same})
    assert verdicts(alike)["C4.67"].verdict == "holds"
    assert verdicts(alike)["C4.50"].verdict == "not comparable"  # another loss, too
    apart = study({"s1": same, "demons": same, "syn": {"DICE": 0.83}})
    assert verdicts(apart)["C4.67"].verdict == "fails"
    assert verdicts(apart[apart["case"].isin(["p0", "p1", "p2"])])["C4.67"].verdict == "undecided"


def test_apart_has_a_line_a_group_structure_and_metric():
    rows = study({"s3": {"DICE": 0.8, "Grad Det-Jac": 0.015}, "demons": {"DICE": 0.7, "Grad Det-Jac": 0.02}}, cases=2)
    found = table41.apart(rows, ["p0"])
    assert list(found) == ["s3", "demons"]
    assert list(found.index)[:5] == [f"DICE, {part}" for part in ("all", "group NOR", "LV", "RV", "fold 1")]
    assert found.loc[table41.HEADS["GradDetJac"]].round(1).tolist() == [1.5, 2.0]
    own = rows[(rows["method"] == "s3") & (rows["metric"] == "DICE") & (rows["case"] == "p0")]
    assert found.loc["DICE, fold 1", "s3"] == pytest.approx(own["value"].mean())
