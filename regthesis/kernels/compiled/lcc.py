"""Squared local correlation and its gradients, each in one sweep over the images.

The sweep moves window sums along z tile by tile, see `box`, and forms a voxel's result as soon as its sums are
complete: nothing of the size of an image is written but the results. Images are flat here, channel after channel;
sums and all that is taken from them are float64. There are many short loops, because the compiler turns a loop into
vector instructions only where it can tell all its arrays apart.
"""

import numpy as np
import torch
from torch import Tensor

from regthesis.kernels.compiled.box import (
    buffers,
    clear,
    inverse_counts,
    move_rows,
    radii,
    segments,
    sums_along_x,
    tile_bounds,
    tile_count,
)
from regthesis.kernels.compiled.memory import empty, flat
from regthesis.kernels.compiled.threads import Offset, compiled, spread
from regthesis.kernels.plain.lcc import FLAT


@compiled
def _add_products(columns, to, a, b, at, sign, nx, segment):
    """A row of the images, at `at`, enters (`sign` 1) or leaves (-1) the sums of a, b, a², b² and ab, at `to`."""
    a_sum, b_sum, aa, bb, ab = segments(to, segment)
    at, nx = Offset(at), Offset(nx)
    for x in range(nx):
        columns[a_sum + x] += sign * a[at + x]
        columns[aa + x] += sign * a[at + x] * a[at + x]
    for x in range(nx):
        columns[b_sum + x] += sign * b[at + x]
        columns[bb + x] += sign * b[at + x] * b[at + x]
    for x in range(nx):
        columns[ab + x] += sign * a[at + x] * b[at + x]


@compiled
def _variance(rows, to, squares, mean, x_inverse, inverse, flat, nx):
    for x in range(nx):
        power = rows[squares + x] * (x_inverse[x] * inverse)
        variance = power - rows[mean + x] * rows[mean + x]
        rows[to + x] = 0.0 if variance <= flat * power else variance


@compiled
def _finish_row(cc, at, moments, first, n, eps, flat, rows, sums, spare, x_inverse, inverse, nx, segment):
    """A row of correlations, at `at`, and of moments (see `ops.lcc`), from `first`, from the window sums, at `sums`.

    One over a window's voxels is `x_inverse` times `inverse`.
    """
    a_sum, b_sum, aa, bb, ab = segments(sums, segment)
    a_mean, b_mean, a_var, b_var, s = segments(spare, segment)
    at, nx = Offset(at), Offset(nx)
    for x in range(nx):
        rows[a_mean + x] = rows[a_sum + x] * (x_inverse[x] * inverse)
        rows[b_mean + x] = rows[b_sum + x] * (x_inverse[x] * inverse)
    _variance(rows, a_var, aa, a_mean, x_inverse, inverse, flat, nx)
    _variance(rows, b_var, bb, b_mean, x_inverse, inverse, flat, nx)
    for x in range(nx):
        cross = rows[ab + x] * (x_inverse[x] * inverse) - rows[a_mean + x] * rows[b_mean + x]
        both = rows[a_var + x] * rows[b_var + x]
        cross = 0.0 if both == 0.0 else cross
        rows[s + x] = cross / (both + eps)
        cc[at + x] = rows[s + x] * cross
    m0, m1, m2, m3, m4 = segments(first, n)
    for x in range(nx):
        moments[m0 + x] = rows[a_mean + x]
    for x in range(nx):
        moments[m1 + x] = rows[b_mean + x]
    for x in range(nx):
        moments[m2 + x] = 2.0 * rows[s + x] * (x_inverse[x] * inverse)
    for x in range(nx):
        moments[m3 + x] = -2.0 * rows[s + x] * rows[s + x] * rows[b_var + x] * (x_inverse[x] * inverse)
    for x in range(nx):
        moments[m4 + x] = -2.0 * rows[s + x] * rows[s + x] * rows[a_var + x] * (x_inverse[x] * inverse)


