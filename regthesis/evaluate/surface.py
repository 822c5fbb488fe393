"""Distances between the surfaces of two segmentations, in millimetres."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

from regthesis.kernels.checks import check_positive
from regthesis.kernels.shapes import Tensor


def hausdorff(a: Tensor, b: Tensor, spacing: Sequence[float], percentile: int | float = 95.0) -> float:
    """Hausdorff distance in mm: the larger of the two directed percentiles of the surface distances.

    `a` and `b` are masks as in `surface_distances`.  `percentile` 100 is the classical distance, 95 the one of
    chapters 4 and 5 (linear between order statistics).

    inf where one mask is empty (no point is near to nothing); nan where both are.

    Source: Huttenlocher et al., PAMI 15 (1993), for the ranked form.
    Raises ValueError as `surface_distances`, or for a percentile that is not one.
    """
    return ranked_distance(*surface_distances(a, b, spacing), percentile)


def ranked_distance(there: np.ndarray, back: np.ndarray, percentile: int | float) -> float:
    """The larger of the percentiles of two directed samples of distances; see `hausdorff`."""
    if not 0 <= percentile <= 100:
        raise ValueError(f"percentile: expected a number from 0 to 100, got {percentile}")
    if not len(there) or not len(back):
        return float("inf") if len(there) or len(back) else float("nan")
    return float(max(np.percentile(there, percentile), np.percentile(back, percentile)))


def surface_distances(a: Tensor, b: Tensor, spacing: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Distance in mm from every surface voxel of `a` to the nearest one of `b`, and from every one of `b` to `a`.

    `a` and `b` are masks `(*space)` of any dtype, non-zero inside, with leading axes of size one allowed.
    A voxel is on the surface when one of its face neighbours, or the outside of the image, is not in the mask; it
    stands for its centre.  An empty mask has no distances, and is infinitely far from the other.

    Raises ValueError for different shapes, a batch, or a spacing that is not one positive number per axis.
    """
    if a.shape != b.shape:
        raise ValueError(f"b: expected shape {tuple(a.shape)} as a, got {tuple(b.shape)}")
    space = a.shape[-len(spacing) :]
    if space.numel() != a.numel():
        raise ValueError(f"a: expected one mask with {len(spacing)} axes in space, got shape {tuple(a.shape)}")
    check_positive("spacing", spacing, len(space))
    points_a, points_b = (surface_points(mask.reshape(space), spacing) for mask in (a, b))
    return KDTree(points_b).query(points_a)[0], KDTree(points_a).query(points_b)[0]


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
