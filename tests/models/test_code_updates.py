"""Steps on a code after the encoder: one step by finite differences, and what they must not touch."""

import pytest
import small_networks
import torch

from regthesis import kernels
from regthesis.models.code_updates import RATE, WEIGHT, updated


@pytest.fixture(params=[2, 3])
def rank(request):
    return request.param


def network(rank, updates=0, **arguments):
    return small_networks.network(rank, loud=0.1, updates=updates, **arguments).eval()


def pair(rank, batch=1):
    return small_networks.pair(rank, batch, sigma=2.0)


def price(model, z, moving, fixed):
    """Eq. 4.14 at a code, by the public parts: all scales but the finest, which they count for."""
    velocities = model.velocities(z, model.pyramid(moving))
    chosen = velocities[1:] or velocities
    lcc = []
    for v in chosen:
        f, m = (model.grids.coarser(image, v.shape[2:]) for image in (fixed, moving))
        lcc.append(kernels.symmetric_lcc(f, m, v, steps=model.steps))
    return z.square().sum() / 2 + WEIGHT * model.scales * (1 - sum(lcc) / len(lcc))


@pytest.mark.parametrize("scales", [1, 2, 3])
@pytest.mark.parametrize("deviation", [0.01, 1.0])
@torch.no_grad()
def test_one_step_is_that_of_the_numerical_gradient(rank, scales, deviation):
    model = network(rank, scales=scales).double()
    moving, fixed = (image.double() for image in pair(rank))
    mu = torch.linspace(-1, 1, 5).double()[None]
    h = 1e-5
    slope = torch.stack(
        [
            (price(model, mu + h * way, moving, fixed) - price(model, mu - h * way, moving, fixed)) / (2 * h)
            for way in torch.eye(5).double()
        ]
    )
    variance = torch.full_like(mu, deviation**2)
    expected = (RATE * variance * slope).clamp(-deviation, deviation)
    found = mu - updated(model, mu, variance.log(), moving, fixed, steps=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@torch.no_grad()
def test_small_steps_lower_the_price_every_time(rank):
    model = network(rank).double()
    moving, fixed = (image.double() for image in pair(rank))
    mu, log_variance = torch.zeros(1, 5).double(), torch.full((1, 5), -7.0).double()
    prices = [price(model, updated(model, mu, log_variance, moving, fixed, n), moving, fixed) for n in range(5)]
    assert all(later < earlier for earlier, later in zip(prices, prices[1:], strict=False))


def test_in_evaluation_alone_and_the_variance_stays(rank):
    model, plain = network(rank, updates=2), network(rank)
    images = pair(rank)
    mu, log_variance = model.encode(*images)
    start, same = plain.encode(*images)
    assert not torch.equal(mu, start) and torch.equal(log_variance, same)
    torch.testing.assert_close(mu, updated(plain, start, same, *images, steps=2))
    assert torch.equal(model.train().encode(*images)[0], plain.train().encode(*images)[0])


def test_no_number_moves_by_more_than_its_standard_deviation_in_a_step(rank):
    moving, fixed = pair(rank)
    log_variance = torch.tensor([[-8.0, -4.0, 0.0, 2.0, -20.0]])
    found = updated(network(rank), torch.zeros(1, 5), log_variance, 50 * moving, fixed, steps=3)
    assert (found.abs() <= 3.001 * (log_variance / 2).exp()).all()


def test_a_batch_is_as_each_pair_alone(rank):
    model = network(rank, updates=2)
    moving, fixed = pair(rank, batch=3)
    together = model.encode(moving, fixed)[0]
    alone = torch.cat([model.encode(moving[i : i + 1], fixed[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_images_of_inference_mode_and_weights_without_gradients(rank):
    model = network(rank, updates=1)
    with torch.inference_mode():
        moving, fixed = pair(rank)
        mu, _ = model.encode(moving, fixed)
        model.decode(mu, moving)
    assert all(weight.grad is None for weight in model.parameters())
    mu, _ = model.encode(*pair(rank))
    assert not mu.requires_grad  # the steps are not a part of what training would follow


def test_the_card_knows_them_and_older_cards_have_none():
    assert network(2, updates=3).arguments["updates"] == 3
    assert "updates" not in network(2).arguments
    with pytest.raises(ValueError, match="updates: expected 0 or more, got -1"):
        network(2, updates=-1)


def test_a_gaussian_of_its_own_in_use_is_that_of_a_network_built_with_it(rank):
    """In evaluation alone: in training it changes nothing. The code's steps follow the same Gaussian."""
    model, wider = network(rank, updates=1, sigma=3.0, sigma_in_use=6.0), network(rank, updates=1, sigma=6.0)
    images = pair(rank)
    for mine, its in zip(model(*images).velocities, wider(*images).velocities, strict=True):
        torch.testing.assert_close(mine, its)
    losses = []
    for each in (model, network(rank, sigma=3.0)):
        torch.manual_seed(0)
        losses.append(each.train().loss(*images)[0])
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("sigma", [0, -1.0, float("nan"), float("inf")])
def test_a_gaussian_in_use_that_is_none_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma_in_use: expected a positive number of mm"):
        network(2, sigma_in_use=sigma)