@compiled
def _correlate(cc, moments, a, b, eps, flat, space, window, start, stop):
    """Correlations and moments in the tiles start to stop."""
    nz, ny, nx = space
    reach = radii(space, window)
    rz, ry, rx = reach
    row, columns, rows = buffers(space, reach, 5)
    segment, n = nx + rx, nz * ny * nx
    z_inverse, y_inverse, x_inverse = inverse_counts(nz, rz), inverse_counts(ny, ry), inverse_counts(nx, rx)
    for tile in range(start, stop):
        image, z0, z1, y0, y1 = tile_bounds(tile, space)
        z_first, y_first, y_last = max(z0 - rz, 0), max(y0 - ry, 0), min(y1 + ry, ny)
        clear(columns, (y_last - y_first) * row)
        for entering in range(z_first, z1 + rz):
            z, leaving = entering - rz, entering - 2 * rz - 1
            for y in range(y_first, y_last):
                for moving, sign in ((entering, 1.0), (leaving, -1.0)):
                    if z_first <= moving < nz:
                        to, at = (y - y_first) * row, image * n + (moving * ny + y) * nx
                        _add_products(columns, to, a, b, at, sign, nx, segment)
            if z < z0:
                continue
            clear(rows, rx + row)
            for y in range(y_first - ry, y1):
                move_rows(rows, columns, y + ry - y_first, y_last - y_first, reach, row)
                if y >= y0:
                    sums, spare = sums_along_x(rows, row, rx)
                    at, inverse = (z * ny + y) * nx, z_inverse[z] * y_inverse[y]
                    to, first = image * n + at, 5 * image * n + at
                    _finish_row(
                        cc, to, moments, first, n, eps[image], flat, rows, sums, spare, x_inverse, inverse, nx, segment
                    )


@compiled
def _add_pulls(columns, to, grad, g, moments, first, n, swapped, both, sign, nx, segment):
    """A row of windows enters (`sign` 1) or leaves (-1) the sums, at `to`, that make the gradients of its voxels.

    With p, A and B of `ops.lcc` times the gradient of the window these are p, A and p mean_b + A mean_a for the
    gradient by a, and for `both` images B and p mean_a + B mean_b as well. With `swapped` a is the second image.
    """
    p_sum, a_sum, a_shift, b_sum, b_shift = segments(to, segment)
    a_mean, b_mean, p, a_pull, b_pull = segments(first, n)
    if swapped:
        a_mean, b_mean, a_pull, b_pull = b_mean, a_mean, b_pull, a_pull
    g, nx = Offset(g), Offset(nx)
    for x in range(nx):
        columns[p_sum + x] += sign * grad[g + x] * moments[p + x]
    for x in range(nx):
        columns[a_sum + x] += sign * grad[g + x] * moments[a_pull + x]
    for x in range(nx):
        pull = sign * grad[g + x]
        columns[a_shift + x] += pull * moments[p + x] * moments[b_mean + x]
        columns[a_shift + x] += pull * moments[a_pull + x] * moments[a_mean + x]
    if both:
        for x in range(nx):
            columns[b_sum + x] += sign * grad[g + x] * moments[b_pull + x]
        for x in range(nx):
            pull = sign * grad[g + x]
            columns[b_shift + x] += pull * moments[p + x] * moments[a_mean + x]
            columns[b_shift + x] += pull * moments[b_pull + x] * moments[b_mean + x]


@compiled
def _add_slopes(slopes, grad, g, moments, p, x_inverse, inverse, nx):
    """Add a row of the gradient by eps, -grad s²."""
    g, p = Offset(g), Offset(p)
    for x in range(Offset(nx)):
        s = moments[p + x] / (2.0 * x_inverse[x] * inverse)
        slopes[x] -= grad[g + x] * s * s


@compiled
def _finish_pull(by_a, at, a, b, rows, p_sum, a_sum, a_shift, nx):
    """A row of the gradient by a from the window sums."""
    at = Offset(at)
    for x in range(Offset(nx)):
        by_a[at + x] = rows[p_sum + x] * b[at + x] + rows[a_sum + x] * a[at + x] - rows[a_shift + x]


