"""The deformation network: its size, its parts, its loss by an independent hand, and that it learns a motion.

Whatever takes the fixture `rank` is tried on the form of the thesis and on the one with all options.
"""

import jaxtyping
import numpy as np
import pytest
import small_networks
import torch
from small_networks import SHAPES, SPACING, pair

from regthesis import kernels
from regthesis.models.deformation import KERNEL, DeformationCVAE
from regthesis.models.kl import kl_to_prior

FORMS = {"thesis": {}, "options": dict(aligned=True, moving_features=3, smooth_whole=True)}
form: dict = {}  # of the networks of a test


@pytest.fixture(params=[(rank, name) for name in FORMS for rank in (2, 3)], ids=lambda both: f"{both[0]}d-{both[1]}")
def rank(request, monkeypatch):
    monkeypatch.setitem(globals(), "form", FORMS[request.param[1]])
    return request.param[0]


def network(rank, seed=0, **arguments):
    """A small network of the form that is tried."""
    return small_networks.network(rank, seed, **{**form, **arguments})


@pytest.mark.parametrize("options, parameters", [({}, 424_733), (dict(aligned=True, moving_features=8), 437_317)])
def test_the_thesis_s_size_within_5_percent(options, parameters):
    model = DeformationCVAE((32, 128, 128), (3.15, 1.5, 1.5), **options)
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert abs(parameters / 420_000 - 1) < 0.05


