"""What counts as flat in the local correlation, and how much texture weighs: the same on every backend at any tau."""

import itertools

import numpy as np
import pytest
import torch

from regthesis.kernels import local_cc, ops
from regthesis.kernels.plain import centre as plain_centre
from regthesis.kernels.plain import lcc as plain_lcc
from regthesis.kernels.plain.lcc import FLAT

TAUS = [0.0, 1e-15, 1e-12, 1e-6, 1e-3]
WINDOW = 3


def plain(a, b, window, tau):
    a, b, eps, _ = plain_centre.centred(a, b, tau)
    return plain_lcc.local_cc(a, b, eps, window)


def run(function, images, tau, grad):
    images = [x.clone().requires_grad_() for x in images]
    value = function(*images, WINDOW, tau)
    return value.detach(), *torch.autograd.grad(value, images, grad.to(value.dtype))


def by_loops(a, b, tau):
    """The definition in float64, window by window; and how flat each window is."""
    a, b = (x[0, 0].double().numpy() for x in (a, b))
    a, b = a - a.mean(), b - b.mean()
    value, flatness = np.zeros(a.shape), np.zeros(a.shape)
    for voxel in itertools.product(*map(range, a.shape)):
        box = tuple(slice(max(i - WINDOW // 2, 0), i + WINDOW // 2 + 1) for i in voxel)
        p, q = a[box] - a[box].mean(), b[box] - b[box].mean()
        flatness[voxel] = min((p**2).mean() / (a[box] ** 2).mean(), (q**2).mean() / (b[box] ** 2).mean())
        if flatness[voxel] > FLAT:
            product = (p**2).mean() * (q**2).mean()
            value[voxel] = (p * q).mean() ** 2 / (product + tau * a.var() * b.var())
    return torch.from_numpy(value)[None, None], flatness


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("tau", TAUS)
def test_the_definition_by_loops(rank, tau, nearly_flat, alike):
    images = nearly_flat(rank)
    expected, flatness = by_loops(*images, tau)
    assert not ((flatness > FLAT / 2) & (flatness < 2 * FLAT)).any()  # where rounding decides nothing is promised
    assert (flatness <= FLAT).sum() > 100 and ((flatness > FLAT) & (flatness < 2.0**-19)).sum() > 100
    alike([local_cc(*images, WINDOW, tau)], [expected])
    torch.testing.assert_close(plain(*(x.double() for x in images), WINDOW, tau), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("tau", TAUS)
def test_backends_agree_in_value_and_gradient(rank, tau, dtype, nearly_flat, alike):
    images = [x.to(dtype) for x in nearly_flat(rank)]
    grad = torch.rand(images[0].shape, generator=torch.Generator().manual_seed(0))
    expected = run(plain, [x.double() for x in images], tau, grad)
    alike(run(plain, images, tau, grad), expected)
    if ops.supported(*images):
        alike(run(local_cc, images, tau, grad), expected)
