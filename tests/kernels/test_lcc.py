"""Local cross-correlation against loops over windows, and its invariances."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.kernels import exp, lcc, local_cc, symmetric_lcc, warp
from regthesis.kernels.plain.box import box_sum


def windows(*images, window):
    """Each voxel's window, clipped at the border, by loops."""
    r = window // 2
    for index in itertools.product(*map(range, images[0].shape)):
        cut = tuple(slice(max(i - r, 0), i + r + 1) for i in index)
        yield index, [image[cut].ravel() for image in images]


def naive_local_cc(a, b, window, tau):
    """Eq. 4.7 without the sum over the image: window sums of products of deviations, squared."""
    result = np.zeros_like(a)
    for index, (p, q) in windows(a, b, window=window):
        p, q = p - p.mean(), q - q.mean()
        eps = tau * len(p) ** 2 * a.var() * b.var()
        below = (p @ p) * (q @ q) + eps
        result[index] = (p @ q) ** 2 / below if below else 0
    return result


def naive_lcc(a, b, window, tau):
    """Eq. 2.2 as printed: no mean subtracted."""
    total = 0
    for _, (p, q) in windows(a, b, window=window):
        eps = tau * (a**2).mean() * (b**2).mean()
        total += (p * q).mean() / np.sqrt((p**2).mean() * (q**2).mean() + eps)
    return total / a.size


shapes = st.lists(st.integers(1, 6), min_size=2, max_size=3).map(tuple)
odd = st.integers(0, 5).map(lambda r: 2 * r + 1)
quick = settings(deadline=None, max_examples=30, derandomize=True)


@given(shape=shapes, window=odd, seed=st.integers(0, 9))
@quick
def test_box_sum_agrees_with_loops(shape, window, seed):
    x = np.random.default_rng(seed).normal(size=shape)
    expected = np.zeros(shape)
    for index, (p,) in windows(x, window=window):
        expected[index] = p.sum()
    np.testing.assert_allclose(box_sum(torch.from_numpy(x)[None, None], window)[0, 0].numpy(), expected, atol=1e-12)


def test_box_sum_is_exact_on_integers_in_float32():
    x = torch.randint(0, 255, (1, 1, 40, 50), generator=torch.Generator().manual_seed(0))
    for window in range(1, 32, 2):
        assert torch.equal(box_sum(x.float(), window).double(), box_sum(x.double(), window))


@given(shape=shapes, window=odd, seed=st.integers(0, 9), tau=st.sampled_from([1e-6, 1e-2]))
@quick
def test_local_cc_agrees_with_loops(shape, window, seed, tau):
    a, b = np.random.default_rng(seed).normal(size=(2, *shape))
    result = local_cc(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None], window, tau)[0, 0]
    np.testing.assert_allclose(result.numpy(), naive_local_cc(a, b, window, tau), atol=1e-9)


@given(shape=shapes, window=odd, seed=st.integers(0, 9))
@quick
def test_lcc_agrees_with_loops(shape, window, seed):
    a, b = np.random.default_rng(seed).uniform(0.1, 1, size=(2, *shape))
    result = lcc(torch.from_numpy(a)[None, None], torch.from_numpy(b)[None, None], window, tau=1e-3)
    assert result.item() == pytest.approx(naive_lcc(a, b, window, 1e-3))


def test_centred_lcc_is_the_signed_root_of_local_cc(grid, image):
    a, b = image(grid), image(grid, seed=1)
    assert lcc(a, a, 5, centred=True).item() == pytest.approx(1, abs=1e-3)
    assert lcc(a, -a, 5, centred=True).item() == pytest.approx(-1, abs=1e-3)
    assert abs(lcc(a, b, 5, centred=True)) <= local_cc(a, b, 5).sqrt().mean()


def test_local_cc_is_one_for_affine_intensities_and_lies_between_zero_and_one(grid, image):
    a, b = image(grid, batch=2, roughness=0.5), image(grid, seed=1, batch=2, roughness=0.5)
    assert local_cc(a, 5 - 3 * a, 5).min() > 0.999
    assert local_cc(a, b, 3).min() >= 0
    assert local_cc(a, b, 3).max() <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_offset_of_a_thousand_changes_nothing(grid, image, dtype):
    # multiples of 2^-13 are kept exactly by float32 beside 1000, so that only the kernel could lose them
    a, b = (torch.round(image(grid, seed, dtype=dtype) * 2**13) / 2**13 for seed in (0, 1))
    assert torch.equal(local_cc(a + 1000, b, 5), local_cc(a, b, 5))
    assert torch.equal(local_cc(a, b + 1000, 5), local_cc(a, b, 5))
    assert torch.equal(lcc(a + 1000, b - 1000, 5, centred=True), lcc(a, b, 5, centred=True))


def test_float32_keeps_the_accuracy_of_float64(grid, image):
    a, b = image(grid), image(grid, seed=1)
    torch.testing.assert_close(local_cc(a.float(), b.float(), 5).double(), local_cc(a, b, 5), rtol=0, atol=1e-4)


