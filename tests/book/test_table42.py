"""Verdicts on Table 4.2: means are subtracted as printed, the claim is judged heart by heart."""

import pandas as pd
import pytest

from regthesis.book import table42
from regthesis.recipes.transport import COLUMNS


def transports(ours, ladder):
    """One patient of each group on two healthy hearts; each way gives pairs of fractions before and after."""
    return pd.DataFrame(
        [
            (1, group, group, f"healthy{k}", way, *pair)
            for group in ("HCM", "DCM")
            for way, pairs in {"Our": ours, "PL": ladder}.items()
            for k, pair in enumerate(pairs)
        ],
        columns=list(COLUMNS),
    )


CANCELLING = [(40.0, 30.0), (40.0, 50.0)]  # ten points lost, ten gained
STEADY = [(40.0, 43.0), (40.0, 43.0)]


def test_means_are_subtracted_as_printed():
    cells = table42.values(transports(CANCELLING, STEADY))
    assert len(cells) == 12
    assert cells["T4.2/HCM/Our/difference"] == 0 and cells["T4.2/DCM/PL/difference"] == 3


@pytest.mark.parametrize("ours, ladder, verdict", [(CANCELLING, STEADY, "fails"), (STEADY, CANCELLING, "holds")])
def test_the_claim_counts_what_each_heart_lost(ours, ladder, verdict):
    *cells, claim = table42.judge(transports(ours, ladder), "acdc")
    assert claim.id == "C4.49" and claim.verdict == verdict and "10.0" in claim.why
    assert len(cells) == 12


def test_beside_the_print_stand_the_recorded_means():
    table = table42.beside(transports(STEADY, STEADY))
    assert list(table.columns) == ["printed", "recorded, 4 transports"]
    assert table.loc["T4.2/HCM/PL/difference"].tolist() == ["6.1", 3.0]
