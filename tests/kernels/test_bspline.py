"""Free-form deformations against SciPy's splines and ITK's BSplineTransform."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy.interpolate import BSpline

from regthesis.kernels import bspline
from regthesis.kernels.bspline import cubic


def test_basis_agrees_with_scipy():
    t = np.linspace(-3, 3, 241)
    expected = np.nan_to_num(BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)(t))
    np.testing.assert_allclose(cubic(torch.from_numpy(t)).numpy(), expected, atol=1e-15)


@pytest.mark.parametrize("mesh", [(2, 3), (1, 4, 2)], ids=["2d", "3d"])
def test_agrees_with_itk(mesh):
    d = len(mesh)
    shape, spacing = (11, 14, 9)[:d], np.array([3.0, 0.8, 1.7])[:d]
    control = np.random.default_rng(0).normal(size=(d, *[m + 3 for m in mesh]))
    reference = sitk.GetImageFromArray(np.zeros(shape))
    reference.SetSpacing(spacing[::-1].tolist())
    transform = sitk.BSplineTransform(d, 3)
    transform.SetTransformDomainOrigin(reference.GetOrigin())
    transform.SetTransformDomainDirection(reference.GetDirection())
    transform.SetTransformDomainPhysicalDimensions(
        [s * (n - 1) for s, n in zip(spacing[::-1], shape[::-1], strict=True)]
    )
    transform.SetTransformDomainMeshSize(mesh[::-1])
    transform.SetParameters((control * spacing.reshape(-1, *[1] * d))[::-1].ravel().tolist())

    delta = [(n - 1) / m for n, m in zip(shape, mesh, strict=True)]
    dense = bspline(torch.from_numpy(control)[None], shape, delta)[0].numpy()
    inner = tuple(slice(0, n - 1) for n in shape)  # ITK's domain is open at its far end
    for index in np.ndindex(*[n - 1 for n in shape]):
        point = np.array(index) * spacing
        expected = (np.array(transform.TransformPoint(point[::-1].tolist()))[::-1] - point) / spacing
        np.testing.assert_allclose(dense[(slice(None), *index)], expected, atol=1e-9)
    assert np.abs(dense[(slice(None), *inner)]).max() > 0.1


def test_constant_and_linear_coefficients_are_reproduced():
    shape, delta = (13, 10), (4.0, 3.5)
    position = torch.meshgrid(*[(torch.arange(7.0) - 1) * h for h in delta], indexing="ij")
    expected = torch.meshgrid(*[torch.arange(float(n)) for n in shape], indexing="ij")
    torch.testing.assert_close(bspline(torch.stack(position)[None], shape, delta), torch.stack(expected)[None])
    torch.testing.assert_close(bspline(torch.ones(2, 1, 7, 7), shape, delta), torch.ones(2, 1, *shape))


def test_control_points_must_cover_the_grid():
    with pytest.raises(ValueError, match=r"control: expected at least \(6, 5\) control points, got \(5, 5\)"):
        bspline(torch.zeros(1, 2, 5, 5), (13, 9), (4.0, 4.0))


def test_gradient(image):
    control = image((5, 6), channels=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: bspline(c, (6, 7), (2.5, 2.0)), control)
