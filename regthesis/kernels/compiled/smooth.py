"""Separable convolution with truncated Gaussians, all axes in one sweep.

Slice by slice and in blocks of rows, which stay in a core's own cache: the sum along z for the rows of a block and
their neighbours, the sum along y, then the sum along x over rows that have been padded at both ends. Along z and y the
weights of what lies outside have been added to those of the border: they come from the smoothing matrix of a line of
2 radius + 1 voxels, which has every row that a longer line has.
"""

import math

import numpy as np
from torch import Tensor

from regthesis.kernels.compiled.memory import empty, flat
from regthesis.kernels.compiled.threads import Offset, compiled, spread
from regthesis.kernels.plain.smooth import gaussian, smoothing_matrix

HEIGHT = 32  # rows of a block


@compiled
def _copy(out, to, x, at, n):
    to, at = Offset(to), Offset(at)
    for i in range(Offset(n)):
        out[to + i] = x[at + i]


@compiled
def _fill(out, to, value, n):
    to = Offset(to)
    for i in range(Offset(n)):
        out[to + i] = value


@compiled
def _weigh(out, to, x, at, step, weights, first, last, n):
    """out[to + i] = sum over k of weights[k] x[at + (k - first) step + i], for i < n and k in first to last."""
    _fill(out, to, x.dtype.type(0), n)
    to, at, step, n, k = Offset(to), Offset(at), Offset(step), Offset(n), first
    while k + 4 <= last:  # four at a time, to read and write the sums as seldom
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        p, q, r, s = at, at + step, at + step + step, at + step + step + step
        for i in range(n):
            out[to + i] += w0 * x[p + i] + w1 * x[q + i] + w2 * x[r + i] + w3 * x[s + i]
        k, at = k + 4, s + step
    while k < last:
        w0 = weights[k]
        for i in range(n):
            out[to + i] += w0 * x[at + i]
        k, at = k + 1, at + step


@compiled
def _reach(i, n, radius):
    """The voxels that voxel i of a line of n sums over, the row of its weights in the matrix and their first column."""
    row = max(min(i, radius), i - n + min(n, 2 * radius + 1))
    first = max(i - radius, 0)
    return first, min(i + radius + 1, n), row, first - i + row


@compiled
def _sum_z(block, x, at, z, y_first, y_last, space, radius, matrix):
    nz, ny, nx = space
    first, last, row, column = _reach(z, nz, radius)
    at += (first * ny + y_first) * nx
    _weigh(block, 0, x, at, ny * nx, matrix[row], column, column + last - first, (y_last - y_first) * nx)


@compiled
def _sum_y(lines, block, y_first, y0, y1, space, radius, matrix):
    _, ny, nx = space
    y = y0
    while y < y1:
        first, last, row, column = _reach(y, ny, radius)
        inner = radius <= y < ny - radius
        below = min(y1, ny - radius) if inner else y + 1  # inner rows all have the same weights
        at, to = (first - y_first) * nx, (y - y0) * nx
        _weigh(lines, to, block, at, nx, matrix[row], column, column + last - first, (below - y) * nx)
        y = below


@compiled
def _pad(padded, lines, rows, nx, radius, replicate):
    """Rows with `radius` voxels more at both ends: what is at the end, or zeros."""
    wide, factor = nx + 2 * radius, lines.dtype.type(replicate)
    for y in range(rows):
        at, to = y * nx, y * wide
        _fill(padded, to, factor * lines[at], radius)
        _copy(padded, to + radius, lines, at, nx)
        _fill(padded, to + radius + nx, factor * lines[at + nx - 1], radius)


@compiled
def _fold(out, to, lines, at, n, radius, matrix, end):
    """The transpose of replication: an `end` voxel gathers what the voxels beyond would have got."""
    first, last, row, column = _reach(end, n, radius)
    total = lines.dtype.type(0)
    for i in range(first, last):
        total += matrix[row, column + i - first] * lines[at + i]
    out[to + end] = total


@compiled
def _smooth(out, x, space, radii, z_matrix, y_matrix, x_matrix, x_weights, adjoint, start, stop):
    """The slices start to stop, counted through blocks of rows and images."""
    nz, ny, nx = space
    rz, ry, rx = radii
    wide, blocks = nx + 2 * rx, (ny + HEIGHT - 1) // HEIGHT
    block, lines = np.empty((HEIGHT + 2 * ry) * nx, x.dtype), np.empty(HEIGHT * nx, x.dtype)
    padded, sums = np.empty(HEIGHT * wide, x.dtype), np.empty(HEIGHT * wide, x.dtype)
    for slice_ in range(start, stop):
        image, y0, z = slice_ // nz // blocks, slice_ // nz % blocks * HEIGHT, slice_ % nz
        y1 = min(y0 + HEIGHT, ny)
        y_first, y_last = max(y0 - ry, 0), min(y1 + ry, ny)
        _sum_z(block, x, image * nz * ny * nx, z, y_first, y_last, space, rz, z_matrix)
        _sum_y(lines, block, y_first, y0, y1, space, ry, y_matrix)
        _pad(padded, lines, y1 - y0, nx, rx, not adjoint)
        _weigh(sums, 0, padded, 0, 1, x_weights, 0, 2 * rx + 1, (y1 - y0) * wide - 2 * rx)
        for row in range(y1 - y0):
            to = ((image * nz + z) * ny + y0 + row) * nx
            _copy(out, to, sums, row * wide, nx)
            if adjoint:
                _fold(out, to, lines, row * nx, nx, rx, x_matrix, 0)
                _fold(out, to, lines, row * nx, nx, rx, x_matrix, nx - 1)


def _matrix(n: int, sigma: float, radius: int, adjoint: bool, like: Tensor) -> np.ndarray:
    matrix = smoothing_matrix(min(n, 2 * radius + 1), sigma, radius, like.dtype, like.device)
    return (matrix.T if adjoint else matrix).contiguous().numpy()


def smooth(x: Tensor, sigmas: list[float], radii: list[int], adjoint: bool) -> Tensor:
    """x (b, c, *space) convolved along each axis with a Gaussian of `sigmas` voxels, cut off at `radii`, borders
    replicated; or the transpose of this.
    """
    space, sigmas, radii = tuple(x.shape[2:]), tuple(sigmas), tuple(radii)
    if len(space) == 2:
        space, sigmas, radii = (1, *space), (1.0, *sigmas), (0, *radii)
    matrices = (_matrix(n, s, r, adjoint, x) for n, s, r in zip(space, sigmas, radii, strict=True))
    weights = gaussian(sigmas[-1], radii[-1]).to(x.dtype).numpy()
    out, slices = empty(x.shape, x), x.shape[0] * x.shape[1] * math.ceil(space[1] / HEIGHT) * space[0]
    spread(_smooth, slices, flat(out), flat(x), space, radii, *matrices, weights, adjoint)
    return out
