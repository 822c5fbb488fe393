"""Scaling and squaring, both ways, against plain torch in float64."""

import pytest
import torch

from regthesis.kernels.plain import exp as plain
from regthesis.kernels.triton.exp import exp, exp_backward


@pytest.mark.parametrize("shape, batch, steps", [((9, 15), 1, 2), ((1, 6), 2, 3), ((4, 5, 6), 1, 2), ((3, 4, 2), 2, 1)])
def test_values_and_gradients(shape, batch, steps, fenced, agree):
    torch.manual_seed(0)
    v = fenced(torch.randn(batch, len(shape), *shape) * 2)
    wide = v.double().requires_grad_()
    expected = plain.exp(wide, steps)
    u, stages = exp(v, steps, True)
    agree(u, expected)
    assert stages.shape == (steps, *v.shape)
    agree(stages[-1], plain.exp(wide / 2, steps - 1))
    bare, nothing = exp(v, steps, False)
    assert torch.equal(bare, u) and nothing.numel() == 0
    grad = fenced(torch.randn(v.shape))
    (expected,) = torch.autograd.grad(expected, wide, grad.double())
    result = exp_backward(grad, v, stages, steps)
    agree(result, expected, 1e-4)
    assert torch.equal(exp_backward(grad, v, nothing, steps), result)


def test_without_squarings_it_is_the_identity():
    v = torch.randn(1, 2, 3, 4)
    u, stages = exp(v, 0, True)
    assert torch.equal(u, v) and u.data_ptr() != v.data_ptr() and stages.numel() == 0
    assert torch.equal(exp_backward(u, v, stages, 0), u)


def test_nan_stays_where_it_reaches(fenced):
    v = torch.zeros(1, 2, 6, 7)
    v[0, 0, 2, 3] = torch.nan
    u, _ = exp(fenced(v), 1, False)
    assert u[0, :, 2, 3].isnan().all()
    u[..., 1:3, 2:4] = 0  # itself, and those of whose cells it is a corner
    assert not u.any()
