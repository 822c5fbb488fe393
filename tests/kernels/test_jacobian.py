"""Derivatives against NumPy and SimpleITK, determinants against linear maps."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.kernels import gradient, identity_grid, jacobian

SPACING = (3.1, 1.9, 0.7)


@given(shape=st.lists(st.integers(2, 6), min_size=2, max_size=3), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_gradient_agrees_with_numpy(shape, seed):
    d = len(shape)
    x = np.random.default_rng(seed).normal(size=(2, 3, *shape))
    expected = np.stack(np.gradient(x, *SPACING[:d], axis=tuple(range(2, d + 2))), 2)
    np.testing.assert_allclose(gradient(torch.from_numpy(x), SPACING[:d]).numpy(), expected, atol=1e-12)


def test_gradient_along_an_axis_of_one_voxel_is_zero():
    g = gradient(torch.randn(1, 1, 1, 5, generator=torch.Generator().manual_seed(0)))
    assert g[:, :, 0].abs().max() == 0
    assert g[:, :, 1].abs().max() > 0


@pytest.mark.parametrize("spacing", [None, SPACING])
def test_jacobian_of_a_linear_map_is_its_determinant(grid, spacing):
    d = len(grid)
    a = torch.randn(d, d, generator=torch.Generator().manual_seed(2), dtype=torch.float64) / 2
    u = torch.einsum("ij,bj...->bi...", a, identity_grid(grid, torch.float64)[None])
    det = jacobian(u, spacing and spacing[:d])
    torch.testing.assert_close(det, torch.linalg.det(torch.eye(d) + a).expand(1, 1, *grid))


def test_jacobian_agrees_with_simpleitk_inside(grid, field):
    d, u = len(grid), field(grid, size=1.5)
    spacing = SPACING[:d]
    vectors = np.moveaxis(u[0].numpy() * np.array(spacing).reshape(-1, *[1] * d), 0, -1)[..., ::-1]
    vectors = sitk.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True)
    vectors.SetSpacing(spacing[::-1])
    expected = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(vectors))
    inner = (slice(1, -1),) * d
    np.testing.assert_allclose(jacobian(u, spacing)[0, 0].numpy()[inner], expected[inner], rtol=1e-5)


def test_a_mirrored_axis_folds(grid):
    u = torch.zeros(1, len(grid), *grid)
    u[:, 0] = -2 * identity_grid(grid)[0]
    torch.testing.assert_close(jacobian(u), torch.full((1, 1, *grid), -1.0))


def test_gradients_of_the_determinant(field):
    for shape in ((3, 4), (2, 3, 3)):
        u = field(shape, size=0.8).requires_grad_()
        assert torch.autograd.gradcheck(jacobian, u)
