"""Resampling by a displacement, and its gradients."""

import math

import numpy as np
from torch import Tensor

from regthesis.kernels.compiled.locate import add_samples, add_slopes, locate, row_buffers, scatter, strides
from regthesis.kernels.compiled.memory import empty
from regthesis.kernels.compiled.threads import Offset, compiled, spread


@compiled
def _warp(out, image, u, start, stop):
    ny, (corner, beyond, inside), steps = out.shape[3], row_buffers(u), strides(out.shape[2:])
    for b in range(len(out)):
        source = image[b % len(image)].reshape(out.shape[1], -1)
        for row in range(start, stop):
            z, y = row // ny, row % ny
            locate(u[b % len(u)], z, y, corner, beyond, inside)
            for c in range(out.shape[1]):
                out[b, c, z, y] = 0
                add_samples(out[b, c, z, y], source[c], corner, beyond, steps)


@compiled
def field_gradient(out, carried, grad, image, u, start, stop):
    """Gradient by u of the samples in the rows start to stop, added to `carried` unless that is empty."""
    d, ny, (corner, beyond, inside), steps = out.shape[1], out.shape[3], row_buffers(u), strides(out.shape[2:])
    slopes = np.empty_like(beyond)
    for b in range(len(grad)):
        source, into = image[b % len(image)].reshape(grad.shape[1], -1), out[b % len(out)]
        for row in range(start, stop):
            z, y = row // ny, row % ny
            locate(u[b % len(u)], z, y, corner, beyond, inside)
            slopes[:] = 0
            for c in range(grad.shape[1]):
                add_slopes(slopes, grad[b, c, z, y], source[c], corner, beyond, inside, steps)
            for i in range(d):
                if b >= len(out):
                    into[i, z, y] += slopes[3 - d + i]
                elif len(carried):
                    into[i, z, y] = carried[b, i, z, y] + slopes[3 - d + i]
                else:
                    into[i, z, y] = slopes[3 - d + i]


@compiled
def image_gradient(out, carry, grad, u, reach, start, stop):
    """Gradient by the image in the rows start to stop, from samples up to `reach` rows away; `carry` adds to `out`."""
    nz, ny, nx = out.shape[2:]
    (corner, beyond, inside), steps = row_buffers(u), strides(out.shape[2:])
    first, last = Offset(start * nx), Offset(stop * nx)
    for b in range(len(grad)):
        into = out[b % len(out)].reshape(out.shape[1], -1)
        if b < len(out) and not carry:
            into[:, first:last] = 0
        for row in range(max(start - reach, 0), min(stop + reach, nz * ny)):
            z, y = row // ny, row % ny
            locate(u[b % len(u)], z, y, corner, beyond, inside)
            for c in range(out.shape[1]):
                scatter(into[c], grad[b, c, z, y], corner, beyond, steps, first, last)


def volumes(x: Tensor) -> np.ndarray:
    """Contiguous x as an array (b, c, z, y, x), which shares its memory; a plane is a single slice."""
    array = x.detach().numpy()
    return array if x.ndim == 5 else array[:, :, None]


def rows(x: Tensor) -> int:
    """Lines along the last axis in one channel."""
    return math.prod(x.shape[2:-1])


def reach(u: np.ndarray) -> int:
    """How many rows away from its own a voxel of u (b, d, z, y, x) may look, at most."""
    rows, d = (u.shape[3], 1), u.shape[1]
    furthest = [max(-float(u[:, i].min()), float(u[:, i].max())) for i in range(d - 1)]
    if not all(map(math.isfinite, furthest)):
        return u.shape[2] * u.shape[3]
    sizes = u.shape[5 - d : 4]
    return sum(
        (min(math.ceil(f), n) + 2) * row for f, n, row in zip(furthest, sizes, rows[-len(furthest) :], strict=True)
    )


def warp(image: Tensor, u: Tensor) -> Tensor:
    """`image(x + u(x))`, shapes (b or 1, c, *space) and (b or 1, d, *space), u in voxels."""
    image, u = image.contiguous(), u.contiguous()
    out = empty((max(len(image), len(u)), *image.shape[1:]), image)
    spread(_warp, rows(out), volumes(out), volumes(image), volumes(u))
    return out


def warp_backward(grad: Tensor, image: Tensor, u: Tensor, image_wanted: bool, u_wanted: bool) -> tuple[Tensor, Tensor]:
    """Gradients of `warp` by image and by u, one that is not wanted being empty."""
    grad, image, u = grad.contiguous(), image.contiguous(), u.contiguous()
    by_image = empty(image.shape if image_wanted else (0,), image)
    by_u = empty(u.shape if u_wanted else (0,), u)
    field = volumes(u)
    if image_wanted:
        spread(image_gradient, rows(u), volumes(by_image), False, volumes(grad), field, reach(field), pieces=1)
    if u_wanted:
        spread(field_gradient, rows(u), volumes(by_u), field[:0], volumes(grad), volumes(image), field)
    return by_image, by_u


@compiled
def _warp_labels(out, labels, u, start, stop):
    ny, (corner, beyond, inside), steps = out.shape[3], row_buffers(u), strides(out.shape[2:])
    label, share = np.empty(8, out.dtype), np.empty(8, u.dtype)
    for b in range(len(out)):
        source = labels[b % len(labels)].reshape(out.shape[1], -1)
        for row in range(start, stop):
            z, y = row // ny, row % ny
            locate(u[b % len(u)], z, y, corner, beyond, inside)
            for c in range(out.shape[1]):
                for x in range(out.shape[4]):
                    corners(label, share, source[c], corner[x], beyond[:, x], steps)
                    out[b, c, z, y, x] = largest_share(label, share)


@compiled
def corners(value, weight, image, corner, beyond, steps):
    """The eight corners of a sample of the flat `image`, and their weights."""
    sz, sy, sx = steps
    one = weight.dtype.type(1)
    k = 0
    for wz, i in ((one - beyond[0], Offset(corner)), (beyond[0], Offset(corner) + sz)):
        for wy, j in ((one - beyond[1], i), (beyond[1], i + sy)):
            value[k], weight[k] = image[j], wz * wy * (one - beyond[2])
            value[k + 1], weight[k + 1] = image[j + sx], wz * wy * beyond[2]
            k += 2


@compiled
def largest_share(label, share):
    """The label with the most weight, the smaller of two with the same."""
    winner, best = label[0], share.dtype.type(-1)
    if (label == winner).all():
        return winner
    for candidate in label:
        total = share.dtype.type(0)
        for k in range(len(label)):
            if label[k] == candidate:
                total += share[k]
        if total > best or (total == best and candidate < winner):
            winner, best = candidate, total
    return winner


def warp_labels(labels: Tensor, u: Tensor) -> Tensor:
    """Each label's indicator resampled at x + u(x), the largest share winning; labels (b or 1, c, *space)."""
    labels, u = labels.contiguous(), u.contiguous()
    out = labels.new_empty(max(len(labels), len(u)), *labels.shape[1:])
    spread(_warp_labels, rows(out), volumes(out), volumes(labels), volumes(u))
    return out
