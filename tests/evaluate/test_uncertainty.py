"""What is known of a posterior whose every draw is known: a decoder that is linear in its code."""

import pytest
import torch

from regthesis.case import Case
from regthesis.evaluate import uncertainty
from regthesis.geometry import Grid
from regthesis.models.deformation import DeformationCVAE


def test_the_spread_of_independent_draws_is_theirs_in_mm():
    torch.manual_seed(0)
    u = torch.randn(4000, 2, 3, 4, dtype=torch.float64) * 0.5
    found = uncertainty.spread(u, (2.0, 4.0))
    assert found.shape == (1, 1, 3, 4)
    torch.testing.assert_close(found, torch.full_like(found, (1.0 + 4.0) ** 0.5), rtol=0.06, atol=0)


def test_one_draw_has_no_spread():
    with pytest.raises(ValueError, match="two draws"):
        uncertainty.spread(torch.zeros(1, 2, 3, 4), (1.0, 1.0))


def test_draws_lie_round_the_mean_as_wide_as_the_posterior_says():
    torch.manual_seed(0)
    network = DeformationCVAE((16, 16), (2.0, 2.0), latent=4).eval()
    moving, fixed = torch.randn(2, 1, 1, 16, 16)
    narrow = uncertainty.draws(network, moving, fixed, 8, torch.manual_seed(1))
    torch.nn.init.constant_(network.log_variance.bias, 0.0)
    wide = uncertainty.draws(network, moving, fixed, 8, torch.manual_seed(1))
    assert narrow.shape == (8, 2, 16, 16)
    ratio = uncertainty.spread(wide, (1.0, 1.0)).mean() / uncertainty.spread(narrow, (1.0, 1.0)).mean()
    assert ratio > 5, "exp(5 / 2) times the noise of the code"
    torch.nn.init.constant_(network.log_variance.bias, -40.0)
    still = uncertainty.draws(network, moving, fixed, 3, torch.manual_seed(1))
    torch.testing.assert_close(still[0], still[1], rtol=0, atol=1e-6)


def test_a_calibrated_prediction_lies_on_the_diagonal_and_a_bold_one_above():
    torch.manual_seed(0)
    sigma = torch.rand(60_000, dtype=torch.float64) + 0.1
    error = sigma * torch.randn(60_000, dtype=torch.float64)
    table = uncertainty.reliability(sigma, error, bins=6)
    assert table["voxels"].tolist() == [10_000] * 6
    assert table["error"].to_numpy() == pytest.approx(table["spread"].to_numpy(), rel=0.05)
    bold = uncertainty.reliability(sigma / 3, error, bins=6)
    assert (bold["error"] > 2.5 * bold["spread"]).all()


def test_the_part_that_a_code_cannot_say_is_found_where_it_is_known():
    """Errors drawn with known weights: these are found again, and what they predict is calibrated."""
    torch.manual_seed(0)
    spread, motion = 0.2 * torch.rand(200_000).double(), 8 * torch.rand(200_000).double()
    known = (0.5, 0.25, 4.0)
    silent = uncertainty.Voxels(spread, motion, torch.zeros_like(spread))
    sigma = uncertainty.whole_spread(silent, known)
    torch.testing.assert_close(sigma.square(), 0.5 + 0.25 * motion**2 + 4 * spread**2)
    voxels = silent._replace(error=sigma * torch.randn_like(sigma))
    weights = uncertainty.residual(voxels)
    assert weights[:2] == pytest.approx(known[:2], rel=0.1)
    table = uncertainty.reliability(uncertainty.whole_spread(voxels, weights), voxels.error, bins=5)
    assert table["error"].to_numpy() == pytest.approx(table["spread"].to_numpy(), rel=0.05)


def test_no_part_of_the_residual_is_negative():
    falling = torch.linspace(1, 2, 50)
    assert min(uncertainty.residual(uncertainty.Voxels(falling, falling, 3 - falling))) >= 0


def test_without_a_true_motion_nothing_is_held_against_it():
    grid = Grid((16, 16), (2.0, 2.0))
    case = Case("beat", torch.randn(2, 1, 16, 16), grid)
    with pytest.raises(ValueError, match="beat: its true motion is not known"):
        uncertainty.against_truth(DeformationCVAE((16, 16), (2.0, 2.0), latent=4).eval(), case)
