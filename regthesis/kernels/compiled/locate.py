"""A row of samples: where its voxels look, what they find there, and both ways back.

Images and fields are (channel, z, y, x); one in the plane is a volume of a single slice whose field has two
components. A row is one line along x, number z ny + y of its volume, and a channel of an image is read flat.
The lower corner of each sample and the fractions beyond it are found for a whole row at once, in vector
instructions; only the reading and writing of the corners goes voxel by voxel.
"""

import numpy as np

from regthesis.kernels.compiled.threads import Offset, compiled


@compiled
def row_buffers(u):
    """Memory for what `locate` finds for a row of a field u (d, z, y, x): corner, beyond and inside."""
    nx = u.shape[-1]
    return np.empty(nx, np.int32), np.empty((3, nx), u.dtype), np.empty((3, nx), u.dtype)


@compiled
def strides(shape):
    """Offsets to the next slice, row and voxel; 0 along an axis of one voxel, which has no next."""
    nz, ny, nx = shape
    return Offset(ny * nx if nz > 1 else 0), Offset(nx if ny > 1 else 0), Offset(1 if nx > 1 else 0)


@compiled
def _locate_along(u, first, step, n, stride, corner, beyond, inside):
    """Along one axis, where voxel x of the row stands at `first` + x `step`. The fraction is that of u alone, which
    has digits to spare that the position, far from the origin, has not.
    """
    real = u.dtype.type
    zero, one, furthest, last = real(0), real(1), real(n), np.int32(n - 1)
    for x in range(len(u)):
        far = u[x] if u[x] == u[x] else zero  # NaN looks at its own voxel
        far = far if far > -furthest else -furthest
        far = far if far < furthest else furthest
        whole = np.floor(far)
        lower, part = np.int32(first + step * x) + np.int32(whole), far - whole
        free = lower < last and (lower > 0 or (lower == 0 and part > zero))
        part = part if free else (zero if lower < last else one)
        lower = min(max(lower, np.int32(0)), max(last - np.int32(1), np.int32(0)))
        beyond[x] = part if n > 1 else zero
        inside[x] = one if free else zero
        corner[x] += lower * np.int32(stride)


@compiled
def locate(u, z, y, corner, beyond, inside):
    """Samples of row (z, y) of a field u (d, z, y, x): flat offset of the lower `corner` (x), fractions `beyond` it
    and whether they are `inside` the grid, 1 or 0, both (3, x). A clamped coordinate does not move with u.
    """
    d, nz, ny, nx = u.shape
    corner[:] = 0
    if d == 3:
        _locate_along(u[0, z, y], z, 0, nz, ny * nx, corner, beyond[0], inside[0])
    else:
        beyond[0] = 0
        inside[0] = 0
    _locate_along(u[d - 2, z, y], y, 0, ny, nx, corner, beyond[1], inside[1])
    _locate_along(u[d - 1, z, y], 0, 1, nx, 1, corner, beyond[2], inside[2])


@compiled
def _value(image, i, sy, sx, fy, fx):
    """Bilinear interpolation in one slice, from the corner i."""
    near = image[i] + fx * (image[i + sx] - image[i])
    far = image[i + sy] + fx * (image[i + sy + sx] - image[i + sy])
    return near + fy * (far - near)


@compiled
def add_samples(out, image, corner, beyond, steps):
    """Add to the row `out` (x) what linear interpolation of the flat `image` finds."""
    sz, sy, sx = steps
    if sz == 0:
        for x in range(len(out)):
            k = Offset(x)
            out[k] += _value(image, Offset(corner[k]), sy, sx, beyond[1, k], beyond[2, k])
    else:
        for x in range(len(out)):
            k = Offset(x)
            near = _value(image, Offset(corner[k]), sy, sx, beyond[1, k], beyond[2, k])
            far = _value(image, Offset(corner[k]) + sz, sy, sx, beyond[1, k], beyond[2, k])
            out[k] += near + beyond[0, k] * (far - near)


@compiled
def _value_and_slopes(image, i, sy, sx, fy, fx):
    """Bilinear interpolation in one slice, and its derivatives along y and x."""
    near_x, far_x = image[i + sx] - image[i], image[i + sy + sx] - image[i + sy]
    near, far = image[i] + fx * near_x, image[i + sy] + fx * far_x
    return near + fy * (far - near), far - near, near_x + fy * (far_x - near_x)


@compiled
def add_slopes(out, grad, image, corner, beyond, inside, steps):
    """Add to the rows `out` (3, x) the gradient by the field: `grad` (x) times the slopes of the flat `image`."""
    sz, sy, sx = steps
    for x in range(len(grad)):
        k = Offset(x)
        i, fz, fy, fx = Offset(corner[k]), beyond[0, k], beyond[1, k], beyond[2, k]
        here, y_slope, x_slope = _value_and_slopes(image, i, sy, sx, fy, fx)
        if sz != 0:
            there, y_there, x_there = _value_and_slopes(image, i + sz, sy, sx, fy, fx)
            y_slope += fz * (y_there - y_slope)
            x_slope += fz * (x_there - x_slope)
            out[0, k] += inside[0, k] * grad[k] * (there - here)
        out[1, k] += inside[1, k] * grad[k] * y_slope
        out[2, k] += inside[2, k] * grad[k] * x_slope


@compiled
def _scatter_line(out, i, sx, fx, g, first, last):
    if first <= i < last:
        out[i] += g - fx * g
        out[i + sx] += fx * g


@compiled
def scatter(out, grad, corner, beyond, steps, first, last):
    """Transpose of `add_samples`: add the row `grad` (x) to the corners of its samples in the flat `out`.

    Only offsets in [first, last) are written. Each thread has a range of its own, so that no two write one voxel.
    """
    sz, sy, sx = steps
    for x in range(len(grad)):
        k = Offset(x)
        i, fz, fy, fx = Offset(corner[k]), beyond[0, k], beyond[1, k], beyond[2, k]
        there = fz * grad[k]
        here = grad[k] - there
        _scatter_line(out, i, sx, fx, here - fy * here, first, last)
        _scatter_line(out, i + sy, sx, fx, fy * here, first, last)
        if sz != 0:
            _scatter_line(out, i + sz, sx, fx, there - fy * there, first, last)
            _scatter_line(out, i + sz + sy, sx, fx, fy * there, first, last)
