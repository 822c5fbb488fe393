"""The prior over time against torch's multivariate normals, and what is wrong with the printed divergence."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, kl_divergence

from regthesis.models.temporal_prior import COVARIANCES, TemporalPrior, cauchy, kl_of_rows, kl_of_rows_as_printed

T = 34


def normal(mu, sigma, prior):
    """The posterior of each row, in float64."""
    k = prior.covariance.double()
    return MultivariateNormal(mu.double(), sigma.double()[..., None, None] ** 2 * k)


@pytest.mark.parametrize("name", COVARIANCES)
def test_the_divergence_is_that_of_multivariate_normals(name):
    torch.manual_seed(0)
    prior = TemporalPrior(range(1, T + 1), name).double()
    mu = prior.draw(torch.zeros(2, 3, T).double(), torch.ones(2, 3).double())
    sigma = torch.rand(2, 3).double() + 0.1
    expected = kl_divergence(normal(mu, sigma, prior), normal(0 * mu, torch.ones_like(sigma), prior))
    torch.testing.assert_close(prior.kl(mu, sigma), expected.sum(1).mean(), rtol=1e-3, atol=0)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(sigma=st.floats(1e-3, 1e3), length=st.floats(0.5, 40), name=st.sampled_from(sorted(COVARIANCES)))
def test_it_is_never_negative_and_finite_whatever_the_length(sigma, length, name):
    prior = TemporalPrior(range(T), name, length)
    found = prior.kl(torch.zeros(1, 1, T), torch.full((1, 1), sigma))
    assert torch.isfinite(found) and found >= -1e-3


def test_it_is_zero_and_smallest_where_posterior_and_prior_agree_and_the_printed_one_is_not():
    mu, sigma = torch.zeros(1, 1, T, requires_grad=True), torch.ones(1, 1, requires_grad=True)
    for gradient in torch.autograd.grad(kl_of_rows(mu, sigma).sum(), (mu, sigma)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient))
    assert kl_of_rows(mu, sigma).item() == 0
    slope = torch.autograd.grad(kl_of_rows_as_printed(mu, sigma).sum(), sigma)[0]
    assert slope.item() == pytest.approx(T - 1)
    best = torch.full((1, 1), T**-0.5, requires_grad=True)
    flat = torch.autograd.grad(kl_of_rows_as_printed(mu, best).sum(), best)[0]
    assert abs(flat.item()) < 1e-4 and kl_of_rows_as_printed(mu, best).item() < -10


def test_draws_have_the_posterior_s_mean_and_covariance():
    prior = TemporalPrior(range(6))
    mu, sigma = torch.linspace(-1, 1, 6).expand(40_000, 1, 6), torch.full((40_000, 1), 0.5)
    drawn = prior.draw(mu, sigma, torch.manual_seed(0))[:, 0]
    torch.testing.assert_close(drawn.mean(0), mu[0, 0], rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.T.cov(), 0.25 * prior.covariance, rtol=0, atol=0.01)


def test_times_may_be_irregular_and_distances_alone_count():
    times = torch.tensor([0.0, 0.5, 3.0, 3.25])
    here, later = (TemporalPrior((times + shift).tolist()).covariance for shift in (0.0, 10.0))
    torch.testing.assert_close(here, later)
    torch.testing.assert_close(here[0, 2], cauchy(torch.tensor(3.0), 7.0, 1.005))


def test_the_printed_sign_has_a_pole():
    """Eq. 5.3 as extracted has a minus: two frames that are a length apart have no covariance at all."""
    printed = 1.005**2 / (1 - (torch.tensor([0.0, 7.0, 8.0]) / 7.0) ** 2)
    assert printed[1].isinf() and printed[2] < 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(times=[0, 1], covariance="linear"), "covariance: expected one of cauchy"),
        (dict(times=[0, 1, 1]), "times: expected numbers that increase"),
        (dict(times=[0, float("nan")]), "times: expected numbers that increase"),
        (dict(times=[]), "times: expected numbers that increase"),
        (dict(times=[0, 1], length=0), "length and sigma: expected positive"),
    ],
)
def test_what_is_no_prior_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TemporalPrior(**arguments)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_mean_through_the_root_costs_as_a_white_one(covariance):
    prior = TemporalPrior(range(1, 9), covariance, length=2.0).double()
    torch.testing.assert_close(prior.root @ prior.root, prior.covariance, atol=1e-5, rtol=1e-5)
    white = torch.randn(2, 3, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    sigma = torch.ones(2, 3, dtype=torch.float64)
    torch.testing.assert_close(prior.kl(white @ prior.root, sigma), white.square().sum() / 4, rtol=1e-3, atol=0.0)
