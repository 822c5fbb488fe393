"""What a code costs, against torch.distributions, and the part of it that is free."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from regthesis.models.kl import kl_to_prior, kl_with_free_bits


def codes():
    torch.manual_seed(0)
    return torch.randn(4, 7), torch.randn(4, 7)


def divergences(mu, log_variance):
    """Of each number of each code, `(b, z)`."""
    return kl_divergence(Normal(mu, (log_variance / 2).exp()), Normal(torch.zeros_like(mu), torch.ones_like(mu)))


def test_kl_is_that_of_torch_distributions():
    mu, log_variance = codes()
    posterior = Independent(Normal(mu, (log_variance / 2).exp()), 1)
    prior = Independent(Normal(torch.zeros(4, 7), torch.ones(4, 7)), 1)
    torch.testing.assert_close(kl_to_prior(mu, log_variance), kl_divergence(posterior, prior).mean())


@pytest.mark.parametrize("free", [0.0, 0.3, 1.0, 100.0])
def test_each_number_costs_its_free_bits_at_least(free):
    mu, log_variance = codes()
    expected = sum(max(float(kl), free) for kl in divergences(mu, log_variance).mean(0))
    assert float(kl_with_free_bits(mu, log_variance, free)) == pytest.approx(expected)


def test_numbers_that_cost_less_are_driven_nowhere():
    mu, log_variance = codes()
    mu.requires_grad_()
    found = divergences(mu, log_variance).mean(0).detach()
    free = float(found.median())
    kl_with_free_bits(mu, log_variance, free).backward()
    cheap = found < free
    assert cheap.any() and not mu.grad[:, cheap].any()
    torch.testing.assert_close(mu.grad[:, found > free], mu.detach()[:, found > free] / 4)
