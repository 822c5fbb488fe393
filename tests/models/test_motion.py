"""The motion model: what is seen, what is placed where, and what its loss and its motions are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis import kernels
from regthesis.models.motion import GAIN, MotionModel, MotionModelWithoutGP, places_of

SHAPES = {2: (16, 24), 3: (9, 16, 24)}  # an axis that does not halve evenly among them
SPACING = {2: (1.5, 2.0), 3: (5.0, 1.5, 2.0)}


def model(rank, kind=MotionModel, **arguments):
    """A model of eight frames whose head and mixing speak."""
    torch.manual_seed(0)
    found = kind(SHAPES[rank], SPACING[rank], **{"length": 8, "latent": 3, "dropout": 0.0, **arguments})
    torch.nn.init.normal_(found.decoder.head.weight, std=0.3)
    torch.nn.init.normal_(found.mixing.last.weight, std=0.1)
    return found.eval()


def cine(rank, frames=5, batch=1):
    images = torch.rand(batch * frames, 1, *SHAPES[rank], generator=torch.Generator().manual_seed(1))
    return kernels.smooth(images, 1.5).view(batch, frames, 1, *SHAPES[rank])


@pytest.fixture(params=[2, 3])
def rank(request):
    return request.param


def test_a_motion_for_every_step_whatever_was_seen(rank):
    network, images = model(rank), cine(rank)
    tracked = network(images, torch.tensor([[0, 2, 3, 6]]))
    simulated = network(images[:, :1], torch.empty(1, 0, dtype=torch.long))
    for motion in (tracked, simulated):
        assert motion.z.shape == (1, 3, 7) and motion.velocities.shape == (1, 7, rank, *SHAPES[rank])


def test_the_posterior_has_one_spread_a_row():
    posterior = model(2).encode(cine(2), torch.tensor([[0, 2, 3, 6]]))
    assert posterior.sigma.shape == (1, 3) and (posterior.sigma > 0).all()


def test_a_batch_is_as_each_cine_alone(rank):
    network, images = model(rank), cine(rank, batch=2)
    places = torch.tensor([[0, 2, 3, 6], [1, 2, 4, 5]])
    together = network(images, places).velocities
    alone = torch.cat([network(images[i : i + 1], places[i : i + 1]).velocities for i in range(2)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_each_frame_is_encoded_on_its_own_and_zeros_stand_where_none_is():
    network, images = model(2), cine(2)
    seen = []
    network.mixing.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    network.encode(images, torch.tensor([[0, 2, 3, 6]]))
    alone = network.encoder(torch.cat([images[0, :1], GAIN * (images[0, 2:3] - images[0, :1])], 1))
    torch.testing.assert_close(seen[0][0, :, 2], alone[0])
    assert (seen[0][0][:, [1, 4, 5]] == 0).all()


def test_a_dropped_frame_is_not_seen_but_counts_in_the_loss():
    blind = model(2, dropout=1.0).train()
    images, places = cine(2), torch.tensor([[0, 2, 3, 6]])
    simulated = blind.eval().encode(images[:, :1], torch.empty(1, 0, dtype=torch.long))
    torch.testing.assert_close(blind.train().encode(images, places), simulated)
    torch.manual_seed(0)
    _, parts = blind.loss(images, places)
    torch.manual_seed(0)
    _, others = blind.loss(images.flip(1), places)
    assert parts["mse"] != others["mse"]


def test_frames_beyond_those_that_training_shows_are_scaled_down():
    """Of seven steps a dropout of a half shows 3.5 on average; four frames at once count as 3.5 of them."""
    network, images, places = model(2, dropout=0.5), cine(2), torch.tensor([[0, 2, 3, 6]])
    seen = []
    network.mixing.register_forward_pre_hook(lambda module, given: seen.append(given[0][0, :, 2]))
    network.encode(images, places)
    network.encode(images[:, [0, 2]], places[:, 1:2])
    torch.testing.assert_close(seen[0], seen[1] * 3.5 / 4)


def test_the_loss_is_the_bound_of_its_parts():
    network, images, places = model(2), cine(2), torch.tensor([[0, 2, 3, 6]])
    with torch.no_grad():
        loss, parts = network.loss(images, places)
        v = network(images, places).velocities
        posterior = network.encode(images, places)
    warped = kernels.warp(images[0, :1].expand(4, -1, -1, -1), kernels.exp(v[0, places[0]], 6))
    squares = (images[0, 1:] - warped).square()
    expected = squares.sum() / (2 * 0.0045) + network.prior.kl(*posterior)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(parts["mse"], squares.mean())


def test_some_frames_stand_for_all_in_the_loss():
    """Of every other step only the frames at steps of one parity are compared, and count twice."""
    network, images, places = model(2, sigma_time=0.01), cine(2), torch.tensor([[0, 2, 3, 6]])
    with torch.no_grad():
        v = network(images, places).velocities[0, places[0]]
        warped = kernels.warp(images[0, :1].expand(4, -1, -1, -1), kernels.exp(v, 6))
        squares = (images[0, 1:] - warped).square().mean((1, 2, 3))
        found = {round(float(network.loss(images, places, every=2)[1]["mse"]), 6) for _ in range(20)}
        one = network.loss(images[:, [0, 3]], places[:, 2:3], every=5)
        torch.testing.assert_close(one, network.loss(images[:, [0, 3]], places[:, 2:3]))
    even, odd = (squares[[k for k, at in enumerate((0, 2, 3, 6)) if at % 2 == parity]].mean() for parity in (0, 1))
    assert found == {round(float(even), 6), round(float(odd), 6)}


def test_a_long_cine_is_trained_on_some_of_its_frames():
    """Two of four are drawn, count twice, and are what a cine of these two alone is; no other step is decoded."""
    network, images, places = model(2, sigma_time=0.01, frames=2), cine(2), torch.tensor([[0, 2, 3, 6]])
    decoded = []
    network.decoder.register_forward_pre_hook(lambda module, given: decoded.append(given[0].shape[-1]))
    with torch.no_grad():
        for seed in range(5):
            torch.manual_seed(seed)
            loss, parts = network.loss(images, places)
            torch.manual_seed(seed)
            drawn = torch.randperm(4)[:2].sort().values
            its, at = images[:, [0, *(drawn + 1)]], places[:, drawn]
            expected = network.loss(its, at)[1]
            torch.testing.assert_close(parts, expected)
            squares = parts["mse"] * 4 * images[0, 0].numel()
            torch.testing.assert_close(loss, 0.5 * squares / network.noise + parts["kl"])
    assert decoded == [2, 7] * 5


def test_velocities_are_smoothed_over_time_as_well():
    """A code at one step alone moves its neighbours too, as a Gaussian cut off at the ends of the cine does."""
    network = model(2, sigma_time=1.5)
    moving, z = cine(2)[:, 0], torch.zeros(1, 3, 7)
    base = network.decode(z, moving)
    z[..., 3] = 1.0
    change = (network.decode(z, moving) - base).flatten(2).norm(dim=-1)[0].detach().numpy()
    gaussian = np.exp(-0.5 * (np.subtract.outer(np.arange(7), np.arange(7)) / 1.5) ** 2)
    expected = gaussian[:, 3] / gaussian.sum(1)
    assert change / change[3] == pytest.approx(expected / expected[3], rel=1e-3)


def test_chosen_steps_are_decoded_alone():
    network = model(2, sigma_time=0.01)
    moving, z = cine(2)[:, 0], torch.randn(1, 3, 7, generator=torch.Generator().manual_seed(3))
    at = torch.tensor([1, 4])
    torch.testing.assert_close(network.decode(z, moving, at), network.decode(z, moving)[:, at])


def test_without_a_gaussian_process_each_frame_has_a_prior_of_its_own():
    network = model(2, kind=MotionModelWithoutGP)
    images, places = cine(2), torch.tensor([[0, 2, 3, 6]])
    mu, log_variance = network.encode(images, places)
    unit = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    nats = torch.distributions.kl_divergence(torch.distributions.Normal(mu, (0.5 * log_variance).exp()), unit)
    motion = network(images, places)
    torch.testing.assert_close(motion.kl, nats.sum())
    seen = []
    network.mixing.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    network(images, places)
    codes, time = seen[0][0, :-1], seen[0][0, -1]
    torch.testing.assert_close(codes[:, places[0]], mu[0].mT)
    assert (codes[:, [1, 4, 5]] == 0).all() and torch.equal(time, torch.linspace(0, 1, 7))


def test_without_a_gaussian_process_dropped_and_missing_frames_are_draws_from_the_prior():
    network = model(2, kind=MotionModelWithoutGP, dropout=1.0, latent=400).train()
    seen = []
    network.mixing.register_forward_pre_hook(lambda module, given: seen.append(given[0][0, :-1]))
    network(cine(2), torch.tensor([[0, 2, 3, 6]]))
    assert seen[0].mean(0).abs().max() < 0.3 and (seen[0].std(0) - 1).abs().max() < 0.2


def test_samples_are_those_of_the_prior():
    network, moving = model(2), cine(2)[:, 0]
    first, again, other = (network.sample(moving, torch.manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_training_brings_images_closer():
    torch.manual_seed(0)
    network = MotionModel((32, 32), (2.0, 2.0), length=6, latent=4, sigma=2.0).train()
    y, x = torch.meshgrid(*[torch.arange(32.0)] * 2, indexing="ij")
    beat = torch.stack([(-((y - 16) ** 2 + (x - 12 - k) ** 2) / 40).exp() for k in (0, 1, 2, 3, 2)])[None, :, None]
    places = torch.tensor([[0, 1, 3, 4]])
    adam, errors = torch.optim.Adam(network.parameters(), 2e-3), []
    for _ in range(60):
        adam.zero_grad()
        loss, parts = network.loss(beat, places)
        loss.backward()
        adam.step()
        errors.append(parts["mse"].item())
    assert sum(errors[-5:]) < 0.3 * sum(errors[:5])
    assert all(weight.grad is not None for weight in network.parameters())


@settings(derandomize=True, deadline=None, max_examples=80)
@given(times=st.lists(st.floats(0, 1e6), min_size=2, max_size=12, unique=True), length=st.integers(12, 40))
def test_places_increase_and_end_where_the_model_ends(times, length):
    places = places_of(sorted(times), length)
    assert len(places) == len(times) - 1 and places[0] >= 0 and places[-1] == length - 2
    assert (places.diff() > 0).all()


def test_evenly_spaced_frames_lie_evenly():
    assert places_of(range(35)).tolist() == list(range(34))
    assert places_of([0.0, 0.1, 0.2, 0.3], 31).tolist() == [9, 19, 29]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0], "expected 2 to 35 frames, got 1"),
        (range(36), "expected 2 to 35 frames, got 36"),
        ([0, 2, 1], "numbers that increase"),
        ([0, 1, 1], "numbers that increase"),
        ([0, float("nan"), 1], "numbers that increase"),
    ],
)
def test_times_of_no_cine_are_refused(times, message):
    with pytest.raises(ValueError, match=message):
        places_of(times)


@pytest.mark.parametrize(
    ("images", "places", "message"),
    [
        (torch.zeros(1, 3, 1, 16, 16), [[0, 1]], "images: expected shape"),
        (torch.zeros(1, 3, 1, 16, 24), [[0]], "places: expected one for each fixed frame"),
        (torch.zeros(1, 3, 1, 16, 24), [[1, 1]], "places: expected increasing numbers from 0 to 6"),
        (torch.zeros(1, 3, 1, 16, 24), [[0, 7]], "places: expected increasing numbers from 0 to 6"),
    ],
)
def test_frames_that_do_not_fit_are_refused(images, places, message):
    with pytest.raises(ValueError, match=message):
        model(2).encode(images, torch.tensor(places))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(shape=(4, 16), spacing=(1, 1)), "shape: expected 2 or 3 sizes of 8"),
        (dict(shape=(16, 16), spacing=(1, 0)), "spacing: expected 2 positive"),
        (dict(shape=(16, 16), spacing=(1, 1), length=1), "length and dropout"),
        (dict(shape=(16, 16), spacing=(1, 1), dropout=1.5), "length and dropout"),
        (dict(shape=(16, 16), spacing=(1, 1), frames=0), "frames: expected 1"),
        (dict(shape=(16, 16), spacing=(1, 1), covariance="linear"), "covariance: expected"),
    ],
)
def test_models_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MotionModel(**arguments)


def test_its_size_is_about_the_thesis_s():
    """About 210 k in 2D+t and 456 k in 3D+t (section 5.3.2), within 15 per cent."""
    count = lambda *grid: sum(p.numel() for p in MotionModel(*grid).parameters())  # noqa: E731
    assert count((128, 128), (1.5, 1.5)) == pytest.approx(210e3, rel=0.15)
    assert count((18, 128, 128), (10, 1.5, 1.5)) == pytest.approx(456e3, rel=0.15)
