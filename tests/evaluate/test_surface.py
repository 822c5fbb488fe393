import math
from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regthesis.evaluate import hausdorff, surface_distances

SPACING = (3.15, 1.5, 0.7)  # mm, no two alike, so that no two axes can be mistaken
masks = arrays(bool, (3, 4, 5), elements=st.booleans()).filter(np.any)


def blob(seed: int, shape=(12, 20, 18)) -> torch.Tensor:
    """A random ellipsoid well inside the image, with a bump."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape).reshape(3, -1).T
    inside = np.zeros(len(grid), bool)
    for scale in (0.28, 0.12):
        centre = np.array(shape) * rng.uniform(0.4, 0.6, 3)
        inside |= (((grid - centre) / (np.array(shape) * scale)) ** 2).sum(1) < 1
    return torch.from_numpy(inside.reshape(shape))


def naive_surface(mask: np.ndarray) -> list[tuple[int, ...]]:
    """Voxels of the mask with a face neighbour out of it or out of the image, one by one."""
    found = []
    for voxel in product(*map(range, mask.shape)):
        for axis, step in product(range(mask.ndim), (-1, 1)):
            other = list(voxel)
            other[axis] += step
            outside = not 0 <= other[axis] < mask.shape[axis] or not mask[tuple(other)]
            if mask[voxel] and outside:
                found.append(voxel)
                break
    return found


def naive_distances(a: np.ndarray, b: np.ndarray, spacing) -> list[list[float]]:
    """Every surface voxel of one mask against all of the other, in both directions."""
    points, others = ([np.multiply(p, spacing) for p in naive_surface(mask)] for mask in (a, b))
    return [[min(math.dist(p, q) for q in there) for p in here] for here, there in ((points, others), (others, points))]


@settings(max_examples=30, deadline=None)
@given(a=masks, b=masks)
def test_agrees_with_every_distance_measured_one_by_one(a, b):
    directed = naive_distances(a, b, SPACING)
    for percentile in (50, 95, 100):
        found = hausdorff(torch.from_numpy(a), torch.from_numpy(b), SPACING, percentile)
        assert found == pytest.approx(max(np.percentile(one, percentile) for one in directed), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_classical_distance_is_simpleitks_between_contours(seed):
    a, b = blob(seed), blob(seed + 100)
    contours = []
    for mask in (a, b):
        image = sitk.GetImageFromArray(mask.numpy().astype(np.uint8))
        image.SetSpacing(SPACING[::-1])
        contours.append(sitk.BinaryContour(image, fullyConnected=False, backgroundValue=0, foregroundValue=1))
    distance = sitk.HausdorffDistanceImageFilter()
    distance.Execute(*contours)
    assert hausdorff(a, b, SPACING, 100) == pytest.approx(distance.GetHausdorffDistance(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("percentile", [95, 100])
def test_agrees_with_monai(percentile):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI, an oracle here, is not installed")
    for seed in range(5):
        a, b = blob(seed), blob(seed + 100)
        theirs = metrics.compute_hausdorff_distance(
            a[None, None].float(),
            b[None, None].float(),
            include_background=True,
            percentile=percentile,
            spacing=SPACING,
        )
        assert hausdorff(a, b, SPACING, percentile) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("axis", range(3))
def test_a_shifted_box_is_as_far_as_the_shift_in_mm(axis):
    a = torch.zeros(12, 12, 12, dtype=torch.bool)
    a[3:7, 3:7, 3:7] = True
    assert hausdorff(a, a.roll(2, axis), SPACING, 100) == pytest.approx(2 * SPACING[axis])
    assert hausdorff(a, a, SPACING) == 0


@settings(max_examples=20, deadline=None)
@given(a=masks, b=masks, scale=st.floats(0.1, 10))
def test_is_symmetric_and_scales_with_the_spacing(a, b, scale):
    a, b = torch.from_numpy(a), torch.from_numpy(b)
    assert hausdorff(a, b, SPACING) == hausdorff(b, a, SPACING)
    scaled = [scale * mm for mm in SPACING]
    assert hausdorff(a, b, scaled) == pytest.approx(scale * hausdorff(a, b, SPACING))


def test_where_masks_lie_in_the_image_does_not_matter():
    a, b = blob(1), blob(2)
    margin = [2, 0, 0, 3, 1, 4]
    wider = [torch.nn.functional.pad(mask, margin) for mask in (a, b)]
    assert hausdorff(*wider, SPACING) == pytest.approx(hausdorff(a, b, SPACING), abs=1e-9)


def test_distances_come_from_both_sides():
    point, pair = torch.zeros(1, 9), torch.zeros(1, 9)
    point[0, 0] = pair[0, 0] = pair[0, 8] = 1
    there, back = surface_distances(point, pair, (1.0, 2.0))
    assert there.tolist() == [0]
    assert sorted(back.tolist()) == [0, 16]


def test_empty_masks_have_a_defined_answer():
    empty, full = torch.zeros(2, 3, 4), torch.ones(2, 3, 4)
    assert math.isnan(hausdorff(empty, empty, SPACING))
    assert hausdorff(empty, full, SPACING) == hausdorff(full, empty, SPACING) == math.inf


def test_leading_axes_of_one_are_allowed_and_a_batch_is_not():
    a, b = blob(1)[None, None], blob(2)[None, None]
    assert hausdorff(a, b, SPACING) == hausdorff(a[0, 0], b[0, 0], SPACING)
    with pytest.raises(ValueError, match="a: expected one mask"):
        hausdorff(a.expand(2, -1, -1, -1, -1), b.expand(2, -1, -1, -1, -1), SPACING)


@pytest.mark.parametrize("spacing", [(1.0, 0.0, 1.0), (1.0, float("nan"), 1.0)])
def test_a_spacing_must_be_positive(spacing):
    with pytest.raises(ValueError, match="spacing"):
        hausdorff(blob(1), blob(2), spacing)


def test_a_percentile_and_a_shape_must_be_right():
    with pytest.raises(ValueError, match="percentile: expected"):
        hausdorff(blob(1), blob(2), SPACING, 101)
    with pytest.raises(ValueError, match="b: expected shape"):
        hausdorff(blob(1), blob(2)[1:], SPACING)
