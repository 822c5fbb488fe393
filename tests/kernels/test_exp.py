"""Scaling and squaring against matrix exponentials, and the group laws of flows."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from regthesis.kernels import compose, exp, identity_grid, inverse, jacobian, log, warp
from regthesis.kernels.exp import squarings


def linear_flow(shape, strength, seed):
    """v(x) = A (x - c), its exponential by scipy, and the voxels whose path stays inside the grid."""
    d = len(shape)
    a = np.random.default_rng(seed).normal(size=(d, d))
    a *= strength / np.linalg.norm(a, 2)
    x = identity_grid(shape, torch.float64).numpy()
    x = x - (np.array(shape).reshape(-1, *[1] * d) - 1) / 2
    half = (np.array(shape).reshape(-1, *[1] * d) - 3) / 2
    half = half - 8  # what leaves through the border spreads inwards by interpolation
    path = [np.einsum("ij,j...->i...", expm(t * a), x) for t in np.linspace(0, 1, 33)]
    inside = np.all([np.abs(p) <= half for p in path], axis=(0, 1))
    v = torch.from_numpy(np.einsum("ij,j...->i...", a, x))[None]
    return v, torch.from_numpy(path[-1] - x)[None], torch.from_numpy(inside)


def tangential(n=48, size=6.0):
    """The vortex of the stream function sin(πx) sin(πy): slides along the border of the square, never across it."""
    t = torch.linspace(0, torch.pi, n, dtype=torch.float64)
    v = torch.stack([t.sin()[:, None] * t.cos(), -t.cos()[:, None] * t.sin()])[None]
    return v * size / v.abs().max()


def vanishing(n=48, size=6.0):
    """A push across the square that is zero along its border."""
    t = torch.linspace(0, torch.pi, n, dtype=torch.float64)
    return (t.sin()[:, None] * t.sin()).clamp(min=0) * torch.tensor([1.0, -0.7]).view(1, 2, 1, 1) * size


@pytest.mark.parametrize("steps", [None, 0, 4])
def test_constant_velocity_is_its_own_displacement_everywhere(grid, steps):
    v = torch.tensor([3.3, -1.2, 0.4][: len(grid)]).view(1, -1, *[1] * len(grid)).expand(1, len(grid), *grid)
    torch.testing.assert_close(exp(v, steps), v.contiguous(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(51, 47), (37, 35, 39)], ids=["2d", "3d"])
@pytest.mark.parametrize("seed", range(3))
def test_linear_velocity_has_the_matrix_exponential(shape, seed):
    v, expected, inside = linear_flow(shape, 0.4, seed)
    assert inside.sum() > 100
    error = [(exp(v, steps) - expected)[..., inside].abs().max().item() for steps in (6, 7, 12)]
    assert error[1] / error[0] == pytest.approx(0.5, abs=0.01)  # first order in the step
    assert error[2] < 1e-3


@pytest.mark.parametrize("flow", [tangential, vanishing])
def test_negated_velocity_undoes_the_flow_at_the_border_too(flow):
    error = []
    for n, size in ((33, 4.0), (65, 8.0)):  # the same flow at twice the resolution
        v = flow(n, size)
        back = compose(exp(v, 9), exp(-v, 9)).abs()
        border = torch.cat([back[..., i, :] for i in (0, -1)] + [back[..., i] for i in (0, -1)], -1)
        assert back.max() < 0.05
        assert border.max() <= back.max()
        error.append(back.max() / n)
    assert error[1] < 0.4 * error[0]


def test_a_tangential_flow_does_not_cross_the_border():
    u = exp(tangential(), 8)
    assert u.abs().max() > 4
    assert u[:, 0, [0, -1]].abs().max() < 1e-9
    assert u[:, 1, :, [0, -1]].abs().max() < 1e-9


def test_two_half_flows_make_the_flow(grid, field):
    v = field(grid, size=3)
    half = exp(v / 2, 5)
    torch.testing.assert_close(compose(half, half), exp(v, 6))
    half = exp(v / 2)  # the chosen number of squarings falls by one with the velocity
    torch.testing.assert_close(compose(half, half), exp(v))


@pytest.mark.parametrize("scale, expected", [(0, 0), (0.0625, 0), (0.1, 0), (0.125, 1), (0.25, 2), (1, 4), (4, 6)])
def test_number_of_squarings_leaves_half_a_voxel_at_most(scale, expected):
    v = torch.zeros(2, 2, 5, 5)
    v[1, :, 2, 3] = torch.tensor([3.0, -4.0]) * scale
    assert squarings(v) == expected
    assert 5 * scale / 2**expected <= 0.5


def test_velocities_must_be_finite():
    for bad in (math.nan, math.inf):
        v = torch.zeros(1, 2, 4, 4)
        v[0, 0, 1, 1] = bad
        with pytest.raises(ValueError, match="v: expected finite"):
            exp(v)


def test_exp_is_diffeomorphic_where_adding_the_velocity_folds():
    v = tangential(size=40.0)
    assert jacobian(v).min() < 0
    assert jacobian(exp(v, 10)).min() > 0


@pytest.mark.parametrize("shape", [(4, 5), (3, 3, 4)], ids=["2d", "3d"])
def test_gradients_pass_through_the_squarings(shape, field):
    v = field(shape, size=1.4).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: exp(v, 3), v)
    assert torch.autograd.gradcheck(exp, v)


def test_inverse_from_both_sides(grid, field):
    u = exp(field(tuple(2 * n for n in grid), size=2.5, still=True, roughness=5.0))
    w = inverse(u, tolerance=1e-10, iterations=50)
    assert compose(u, w).abs().max() < 1e-10
    assert compose(w, u).abs().max() < 0.1  # interpolation sets the two sides apart


def test_inverse_of_fields_that_cross_the_border(field):
    u = exp(field((20, 24, 22), size=3, roughness=3.0))
    assert compose(u, inverse(u)).abs().max() <= 1e-4


@pytest.mark.parametrize("kind", ["stretch", "turn"])
def test_inverse_where_the_plain_fixed_point_diverges(kind):
    if kind == "stretch":
        x = identity_grid((41, 41), torch.float64)[None] - 20
        u = 2.2 * x * torch.exp(-x.square().sum(1, keepdim=True) / 120)
        assert jacobian(u).max() > 9 and jacobian(u).min() > 0
    else:
        u = exp(tangential(size=20.0))
        assert u.abs().max() > 18
    plain = -u
    for _ in range(30):
        plain = -warp(u, plain)
    assert compose(u, plain).abs().max() > 1
    assert compose(u, inverse(u, tolerance=1e-8)).abs().max() < 1e-8


def test_inverse_of_a_linear_map_is_the_matrix_inverse():
    a = torch.tensor([[0.1, -0.2], [0.15, 0.05]], dtype=torch.float64)
    x = identity_grid((21, 25), torch.float64)[None] - torch.tensor([10.0, 12.0]).view(1, 2, 1, 1)
    expected = torch.einsum("ij,bj...->bi...", torch.linalg.inv(torch.eye(2) + a) - torch.eye(2), x)
    w = inverse(torch.einsum("ij,bj...->bi...", a, x), tolerance=1e-10)
    torch.testing.assert_close(w[..., 6:-6, 6:-6], expected[..., 6:-6, 6:-6])


def test_gradient_of_inverse(field):
    u = field((4, 5), size=0.6).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: inverse(u, iterations=4, tolerance=0.0), u)


def test_log_is_the_inverse_of_exp(grid, field):
    v = field(tuple(2 * n for n in grid), size=2, still=True, roughness=4.0)
    u = exp(v, 6)
    recovered = log(u, 6, iterations=80, tolerance=1e-10)
    torch.testing.assert_close(exp(recovered, 6), u, rtol=0, atol=1e-7)
    torch.testing.assert_close(recovered, v, rtol=0, atol=1e-3)


def test_log_of_a_linear_map_is_the_matrix_logarithm():
    v, u, _ = linear_flow((81, 85), 0.3, seed=1)
    centre = (..., slice(35, 46), slice(37, 48))  # beyond the reach of the border
    error = [(log(u, steps, 60, 1e-12) - v)[centre].abs().max().item() for steps in (6, 7)]
    assert error[1] / error[0] == pytest.approx(0.5, abs=0.01)
    assert error[1] < 2e-3


def test_exp_is_deterministic(grid, field):
    def run():
        v = field(grid, size=3, dtype=torch.float32).requires_grad_()
        u = exp(v)
        return u.detach(), torch.autograd.grad(u.square().sum(), v)[0]

    assert all(torch.equal(x, y) for x, y in zip(run(), run(), strict=True))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (2, 1, 3)])
def test_tiny_grids(shape):
    v = torch.full((1, len(shape), *shape), 0.7)
    for displacement in (exp(v), -inverse(v), log(v)):
        torch.testing.assert_close(displacement, v, rtol=1e-5, atol=1e-5)
