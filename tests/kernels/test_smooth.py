"""Gaussian smoothing against SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from regthesis.kernels import smooth


@given(
    shape=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    sigma=st.floats(0.1, 6),
    spacing=st.lists(st.floats(0.3, 4), min_size=3, max_size=3),
    size=st.none() | st.integers(1, 9).map(lambda r: 2 * r + 1),
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_agrees_with_scipy_on_anisotropic_grids(shape, sigma, spacing, size):
    d = len(shape)
    x = np.random.default_rng(0).normal(size=(2, 2, *shape))
    in_voxels = [sigma / h for h in spacing[:d]]
    radius = None if size is None else [size // 2] * d
    expected = gaussian_filter(x, in_voxels, mode="nearest", axes=tuple(range(2, d + 2)), radius=radius)
    result = smooth(torch.from_numpy(x), sigma, tuple(spacing[:d]), size)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_without_spacing_sigma_is_in_voxels(grid, image):
    a = image(grid)
    torch.testing.assert_close(smooth(a, 1.7), smooth(a, 3.4, (2.0,) * len(grid)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constants_stay_and_zero_sigma_does_nothing(grid, image, dtype):
    constant = torch.full((1, 2, *grid), 1000.0, dtype=dtype)
    torch.testing.assert_close(smooth(constant, 2.5), constant)
    a = image(grid, dtype=dtype)
    assert torch.equal(smooth(a, 0.0), a)


def test_gradient(image):
    assert torch.autograd.gradcheck(lambda x: smooth(x, 1.2), image((4, 5)).requires_grad_())
