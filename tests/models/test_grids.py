"""Where things lie on a network's coarser grids: a blob is at its place at every size, as the features are."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d, conv_transpose2d

from regthesis import kernels
from regthesis.models.deformation import DeformationCVAE
from regthesis.models.grids import AlignedCorners, AlignedFeatures

SHAPES = [(96, 112), (72, 88, 80)]
WIDTH = 5.0  # standard deviation of a blob in voxels, over half a voxel at an eighth of the size
MARGIN = 32  # voxels between a blob and the border, where it and what is smoothed have faded
aligned = AlignedFeatures()


@st.composite
def grids_and_places(draw, shapes=tuple(SHAPES)):
    """A shape, and a place in it in voxels."""
    shape = draw(st.sampled_from(shapes))
    return shape, [draw(st.floats(MARGIN, n - 1 - MARGIN)) for n in shape]


def blob(shape, place, width=WIDTH):
    """A Gaussian with its centre at `place`, `(1, 1, *shape)`."""
    away = kernels.identity_grid(shape) - torch.tensor(place).view(-1, *[1] * len(shape))
    return (-away.square().sum(0) / (2 * width**2)).exp()[None, None]


def centroid(image):
    """The centre of one channel in voxels."""
    weights, x = image[0, 0].double(), kernels.identity_grid(tuple(image.shape[2:]), torch.float64)
    return (x * weights).flatten(1).sum(1) / weights.sum()


def halved(shape, times):
    return tuple(n // 2**times for n in shape)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(grids_and_places())
def test_a_blob_comes_out_of_every_size_at_its_place(where):
    shape, place = where
    for s in (0, 1, 2, 3):
        small = aligned.coarser(blob(shape, place), halved(shape, s))
        assert (centroid(small) * 2**s - torch.tensor(place)).abs().max() < 0.1 * 2**s


@settings(derandomize=True, deadline=None, max_examples=30)
@given(grids_and_places(), st.sampled_from([1, 2, 3]))
def test_a_velocity_lies_where_it_lay_and_is_as_long_in_millimetres(where, times):
    shape, place = where
    small = halved(shape, times)
    coarse = torch.cat([blob(small, [x / 2**times for x in place], WIDTH / 2**times)] * len(shape), 1)
    fine = aligned.finer(coarse, shape)
    assert fine.shape[2:] == shape
    assert (centroid(fine) - torch.tensor(place)).abs().max() < 0.1
    every = (..., *[slice(None, None, 2**times)] * len(shape))
    torch.testing.assert_close(fine[every], coarse * 2**times, rtol=0, atol=0)


def test_beyond_the_last_coarse_voxel_a_velocity_keeps_its_value():
    v = torch.randn(2, 2, 4, 6)
    fine = aligned.finer(v, (16, 24))
    for beyond in (13, 14, 15):
        assert torch.equal(fine[:, :, beyond], fine[:, :, 12])
    torch.testing.assert_close(fine[:, :, 12, 20:], 4 * v[:, :, 3, 5:].expand(-1, -1, 4))


def test_images_and_velocities_lie_where_strided_convolutions_put_features():
    """A convolution that copies its centre samples an image; a deconvolution with a tent interpolates a velocity."""
    image, centre = torch.randn(1, 1, 16, 24), torch.zeros(1, 1, 3, 3)
    centre[..., 1, 1] = 1
    assert torch.equal(conv2d(image, centre, stride=2, padding=1), aligned.coarser(image, (8, 12)))
    line = torch.tensor([0.5, 1.0, 0.5])
    tent = torch.outer(line, line)[None, None]
    v = torch.randn(1, 2, 8, 12)
    features = [conv_transpose2d(c, tent, stride=2, padding=1, output_padding=1) for c in v.split(1, 1)]
    torch.testing.assert_close(aligned.finer(v, (16, 24))[..., :-1, :-1], 2 * torch.cat(features, 1)[..., :-1, :-1])


def test_spacing_doubles_exactly_or_keeps_the_corners_apart():
    assert aligned.spacing((3.15, 1.5), (32, 128), (8, 32)) == [4 * 3.15, 6.0]
    corners = AlignedCorners().spacing((3.15, 1.5), (32, 128), (8, 32))
    assert [h * (m - 1) for h, m in zip(corners, (8, 32), strict=True)] == pytest.approx([3.15 * 31, 1.5 * 127])


def copying(shape, **form):
    """A network whose every scale copies the moving image of the next coarser one: by its deconvolution, to its head.

    The heads make a velocity of it, along all axes alike.
    """
    model = DeformationCVAE(shape, (1.0,) * len(shape), latent=2, **form).eval()
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    line = torch.tensor([0.5, 1.0, 0.5])
    tent = line[:, None] * line if len(shape) == 2 else line[:, None, None] * line[:, None] * line
    middle = (..., *[1] * len(shape))
    with torch.no_grad():
        for layer in model.decoder:
            layer.weight[-1, 0] = tent  # the last channel that comes in is the image
        for layer in model.fusion:
            layer.weight[0, 0][middle] = 1
        for head in model.heads:
            head[0].weight[0, 0][middle] = 1
            head[2].weight[:, 0][middle] = 0.01
    return model


def misplaced(model, place):
    """By how many of its voxels the velocity of each size, finest first, lies beside a blob in the moving image."""
    moving = blob(model.shape, place)
    with torch.no_grad():
        velocities = model(moving, moving).velocities
    return [float((centroid(v) - torch.tensor(place) / 2**s).abs().max()) for s, v in enumerate(velocities)]


@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_blob_in_the_moving_image_moves_its_own_place_at_every_size(shape, features):
    model = copying(shape, aligned=True, moving_features=features)

    @settings(derandomize=True, deadline=None, max_examples=8 if len(shape) == 2 else 3)
    @given(grids_and_places((shape,)))
    def check(where):
        assert max(misplaced(model, where[1])) < 0.1

    check()


def test_with_aligned_corners_the_features_of_a_blob_lie_beside_it():
    """By a shift that grows from one corner to the other: no convolution can undo it."""
    model = copying(SHAPES[0])
    near, far = misplaced(model, [32.0, 32.0]), misplaced(model, [63.0, 79.0])
    assert all(b > a > 0.1 for a, b in zip(near, far, strict=True)) and max(far) > 1
