"""Distances between the surfaces of two segmentations, in millimetres."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

from regthesis.kernels.checks import check_positive
from regthesis.kernels.shapes import Tensor


def hausdorff(a: Tensor, b: Tensor, spacing: Sequence[float], percentile: float = 95.0) -> float:
    """Hausdorff distance in mm: the larger of the two directed percentiles of the surface distances.

    `a` and `b` are masks `(*space)` of any dtype, non-zero inside, with leading axes of size one allowed.
    A voxel is on the surface when one of its face neighbours, or the outside of the image, is not in the mask, and
    stands for its centre; every surface voxel asks for the nearest one of the other mask.
    `percentile` 100 is the classical distance, 95 the one of chapters 4 and 5 (linear between order statistics).

    inf where one mask is empty (no point is near to nothing); nan where both are.

    Source: Huttenlocher et al., PAMI 15 (1993), for the ranked form.
    Raises ValueError for different shapes, a batch, or a spacing that is not one positive number per axis.
    """
    if a.shape != b.shape:
        raise ValueError(f"b: expected shape {tuple(a.shape)} as a, got {tuple(b.shape)}")
    if a.shape[: -len(spacing)].numel() != 1:
        raise ValueError(f"a: expected one mask with {len(spacing)} axes in space, got shape {tuple(a.shape)}")
    space = a.shape[-len(spacing) :]
    check_positive("spacing", spacing, len(space))
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile: expected a number from 0 to 100, got {percentile}")
    points_a, points_b = (surface_points(mask.reshape(space), spacing) for mask in (a, b))
    if not len(points_a) or not len(points_b):
        return float("inf") if len(points_a) or len(points_b) else float("nan")
    there, back = KDTree(points_b).query(points_a)[0], KDTree(points_a).query(points_b)[0]
    return float(max(np.percentile(there, percentile), np.percentile(back, percentile)))


def surface_points(mask: Tensor, spacing: Sequence[float]) -> np.ndarray:
    """Centres `(n, d)` in mm of the surface voxels of one mask `(*space)`; n is 0 for an empty mask."""
    inside = mask.detach().cpu().numpy() != 0
    voxels = np.argwhere(inside)
    if not len(voxels):
        return voxels * np.array(spacing)
    # Eroding the bounding box alone finds the same surface, because everything beyond it is outside the mask.
    low, high = voxels.min(0), voxels.max(0) + 1
    box = inside[tuple(map(slice, low, high))]
    return (np.argwhere(box & ~binary_erosion(box)) + low) * np.array(spacing)
