"""Local correlation, its gradients and what comes before it, against plain torch in float64."""

import pytest
import torch

from regthesis.kernels.plain import centre as plain_centre
from regthesis.kernels.plain import lcc as plain
from regthesis.kernels.triton import launch, lcc
from regthesis.kernels.triton.centre import centred
from regthesis.kernels.triton.lcc import local_cc, local_cc_backward


def pair(shape, batch=1, channels=1, offset=0.0):
    """Two images that are alike, one with a constant corner, both exact in float16 but for the offset."""
    torch.manual_seed(0)
    a = torch.randn(batch, channels, *shape).mul(64).round() / 64
    b = (a + torch.randn(batch, channels, *shape)).mul(64).round() / 64
    a[..., : shape[-2] // 2 + 1, : shape[-1] // 2 + 1] = 0.5
    return a + offset, b - offset


def prepared(a, b, tau=1e-4):
    """Both centred, and their eps."""
    return plain_centre.centred(a, b, tau)[:3]


def check(images, window, agree, value=1e-5):
    """Values and gradients by a, b and the eps of images that are centred already."""
    wide = [x.double().requires_grad_() for x in images]
    expected = plain.local_cc(*wide, window)
    result, moments = local_cc(*images, window)
    assert (result.double() - expected).abs().max() <= value and result.dtype == images[0].dtype
    grad = torch.randn(expected.shape).to(result.dtype)
    expected = torch.autograd.grad(expected, wide, grad.double())
    result = local_cc_backward(grad, *images, moments, window, True, True)
    for ours, theirs, image in zip(result, expected, images, strict=True):
        agree(ours, theirs, 1e-4 if image.dtype == torch.float32 else 1e-2)


@pytest.mark.parametrize(
    "shape, batch, channels, window",
    [
        ((9, 15), 1, 1, 5),
        ((1, 6), 2, 2, 3),
        ((3, 70), 1, 1, 9),  # prefix sums restart along x
        ((4, 6, 7), 1, 1, 3),
        ((4, 3, 5), 1, 1, 9),  # a window that reaches across
        ((2, 1, 3), 1, 1, 1),
    ],
)
def test_values_and_gradients(shape, batch, channels, window, fenced, agree):
    a, b = pair(shape, batch, channels)
    images = [fenced(x) for x in prepared(a, b)]
    check(images, window, agree)


def moments_of(a, b, eps, window):
    """What `ops.lcc` says the second result of the operator is, in float64."""
    mean_a, mean_b, variance_a, variance_b, cross, m = plain.window_moments(a, b, window)
    s = cross / (variance_a * variance_b + eps)
    maps = [mean_a, mean_b, 2 * s / m, -2 * s * s * variance_b / m, -2 * s * s * variance_a / m]
    return torch.stack(maps, 2).flatten(1, 2)


@pytest.mark.parametrize("shape", [(9, 15), (4, 6, 7)])
def test_the_second_result_is_what_every_backend_gives(shape, agree):
    images = prepared(*pair(shape, 2, 2))
    found, expected = local_cc(*images, 5)[1], moments_of(*(x.double() for x in images), 5)
    for ours, theirs in zip(found.unflatten(1, (2, 5)).unbind(2), expected.unflatten(1, (2, 5)).unbind(2), strict=True):
        agree(ours.contiguous(), theirs, 1e-5)


def test_one_gradient_alone_is_the_same():
    images = prepared(*pair((2, 3, 4)))
    cc, moments = local_cc(*images, 3)
    both = local_cc_backward(cc, *images, moments, 3, True, True)
    by_a, none, _ = local_cc_backward(cc, *images, moments, 3, True, False)
    assert torch.equal(by_a, both[0]) and none.numel() == 0
    none, by_b, by_eps = local_cc_backward(cc, *images, moments, 3, False, True)
    assert torch.equal(by_b, both[1]) and none.numel() == 0 and torch.equal(by_eps, both[2])


@pytest.mark.parametrize("shape, batch", [((5, 4, 3), 1), ((5, 4), 3)])
def test_slabs_and_strips_of_any_size(shape, batch, agree, monkeypatch):
    monkeypatch.setattr(lcc, "SLAB", 2 * shape[-1] * shape[-2])  # two planes, or two images
    monkeypatch.setattr(lcc, "STRIP", 3)
    check(prepared(*pair(shape, batch)), 3, agree)


def test_offsets_of_64_bits_make_no_difference(monkeypatch):
    images = prepared(*pair((4, 3, 5)))
    cc, moments = local_cc(*images, 3)
    grads = local_cc_backward(cc, *images, moments, 3, True, True)
    monkeypatch.setattr(launch, "INT32", 0)
    wide, again = local_cc(*images, 3)
    assert torch.equal(wide, cc) and torch.equal(again, moments)
    for x, y in zip(grads, local_cc_backward(cc, *images, moments, 3, True, True), strict=True):
        assert torch.equal(x, y)


def test_images_in_half_precision_have_statistics_in_float32(agree):
    a, b = pair((8, 9))
    _, _, eps = prepared(a, b)
    a, b = a.half(), b.half()
    check((a, b, eps), 5, agree, value=1e-3)
    exact = local_cc(a.float(), b.float(), eps, 5)[1]
    assert torch.equal(local_cc(a, b, eps, 5)[1], exact)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_the_centred_pair_and_its_floor(offset, agree):
    a, b = pair((7, 9), 1, 2, offset)
    for ours, theirs in zip(centred(a, b, 1e-6), plain_centre.centred(a.double(), b.double(), 1e-6), strict=True):
        agree(ours, theirs, 1e-6)


def test_an_offset_of_a_thousand_changes_nothing():
    a, b = pair((8, 9))
    one, other = (local_cc(*centred(*x, 1e-6)[:3], 5)[0] for x in ((a, b), pair((8, 9), offset=1000.0)))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_a_constant_image_has_no_correlation_and_no_pull():
    a, b = torch.full((1, 1, 6, 7), 1000.1), pair((6, 7))[1]
    images = centred(a, b, 1e-6)[:3]
    cc, moments = local_cc(*images, 3)
    assert not cc.any()
    assert not any(x.any() for x in local_cc_backward(torch.ones_like(cc), *images, moments, 3, True, True))


def test_flat_windows_behind_a_bright_edge_stay_flat():
    torch.manual_seed(0)
    a, b = torch.rand(2, 1, 1, 16, 16)
    a[..., :5, :] += 100
    a[..., :, :5] += 100
    a[..., 6:, 6:] = 0.3
    images = (a - 0.2), (b - 0.5), torch.full((1, 1, 1, 1), 1e-6)
    cc, moments = local_cc(*images, 5)
    assert not cc[..., 8:, 8:].any() and cc[..., :6, :6].any()
    grad = torch.zeros_like(cc)
    grad[..., 8:, 8:] = 1
    by_a, by_b, _ = local_cc_backward(grad, *images, moments, 5, True, True)
    assert not by_a.any() and not by_b.any()