@pytest.mark.parametrize("level", [0.7, 1.0, 1.3])
def test_float32_stays_in_range_on_flat_bright_blocks(image, level):
    # far from the mean, rounding makes the variance of a flat window a small number of either sign
    a = torch.zeros(1, 1, 60, 60, dtype=torch.float64)
    a[..., 20:30, 20:30] = level
    b = image((60, 60), roughness=0.5)
    result = local_cc(a.float(), b.float(), 5)
    assert result.min() >= 0 and result.max() <= 1
    torch.testing.assert_close(result.double(), local_cc(a.float().double(), b.float().double(), 5), rtol=0, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_scaling_an_image_changes_nothing(grid, image, scale):
    a, b = image(grid), image(grid, seed=1)
    torch.testing.assert_close(local_cc(a * scale, b, 5), local_cc(a, b, 5))
    torch.testing.assert_close(lcc(a * scale, b, 5), lcc(a, b, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 1.0, 1000.1])
def test_constant_images_give_zero_with_zero_gradient(grid, image, dtype, level):
    a = torch.full((1, 1, *grid), level, dtype=dtype, requires_grad=True)
    for other in (image(grid, dtype=dtype), a.detach()):
        for similarity in (lambda x, y: local_cc(x, y, 5).mean(), lambda x, y: lcc(x, y, 5, centred=True)):
            for x, y in ((a, other), (other, a)):
                value = similarity(x, y)
                assert value == 0
                assert torch.autograd.grad(value, a)[0].abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_windows_give_zero_with_no_pull(image, dtype):
    a, b = image((30, 12), dtype=dtype), image((30, 12), seed=1, dtype=dtype)
    a[..., :15, :] = 0.3
    a.requires_grad_()
    for similarity in (local_cc(a, b, 5), local_cc(b, a, 5), lcc(a, b, 5, centred=True)):
        grad = torch.autograd.grad(similarity.sum(), a, retain_graph=True)[0].abs()
        # a trace remains: every voxel takes part in the global variance that tau refers to
        assert grad[..., :11, :].max() < 1e-5 * grad.max()
    value = local_cc(a, b, 5)
    assert value[..., :13, :].max() == 0  # the windows that see nothing but the constant
    assert value[..., 13:, :].min() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_flat_regions_do_not_let_noise_rule(image, dtype):
    # one disc on two backgrounds whose noise, 0.5 % of the standard deviation, is correlated by chance only
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    disc = ((y - 20) ** 2 + (x - 20) ** 2 < 60).to(dtype)
    noise = [torch.randn(40, 40, generator=torch.Generator().manual_seed(i), dtype=dtype) for i in (0, 1)]
    a, b = ((disc + 0.005 * disc.std() * n)[None, None].requires_grad_() for n in noise)
    flat = local_cc(a, b, 5)[..., :8, :8]
    ruled_by_noise = local_cc(a, b, 5, tau=1e-15)[..., :8, :8]
    assert ruled_by_noise.max() > 0.2
    assert flat.max() < 1e-2
    assert local_cc(a, b, 5)[..., 20, 12].item() > 0.9  # the disc's edge still counts
    grad = torch.autograd.grad(flat.sum(), (a, b))
    assert all(g.isfinite().all() for g in grad)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3)], ids=["2d", "3d"])
@pytest.mark.parametrize("window", [3, 9])
@pytest.mark.slow
def test_gradients_of_both_images(shape, window, image):
    a, b = (image(shape, seed, batch=2).requires_grad_() for seed in (0, 1))
    assert torch.autograd.gradcheck(lambda a, b: local_cc(a, b, window, 1e-2), (a, b))
    assert torch.autograd.gradcheck(lambda a, b: local_cc(a, b, window), (a, b))
    assert torch.autograd.gradcheck(lambda a, b: lcc(a, b, window), (a, b))
    assert torch.autograd.gradcheck(lambda a, b: lcc(a, b, window, centred=True), (a, b))


def test_symmetric_lcc_is_the_mean_at_the_half_way_point(grid, image, field):
    fixed, moving = image(grid, batch=2), image(grid, seed=1, batch=2)
    v = field(grid, size=2, batch=2)
    expected = local_cc(warp(fixed, exp(-v / 2, 4)), warp(moving, exp(v / 2, 4)), 5).mean()
    torch.testing.assert_close(symmetric_lcc(fixed, moving, v, 5, steps=4), expected)


def test_symmetric_lcc_does_not_change_when_images_swap_and_the_velocity_is_negated(grid, image, field):
    fixed, moving, v = image(grid), image(grid, seed=1), field(grid, size=2)
    torch.testing.assert_close(symmetric_lcc(fixed, moving, v, 5), symmetric_lcc(moving, fixed, -v, 5))
    assert symmetric_lcc(fixed, moving, v, 5) != symmetric_lcc(fixed, moving, -v, 5)


def test_symmetric_lcc_prefers_the_true_velocity(image, field):
    shape = (24, 24)
    v = field(shape, size=3, still=True)
    moving = image(shape, roughness=1.5)
    fixed = warp(moving, exp(v, 6))
    value = {scale: symmetric_lcc(fixed, moving, scale * v, 5).item() for scale in (-1, 0, 0.5, 1)}
    assert value[-1] < value[0] < value[0.5] < value[1]
    assert value[-1] >= 0 and value[1] <= 1


def test_gradients_of_symmetric_lcc(image, field):
    shape = (5, 4)
    inputs = [image(shape), image(shape, seed=1), field(shape, size=1.1)]
    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(lambda f, m, v: symmetric_lcc(f, m, v, 3, steps=2), inputs)


def test_lcc_is_deterministic(grid, image):
    def run():
        a, b = (image(grid, seed, dtype=torch.float32).requires_grad_() for seed in (0, 1))
        y = local_cc(a, b, 5)
        return y.detach(), *torch.autograd.grad(y.sum(), (a, b))

    assert all(torch.equal(x, y) for x, y in zip(run(), run(), strict=True))