@compiled
def _pull(by_a, by_b, by_eps, grad, a, b, moments, swapped, space, window, start, stop):
    """Gradients in the tiles start to stop: by a, by b unless that is empty, and by eps, a sum for each tile."""
    nz, ny, nx = space
    reach, both = radii(space, window), len(by_b) > 0
    rz, ry, rx = reach
    row, columns, rows = buffers(space, reach, 5 if both else 3)
    segment, n = nx + rx, nz * ny * nx
    z_inverse, y_inverse, x_inverse = inverse_counts(nz, rz), inverse_counts(ny, ry), inverse_counts(nx, rx)
    slopes = np.empty(nx)
    for tile in range(start, stop):
        image, z0, z1, y0, y1 = tile_bounds(tile, space)
        z_first, y_first, y_last = max(z0 - rz, 0), max(y0 - ry, 0), min(y1 + ry, ny)
        clear(columns, (y_last - y_first) * row)
        clear(slopes, nx)
        for entering in range(z_first, z1 + rz):
            z, leaving = entering - rz, entering - 2 * rz - 1
            for y in range(y_first, y_last):
                for moving, sign in ((entering, 1.0), (leaving, -1.0)):
                    if z_first <= moving < nz:
                        to, at = (y - y_first) * row, (moving * ny + y) * nx
                        g, first = image * n + at, 5 * image * n + at
                        _add_pulls(columns, to, grad, g, moments, first, n, swapped, both, sign, nx, segment)
            if z < z0:
                continue
            clear(rows, rx + row)
            for y in range(y_first - ry, y1):
                move_rows(rows, columns, y + ry - y_first, y_last - y_first, reach, row)
                if y >= y0:
                    p_sum, a_sum, a_shift, b_sum, b_shift = segments(sums_along_x(rows, row, rx)[0], segment)
                    at, inverse = (z * ny + y) * nx, z_inverse[z] * y_inverse[y]
                    to, p = image * n + at, (5 * image + 2) * n + at
                    _add_slopes(slopes, grad, to, moments, p, x_inverse, inverse, nx)
                    _finish_pull(by_a, to, a, b, rows, p_sum, a_sum, a_shift, nx)
                    if both:
                        _finish_pull(by_b, to, b, a, rows, p_sum, b_sum, b_shift, nx)
        by_eps[tile] = slopes.sum()


def _space(x: Tensor) -> tuple[int, int, int]:
    """Voxels along z, y and x; a plane is a single slice."""
    return (1, *x.shape[2:]) if x.ndim == 4 else tuple(x.shape[2:])


def local_cc(a: Tensor, b: Tensor, eps: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """The operator of `ops.lcc`: the squared correlation in each window of centred images, and the moments."""
    images, space = a.shape[0] * a.shape[1], _space(a)
    cc, moments = empty(a.shape, a), empty((len(a), 5 * a.shape[1], *a.shape[2:]), a)
    arrays = map(flat, (cc, moments, a, b, eps))
    spread(_correlate, tile_count(images, space), *arrays, FLAT, space, window)
    return cc, moments


def local_cc_backward(
    grad: Tensor, a: Tensor, b: Tensor, eps: Tensor, moments: Tensor, window: int, a_wanted: bool, b_wanted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `local_cc` by a, b and eps; an image's that is not wanted is empty."""
    images, space, swapped = a.shape[0] * a.shape[1], _space(a), not a_wanted
    if swapped:
        a, b = b, a
    tiles = tile_count(images, space)
    by_a, by_b = empty(a.shape, a), empty(b.shape if a_wanted and b_wanted else (0,), b)
    by_eps = np.empty(tiles)
    arrays = map(flat, (grad, a, b, moments))
    spread(_pull, tiles, flat(by_a), flat(by_b), by_eps, *arrays, swapped, space, window)
    by_eps = torch.from_numpy(by_eps.reshape(images, -1).sum(1)).to(eps.dtype).view(eps.shape)
    return (by_b, by_a, by_eps) if swapped else (by_a, by_b, by_eps)
