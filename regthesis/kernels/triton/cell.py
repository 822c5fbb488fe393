"""Where a displaced voxel looks: the cell of the grid round its position, and linear interpolation inside it.

Along each axis a cell is (lower, upper, fraction, inside): the two neighbours, the position between them in [0, 1],
and whether the position moves with u. Outside the grid it is clamped and does not, and so it is on the outermost
voxels, as in the border mode of torch's grid_sample.
"""

import triton
import triton.language as tl


@triton.jit
def field_voxels(nz, ny, nx, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """Number in the batch of a program's field, voxels of a volume, the program's among them, which of these exist."""
    voxels = tl.full((), 1, INDEX) * nz * ny * nx
    count = tl.cdiv(voxels, BLOCK)
    program = tl.program_id(0).to(INDEX)
    i = program % count * BLOCK + tl.arange(0, BLOCK)
    return program // count, voxels, i, i < voxels


@triton.jit
def _along(i, u, n):
    """Cell of the position i + u on an axis of n voxels.

    The fraction is taken from u alone, so that it is as exact far from the origin as near it. NaN looks at voxel 0
    with a fraction of NaN, which reaches the result; an infinite u looks at the border.
    """
    reach = tl.where(u > -n, u, -n)  # first, because NaN and huge values have no integer
    reach = tl.where(reach < n, reach, n)
    whole = tl.floor(reach)
    lower = i + whole.to(tl.int32)
    between = (lower >= 0) & (lower < n - 1)
    fraction = tl.where(between, reach - whole, 0.0)
    inside = between & ((lower > 0) | (fraction > 0))
    lower = tl.minimum(tl.maximum(lower, 0), n - 1)
    return lower, tl.minimum(lower + 1, n - 1), tl.where(u == u, fraction, u), inside


@triton.jit
def locate(u, scale, i, here, nz, ny, nx, D: tl.constexpr):
    """Cell of the voxels with flat numbers i under a field (d, z, y, x) that is multiplied by `scale`."""
    voxels = nz * ny * nx
    row = i // nx
    x = (i - row * nx).to(tl.int32)
    y = (row % ny).to(tl.int32)
    along_y = _along(y, scale * tl.load(u + (D - 2) * voxels + i, mask=here, other=0.0).to(tl.float32), ny)
    along_x = _along(x, scale * tl.load(u + (D - 1) * voxels + i, mask=here, other=0.0).to(tl.float32), nx)
    if D == 3:
        z = (row // ny).to(tl.int32)
        along_z = _along(z, scale * tl.load(u + i, mask=here, other=0.0).to(tl.float32), nz)
    else:
        along_z = _along(y * 0, along_y[2] * 0, nz)
    return along_z, along_y, along_x


@triton.jit
def _side(axis, upper: tl.constexpr):
    if upper:
        return axis[1], axis[2]
    return axis[0], 1 - axis[2]


@triton.jit
def corner(cell, k: tl.constexpr, ny, nx, INDEX: tl.constexpr):
    """Flat number of corner k = 4 z + 2 y + x of a cell, and its weights along z, y and x."""
    z, weight_z = _side(cell[0], k // 4 == 1)
    y, weight_y = _side(cell[1], k // 2 % 2 == 1)
    x, weight_x = _side(cell[2], k % 2 == 1)
    return (z.to(INDEX) * ny + y) * nx + x, weight_z, weight_y, weight_x


@triton.jit
def interpolate(image, cell, here, ny, nx, D: tl.constexpr, INDEX: tl.constexpr):
    """Value of one channel of an image at the positions of a cell."""
    value = tl.zeros_like(cell[2][2])
    for k in tl.static_range(2**D):
        offset, weight_z, weight_y, weight_x = corner(cell, k, ny, nx, INDEX)
        value += tl.load(image + offset, mask=here, other=0.0).to(tl.float32) * (weight_z * weight_y * weight_x)
    return value


@triton.jit
def slope(values, cell, k: tl.constexpr, weight_z, weight_y, weight_x):
    """What corner k with these values adds to the derivatives along z, y and x of the interpolated value."""
    along_z = values * (weight_y * weight_x)
    along_y = values * (weight_z * weight_x)
    along_x = values * (weight_z * weight_y)
    if k // 4 == 0:
        along_z = -along_z
    if k // 2 % 2 == 0:
        along_y = -along_y
    if k % 2 == 0:
        along_x = -along_x
    return (
        tl.where(cell[0][3], along_z, 0.0),
        tl.where(cell[1][3], along_y, 0.0),
        tl.where(cell[2][3], along_x, 0.0),
    )
