"""The printed equations of chapter 4 against the package, and what must make them differ."""

import pytest
import torch
from torch.distributions import Normal

from regthesis import kernels
from regthesis.book.equations import OneNumber, symmetric_lcc


def pair(seed=0, shape=(6, 9, 11)):
    generator = torch.Generator().manual_seed(seed)
    images = (torch.randn(1, 1, *shape, generator=generator, dtype=torch.float64) for _ in "FM")
    return *images, kernels.smooth(torch.randn(1, 3, *shape, generator=generator, dtype=torch.float64), 2.0) * 4


@pytest.mark.parametrize("window", [3, 9])
def test_windows_taken_apart_give_the_kernels_value_and_swapping_changes_nothing(window):
    fixed, moving, v = pair()
    printed = symmetric_lcc(fixed, moving, v, window).item()
    assert printed + 1 == pytest.approx(kernels.symmetric_lcc(fixed, moving, v, window, tau=0, steps=4).item())
    assert printed == pytest.approx(symmetric_lcc(moving, fixed, -v, window).item())
    assert printed != pytest.approx(symmetric_lcc(fixed, moving, -v, window).item(), rel=1e-3)


def test_the_bound_is_the_evidence_less_the_gap_and_touches_it_at_the_posterior():
    draws = Normal(0.0, 1.0).icdf((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    model = OneNumber()
    width = model.slope**2 + model.noise**2
    best = torch.tensor([model.slope * model.seen / width, model.noise / width**0.5], dtype=torch.float64)
    log_evidence = Normal(0.0, width**0.5).log_prob(torch.tensor(model.seen, dtype=torch.float64))
    assert model.bound(*best, draws).item() == pytest.approx(log_evidence.item(), abs=1e-3)
    away = best + 0.2
    assert model.bound(*away, draws).item() == pytest.approx(model.evidence(*away).item(), abs=1e-3)
    assert model.bound(*away, draws) < log_evidence - 0.05


def test_slopes_are_those_of_the_match():
    mu, sigma = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.3, 0.8))
    draws = Normal(0.0, 1.0).icdf((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    found = torch.autograd.grad(OneNumber().match(mu, sigma, draws), (mu, sigma))
    assert [float(slope) for slope in found] == pytest.approx(OneNumber().slopes(0.3, 0.8), rel=1e-3)
