"""Verdicts on codes and groups."""

import numpy as np
import pandas as pd
import pytest

from regthesis.experiments.deformation import figure47
from regthesis.experiments.deformation.codes import accuracies, recognised


def codes(apart, mixed=()):
    """Five folds of codes of eighty patients whose groups lie that far apart, but for those in `mixed`."""
    rng, folds = np.random.default_rng(0), []
    groups = np.array(["DCM", "HCM", "MINF", "NOR", "RV"] * 16)
    means = {name: rng.normal(size=8) * (0 if name in mixed else apart) for name in np.unique(groups)}
    for fold in range(1, 6):
        numbers = np.stack([means[name] + rng.normal(size=8) for name in groups])
        about = {"fold": fold, "case": [f"p{k}" for k in range(80)], "group": groups}
        about["held_out"] = np.arange(80) // 16 == fold - 1
        folds.append(pd.DataFrame(about).join(pd.DataFrame(numbers, columns=[f"z{k + 1}" for k in range(8)])))
    return pd.concat(folds, ignore_index=True)


@pytest.mark.parametrize(("apart", "mixed", "verdict"), [
    (6.0, (), "holds"), (0.0, (), "fails"), (6.0, ("MINF", "NOR", "RV"), "undecided"),
])  # fmt: skip
def test_groups_are_clusters_where_each_is_told(apart, mixed, verdict):
    clusters, share, components = figure47.judge(codes(apart, mixed), "acdc")
    assert clusters.verdict == verdict
    assert share.verdict == "not comparable" and "does not say" in share.why
    assert (components.computed, components.verdict) == ("4", "changed")


def test_recognised_from_two_adds_up():
    table = figure47.recognised_from_two(codes(1.0))
    assert table.loc["all", "hits"] == table.drop("all")["hits"].sum() and table.loc["all", "n"] == 80
    assert (table["low"] <= table["share"]).all() and (table["share"] <= table["high"]).all()


def test_shares_have_their_bounds_and_random_numbers_their_range():
    rows = codes(1.0)
    found = accuracies(rows)
    assert list(found) == ["new patients", "ten folds", "ten folds, leak", "noise, leak"]
    assert all(low < value < high for value, low, high in found.values())
    assert found["new patients"][0] == pytest.approx(100 * recognised(rows).mean())
    assert 20 < found["noise, leak"][0] < found["ten folds, leak"][0]  # where chance is 20


def test_planes_are_fitted_to_all_and_to_those_that_the_network_has_seen():
    one = codes(1.0).query("fold == 1")
    by_all, by_seen = figure47.planes(one).values()
    assert not by_all["held_out"].any() and (by_seen["held_out"].to_numpy() == one["held_out"].to_numpy()).all()
    other = one.copy()
    other.loc[one["held_out"], "group"] = "RV"  # labels of new patients must not matter to the second
    assert np.allclose(figure47.planes(other)["fitted to seen patients"][["x", "y"]], by_seen[["x", "y"]])
