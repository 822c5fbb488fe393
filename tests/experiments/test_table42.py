"""Verdicts on Table 4.2: means are subtracted as printed, the claim is judged patient by patient."""

import numpy as np
import pandas as pd
import pytest

from regthesis.experiments.deformation import table42
from regthesis.experiments.deformation.transports import COLUMNS


def transports(ours, ladder, groups=("HCM", "DCM"), patients=8):
    """Patients of each group on two healthy hearts; each way gives pairs of fractions before and after.

    A patient's fractions after a transport differ from the next one's by a hundredth or two.
    """
    far = {"Our": 0.01, "PL": 0.02}
    return pd.DataFrame(
        [
            (1, f"{group}{p}", group, f"healthy{k}", way, before, after + far[way] * p * np.sign(after - before))
            for group in groups
            for p in range(patients)
            for way, pairs in {"Our": ours, "PL": ladder}.items()
            for k, (before, after) in enumerate(pairs)
        ],
        columns=list(COLUMNS),
    )


CANCELLING = [(40.0, 30.0), (40.0, 50.0)]  # ten points lost, ten gained
STEADY = [(40.0, 43.0), (40.0, 43.0)]


def claim(rows):
    *_, found = table42.judge(rows, "acdc")
    assert found.id == "C4.49"
    return found


def test_means_are_subtracted_as_printed():
    cells = table42.values(transports(CANCELLING, STEADY, patients=1))
    assert len(cells) == 12
    assert cells["T4.2/HCM/Our/difference"] == 0 and cells["T4.2/DCM/PL/difference"] == 3


@pytest.mark.parametrize(
    "ours, ladder, verdict, off",
    [(CANCELLING, STEADY, "fails", "10.0 by code and 3.1"), (STEADY, CANCELLING, "holds", "3.0 by code and 10.1")],
)
def test_the_claim_counts_what_each_patient_lost(ours, ladder, verdict, off):
    found = claim(transports(ours, ladder))
    assert found.verdict == verdict and f"off by {off} by ladder" in found.why
    assert found.why.count("8 patients") == 2


def test_six_patients_with_two_hearts_each_are_six_and_five_decide_nothing():
    """Patients are paired: five pairs cannot reach p < 0.05, though their ten transports would."""
    assert claim(transports(STEADY, CANCELLING, patients=5)).verdict == "undecided"
    assert claim(transports(STEADY, CANCELLING, patients=6)).verdict == "holds"


def test_one_group_for_and_one_against_decides_nothing():
    mixed = pd.concat([transports(STEADY, CANCELLING, ["HCM"]), transports(CANCELLING, STEADY, ["DCM"])])
    assert claim(mixed).verdict == "undecided"


@pytest.mark.parametrize("group", ["HCM", "DCM"])
def test_half_of_the_printed_groups_does_not_show_the_claim(group):
    assert claim(transports(STEADY, CANCELLING, [group])).verdict == "undecided"
    assert claim(transports(CANCELLING, STEADY, [group])).verdict == "fails"


def test_all_numbers_are_of_other_patients_than_the_thesis_s():
    *cells, _ = table42.judge(transports(STEADY, STEADY), "acdc")
    assert len(cells) == 12 and {cell.verdict for cell in cells} == {"not comparable"}


def test_without_transports_there_is_nothing_to_judge():
    assert table42.judge(transports(STEADY, STEADY)[:0], "acdc") == []


def test_the_interval_of_the_difference_holds_it():
    groups = table42.compared(transports(STEADY, CANCELLING))
    assert (groups["low"] <= groups["difference"]).all() and (groups["difference"] <= groups["high"]).all()
    assert groups["difference"].tolist() == pytest.approx([-7, -7], abs=0.1) and set(groups["patients"]) == {8}


def test_the_printed_layout_has_a_line_a_source_and_the_marks():
    rows = transports(STEADY, STEADY, patients=2)
    table = table42.beside(rows, table42.judge(rows, "acdc"))
    assert list(table.index) == ["HCM", "DCM"] and len(table.columns) == 7  # as printed, and the source
    assert table.loc["HCM", "diff. (points), ladder"].splitlines() == ["6.1", "3.0 ○"]
    assert table.loc["DCM", "EF before (%), code"].splitlines() == ["12.7 (7)", "40.0 (0) ○"]


def test_the_spread_before_a_transport_counts_a_patient_once():
    """A patient goes to several hearts; the fraction before is one number all the same."""
    rows = transports(STEADY, STEADY, groups=["HCM"], patients=3)
    lopsided = rows["predicted"] + 10 * rows["patient"].map({"HCM0": 0, "HCM1": 0, "HCM2": 1})
    more = rows.assign(predicted=lopsided)
    again = pd.concat([more, more[more["patient"] == "HCM2"].assign(healthy="another")])
    before = [table42.beside(each).loc["HCM", "EF before (%), code"].split()[-1] for each in (more, again)]
    assert before == [f"({np.std([40, 40, 50], ddof=1):.0f})"] * 2
