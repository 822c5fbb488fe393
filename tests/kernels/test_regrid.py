"""Grids that share their centre: against SimpleITK, against `resize`, and fields that reach the same points."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy import ndimage

from regthesis import kernels


@pytest.mark.parametrize(
    "shape, spacing, new_shape, new_spacing",
    [
        ((8, 20, 24), (3.15, 1.5, 1.5), (8, 10, 12), (3.15, 3.0, 3.0)),
        ((9, 11), (1.0, 2.0), (5, 7), (1.3, 1.1)),
        ((5, 6), (2.0, 2.0), (9, 12), (0.9, 1.0)),
    ],
)
def test_images_agree_with_simpleitk(shape, spacing, new_shape, new_spacing):
    x = torch.randn(1, 1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image = sitk.GetImageFromArray(x[0, 0].numpy())
    image.SetSpacing(spacing[::-1])
    image.SetOrigin([-(n - 1) / 2 * h for n, h in zip(shape[::-1], spacing[::-1], strict=True)])
    target = sitk.Image(new_shape[::-1], sitk.sitkFloat64)
    target.SetSpacing(new_spacing[::-1])
    target.SetOrigin([-(n - 1) / 2 * h for n, h in zip(new_shape[::-1], new_spacing[::-1], strict=True)])
    expected = sitk.GetArrayFromImage(sitk.Resample(image, target, sitk.Transform(), sitk.sitkLinear, float("nan")))
    found = kernels.regrid(x, spacing, new_shape, new_spacing)[0, 0]
    inside = torch.from_numpy(expected).isfinite()
    assert inside.any()
    torch.testing.assert_close(found[inside], torch.from_numpy(expected)[inside])


@pytest.mark.parametrize(
    "shape, spacing, new_shape, new_spacing",
    [
        ((8, 10, 12), (3.15, 3.0, 3.0), (8, 20, 24), (3.15, 1.5, 1.5)),
        ((1, 2, 9), (2.0, 2.0, 3.0), (3, 7, 5), (0.5, 1.0, 4.0)),
    ],
)
def test_cubic_agrees_with_scipy(shape, spacing, new_shape, new_spacing):
    x = torch.randn(1, 1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    axes = zip(shape, spacing, new_shape, new_spacing, strict=True)
    places = [((np.arange(n) - (n - 1) / 2) * h / was + (old - 1) / 2).clip(0, old - 1) for old, was, n, h in axes]
    expected = ndimage.map_coordinates(x[0, 0].numpy(), np.meshgrid(*places, indexing="ij"), order=3, mode="mirror")
    found = kernels.regrid(x, spacing, new_shape, new_spacing, cubic=True)[0, 0]
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_cubic_leaves_no_kinks():
    """Second differences fall as the square of the grid's step, those of linear interpolation as the step."""
    x = torch.randn(1, 1, 16, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bend = lambda step, cubic: (  # noqa: E731
        kernels.regrid(x, (1.0, 1.0), (round(8 / step), 8), (step, 1.0), cubic=cubic).diff(n=2, dim=2).abs().max()
    )
    assert bend(0.1, True) / bend(0.05, True) > 3.5
    assert bend(0.1, False) / bend(0.05, False) < 2.5


def test_the_same_extent_is_resize():
    x = torch.randn(2, 3, 9, 17, 5)
    new = [8.0 / 16, 16.0 / 8, 1.0]
    for field in (False, True):
        torch.testing.assert_close(
            kernels.regrid(x, (1.0, 1.0, 1.0), (17, 9, 5), new, field), kernels.resize(x, (17, 9, 5), field)
        )


def test_the_same_grid_is_left_alone():
    x = torch.randn(1, 1, 4, 6)
    assert kernels.regrid(x, (1.5, 2.0), (4, 6), (1.5, 2.0)) is x


def test_vectors_keep_their_millimetres_and_end_with_the_grid():
    u = torch.ones(1, 2, 4, 6)
    found = kernels.regrid(u, (2.0, 3.0), (8, 16), (1.0, 1.5), field=True)
    assert torch.equal(found[:, :, 4, 8], torch.tensor([[2.0, 2.0]]))  # 2 mm and 3 mm
    assert found[..., 0].abs().max() == 0  # 11.25 mm from the centre; the old grid ends at 7.5 mm
    image = kernels.regrid(u, (2.0, 3.0), (8, 16), (1.0, 1.5))
    assert image.min() == 1  # the border of an image continues


@pytest.mark.parametrize("cubic", [False, True])
def test_gradients_pass(cubic):
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    regrid = lambda x: kernels.regrid(x, (1.0, 1.0), (3, 6), (1.4, 0.7), field=True, cubic=cubic)  # noqa: E731
    assert torch.autograd.gradcheck(regrid, x)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((1.0,), (3, 3), (1.0, 1.0)), "spacing"),
        (((1.0, 1.0), (3, 3), (1.0, 0.0)), "new_spacing"),
        (((1.0, 1.0), (3,), (1.0, 1.0)), "shape"),
        (((1.0, 1.0), (3, 0), (1.0, 1.0)), "shape"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kernels.regrid(torch.zeros(1, 1, 4, 4), *arguments)
