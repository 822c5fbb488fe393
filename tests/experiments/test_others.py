"""Other authors' numbers beside ours: of the same structures, each with its own count of patients."""

import pandas as pd
import pytest

from regthesis.evaluate.records import COLUMNS
from regthesis.experiments.deformation.others import PUBLISHED, STRUCTURES, beside_others
from regthesis.shipped import CHECKOUT


def test_the_mean_is_that_of_three_structures_and_methods_come_in_order():
    rows = [
        (case, "NOR", method, metric, structure, value + off)
        for method, off in (("demons", 0.0), ("identity", -0.3))
        for metric, structure, value in (
            ("DICE", "LV-BP", 0.9), ("DICE", "LV-Myo", 0.8), ("DICE", "RV", 0.7),
            ("DICE", "LV", 0.1), ("HD95", "RV", 9.0),
        )
        for case in ("a", "b")
    ]  # fmt: skip
    found = beside_others(pd.DataFrame(rows, columns=list(COLUMNS)))
    assert list(found.index) == ["Undef", "GPTrack-XL", "LCC-demons"]
    assert found.loc["LCC-demons", "mean"] == pytest.approx(0.8) and found.loc["LCC-demons", "patients"] == 2
    assert found.loc["GPTrack-XL", "mean"] == pytest.approx((0.812 + 0.729 + 0.829) / 3)
    assert list(found) == [*STRUCTURES.values(), "mean", "patients"]


def test_every_published_number_has_its_paper():
    known = (CHECKOUT / "book" / "references.bib").read_text()
    assert all(f"{{{key}," in known for key in pd.read_csv(PUBLISHED)["citation"])
