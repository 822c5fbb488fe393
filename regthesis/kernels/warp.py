"""Resampling by a displacement, and what follows from it: warped labels, composition, resizing."""

from collections.abc import Sequence

import torch
from torch.nn.functional import interpolate

from regthesis.kernels.checks import check_dtype, check_field, check_image, check_rank, check_space
from regthesis.kernels.ops import HALF, supported
from regthesis.kernels.ops import warp as fused
from regthesis.kernels.plain import warp as plain
from regthesis.kernels.shapes import Float, Int, Tensor


def warp(
    image: Float[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"], mode: str = "linear"
) -> Float[Tensor, "_b c *space"]:
    """Image M resampled by φ = id + u: `warp(M, u)(x) = M(x + u(x))`, the M∘φ of the thesis.

    `u` is in voxels, component i along spatial axis i; `mode` is "linear" or "nearest".
    Outside the grid the border value continues. A batch of one, of images or of fields, serves the whole other batch.
    An image in half precision is moved by a float32 field, computed in float32, and keeps its dtype.

    Raises ValueError for an unknown mode and for shapes, dtypes or devices that do not belong together.
    """
    check_image("image", image)
    check_field("u", u)
    check_space("u", u, "image", image)
    if not (image.dtype in HALF and u.dtype == torch.float32):
        check_dtype("u", u, "image", image)
    if mode not in ("linear", "nearest"):
        raise ValueError(f'mode: expected "linear" or "nearest", got {mode!r}')
    if mode == "nearest":
        return plain.warp(image, u, "nearest")
    return fused.warp(image, u) if supported(image, u) else plain.warp(image, u)


def warp_labels(labels: Int[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"]) -> Int[Tensor, "_b c *space"]:
    """Integer labels resampled by φ = id + u: each label's indicator is warped linearly, the largest share wins.

    Smoother than nearest neighbour, and never invents a label. Ties go to the smaller label, rounding aside.
    The dtype is kept.

    Raises ValueError for labels that are not integers and for shapes that do not belong together.
    """
    check_rank("labels", labels)
    check_field("u", u)
    check_space("u", u, "labels", labels)
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels: expected an integer tensor, got {labels.dtype}; images go to warp")
    return fused.warp_labels(labels, u) if supported(u) else plain.warp_labels(labels, u)


def compose(u: Float[Tensor, "#b d *space"], w: Float[Tensor, "#b d *space"]) -> Float[Tensor, "_b d *space"]:
    """Displacement in voxels of (id + u)∘(id + w): `w + warp(u, w)`.

    Hence `warp(M, compose(u, w)) = warp(warp(M, u), w)` up to interpolation. A batch of one serves the whole other.

    Raises ValueError for fields without one component per axis, and for shapes, dtypes or devices that do not belong
    together.
    """
    check_field("u", u)
    check_field("w", w)
    check_space("u", u, "w", w)
    check_dtype("u", u, "w", w)
    return w + warp(u, w)


def resize(image: Float[Tensor, "b c *old"], shape: Sequence[int], field: bool = False) -> Float[Tensor, "b c *new"]:
    """Image or field on a grid of another shape over the same extent, first voxel to first, last to last.

    Linear and without a low-pass filter, as the thesis down-samples its scales (section 4.2.3).
    With `field=True` the vectors, in voxels, are scaled per axis by (new - 1) / (old - 1), so that they reach the
    same points; along an axis of one voxel they keep their value.

    Raises ValueError for a wrong number of axes, sizes below 1, or a field without one component per axis.
    """
    (check_field if field else check_image)("image", image)
    old, new = image.shape[2:], tuple(shape)
    if len(new) != len(old) or min(new) < 1:
        raise ValueError(f"shape: expected {len(old)} sizes >= 1, got {new}")
    if new == old:
        return image
    resized = interpolate(image, new, mode="bilinear" if len(new) == 2 else "trilinear", align_corners=True)
    if not field:
        return resized
    scale = [(n - 1) / (o - 1) if o > 1 else 1.0 for o, n in zip(old, new, strict=True)]
    return resized * resized.new_tensor(scale).view(-1, *[1] * len(new))