def test_strides_of_the_encoder(rank):
    assert [layer.stride for layer in network(rank).encoder] == [(n,) * rank for n in (2, 2, 2, 1)]


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_a_velocity_on_the_grid_of_each_scale(rank, scales):
    model = network(rank, scales=scales)
    mu, log_variance, velocities = model(*pair(rank, batch=2))
    assert mu.shape == log_variance.shape == (2, 5)
    expected = [(2, rank, *(n // 2**s for n in SHAPES[rank])) for s in range(scales)]
    assert [tuple(v.shape) for v in velocities] == expected
    assert all(v.is_contiguous() and v.dtype == torch.float32 for v in velocities)


def test_training_starts_near_the_identity(rank):
    model = network(rank, loud=0.0).eval()
    assert all(v.abs().max() < 0.1 for v in model(*pair(rank)).velocities)


def test_each_scale_adds_at_most_a_third_of_half_the_grid(rank):
    model = network(rank).eval()
    for head in model.heads:
        torch.nn.init.constant_(head[-1].bias, 100.0)
    velocities = model(*pair(rank)).velocities
    for scales, v in zip((3, 2, 1), velocities, strict=True):
        for axis, n in enumerate(v.shape[2:]):
            most = sum(n - 2**s if form else n - 1 for s in range(scales)) / 6  # 2^s of its voxels are one here
            torch.testing.assert_close(v[:, axis], torch.full_like(v[:, axis], most))


def test_a_scale_adds_to_the_velocity_of_the_coarser_ones(rank):
    model, images = network(rank).eval(), pair(rank)
    before = model(*images).velocities
    for parameter in model.heads[0][-1].parameters():
        torch.nn.init.zeros_(parameter)
    fine, middle, coarse = model(*images).velocities
    assert torch.equal(middle, before[1]) and torch.equal(coarse, before[2])
    coarser = model.grids.finer(middle, fine.shape[2:])
    expected = kernels.smooth(coarser, 3.0, model.spacing, KERNEL) if model.smooth_whole else coarser
    torch.testing.assert_close(fine, expected)
    assert not torch.allclose(fine, before[0], atol=1e-2)


@pytest.mark.parametrize("aligned, half", [(False, (1.5 * 63 / 31, 2.0 * 95 / 47)), (True, (3.0, 4.0))])
def test_the_velocity_is_smoothed_in_millimetres(aligned, half):
    """An impulse from the head becomes a Gaussian whose standard deviation is 3 mm along every axis, at every scale."""
    model = DeformationCVAE((64, 96), (1.5, 2.0), aligned=aligned)
    for shape, spacing in [((64, 96), (1.5, 2.0)), ((32, 48), half)]:
        raw = torch.zeros(1, 2, *shape)
        raw[..., shape[0] // 2, shape[1] // 2] = 1e-3
        v = model._velocity(model._inward(raw))[0, 0].double()
        for axis in (0, 1):
            profile = v.sum(1 - axis) / v.sum()
            x = torch.arange(shape[axis]) - shape[axis] // 2
            sigma = float((profile * x**2).sum().sqrt()) * spacing[axis]
            assert sigma == pytest.approx(3.0, rel=0.02)


@pytest.mark.parametrize("shape", [(8, 16, 16), (16, 8, 24), (24, 16, 8), (8, 16)])
def test_the_order_of_axes_inside_is_undone_outside(shape):
    model = DeformationCVAE(shape, (1.0,) * len(shape), latent=2)
    image = torch.randn(1, 1, *shape)
    assert sorted(model._inward(image).shape[2:], reverse=True) == list(model._inward(image).shape[2:])
    assert torch.equal(model._outward(model._inward(image)), image)
    assert model(image, image).velocities[0].shape[2:] == shape


def test_a_registration_never_folds_and_repeats(rank):
    model = network(rank).eval()
    images = pair(rank)
    v = model(*images).velocities[0]
    assert torch.equal(v, model(*images).velocities[0])
    u = kernels.exp(v.detach(), 4)
    assert u.abs().max() > 0.2 and kernels.jacobian(u).min() > 0


def test_evaluation_decodes_the_mean_and_training_a_draw(rank):
    model, (moving, fixed) = network(rank), pair(rank)
    torch.nn.init.zeros_(model.log_variance.bias)  # before training the posterior has little noise
    mu, log_variance = model.encode(moving, fixed)
    assert torch.equal(model.eval()(moving, fixed).velocities[0], model.decode(mu, moving))
    torch.manual_seed(3)
    z = mu + torch.randn(mu.shape) * (log_variance / 2).exp()
    torch.manual_seed(3)
    drawn = model.train()(moving, fixed).velocities[0]
    torch.testing.assert_close(drawn, model.decode(z, moving))
    assert not torch.allclose(drawn, model.decode(mu, moving), atol=1e-3)


def test_the_code_and_the_moving_image_both_matter(rank):
    model, (moving, fixed) = network(rank), pair(rank)
    z = torch.randn(1, 5)
    v = model.decode(z, moving)
    assert not torch.allclose(v, model.decode(-z, moving), atol=1e-2)
    assert not torch.allclose(v, model.decode(z, fixed), atol=1e-2)


@pytest.mark.parametrize("size", range(4))
def test_the_moving_image_matters_at_each_size(rank, size):
    model, (moving, _) = network(rank).eval(), pair(rank)
    z = torch.randn(1, 5)
    assert not torch.allclose(model.decode(z, moving), model.decode(z, moving, blank=[size]), atol=1e-3)


def test_blank_at_all_sizes_one_image_is_as_good_as_another(rank):
    model, (moving, fixed) = network(rank).eval(), pair(rank)
    z = torch.randn(1, 5)
    assert torch.equal(*(model.decode(z, image, blank=range(4)) for image in (moving, fixed)))


def test_the_thesis_s_form_has_no_features_of_the_moving_image_and_its_card_no_options():
    thesis, other = DeformationCVAE((16, 24), (1.5, 2.0)), DeformationCVAE((16, 24), (1.5, 2.0), **FORMS["options"])
    new = {name.split(".")[0] for name in other.state_dict().keys() - thesis.state_dict().keys()}
    assert (
        new == {"moving_encoder", "fusion"}
        and thesis.arguments.keys() == other.arguments.keys() - FORMS["options"].keys()
    )
    assert all(other.arguments[name] == value for name, value in FORMS["options"].items())


@pytest.mark.parametrize("codes, images", [(3, 1), (1, 3), (3, 3), (1, 1)])
@pytest.mark.parametrize("scales", [1, 3])
def test_one_image_serves_several_codes_and_one_code_several_images(rank, scales, codes, images):
    model = network(rank, scales=scales).eval()
    z, (moving, _), n = torch.randn(codes, 5), pair(rank, images), max(codes, images)
    each = z.expand(n, -1).clone(), moving.expand(n, *moving.shape[1:]).clone()
    shared, by_itself = model.decode(z, moving), model.decode(*each)
    if form and images < n:  # features are made of one image, or of n: convolutions round in another order
        torch.testing.assert_close(shared, by_itself, atol=1e-5, rtol=0)
    else:
        assert torch.equal(shared, by_itself)
    one_by_one = torch.cat([model.decode(*x) for x in zip(*(x.split(1) for x in each), strict=True)])
    torch.testing.assert_close(model.decode(z, moving), one_by_one, atol=1e-4, rtol=0)


def test_codes_and_images_in_other_numbers_are_refused(rank, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    model, (moving, _) = network(rank), pair(rank, batch=3)
    for z, images in [
        ((2, 5), moving),
        ((0, 5), moving[:1]),
        ((3, 4), moving),
        ((5,), moving[:1]),
        ((3, 5), moving[:0]),
    ]:
        with pytest.raises(ValueError, match=r"z: expected codes \(b, 5\), as many as moving images or one of either"):
            model.decode(torch.zeros(z), images)


def test_samples_of_the_prior_repeat_by_their_generator(rank):
    model, (moving, _) = network(rank), pair(rank, batch=3)
    draw = lambda seed: model.sample(moving, torch.Generator().manual_seed(seed))  # noqa: E731
    assert draw(0).shape == (3, rank, *SHAPES[rank])
    assert torch.equal(draw(0), draw(0)) and not torch.allclose(draw(0), draw(1), atol=1e-2)


def naive_correlation(a, b, window):
    """Mean squared correlation over clipped windows, voxel by voxel."""
    radius, found = window // 2, []
    for voxel in np.ndindex(a.shape):
        box = tuple(slice(max(i - radius, 0), i + radius + 1) for i in voxel)
        x, y = a[box] - a[box].mean(), b[box] - b[box].mean()
        found.append((x * y).sum() ** 2 / ((x * x).sum() * (y * y).sum()))
    return np.mean(found)


def sampled(image, shape):
    """An image on the grid of a scale."""
    return (
        image[..., :: image.shape[2] // shape[0], :: image.shape[3] // shape[1]]
        if form
        else kernels.resize(image, shape)
    )


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("scale_weights", [None, (1.0, 0.5, 0.0)])
def test_loss_is_eq_4_14_by_hand(monkeypatch, name, scale_weights):
    monkeypatch.setitem(globals(), "form", FORMS[name])
    model, (moving, fixed) = network(2).eval(), pair(2)
    with torch.no_grad():
        loss, parts = model.loss(moving, fixed, weight=700, scale_weights=scale_weights)
    mu, log_variance, velocities = (x if isinstance(x, list) else x.detach() for x in model(moving, fixed))
    correlations = []
    for v in velocities:
        m, f = (sampled(image, v.shape[2:]) for image in (moving, fixed))
        m, f = kernels.warp(m, kernels.exp(v / 2, 4)), kernels.warp(f, kernels.exp(-v / 2, 4))
        correlations.append(naive_correlation(*(x[0, 0].detach().double().numpy() for x in (m, f)), window=9))
    kl = float(kl_to_prior(mu, log_variance))
    misses = [1 - r for r in correlations]
    expected = kl + 700 * (sum(misses) if scale_weights is None else misses[0] + 0.5 * misses[1])
    assert float(loss) == pytest.approx(expected, rel=1e-3)
    assert [float(parts[f"lcc{s}"]) for s in (1, 2, 3)] == pytest.approx(correlations, abs=1e-3)
    assert float(parts["kl"]) == pytest.approx(kl)


def test_free_bits_change_the_price_of_the_code_and_not_what_is_told_of_it(rank):
    model, images = network(rank).eval(), pair(rank)
    with torch.no_grad():
        (plain, told), (loss, parts) = model.loss(*images), model.loss(*images, free_bits=100.0)
    assert float(loss - plain) == pytest.approx(100 * 5 - float(told["kl"]), rel=1e-4)
    assert torch.equal(parts["kl"], told["kl"])


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1.0, -0.1), (1.0, 1.0, float("nan"))])
def test_weights_that_do_not_fit_the_scales_are_refused(weights):
    with pytest.raises(ValueError, match="scale_weights: expected 3 numbers >= 0"):
        network(2).loss(*pair(2), scale_weights=weights)


def test_every_weight_learns(rank):
    model = network(rank)
    model.loss(*pair(rank))[0].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_decay_spares_biases_and_the_last_layer_of_each_scale(rank):
    model = network(rank)
    spared = {name for name, w in model.named_parameters() if not any(w is other for other in model.regularised())}
    biases = {name for name, _ in model.named_parameters() if name.endswith("bias")}
    assert spared == biases | {f"heads.{s}.2.weight" for s in range(3)}


def blobs(shape, shift):
    """A bright blob (moving) and the same blob `shift` voxels further along the last axis (fixed)."""
    x = kernels.identity_grid(shape)
    centre = torch.tensor(shape).view(-1, *[1] * len(shape)) / 2
    blob = lambda s: torch.exp(-((x - centre)[:-1].square().sum(0) + (x - centre)[-1].sub(s).square()) / 18)  # noqa: E731
    return blob(0.0)[None, None], blob(shift)[None, None]


def test_the_gaussian_acts_on_the_whole_velocity_of_a_scale_or_on_what_it_adds():
    """With weights alike: smoothing what both scales add, and then the sum once more, where it acts on the whole."""
    added, whole = (network(2, scales=2, sigma=3.0, smooth_whole=on).eval() for on in (False, True))
    moving, fixed = pair(2)
    (fine, coarse), (fine_whole, coarse_whole) = (model(moving, fixed).velocities for model in (added, whole))
    assert torch.equal(coarse, coarse_whole)
    upsampled = added.grids.finer(coarse, fine.shape[2:])
    twice = kernels.smooth(upsampled, 3.0, SPACING[2], KERNEL)
    torch.testing.assert_close(fine_whole, fine - upsampled + twice)
    assert not torch.allclose(fine, fine_whole)


def test_the_window_of_the_correlation_is_an_argument_of_the_loss():
    moving, fixed = pair(2)
    model = network(2, scales=1).eval()
    _, parts = model.loss(moving, fixed, window=5)
    v = model(moving, fixed).velocities[0]
    assert parts["lcc1"].item() == pytest.approx(kernels.symmetric_lcc(fixed, moving, v, 5, steps=4).item(), rel=1e-5)
    with pytest.raises(ValueError, match="window"):
        model.loss(moving, fixed, window=4)


@pytest.mark.parametrize("name", FORMS)
def test_learns_which_way_the_blob_went(name):
    moving, fixed = blobs((24, 32), 3.0)
    torch.manual_seed(0)
    model = DeformationCVAE((24, 32), (1.5, 1.5), latent=4, **FORMS[name])
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = model.loss(moving, fixed)[0].item()
    for _ in range(60):
        loss, _ = model.loss(moving, fixed)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    u = kernels.exp(model.eval()(moving, fixed).velocities[0].detach(), 4)
    assert loss.item() < 0.5 * first
    assert u[:, 1][fixed[:, 0] > 0.5].mean() == pytest.approx(-3, abs=0.7)
    assert kernels.ssd(fixed, kernels.warp(moving, u)) < 0.15 * kernels.ssd(fixed, moving)


def test_bfloat16_autocast_stays_close(rank, monkeypatch):
    """On a grid that keeps 4 voxels an axis: with torch 2.13 oneDNN gets strides over (6, 4, 2) voxels wrong."""
    monkeypatch.setitem(SHAPES, rank, (32,) * rank)
    model, images = network(rank).eval(), pair(rank)
    exact, _ = model.loss(*images)
    with torch.autocast("cpu", torch.bfloat16):
        prediction = model(*images)
        loss, _ = model.loss(*images)
    loss.backward()
    assert all(v.dtype == torch.float32 for v in prediction.velocities)
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


@pytest.mark.slow
def test_compiles_into_one_graph(rank, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    model, images = network(rank).eval(), pair(rank)
    compiled = torch.compile(model.forward, backend="eager", fullgraph=True)
    for v, w in zip(model(*images).velocities, compiled(*images).velocities, strict=True):
        torch.testing.assert_close(v, w)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(shape=(16, 20), spacing=(1, 1)), "divisible by 8"),
        (dict(shape=(16,), spacing=(1,)), "divisible by 8"),
        (dict(shape=(0, 16), spacing=(1, 1)), "divisible by 8"),
        (dict(shape=(16, 16), spacing=(1,)), "spacing"),
        (dict(shape=(16, 16), spacing=(1, 0)), "spacing"),
        (dict(shape=(16, 16), spacing=(1, 1), scales=4), "scales"),
        (dict(shape=(16, 16), spacing=(1, 1), moving_features=15), "moving_features"),
        (dict(shape=(16, 16), spacing=(1, 1), moving_features=-1), "moving_features"),
    ],
)
def test_refuses_what_it_cannot_be_built_for(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeformationCVAE(**arguments)


def test_refuses_images_of_another_grid(rank):
    model, (moving, fixed) = network(rank), pair(rank)
    with pytest.raises(ValueError, match="moving: expected shape .* the network's grid"):
        model(moving[..., 8:], fixed[..., 8:])
    with pytest.raises(ValueError, match="moving: expected shape"):
        model.decode(torch.zeros(1, 5), moving[..., 8:])


def test_its_arguments_build_it_again(rank):
    model = network(rank, scales=2, sigma=2.0, neck=2)
    again = DeformationCVAE(**model.arguments)
    again.load_state_dict(model.state_dict())
    images = pair(rank)
    assert torch.equal(model.eval()(*images).velocities[0], again.eval()(*images).velocities[0])
