"""Resampling against SimpleITK on an oblique, anisotropic grid, and what must hold without an oracle."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy.ndimage import map_coordinates

from regthesis.kernels import compose, identity_grid, local_cc, resize, smooth, warp, warp_labels


def rotation(d):
    """A direction that is aligned with no axis."""
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(d, d)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_field_returns_the_image(grid, image, dtype):
    a = image(grid, channels=2, batch=2, dtype=dtype)
    u = torch.zeros(2, len(grid), *grid, dtype=dtype)
    torch.testing.assert_close(warp(a, u), a, rtol=0, atol=16 * torch.finfo(dtype).eps)
    assert torch.equal(warp(a, u, mode="nearest"), a)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
@pytest.mark.parametrize("shift", [1, -2])
def test_a_shift_moves_along_its_own_axis(grid, image, shift, mode):
    a = image(grid)
    for axis, n in enumerate(grid):
        u = torch.zeros(1, len(grid), *grid, dtype=a.dtype)
        u[:, axis] = shift
        index = (torch.arange(n) + shift).clamp(0, n - 1)  # the border value continues
        torch.testing.assert_close(warp(a, u, mode), a.index_select(axis + 2, index))


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_agrees_with_simpleitk_on_an_oblique_grid(grid, image, field, mode):
    d = len(grid)
    a, u = image(grid), field(grid, size=2.5)
    spacing = np.array([0.7, 1.9, 3.1])[:d]  # x y z
    direction = rotation(d)

    def place(x):
        x.SetSpacing(spacing.tolist())
        x.SetOrigin([-31.0, 12.5, 40.25][:d])
        x.SetDirection(direction.ravel().tolist())
        return x

    picture = place(sitk.GetImageFromArray(a[0, 0].numpy()))
    vectors = np.moveaxis(u[0].numpy(), 0, -1)[..., ::-1] * spacing @ direction.T
    vectors = place(sitk.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True))
    transform = sitk.DisplacementFieldTransform(sitk.Cast(vectors, sitk.sitkVectorFloat64))
    interpolator = sitk.sitkLinear if mode == "linear" else sitk.sitkNearestNeighbor
    expected = sitk.GetArrayFromImage(sitk.Resample(picture, picture, transform, interpolator, -1.0))

    target = identity_grid(grid, u.dtype) + u[0]
    limit = torch.tensor(grid, dtype=u.dtype).view(-1, *[1] * d) - 1
    inside = ((target >= 0) & (target <= limit)).all(0).numpy()
    assert inside.mean() > 0.5
    np.testing.assert_allclose(warp(a, u, mode)[0, 0].numpy()[inside], expected[inside], atol=1e-9)


def test_outside_the_grid_the_border_continues(grid, image, field):
    a, u = image(grid), field(grid, size=8)
    target = (identity_grid(grid, u.dtype) + u[0]).numpy()
    expected = map_coordinates(a[0, 0].numpy(), target, order=1, mode="nearest")
    np.testing.assert_allclose(warp(a, u)[0, 0].numpy(), expected, atol=1e-12)


def test_one_image_serves_many_fields_and_one_field_many_images(grid, image, field):
    images, fields = image(grid, batch=3, channels=2), field(grid, batch=3, size=2)
    for i in range(3):
        torch.testing.assert_close(warp(images[:1], fields)[i : i + 1], warp(images[:1], fields[i : i + 1]))
        torch.testing.assert_close(warp(images, fields[:1])[i : i + 1], warp(images[i : i + 1], fields[:1]))


def test_warping_twice_is_warping_by_the_composition(grid):
    # linear interpolation is exact on linear images and fields, so that equality is exact, order included
    x = identity_grid(grid, torch.float64)[None]
    d = len(grid)
    generator = torch.Generator().manual_seed(5)
    u, w = (
        torch.einsum("ij,bj...->bi...", 0.05 * torch.randn(d, d, generator=generator, dtype=torch.float64), x)
        for _ in range(2)
    )
    a = x.sum(1, keepdim=True) * 0.3 + x[:, :1]
    inner = (slice(None), slice(None), *[slice(3, -3)] * d)
    torch.testing.assert_close(warp(warp(a, u), w)[inner], warp(a, compose(u, w))[inner])
    assert not torch.allclose(compose(u, w)[inner], compose(w, u)[inner], atol=1e-3)


def test_gradients_of_warp(image, field):
    a, u = image((4, 5), channels=2).requires_grad_(), field((4, 5), size=1.3).requires_grad_()
    assert torch.autograd.gradcheck(warp, (a, u))
    a, u = image((3, 4, 3)).requires_grad_(), field((3, 4, 3), size=0.9).requires_grad_()
    assert torch.autograd.gradcheck(warp, (a, u))


@pytest.mark.parametrize("kernel", ["identity_grid", "smooth", "local_cc"])
def test_what_inference_cached_serves_training(kernel, image):
    shape = (6, 17)  # no other test has this grid
    x = image(shape)
    use = {
        "identity_grid": lambda x: identity_grid(shape, x.dtype) * x,
        "smooth": lambda x: smooth(x, 1.3),
        "local_cc": lambda x: local_cc(x, x.flip(2)),
    }[kernel]
    with torch.inference_mode():
        use(x)
    x.requires_grad_()
    use(x).sum().backward()
    assert x.grad.isfinite().all()


def test_labels_move_like_nearest_neighbour_under_whole_shifts(grid):
    labels = torch.randint(0, 5, (2, 1, *grid), generator=torch.Generator().manual_seed(0))
    u = torch.ones(2, len(grid), *grid)
    torch.testing.assert_close(warp_labels(labels, u), warp(labels.float(), u, "nearest").long())


def test_labels_are_the_argmax_of_warped_indicators(grid, field):
    labels = torch.randint(0, 4, (1, 1, *grid), generator=torch.Generator().manual_seed(1)) * 3
    u = field(grid, size=1.7)
    shares = torch.cat([warp((labels == k).double(), u) for k in (0, 3, 6, 9)], 1)
    assert torch.equal(warp_labels(labels, u), shares.argmax(1, keepdim=True) * 3)


def test_ties_go_to_the_smaller_label():
    labels = torch.tensor([[2, 5, 2]]).view(1, 1, 1, 3)
    u = torch.zeros(1, 2, 1, 3)
    u[:, 1] = 0.5
    assert warp_labels(labels, u).flatten().tolist() == [2, 2, 2]


def test_labels_keep_their_dtype_and_invent_nothing(grid, field):
    labels = torch.zeros(1, 1, *grid, dtype=torch.int16)
    labels[..., 3:7, 3:7] = 7
    moved = warp_labels(labels, field(grid, size=2.5))
    assert moved.dtype == torch.int16
    assert set(moved.unique().tolist()) == {0, 7}


@pytest.mark.parametrize("new", [(21, 9), (5, 27)])
def test_resizing_a_field_scales_its_vectors_per_axis(new):
    x = identity_grid((11, 14), torch.float64)[None]
    u = 0.1 * x + 0.2 * x.flip(1) + 1
    ratio = torch.tensor([(n - 1) / (o - 1) for n, o in zip(new, (11, 14), strict=True)]).double().view(1, 2, 1, 1)
    y = identity_grid(new, torch.float64)[None]
    # the new field takes each voxel to the point, in new voxels, that the old field took it to
    old_position = y / ratio
    expected = (old_position + 0.1 * old_position + 0.2 * old_position.flip(1) + 1) * ratio
    torch.testing.assert_close(y + resize(u, new, field=True), expected)


def test_resizing_an_image_agrees_with_scipy(grid, image):
    a, new = image(grid), tuple(2 * n - 3 for n in grid)
    coordinates = np.meshgrid(*[np.linspace(0, o - 1, n) for o, n in zip(grid, new, strict=True)], indexing="ij")
    expected = map_coordinates(a[0, 0].numpy(), coordinates, order=1)
    np.testing.assert_allclose(resize(a, new)[0, 0].numpy(), expected, atol=1e-12)
    assert torch.equal(resize(a, grid), a)


def test_resizing_the_field_and_the_image_commutes_with_warping(grid):
    x = identity_grid(grid, torch.float64)[None]
    a, u = x.sum(1, keepdim=True), 0.05 * x
    new = tuple(2 * n for n in grid)
    inner = (slice(None), slice(None), *[slice(2, -4)] * len(grid))
    torch.testing.assert_close(resize(warp(a, u), new)[inner], warp(resize(a, new), resize(u, new, True))[inner])


def test_fields_of_one_voxel_across_keep_their_vectors():
    u = torch.full((1, 3, 1, 4, 4), 2.0)
    resized = resize(u, (3, 7, 4), field=True)
    torch.testing.assert_close(resized[0, :, 0, 0, 0], torch.tensor([2.0, 4.0, 2.0]))


def test_warp_is_deterministic(grid, image, field):
    def run():
        a = image(grid, dtype=torch.float32).requires_grad_()
        u = field(grid, size=2, dtype=torch.float32).requires_grad_()
        y = warp(a, u)
        return y.detach(), *torch.autograd.grad(y.square().sum(), (a, u))

    assert all(torch.equal(x, y) for x, y in zip(run(), run(), strict=True))
