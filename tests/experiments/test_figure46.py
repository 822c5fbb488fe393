"""Verdicts on the length of the code: plateaus, rises, and too little to tell."""

import numpy as np
import pandas as pd
import pytest
import torch

from regthesis.case import Case
from regthesis.experiments.deformation import figure46
from regthesis.geometry import Grid
from regthesis.models.deformation import DeformationCVAE


def sizes(dice, distance=None, noise=0.001, cases=6):
    """A long table with these means by length, a little noise by heart, and two structures."""
    rng, rows = np.random.default_rng(0), []
    for metric, means in {"DICE": dice, "HD95": distance or dict.fromkeys(dice, 8.0)}.items():
        for d, mean in means.items():
            for case in range(cases):
                value = mean + noise * rng.normal()
                rows += [(d, f"p{case}", metric, structure, value) for structure in ("LV", "RV")]
    return pd.DataFrame(rows, columns=["d", "case", "metric", "structure", "value"])


def verdicts(*means, **more):
    return {verdict.id: verdict.verdict for verdict in figure46.judge(sizes(*means, **more), 32, "phantom")}


@pytest.mark.parametrize(("dice", "verdict"), [
    ({2: 0.70, 8: 0.80, 64: 0.80}, "holds"), ({2: 0.70, 8: 0.80, 64: 0.85}, "fails"),
    ({2: 0.80, 8: 0.80, 64: 0.80}, "undecided"), ({2: 0.70, 8: 0.80, 64: 0.78}, "holds"),
])  # fmt: skip
def test_a_plateau_is_a_rise_that_ends_at_eight(dice, verdict):
    assert verdicts(dice)["C4.41"] == verdict


@pytest.mark.parametrize(("dice", "far", "verdict"), [
    (0.83, 7.0, "holds"), (0.83, 9.0, "fails"), (0.75, 7.0, "fails"), (0.80, 7.0, "undecided"),
])  # fmt: skip
def test_longer_codes_are_better_in_both_scores_or_not(dice, far, verdict):
    assert verdicts({32: 0.80, 64: dice}, {32: 8.0, 64: far})["C4.57"] == verdict


def test_noise_and_single_hearts_decide_nothing_and_missing_lengths_are_left_out():
    assert set(verdicts({2: 0.8, 8: 0.81, 32: 0.8, 64: 0.81}, noise=0.1).values()) == {"undecided"}
    assert set(verdicts({2: 0.7, 8: 0.8, 32: 0.8, 64: 0.9}, cases=1).values()) == {"undecided"}
    assert verdicts({32: 0.8}) == {}


@pytest.mark.parametrize(("asleep", "verdict"), [(0, "fails"), (3, "holds")])
def test_an_idle_number_has_the_prior_for_posterior(asleep, verdict):
    torch.manual_seed(0)
    shape = (8, 16, 16)
    network = DeformationCVAE(shape, (3.0, 3.0, 3.0), latent=5).eval()  # starts with little noise: all say much
    with torch.no_grad():
        for layer in (network.mu, network.log_variance):
            layer.weight[:asleep] = 0
            layer.bias[:asleep] = 0
    case = Case("a", torch.randn(2, 1, *shape), Grid(shape, (3.0, 3.0, 3.0)))
    found = figure46.judge_idle(network, [case], "phantom")
    assert found.verdict == verdict and found.why.startswith(f"{asleep} of 5 ")


def test_networks_that_are_called_by_their_length_have_it_as_a_column():
    """In rising order as numbers, not as words; others, such as those of other levers, are left out."""
    names = ["latent-32", "latent-8", "as printed", "latent-8"]
    rows = pd.DataFrame({"network": names, "case": "p", "metric": "DICE", "value": [3.0, 1.0, 0.0, 2.0]})
    found = figure46.of_lengths(rows)
    assert found["d"].tolist() == [8, 8, 32] and found["value"].tolist() == [1, 2, 3]
