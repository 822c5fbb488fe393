import math

import pandas as pd
import pytest

from regthesis.evaluate import case_means, compare, printed_style, summary, table, wilcoxon

DICE = {  # method -> case -> LV, RV
    "SyN": {"p1": (0.9, 0.7), "p2": (0.8, 0.6), "p3": (0.6, 0.4)},
    "Dem": {"p1": (0.7, 0.5), "p2": (0.8, 0.4), "p3": (0.5, math.nan)},
}


def frame() -> pd.DataFrame:
    rows = []
    for method, cases in DICE.items():
        for case, scores in cases.items():
            group = "NOR" if case == "p1" else "DCM"
            rows += [(case, group, method, "DICE", s, v) for s, v in zip(("LV", "RV"), scores, strict=True)]
            rows += [(case, group, method, "HD95", "LV", math.inf if (method, case) == ("Dem", "p2") else 8.0)]
    rows += [("p1", "NOR", "SyN", "Grad Det-Jac", "image", 0.034)]
    return pd.DataFrame(rows, columns=["case", "group", "method", "metric", "structure", "value"])


def test_structures_are_averaged_within_a_case_before_cases_are():
    found = summary(frame()).loc["SyN", "DICE"]
    assert (found["mean"], found["sd"], found["n"]) == pytest.approx((2 / 3, pd.Series([0.8, 0.7, 0.5]).std(), 3))


def test_a_structure_that_is_not_there_is_left_out():
    assert summary(frame()).loc[("Dem", "DICE"), "mean"] == pytest.approx((0.6 + 0.6 + 0.5) / 3)
    assert summary(frame(), by=("method", "structure")).loc[("Dem", "RV", "DICE"), "n"] == 2


def test_a_structure_that_was_lost_shows():
    assert summary(frame()).loc[("Dem", "HD95"), "mean"] == math.inf


def test_groups_and_structures_can_have_rows_of_their_own():
    assert summary(frame(), by=("group", "method")).loc[("DCM", "SyN", "DICE"), "mean"] == pytest.approx(0.6)
    assert summary(frame(), by=("method", "structure")).loc[("SyN", "RV", "DICE"), "mean"] == pytest.approx(1.7 / 3)


def test_order_is_that_of_first_appearance():
    assert list(summary(frame()).index)[:2] == [("SyN", "DICE"), ("SyN", "HD95")]
    assert list(table(frame(), ["DICE", "HD95"]).index) == ["SyN", "Dem"]
    assert list(table(frame(), ["HD95", "DICE"]).columns) == ["HD95", "DICE"]


@pytest.mark.parametrize(
    "mean, sd, digits, expected",
    [
        (0.799, 0.096, 3, "0.799 (0.096)"),
        (10.1, 2.2, 1, "10.1 (2.2)"),
        (71.234, 5.55, 0, "71 (6)"),
        (-1e-9, 0.0, 3, "0.000 (0.000)"),
        (0.5, math.nan, 2, "0.50 (–)"),
        (math.nan, math.nan, 3, "–"),
        (math.inf, math.nan, 1, "inf (–)"),
    ],
)
def test_numbers_are_printed_as_in_the_thesis(mean, sd, digits, expected):
    assert printed_style(mean, sd, digits) == expected


def test_cells_are_scaled_and_rounded_by_metric_and_what_was_not_measured_is_a_dash():
    found = table(frame(), ["DICE", "Grad Det-Jac"], digits={"DICE": 2, "Grad Det-Jac": 1}, scale={"Grad Det-Jac": 100})
    assert found.loc["SyN"].tolist() == ["0.67 (0.15)", "3.4 (–)"]
    assert found.loc["Dem"].tolist() == ["0.57 (0.06)", "–"]


def test_a_metric_that_was_not_measured_is_named():
    with pytest.raises(ValueError, match="metrics: expected some of .*RMSE"):
        table(frame(), ["RMSE"])


def test_methods_are_compared_case_by_case_whatever_the_order_of_rows():
    shuffled = frame().sample(frac=1, random_state=0)
    found = compare(shuffled, "DICE", "SyN", "Dem")
    assert found == wilcoxon([0.8, 0.7, 0.5], [0.6, 0.6, 0.5])
    assert found.effect == 1 and found.n == 3


def test_only_cases_that_both_methods_have_are_compared():
    some = frame().query("not (method == 'Dem' and case == 'p1')")
    assert compare(some, "DICE", "SyN", "Dem").n == 2
    with pytest.raises(ValueError, match=r"method: expected some of \['Dem', 'SyN'\].*\['VM'\]"):
        compare(some, "DICE", "SyN", "VM")


def test_case_means_are_one_row_a_case_method_and_metric():
    assert len(case_means(frame())) == 3 * 2 * 2 + 1
