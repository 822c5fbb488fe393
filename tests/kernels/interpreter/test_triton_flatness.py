"""Flat, nearly flat and textured windows at any tau: Triton against the compiled and the plain local correlation."""

import pytest
import torch

from regthesis import kernels
from regthesis.kernels.plain import centre as plain_centre
from regthesis.kernels.plain import lcc as plain_lcc
from regthesis.kernels.triton.centre import centred, centred_backward
from regthesis.kernels.triton.lcc import local_cc, local_cc_backward

WINDOW = 3


def plain(a, b, tau):
    a, b, eps, _ = plain_centre.centred(a, b, tau)
    return plain_lcc.local_cc(a, b, eps, WINDOW)


def by_autograd(function, images, grad):
    images = [x.clone().requires_grad_() for x in images]
    value = function(*images)
    return value.detach(), *torch.autograd.grad(value, images, grad.to(value.dtype))


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("tau", [0.0, 1e-15, 1e-12, 1e-6, 1e-3])
def test_agrees_in_value_and_gradient(rank, tau, nearly_flat, alike):
    images = nearly_flat(rank)
    grad = torch.rand(images[0].shape, generator=torch.Generator().manual_seed(0))
    a, b, eps, eps_slopes = centred(*images, tau)
    value, moments = local_cc(a, b, eps, WINDOW)
    by_a, by_b, by_eps = local_cc_backward(grad, a, b, eps, moments, WINDOW, True, True)
    pulls = zip((by_a, by_b), (a, b), eps_slopes, strict=True)
    found = value, *(centred_backward(pull, by_eps, x, slope) for pull, x, slope in pulls)
    alike(found, by_autograd(lambda a, b: plain(a, b, tau), [x.double() for x in images], grad))
    alike(found, [x.double() for x in by_autograd(lambda a, b: kernels.local_cc(a, b, WINDOW, tau), images, grad)])
