"""Verdicts on Table 5.2 and on how smooth determinants are: every claim reachable, in both directions."""

import numpy as np
import pandas as pd
import pytest

from regthesis.datasets.cines import Stacks
from regthesis.evaluate.records import COLUMNS
from regthesis.experiments.motion import table52

ABOUT = dict(dataset="acdc", grid=Stacks.grids["full"], page="5")


def tracked(means, cases, spread=0.01, seed=0):
    """A long table in which each method has these means over cases."""
    rng = np.random.default_rng(seed)
    rows = [
        (case, "NOR", method, metric, "image", mean * (1 + spread * rng.normal()))
        for method, by_metric in means.items()
        for metric, mean in by_metric.items()
        for case in cases
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdicts(means):
    rows = tracked(means, [f"p{k}" for k in range(80)])
    return {it.id: it for it in table52.TABLE.judge(rows, ABOUT)}


def test_cells_and_orders_of_stacks_are_judged():
    means = {
        "identity": {"DICE": 0.701, "HD95": 10.5},
        "elastix4d": {"DICE": 0.792, "HD95": 5.1, "Spat. Grad.": 0.15, "Temp. Grad.": 0.62},
        "motion": {"DICE": 0.795, "HD95": 5.4, "Spat. Grad.": 0.07, "Temp. Grad.": 0.09},
    }
    found = verdicts(means)
    assert found["T5.2/Our/DICE"].verdict == "reproduced" and found["T5.2/Undef/HD"].verdict != "reproduced"
    assert found["C5.34/SpatialGrad/4D-Elastix"].verdict == "reproduced"
    means["motion"] |= {"Spat. Grad.": 0.25}
    assert verdicts(means)["C5.34/SpatialGrad/4D-Elastix"].verdict != "reproduced"


@pytest.mark.parametrize(("in_3d", "verdict"), [(0.9, "holds"), (1.1, "fails"), (1.0, "undecided")])
def test_determinants_are_compared_patient_by_patient(in_3d, verdict):
    patients = [f"p{k}" for k in range(10)]
    slices = tracked({"motion": {"Grad Det-Jac": 1.0}}, [f"{p}/slice{k:02d}" for p in patients for k in range(3)])
    stacks = tracked({"motion": {"Grad Det-Jac": in_3d}}, [*patients, "nobody"], seed=1)
    found = table52.judge_roughness(stacks, slices, "acdc")
    assert found.verdict == verdict and "10 patients" in found.why


def test_what_a_row_gains_is_counted_case_by_case():
    """In points, on the cases that both rows have."""
    rows = tracked({"identity": {"DICE": 0.7}, "motion": {"DICE": 0.8}}, ["a", "b", "c"], spread=0.0)
    rows = rows[(rows["method"] == "motion") | (rows["case"] != "c")]
    assert table52.TABLE.gained(rows, "Our", "Undef") == "+10.0 [+10.0, +10.0]"
