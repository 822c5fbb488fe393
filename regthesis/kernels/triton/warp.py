"""Images, gradients and labels resampled by a displacement, one voxel of the field a thread.

A voxel's cell is found once and serves every channel, and every image of the batch where all share one field.
Bytes a voxel of one channel in float32, in space: 20 forward, 32 backward and 12 more for the zeros and the sums of
the image's gradient.
"""

from collections.abc import Callable

import torch
import triton.language as tl

from regthesis.kernels.shapes import Float, Int, Tensor
from regthesis.kernels.triton.cell import corner, field_voxels, interpolate, locate, slope
from regthesis.kernels.triton.launch import blocks, index_type, kernel, launch, volume


@kernel
def _warp(
    image, u, out, nz, ny, nx, channels, sharing, step, D: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr
):
    field, voxels, i, here = field_voxels(nz, ny, nx, INDEX, BLOCK)
    cell = locate(u + field * D * voxels, 1.0, i, here, nz, ny, nx, D)
    for channel in range(channels * sharing):  # of all images that share this field
        value = interpolate(image + (field * step * channels + channel) * voxels, cell, here, ny, nx, D, INDEX)
        tl.store(out + (field * channels + channel) * voxels + i, value, mask=here)


@kernel
def _warp_backward(
    grad, image, u, grad_image, grad_u, nz, ny, nx, channels, sharing, step,
    IMAGE: tl.constexpr, U: tl.constexpr, D: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    field, voxels, i, here = field_voxels(nz, ny, nx, INDEX, BLOCK)
    cell = locate(u + field * D * voxels, 1.0, i, here, nz, ny, nx, D)
    along_z = tl.zeros([BLOCK], tl.float32)
    along_y = tl.zeros([BLOCK], tl.float32)
    along_x = tl.zeros([BLOCK], tl.float32)
    for channel in range(channels * sharing):
        g = tl.load(grad + (field * channels + channel) * voxels + i, mask=here, other=0.0).to(tl.float32)
        plane = (field * step * channels + channel) * voxels
        for k in tl.static_range(2**D):
            offset, weight_z, weight_y, weight_x = corner(cell, k, ny, nx, INDEX)
            if IMAGE:
                share = g * (weight_z * weight_y * weight_x)
                tl.atomic_add(grad_image + plane + offset, share, mask=here & (share != 0), sem="relaxed")
            if U:
                value = g * tl.load(image + plane + offset, mask=here, other=0.0).to(tl.float32)
                slope_z, slope_y, slope_x = slope(value, cell, k, weight_z, weight_y, weight_x)
                along_z += slope_z
                along_y += slope_y
                along_x += slope_x
    if U:
        grad_u += field * D * voxels + i
        if D == 3:
            tl.store(grad_u, along_z, mask=here)
        tl.store(grad_u + (D - 2) * voxels, along_y, mask=here)
        tl.store(grad_u + (D - 1) * voxels, along_x, mask=here)


@kernel
def _warp_labels(
    labels, u, out, nz, ny, nx, channels, sharing, step, D: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr
):
    field, voxels, i, here = field_voxels(nz, ny, nx, INDEX, BLOCK)
    cell = locate(u + field * D * voxels, 1.0, i, here, nz, ny, nx, D)
    for channel in range(channels * sharing):
        source = labels + (field * step * channels + channel) * voxels
        winner = tl.load(source + corner(cell, 0, ny, nx, INDEX)[0], mask=here, other=0)
        largest = tl.full([BLOCK], -1.0, tl.float32)
        for k in tl.static_range(2**D):
            label = tl.load(source + corner(cell, k, ny, nx, INDEX)[0], mask=here, other=0)
            share = tl.zeros([BLOCK], tl.float32)
            for j in tl.static_range(2**D):  # in one order for all corners, so that equal shares have equal bits
                offset, weight_z, weight_y, weight_x = corner(cell, j, ny, nx, INDEX)
                same = tl.load(source + offset, mask=here, other=0) == label
                share += tl.where(same, weight_z * weight_y * weight_x, 0.0)
            wins = (share > largest) | ((share == largest) & (label < winner))
            winner = tl.where(wins, label, winner)
            largest = tl.where(wins, share, largest)
        tl.store(out + (field * channels + channel) * voxels + i, winner, mask=here)


def _run(function: Callable, image: Tensor, u: Tensor, *tensors: Tensor, **constants) -> None:
    """Launch `function(*tensors, ...)` on every voxel of the fields u."""
    sharing = image.shape[0] if u.shape[0] == 1 else 1
    step = int(image.shape[0] > 1)  # from the image of one field to the image of the next
    nz, ny, nx = volume(u)
    launch(
        function,
        u.shape[0] * blocks(nz * ny * nx),
        *tensors,
        *(nz, ny, nx, image.shape[1], sharing, step),
        **constants,
        D=u.shape[1],
        INDEX=index_type(*tensors),
    )


def warp(image: Float[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"]) -> Float[Tensor, "_b c *space"]:
    """`image(x + u(x))`, linear, in the dtype of the image; u in voxels, in any floating dtype.

    Outside the grid the border value continues. A batch of one, of images or of fields, serves the whole other batch.
    """
    image, u = image.contiguous(), u.contiguous()
    out = image.new_empty(max(image.shape[0], u.shape[0]), *image.shape[1:])
    _run(_warp, image, u, image, u, out)
    return out


def warp_backward(
    grad: Float[Tensor, "_b c *space"],
    image: Float[Tensor, "#b c *space"],
    u: Float[Tensor, "#b d *space"],
    image_wanted: bool,
    u_wanted: bool,
) -> tuple[Tensor, Tensor]:
    """Gradients of `warp` by image and by u, in their dtypes; empty where not wanted.

    The image's is summed by atomic addition in float32: its last bits depend on the order in which threads arrive.
    """
    grad, image, u = grad.contiguous(), image.contiguous(), u.contiguous()
    grad_image = torch.zeros_like(image, dtype=torch.float32) if image_wanted else image.new_empty(0)
    grad_u = torch.empty_like(u) if u_wanted else u.new_empty(0)
    if image_wanted or u_wanted:
        _run(_warp_backward, image, u, grad, image, u, grad_image, grad_u, IMAGE=image_wanted, U=u_wanted)
    return grad_image.to(image.dtype), grad_u


def warp_labels(labels: Int[Tensor, "#b c *space"], u: Float[Tensor, "#b d *space"]) -> Int[Tensor, "_b c *space"]:
    """Integer labels at x + u(x): of the labels on a cell's corners the one with the largest weight, of two the
    smaller. Nothing is stored per label. A vector of NaN takes the label of a voxel on the border.
    """
    kept, u = labels.dtype, u.contiguous()
    labels = labels.contiguous().view(torch.uint8) if kept == torch.bool else labels.contiguous()
    out = labels.new_empty(max(labels.shape[0], u.shape[0]), *labels.shape[1:])
    _run(_warp_labels, labels, u, labels, u, out)
    return out.view(kept)
