"""The public kernels on a GPU, where one is: against plain torch in float64 there, whole and in half precision."""

import pytest
import torch

from regthesis.kernels import exp, local_cc, smooth, symmetric_lcc, warp, warp_labels
from regthesis.kernels.plain import centre as plain_centre
from regthesis.kernels.plain import exp as plain_exp
from regthesis.kernels.plain import lcc as plain_lcc
from regthesis.kernels.plain import warp as plain_warp

pytest.importorskip("triton")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")

SHAPES = [(61, 130), (20, 33, 70)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=["2d", "3d"])
halves = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, device="cuda")


def field(batch, shape, size=2.0):
    """Vectors none of which ends so near to a voxel that float32 could not tell the side."""
    u = size * normal(batch, len(shape), *shape).double()
    return (u.floor() + (u - u.floor()).clamp(0.001, 0.999)).float()


def check(function, plain, *inputs, value=1e-5, gradient=1e-4):
    """Values and gradients of `function`, those of `plain` on the same inputs in float64 being right."""
    narrow, wide = ([x.to(dtype or x.dtype).requires_grad_() for x in inputs] for dtype in (None, torch.float64))
    result, expected = function(*narrow), plain(*wide)
    assert (result.double() - expected).abs().max() <= value
    grad = torch.randn_like(result)
    ours = torch.autograd.grad(result, narrow, grad)
    theirs = torch.autograd.grad(expected, wide, grad.double())
    for x, y in zip(ours, theirs, strict=True):
        assert (x.double() - y).abs().max() <= gradient * y.abs().max()
    return result


@shapes
@pytest.mark.parametrize("images, fields", [(2, 2), (1, 3), (3, 1)])
def test_warp(shape, images, fields):
    check(warp, plain_warp.warp, normal(images, 2, *shape), field(fields, shape))


@shapes
@halves
def test_warp_of_half_precision(shape, dtype):
    rounding = torch.finfo(dtype).eps
    image, u = normal(1, 1, *shape).to(dtype), field(1, shape)
    assert check(warp, plain_warp.warp, image, u, value=4 * rounding, gradient=4 * rounding).dtype == dtype


@shapes
def test_labels(shape):
    labels = torch.randint(-3, 9, (2, 1, *shape), device="cuda", dtype=torch.int16)
    u = field(2, shape)
    expected = plain_warp.warp_labels(labels, u.double())
    assert (warp_labels(labels, u) != expected).sum() <= labels.numel() / 1e5  # ties that float32 breaks otherwise


@shapes
@pytest.mark.parametrize("recompute", [False, True])
def test_exp(shape, recompute):
    v = torch.nn.functional.avg_pool2d(field(2, shape, 8.0).flatten(0, -3), 5, 1, 2).view(2, len(shape), *shape)
    check(lambda v: exp(v, 5, recompute), lambda v: plain_exp.exp(v, 5), v)


@shapes
@pytest.mark.parametrize("window", [3, 9, 17])
@pytest.mark.parametrize("offset", [0, 1000])
def test_local_cc(shape, window, offset):
    a = normal(2, 2, *shape).mul(64).round() / 64
    b = (a + normal(2, 2, *shape)).mul(64).round() / 64
    a[..., : shape[-2] // 2, :] = 0.5

    def plain(a, b):
        a, b, eps, _ = plain_centre.centred(a, b, 1e-6)
        return plain_lcc.local_cc(a, b, eps, window)

    check(lambda a, b: local_cc(a, b, window), plain, a + offset, b - offset)


@shapes
def test_local_cc_has_equal_bits_on_every_run(shape):
    a, b = normal(2, 2, 1, *shape).requires_grad_()
    runs = [(y := local_cc(a, b), *torch.autograd.grad(y.sum(), (a, b))) for _ in range(2)]
    assert all(torch.equal(x, y) for x, y in zip(*runs, strict=True))


@shapes
def test_smooth(shape):
    def plain(x):
        return smooth(x.cpu(), 2.5, spacing, 15).cuda()

    spacing = (1.0, 1.5, 3.0)[: len(shape)]
    check(lambda x: smooth(x, 2.5, spacing, 15), plain, normal(2, 3, *shape))


@shapes
def test_autocast_keeps_exp_and_correlation_in_float32(shape):
    fixed, moving = normal(2, 1, 1, *shape).half()
    v = field(1, shape).half()
    with torch.autocast("cuda", torch.float16):
        assert exp(v, 4).dtype == torch.float32
        value = symmetric_lcc(fixed.float(), moving.float(), v.float(), steps=4)
    expected = symmetric_lcc(fixed.float(), moving.float(), v.float(), steps=4)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected)


@shapes
def test_wild_vectors_do_no_harm(shape):
    image, u = normal(1, 1, *shape), torch.zeros(1, len(shape), *shape, device="cuda")
    u.view(-1)[:4] = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30])
    result = warp(image, u)
    assert torch.equal(result.view(-1)[4:], image.view(-1)[4:])
    warp_labels((9 * image).int(), u)
    torch.cuda.synchronize()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU at most")
def test_a_device_that_is_not_the_current_one():
    image, u = normal(1, 1, 9, 11), field(1, (9, 11))
    other = warp(image.to("cuda:1"), u.to("cuda:1"))
    assert other.device.index == 1 and torch.equal(other.to("cuda:0"), warp(image, u))
