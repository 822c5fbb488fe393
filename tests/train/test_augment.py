"""Augmentation moves the images of a sample together, by a similarity in millimetres."""

import math

import pytest
import torch

from regthesis import kernels
from regthesis.errors import UserError
from regthesis.train import RandomAffine

SHAPES = {(16, 24): (2.0, 1.5), (6, 16, 24): (3.15, 2.0, 1.5)}


@pytest.fixture(params=SHAPES.items(), ids=["2d", "3d"])
def grid(request):
    return request.param


def affine(u, spacing):
    """Least-squares matrix in mm and shift in mm at the centre of x + u(x), and that there is no residual."""
    d, shape = u.shape[0], u.shape[1:]
    mm = torch.tensor(spacing, dtype=torch.float64)
    x = kernels.identity_grid(tuple(shape)).double().flatten(1)
    centre = (torch.tensor(shape, dtype=torch.float64) - 1)[:, None] / 2
    a, b = (x - centre) * mm[:, None], (x + u.double().flatten(1) - centre) * mm[:, None]
    design = torch.cat([a, torch.ones(1, a.shape[1], dtype=torch.float64)]).T
    solution = torch.linalg.lstsq(design, b.T).solution
    torch.testing.assert_close(design @ solution, b.T, atol=1e-4, rtol=0)
    return solution[:d].T, solution[d]


@pytest.mark.slow
def test_similarities_within_their_bounds_and_all_over_them(grid):
    shape, spacing = grid
    torch.manual_seed(0)
    augment = RandomAffine(spacing, degrees=20, zoom=0.15, shift=0.1)
    angles, zooms, shifts, mirrors = [], [], [], []
    for u in augment.displacement(200, shape):
        matrix, shift = affine(u, spacing)
        zoom = matrix.det().abs() ** (1 / len(shape))
        plane = matrix[-2:, -2:] / zoom
        torch.testing.assert_close(matrix @ matrix.T, zoom**2 * torch.eye(len(shape), dtype=torch.float64))
        if len(shape) == 3:
            assert matrix[0, 0] / zoom == pytest.approx(1, abs=1e-5), "the slices stay slices"
        signs = plane.diagonal().sign()
        plane = plane * signs
        angles.append(math.degrees(math.atan2(plane[1, 0], plane[0, 0])))
        zooms.append(float(zoom))
        shifts.append((shift / torch.tensor(spacing) / (torch.tensor(shape) - 1)).tolist())
        mirrors.append(tuple(signs.tolist()))
    shifts = torch.tensor(shifts)
    assert -20 <= min(angles) < -17 and 17 < max(angles) <= 20
    assert 0.85 <= min(zooms) < 0.88 and 1.12 < max(zooms) <= 1.15
    assert (
        (shifts.abs().amax(0) <= 0.1 + 1e-6).all() and (shifts.amax(0) > 0.08).all() and (shifts.amin(0) < -0.08).all()
    )
    assert min(mirrors.count((a, b)) for a in (-1, 1) for b in (-1, 1)) > 30


def test_the_images_of_a_sample_move_together_and_samples_apart(grid):
    shape, spacing = grid
    images = kernels.smooth(torch.randn(1, 1, *shape), 1.0).expand(2, -1, *[-1] * len(shape))
    torch.manual_seed(0)
    moving, fixed = RandomAffine(spacing)((images, 2 * images))
    torch.testing.assert_close(fixed, 2 * moving)
    assert not torch.allclose(moving[0], moving[1], atol=0.1)


def test_nothing_allowed_changes_nothing(grid):
    shape, spacing = grid
    image = torch.randn(1, 1, *shape)
    (same,) = RandomAffine(spacing, degrees=0, zoom=0, shift=0, mirror=False)((image,))
    torch.testing.assert_close(same, image, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("wrong", [{"degrees": float("nan")}, {"degrees": -1}, {"zoom": 1.0}, {"shift": float("nan")}])
def test_impossible_moves_are_refused(wrong):
    with pytest.raises(UserError, match="degrees, zoom and shift: expected"):
        RandomAffine((1.0, 1.0), **wrong)
