"""Distance from a displacement to the true one, where the truth is known."""

from collections.abc import Sequence

import torch

from regthesis.kernels.checks import check_field, check_pair, check_positive
from regthesis.kernels.shapes import Float, Tensor


def endpoint_distance(
    u: Float[Tensor, "b d *space"], truth: Tensor, spacing: Sequence[float]
) -> Float[Tensor, "b 1 *space"]:
    """Distance in mm between where two displacements (in voxels, of one shape) point to, voxel by voxel.

    Raises ValueError for fields or spacing that do not match.
    """
    check_field("u", u)
    check_pair("u", u, "truth", truth)
    check_positive("spacing", spacing, u.shape[1])
    scale = u.new_tensor(spacing).reshape(-1, *[1] * (u.ndim - 2))
    return ((u - truth) * scale).square().sum(1, keepdim=True).sqrt()


def endpoint_error(
    u: Float[Tensor, "b d *space"],
    truth: Float[Tensor, "b d *space"],
    spacing: Sequence[float],
    region: Tensor | None = None,
) -> float:
    """Mean distance in mm between where two displacements (in voxels) point to.

    `region` is a mask `(b or 1, 1, *space)`, non-zero where voxels count: the heart, say; the whole image without it.
    nan for an empty region.

    Raises ValueError for fields, region or spacing that do not match.
    """
    distance = endpoint_distance(u, truth, spacing)
    if region is None:
        return float(distance.mean(dtype=torch.float64))
    if region.shape[1:] != distance.shape[1:] or region.shape[0] not in (1, distance.shape[0]):
        raise ValueError(f"region: expected shape {tuple(distance.shape)}, got {tuple(region.shape)}")
    return float(distance[region.expand_as(distance) != 0].mean(dtype=torch.float64))
