"""Regularisation energies of fields whose energy is known."""

import pytest
import torch

from regthesis.kernels import bending, diffusion, identity_grid

SPACING = (3.0, 1.5, 0.8)


def affine(grid, seed=0):
    d = len(grid)
    a = torch.randn(d, d + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return a[:, :d], torch.einsum("ij,bj...->bi...", a[:, :d], identity_grid(grid, torch.float64)[None]) + a[:, d].view(
        1, d, *[1] * d
    )


def test_affine_fields_do_not_bend_and_diffuse_by_their_matrix(grid):
    a, v = affine(grid)
    assert bending(v).item() == pytest.approx(0, abs=1e-20)
    assert diffusion(v).item() == pytest.approx(a.square().sum().item())
    h = torch.tensor(SPACING[: len(grid)], dtype=torch.float64)
    in_mm = h[:, None] * a / h
    assert diffusion(v, SPACING[: len(grid)]).item() == pytest.approx(in_mm.square().sum().item())


def test_quadratic_fields_bend_by_their_second_derivatives(grid):
    x = identity_grid(grid, torch.float64)[None]
    d = len(grid)
    v = torch.zeros_like(x)
    v[:, 0] = 1.5 * x[:, 0] ** 2 + 0.7 * x[:, 0] * x[:, 1]
    assert bending(v).item() == pytest.approx(3**2 + 2 * 0.7**2)
    h = SPACING[:d]
    assert bending(v, h).item() == pytest.approx((3 / h[0]) ** 2 + 2 * (0.7 / h[1]) ** 2)


def test_a_checkerboard_is_seen(grid):
    v = 1 - 2 * (identity_grid(grid).sum(0) % 2)
    v = v.expand(1, len(grid), *grid)
    assert diffusion(v) > 1
    assert bending(v) > 1


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 2, 1)])
def test_axes_too_short_to_differ_add_nothing(shape):
    v = torch.ones(1, len(shape), *shape, requires_grad=True)
    assert diffusion(v) == 0
    assert bending(v) == 0
    (diffusion(v) + bending(v)).backward()
    assert v.grad.abs().max() == 0


def test_gradients(field):
    v = field((4, 5)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: diffusion(v, (2.0, 1.0)), v)
    assert torch.autograd.gradcheck(lambda v: bending(v, (2.0, 1.0)), v)
