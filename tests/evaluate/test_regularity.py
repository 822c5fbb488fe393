import math

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regthesis import kernels
from regthesis.evaluate import grad_det_jac, jacobian_statistics, spatial_gradient, temporal_gradient

SHAPE, SPACING = (14, 18, 16), (3.15, 1.5, 1.2)
GRID = torch.stack(torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in SHAPE), indexing="ij"))


def linear(matrix: np.ndarray) -> torch.Tensor:
    """u(x) = matrix x, in voxels."""
    return torch.einsum("ij,j...->i...", torch.tensor(matrix, dtype=torch.float64), GRID)[None]


def bump(seed: int = 0, height: float = 0.5) -> torch.Tensor:
    """A smooth random displacement in voxels that is zero on the three outermost layers."""
    rough = torch.randn(1, 3, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    window = math.prod(torch.sin(math.pi * (GRID[i] - 3).clamp(0, n - 7) / (n - 7)) ** 2 for i, n in enumerate(SHAPE))
    smooth = kernels.smooth(rough, 1.5) * window
    return height * smooth / smooth.abs().max()


def test_statistics_of_a_linear_map_are_those_of_its_determinant():
    matrix = np.array([[0.2, 0.1, 0], [0, -0.3, 0.1], [0.1, 0, 0.4]])
    determinant = np.linalg.det(np.eye(3) + matrix)
    found = jacobian_statistics(kernels.jacobian(linear(matrix)))
    assert found.min == pytest.approx(determinant)
    assert found.max == pytest.approx(determinant)
    assert found.folding == 0
    assert found.sd_log == pytest.approx(0, abs=1e-9)


def test_statistics_count_folds_zero_included_and_take_logarithms_of_the_rest():
    determinant = torch.tensor([-1.0, 0.0, 1.0, math.e**2]).reshape(1, 1, 2, 2)
    found = jacobian_statistics(determinant)
    assert (found.min, found.folding) == (-1, 0.5)
    assert found.max == pytest.approx(math.e**2)
    assert found.sd_log == pytest.approx(1)  # logarithms 0 and 2


def test_nothing_but_folds_has_no_logarithm():
    found = jacobian_statistics(-torch.ones(1, 1, 3, 3))
    assert found.folding == 1
    assert math.isnan(found.sd_log)


def test_a_determinant_that_grows_evenly_has_that_slope_per_voxel_and_per_mm():
    determinant = (1 + 0.05 * GRID[0])[None, None]
    assert grad_det_jac(determinant) == pytest.approx(0.05)
    assert grad_det_jac(determinant, SPACING) == pytest.approx(0.05 / SPACING[0])


def test_grad_det_jac_is_that_of_simpleitk():
    u = bump(height=1.5)
    millimetres = (u[0] * torch.tensor(SPACING)[:, None, None, None]).flip(0).movedim(0, -1)
    field = sitk.GetImageFromArray(millimetres.numpy(), isVector=True)
    field.SetSpacing(SPACING[::-1])
    theirs = sitk.GradientMagnitude(sitk.DisplacementFieldJacobianDeterminant(field))
    expected = sitk.GetArrayFromImage(theirs).mean()
    assert grad_det_jac(kernels.jacobian(u), SPACING) == pytest.approx(expected, rel=1e-6)
    assert expected > 0.01


def test_spatial_gradient_of_a_linear_displacement_is_the_norm_of_its_matrix():
    millimetres = np.array([[0.02, 0.01, 0], [0, -0.03, 0.05], [0.01, 0, 0.04]])  # mm/mm
    scale = np.array(SPACING)
    voxels = millimetres * scale[None, :] / scale[:, None]
    assert spatial_gradient(linear(voxels), SPACING) == pytest.approx(np.linalg.norm(millimetres))


def test_spatial_gradient_is_numpys():
    u = bump(3)
    slopes = [np.gradient((u[0, i] * mm).numpy(), *SPACING) for i, mm in enumerate(SPACING)]
    assert spatial_gradient(u, SPACING) == pytest.approx(np.sqrt(np.square(slopes).sum((0, 1))).mean())


def test_temporal_gradient_of_even_motion_is_its_speed_in_mm():
    velocity = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)  # voxels per frame
    u = torch.stack([t * velocity for t in (1, 2, 3, 4)])[:, :, None, None, None].expand(-1, -1, 3, 4, 5)
    speed = np.linalg.norm(velocity.numpy() * SPACING)
    assert temporal_gradient(u, SPACING) == pytest.approx(speed)


def test_temporal_gradient_takes_no_step_from_frame_zero_and_needs_two_frames():
    still = bump().expand(3, -1, -1, -1, -1)
    assert temporal_gradient(still, SPACING) == 0
    with pytest.raises(ValueError, match="u: expected at least two frames, got 1"):
        temporal_gradient(bump(), SPACING)


def test_a_slice_has_the_same_measures():
    u = torch.zeros(2, 2, 8, 9)
    u[1, 0] = 3
    assert temporal_gradient(u, (1.5, 2.0)) == pytest.approx(4.5)
    assert spatial_gradient(u, (1.5, 2.0)) == 0
    assert grad_det_jac(kernels.jacobian(u)) == 0
    with pytest.raises(ValueError, match="spacing"):
        spatial_gradient(u, SPACING)
