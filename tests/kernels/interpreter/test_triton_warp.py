"""Warp, its gradients and warped labels against plain torch in float64."""

import pytest
import torch

from regthesis.kernels.plain import warp as plain
from regthesis.kernels.triton import launch
from regthesis.kernels.triton.warp import warp, warp_backward, warp_labels

CASES = [  # shape, batch of images, batch of fields, channels
    ((9, 16), 1, 1, 2),
    ((1, 7), 2, 2, 1),
    ((6, 5), 3, 1, 2),
    ((5, 6, 7), 1, 2, 1),
    ((4, 3, 5), 2, 1, 2),
    ((3, 1, 4), 2, 2, 1),
]


def field(batch, shape, size=3.0):
    """Vectors that also leave the grid, none of them so near to a voxel that float32 could not tell the side."""
    u = size * torch.randn(batch, len(shape), *shape, dtype=torch.float64)
    return (u.floor() + (u - u.floor()).clamp(0.001, 0.999)).float()


@pytest.mark.parametrize("shape, images, fields, channels", CASES)
def test_values_and_gradients(shape, images, fields, channels, fenced, agree):
    torch.manual_seed(0)
    image, u = fenced(torch.randn(images, channels, *shape)), fenced(field(fields, shape))
    wide = image.double().requires_grad_(), u.double().requires_grad_()
    expected = plain.warp(*wide)
    agree(warp(image, u), expected)
    grad = fenced(torch.randn(expected.shape))
    expected = torch.autograd.grad(expected, wide, grad.double())
    result = warp_backward(grad, image, u, True, True)
    for ours, theirs in zip(result, expected, strict=True):
        agree(ours, theirs, 1e-4)


@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 4)])
def test_one_gradient_alone_is_the_same(shape):
    torch.manual_seed(0)
    image, u, grad = torch.randn(1, 1, *shape), field(1, shape), torch.randn(1, 1, *shape)
    by_image, by_u = warp_backward(grad, image, u, True, True)
    only, none = warp_backward(grad, image, u, True, False)
    assert torch.equal(only, by_image) and none.numel() == 0
    none, only = warp_backward(grad, image, u, False, True)
    assert torch.equal(only, by_u) and none.numel() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_images_in_half_precision_are_interpolated_in_float32(dtype, agree):
    torch.manual_seed(0)
    image, u = torch.randn(1, 2, 7, 9).to(dtype), field(1, (7, 9))
    wide = image.double().requires_grad_(), u.double().requires_grad_()
    expected = plain.warp(*wide)
    result = warp(image, u)
    assert result.dtype == dtype
    rounding = torch.finfo(dtype).eps
    torch.testing.assert_close(result.double(), expected, rtol=rounding, atol=1e-6)
    grad = torch.randn(expected.shape).to(dtype)
    by_image, by_u = warp_backward(grad, image, u, True, True)
    expected = torch.autograd.grad(expected, wide, grad.double())
    assert by_image.dtype == dtype and by_u.dtype == torch.float32
    torch.testing.assert_close(by_image.double(), expected[0], rtol=rounding, atol=1e-6)
    agree(by_u, expected[1], 1e-4)


def test_far_from_the_origin_positions_keep_their_digits():
    image = torch.arange(1000.0).view(1, 1, 1, -1).remainder(2)  # 0 1 0 1 ...
    u = torch.zeros(1, 2, 1, 1000)
    u[:, 1] = 0.3
    expected = torch.where(image == 0, 0.3, 0.7)
    torch.testing.assert_close(warp(image, u)[..., :-1], expected[..., :-1], rtol=0, atol=2e-6)


def test_the_outermost_voxels_do_not_pull_at_the_field():
    image = torch.randn(1, 1, 4, 5)
    _, by_u = warp_backward(torch.ones_like(image), image, torch.zeros(1, 2, 4, 5), False, True)
    assert not by_u[:, 0, [0, -1]].any() and not by_u[:, 1, :, [0, -1]].any()
    assert by_u[:, :, 1:-1, 1:-1].all()


@pytest.mark.filterwarnings("error::RuntimeWarning")  # a cast of NaN to an integer, undefined on a GPU
def test_wild_vectors_stay_inside_the_memory(fenced):
    image, u = fenced(torch.rand(1, 1, 3, 4, 5)), torch.zeros(1, 3, 3, 4, 5)
    u[0, 0, 0, 0, 0] = torch.nan
    u[0, 1, 1, 1, 1] = torch.inf
    u[0, 2, 2, 2, 2] = -torch.inf
    u[0, 0, 2, 3, 4] = -1e30
    result = warp(image, fenced(u))
    expected = image.clone()
    expected[0, 0, 0, 0, 0] = torch.nan
    expected[0, 0, 1, 1, 1] = image[0, 0, 1, -1, 1]
    expected[0, 0, 2, 2, 2] = image[0, 0, 2, 2, 0]
    expected[0, 0, 2, 3, 4] = image[0, 0, 0, 3, 4]
    torch.testing.assert_close(result, expected, equal_nan=True)
    labels = fenced((5 * image).int())
    assert set(warp_labels(labels, u).unique().tolist()) <= set(labels.unique().tolist())
    by_image, _ = warp_backward(torch.ones_like(image), image, u, True, True)
    assert by_image.isnan().sum() <= 8


def test_offsets_of_64_bits_make_no_difference(monkeypatch):
    torch.manual_seed(0)
    image, u = torch.randn(2, 2, 3, 4, 5), field(2, (3, 4, 5))
    narrow = warp(image, u), *warp_backward(image, image, u, True, True)
    monkeypatch.setattr(launch, "INT32", 0)
    for x, y in zip(narrow, (warp(image, u), *warp_backward(image, image, u, True, True)), strict=True):
        assert torch.equal(x, y)


@pytest.mark.parametrize("shape, images, fields, channels", CASES[2:5])
def test_labels_are_the_largest_share(shape, images, fields, channels, fenced):
    torch.manual_seed(1)
    labels, u = fenced(torch.randint(-3, 4, (images, channels, *shape), dtype=torch.int16)), field(fields, shape)
    assert torch.equal(warp_labels(labels, u), plain.warp_labels(labels, u.double()))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int8, torch.int64])
def test_labels_of_every_kind_and_ties_to_the_smaller(dtype):
    labels = torch.tensor([[1, 0, 1, 1]]).view(1, 1, 1, 4).to(dtype)
    u = torch.zeros(1, 2, 1, 4)
    u[:, 1] = 0.5
    result = warp_labels(labels, u)
    assert result.dtype == dtype and result.flatten().tolist() == [0, 0, 1, 1]
