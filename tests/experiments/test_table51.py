"""Verdicts on Table 5.1: cells in the printed unit, patients counted and not slices, every claim of order reachable."""

import numpy as np
import pandas as pd
import pytest

from regthesis.book import ledger
from regthesis.datasets.slices import Slices
from regthesis.evaluate.records import COLUMNS
from regthesis.experiments.motion import table51
from regthesis.experiments.motion.table51 import TABLE

ABOUT = dict(dataset="acdc", grid=Slices.grids["full"], page="5")


def tracked(means, patients=80, slices=5, seed=0):
    """A long table in which each method has these means, a few slices a patient; slices differ little."""
    rng = np.random.default_rng(seed)
    rows = []
    for method, by_metric in means.items():
        for metric, mean in by_metric.items():
            for patient in range(patients):
                own = mean * (1 + 0.01 * rng.normal())
                for k in range(slices):
                    value = own * (1 + 0.001 * rng.normal())
                    rows.append((f"p{patient}/slice{k:02d}", "NOR", method, metric, "image", value))
    return pd.DataFrame(rows, columns=list(COLUMNS))


ROWS = tracked(
    {
        "identity": {"DICE": 0.728, "HD95": 9.7},
        "elastix4d": {"DICE": 0.83, "HD95": 6.4, "Spat. Grad.": 0.15, "Temp. Grad.": 0.33},
        "motion": {"DICE": 0.852, "HD95": 6.11, "Spat. Grad.": 0.09, "Temp. Grad.": 0.11},
    }
)


@pytest.fixture(scope="module")
def verdicts():
    return {it.id: it for it in TABLE.judge(ROWS, ABOUT)}


def test_cells_are_judged_in_the_printed_unit(verdicts):
    assert verdicts["T5.1/Our/DICE"].verdict == "reproduced"
    assert float(verdicts["T5.1/Our/DICE"].computed.split()[0]) == pytest.approx(85.2, rel=0.01)
    assert verdicts["T5.1/Undef/HD"].verdict == "reproduced"
    assert not [id for id in verdicts if "SyN" in id or "Undef/Temporal" in id]


def test_patients_are_counted_and_not_their_slices(verdicts):
    assert "80 of 100" in verdicts["T5.1/Our/DICE"].why
    assert "n = 80" in verdicts["C5.30/DICE/4D-Elastix"].why


def test_orders_are_judged_on_what_both_have(verdicts):
    for id in ("C5.30/DICE/4D-Elastix", "C5.31/SpatialGrad/4D-Elastix", "C5.31/TemporalGrad/4D-Elastix"):
        assert verdicts[id].verdict == "reproduced"
    worse = ROWS.assign(method=ROWS["method"].replace({"motion": "elastix4d", "elastix4d": "motion"}))
    found = {it.id: it.verdict for it in TABLE.judge(worse, ABOUT)}
    assert found["C5.30/DICE/4D-Elastix"] == "fails"


def test_every_order_of_the_table_names_methods_that_exist():
    orders = [known for known in ledger.load().values() if known.kind == "order" and known.table == "T5.1"]
    assert orders
    for known in orders:
        _, column, other = known.id.split("/")
        assert {known.of, other} <= set(TABLE.rows.values()) and column in TABLE.heads


def test_the_table_has_the_print_above_each_run():
    table = TABLE.beside({"recorded": ROWS})
    assert list(table.index) == ["Undef", "4D-Elastix", "Our"]
    printed, here = table.loc["Our", "DICE (%)"].splitlines()
    assert printed == "85.2 ±09" and here.startswith("85.")
    assert table.loc["Undef", table51.HEADS["TemporalGrad"]] == "–\n–"


def test_a_ratio_of_gradients_has_no_unit():
    found = table51.ratios(ROWS)
    assert found.loc["spatial gradient"].tolist() == pytest.approx([0.10 / 0.15, 0.09 / 0.15], rel=0.01)
    assert found.loc["temporal gradient"].tolist() == pytest.approx([0.12 / 0.33, 0.11 / 0.33], rel=0.01)


def test_a_row_beyond_the_thesis_has_no_printed_ratio():
    found = table51.ratios(ROWS.assign(method=ROWS["method"].replace({"motion": "motion-refined"})), "Our, refined")
    assert found["printed"].isna().all() and found["here"].iloc[0] == pytest.approx(0.6, rel=0.02)
