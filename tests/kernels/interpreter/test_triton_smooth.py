"""Gaussian smoothing and its transpose against convolution by loops in float64."""

import numpy as np
import pytest
import torch

from regthesis.kernels.triton.smooth import smooth


def matrix(n, sigma, radius):
    """Row i: the weights that voxel i takes of a line whose ends are replicated."""
    weights = np.zeros((n, n))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    for i in range(n):
        for tap, weight in zip(range(-radius, radius + 1), taps / taps.sum(), strict=True):
            weights[i, min(max(i + tap, 0), n - 1)] += weight
    return weights


def expected(x, sigmas, radii, adjoint):
    y = x.double().numpy()
    for axis, (sigma, radius) in enumerate(zip(sigmas, radii, strict=True), 2):
        if radius:
            weights = matrix(y.shape[axis], sigma, radius)
            y = np.moveaxis(np.tensordot(weights.T if adjoint else weights, y, (1, axis)), 0, axis)
    return torch.from_numpy(y)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize(
    "shape, sigmas, radii",
    [
        ((9, 15), (1.3, 2.0), (4, 3)),
        ((1, 4), (2.0, 3.0), (7, 7)),  # taps beyond either end
        ((4, 3, 6), (0.8, 1.5, 1.1), (2, 0, 3)),
    ],
)
def test_it_agrees_with_loops(shape, sigmas, radii, adjoint, fenced, agree):
    torch.manual_seed(0)
    x = fenced(torch.randn(2, 2, *shape))
    agree(smooth(x, sigmas, radii, adjoint), expected(x, sigmas, radii, adjoint))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype):
    torch.manual_seed(0)
    x = torch.randn(1, 1, 6, 7).to(dtype)
    result = smooth(x, (1.0, 1.0), (2, 2), False)
    assert result.dtype == dtype
    rounding = torch.finfo(dtype).eps
    torch.testing.assert_close(result.double(), expected(x, (1.0, 1.0), (2, 2), False), rtol=rounding, atol=1e-6)


def test_no_radius_is_a_copy():
    x = torch.randn(1, 1, 3, 4)
    y = smooth(x, (1.0, 1.0), (0, 0), False)
    assert torch.equal(x, y) and x.data_ptr() != y.data_ptr()
