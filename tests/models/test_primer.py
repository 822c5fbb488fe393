"""The primer network starts from the identity, never folds, learns a shift; its overlap is DICE."""

import pytest
import torch

from regthesis import kernels
from regthesis.evaluate import dice
from regthesis.models.primer import Primer, overlap


@pytest.fixture
def blobs():
    """Four pairs of a bright disc (moving) and the same disc two pixels further right (fixed), 32 x 24."""
    y, x = kernels.identity_grid((32, 24))
    at = torch.arange(4.0).view(4, 1, 1, 1)
    disc = lambda shift: torch.exp(-((y - 12 - at) ** 2 + (x - 9 - at - shift) ** 2) / 18)  # noqa: E731
    return disc(0.0), disc(2.0)


def test_training_starts_from_the_identity(blobs):
    moving, fixed = blobs
    assert not Primer()(fixed, moving).any()


def test_never_folds_whatever_its_weights(blobs):
    torch.manual_seed(0)
    network = Primer()
    torch.nn.init.normal_(network.velocity.weight, std=0.3)
    u = network(torch.randn(2, 1, 32, 24), torch.randn(2, 1, 32, 24)).detach()
    assert u.abs().max() > 1 and kernels.jacobian(u).min() > 0


def test_learns_which_way_the_disc_went(blobs):
    """The fixed disc lies to the right, so the displacement reads to the left of it."""
    moving, fixed = blobs
    torch.manual_seed(0)
    network = Primer(width=8)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(40):
        u = network(fixed, moving)
        loss = kernels.ssd(fixed, kernels.warp(moving, u))
        optimiser.zero_grad()
        loss.backward()
        assert all(weight.grad is not None for weight in network.parameters())
        optimiser.step()
    assert loss < 0.1 * kernels.ssd(fixed, moving)
    assert abs(u[:, 1][fixed[:, 0] > 0.5].mean() + 2) < 0.5


def test_autocast_leaves_smoothing_and_squaring_in_float32(blobs, monkeypatch):
    seen = []
    smooth = kernels.smooth
    monkeypatch.setattr(kernels, "smooth", lambda v, sigma: seen.append(v.dtype) or smooth(v, sigma))
    moving, fixed = blobs
    torch.manual_seed(0)
    network = Primer()
    torch.nn.init.normal_(network.velocity.weight, std=0.1)
    exact = network(fixed, moving)
    with torch.autocast("cpu", torch.bfloat16):
        u = network(fixed, moving)
    assert seen == [torch.float32] * 2 and u.dtype == torch.float32
    assert 0 < (u - exact).abs().max() < 0.05 * exact.abs().max()


def test_overlap_without_motion_is_the_mean_dice_of_the_labels():
    torch.manual_seed(0)
    moving, fixed = torch.randint(0, 4, (2, 1, 16, 12)), torch.randint(0, 4, (2, 1, 16, 12))
    expected = sum(dice(fixed, moving, (label,)) for label in (1, 2, 3)) / 3
    assert float(overlap(torch.zeros(2, 2, 16, 12), moving, fixed, (1, 2, 3))) == pytest.approx(expected, abs=1e-6)


def test_overlap_of_empty_masks_is_zero_with_a_gradient():
    u = torch.zeros(1, 2, 8, 8, requires_grad=True)
    empty = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    value = overlap(u, empty, empty, (1, 2))
    value.backward()
    assert value == 0 and torch.isfinite(u.grad).all()
