"""Gaussian smoothing on the compiled path: against loops, and against plain torch in float64."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.kernels import ops, smooth
from regthesis.kernels.ops import smooth as smooth_ops
from regthesis.kernels.plain import smooth as plain_smooth

pytestmark = pytest.mark.skipif(not ops.supported(torch.zeros(1, 2, 3, 3)), reason="Numba is not installed")

axes = st.lists(st.tuples(st.integers(1, 9), st.floats(0.3, 5), st.integers(0, 11)), min_size=2, max_size=3)
TILED = [(70, 45), (35, 70, 9), (3, 100, 40)]  # more rows than a block has, and not a multiple of it


def naive(x, sigmas, radii):
    """Each axis by its definition: weights of the voxels in reach, those outside being the one at the border."""
    for axis, (sigma, radius) in enumerate(zip(sigmas, radii, strict=True), 2):
        weights = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
        last = x.shape[axis] - 1
        parts = []
        for i in range(last + 1):
            taken = [x.take(min(max(i + k, 0), last), axis) for k in range(-radius, radius + 1)]
            parts.append(sum(w * t for w, t in zip(weights, taken, strict=True)) / sum(weights))
        x = np.stack(parts, axis)
    return x


@given(axes=axes, seed=st.integers(0, 9))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_agrees_with_loops_and_its_adjoint_is_the_transpose(axes, seed):
    shape, sigmas, radii = map(list, zip(*axes, strict=True))
    x, y = np.random.default_rng(seed).normal(size=(2, 2, 3, *shape))
    smoothed = smooth_ops.smooth(torch.from_numpy(x), sigmas, radii, False)
    np.testing.assert_allclose(smoothed.numpy(), naive(x, sigmas, radii), atol=1e-12)
    transposed = smooth_ops.smooth(torch.from_numpy(y), sigmas, radii, True)
    assert (smoothed.numpy() * y).sum() == pytest.approx((x * transposed.numpy()).sum(), abs=1e-10)


@pytest.mark.parametrize("shape", TILED, ids=str)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_float32_agrees_with_plain_float64_across_blocks(shape, size):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    grad = torch.randn_like(x)
    options = [0.4 * size] * len(shape), [size] * len(shape)
    single = x.float().requires_grad_()
    result = smooth_ops.smooth(single, *options, False)
    torch.testing.assert_close(result.double(), plain_smooth.smooth(x, *options), atol=1e-5, rtol=0)
    (ours,) = torch.autograd.grad(result, single, grad.float())
    theirs = plain_smooth.smooth(grad, *options, True)
    assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


def test_plain_adjoint_is_what_autograd_finds():
    x = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    grad = torch.randn_like(x)
    (expected,) = torch.autograd.grad(plain_smooth.smooth(x, [1.0, 2.0], [2, 7]), x, grad)
    torch.testing.assert_close(plain_smooth.smooth(grad, [1.0, 2.0], [2, 7], adjoint=True), expected)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)], ids=str)
def test_gradients(shape):
    x = torch.randn(2, 1, *shape, dtype=torch.float64, requires_grad=True)
    options = [0.7, 1.1, 0.5][: len(shape)], [2, 3, 0][: len(shape)]
    for adjoint in (False, True):
        assert torch.autograd.gradcheck(lambda x, a=adjoint: smooth_ops.smooth(x, *options, a), x)
    assert torch.autograd.gradgradcheck(lambda x: smooth_ops.smooth(x, *options, False).square(), x)


@pytest.mark.parametrize("size, compiled", [(9, True), (11, True), (13, False), (51, False)])
def test_long_kernels_are_matrix_products_with_the_same_result(size, compiled, monkeypatch):
    x = torch.randn(1, 1, 20, 26, dtype=torch.float64)
    expected = torch.from_numpy(naive(x.numpy(), [3.0, 3.0], [size // 2] * 2))
    monkeypatch.setattr(plain_smooth if compiled else smooth_ops, "smooth", None)  # the form that must not be used
    torch.testing.assert_close(smooth(x, 3.0, size=size), expected)


def test_the_same_bits_on_any_number_of_threads():
    x = torch.randn(2, 3, 20, 70, 33)
    before, results = torch.get_num_threads(), []
    for count in (1, 2, 5, 2):
        torch.set_num_threads(count)
        results.append(smooth(x, 1.5))
    torch.set_num_threads(before)
    assert all(torch.equal(result, results[0]) for result in results)


def test_strided_fields():
    x = torch.randn(2, 3, 12, 13, 14)
    assert torch.equal(smooth(x.to(memory_format=torch.channels_last_3d), 0.8), smooth(x, 0.8))


def test_nan_spreads_no_further_than_the_kernel():
    x = torch.randn(1, 1, 20, 20)
    x[0, 0, 10, 10] = torch.nan
    assert smooth(x, 1.0, size=5).isnan().sum() == 25


def test_without_numba_the_plain_path_serves(monkeypatch):
    x = torch.randn(1, 2, 20, 21, 22)
    fused = smooth(x, 1.0)
    monkeypatch.setattr(ops, "_installed", lambda package: False)
    monkeypatch.setattr(smooth_ops, "smooth", None)
    torch.testing.assert_close(smooth(x, 1.0), fused, atol=1e-5, rtol=0)


def test_operator_keeps_pytorchs_contract():
    x = torch.randn(1, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    torch.library.opcheck(smooth_ops.smooth, (x, [1.0, 2.0], [2, 3], False))
