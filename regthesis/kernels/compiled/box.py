"""Sums over a moving window, tile by tile: what both directions of the local cross-correlation share.

Several quantities are summed at once, in float64. Along z and y a sum moves on: the row that enters the window is
added, the one that leaves is taken away, at a cost that no window changes. Along x, where the processor's vector
instructions work, sums over 1, 2, 4, ... voxels are doubled up to the window.

A tile is a box of output voxels, full rows of x. Its sums along z are its `columns`: for each y one row, which holds a
segment for each quantity. A segment has nx values and then `radius` zeros, the parts of windows beyond the border, so
that all segments are summed along x in one go. Tiles are numbered through images, z and y. Their size depends on the
grid alone, so that the bits of a result do not depend on the number of threads.
"""

import math

import numpy as np

from regthesis.kernels.compiled.threads import Offset, compiled

DEPTH, HEIGHT = 32, 32  # of a tile: the columns then stay in a core's own cache, for rows of up to some 500 voxels


def tile_count(images: int, space: tuple[int, int, int]) -> int:
    """Tiles of all images of a grid (z, y, x)."""
    return images * math.ceil(space[0] / DEPTH) * math.ceil(space[1] / HEIGHT)


@compiled
def tile_bounds(tile, space):
    """Number of the image and the bounds z0, z1, y0, y1 of a tile."""
    nz, ny, _ = space
    deep, high = (nz + DEPTH - 1) // DEPTH, (ny + HEIGHT - 1) // HEIGHT
    image, z0, y0 = tile // (deep * high), tile // high % deep * DEPTH, tile % high * HEIGHT
    return image, z0, min(z0 + DEPTH, nz), y0, min(y0 + HEIGHT, ny)


@compiled
def radii(space, window):
    """Half widths (z, y, x) of the window, no wider than makes a difference."""
    r = window // 2
    return min(r, space[0] - 1), min(r, space[1] - 1), min(r, space[2] - 1)


@compiled
def inverse_counts(n, radius):
    """One over the number of voxels in each clipped window along an axis of n voxels."""
    result = np.empty(n)
    for i in range(n):
        result[i] = 1.0 / (min(i + radius, n - 1) - max(i - radius, 0) + 1)
    return result


@compiled
def buffers(space, reach, quantities):
    """Length of a row of columns, memory for the columns of a tile, and for the five rows of `sums_along_x`."""
    _, ry, rx = reach
    row = quantities * (space[2] + rx)
    return row, np.empty((min(HEIGHT, space[1]) + 2 * ry) * row), np.empty(5 * (rx + row))


@compiled
def clear(sums, n):
    """The first n of `sums` become zero."""
    for i in range(Offset(n)):
        sums[i] = 0.0


@compiled
def segments(first, length):
    """Where the five segments of a row begin."""
    a, length = Offset(first), Offset(length)
    b = a + length
    c = b + length
    d = c + length
    return a, b, c, d, d + length


@compiled
def _add_row(rows, columns, number, sign, row, rx):
    to, at = Offset(rx), Offset(number * row)
    for x in range(Offset(row)):
        rows[to + x] += sign * columns[at + x]


@compiled
def move_rows(rows, columns, entering, count, reach, row):
    """The sum over y moves on: of `count` rows one enters, and the one that is now out of reach leaves."""
    _, ry, rx = reach
    leaving = entering - 2 * ry - 1
    if entering < count:
        _add_row(rows, columns, entering, 1.0, row, rx)
    if leaving >= 0:
        _add_row(rows, columns, leaving, -1.0, row, rx)


@compiled
def _add(rows, to, p, q, n):
    for x in range(n):
        rows[to + x] = rows[p + x] + rows[q + x]


@compiled
def sums_along_x(rows, row, rx):
    """Sum the first row of `rows` over the window along x; where the result begins, and where a spare row does.

    `rows` has five rows of `rx` + `row` values. The first begins with `rx` zeros and is not changed. The second and the
    third take turns at the sums over 2, 4, 8, ... voxels, the fourth is the result, the fifth is spare.
    """
    size, window = rx + row, 2 * rx + 1
    power, other, total, spare = Offset(size), Offset(2 * size), Offset(3 * size), Offset(4 * size)
    last, done, length, covered = Offset(0), Offset(0), 1, 1
    while 2 * length <= window:
        _add(rows, power, last, last + Offset(length), Offset(size - 2 * length + 1))
        last, power, other, length = power, other, power, 2 * length
        if window & length:
            _add(rows, total, done, last + Offset(covered), Offset(row - rx))
            done, covered = total, covered + length
    return done, spare
