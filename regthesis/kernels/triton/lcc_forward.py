"""Local correlation: sums over the window along z and x, then along y, then the value and what backward needs.

The sums are float64: float32 would lose small variances beside large means, and keep the rounding of a bright edge as
the variance of what lies behind it.
"""

import triton
import triton.language as tl

from regthesis.kernels.triton.launch import kernel
from regthesis.kernels.triton.sliding import extent, five


@triton.jit
def _row_sums(a, b, i, x, there, nx, radius):
    """a, b, a², b² and ab summed over the window along x round the voxels with offsets i."""
    zero = tl.zeros_like(x).to(tl.float64)
    sum_a, sum_b, sum_aa, sum_bb, sum_ab = zero, zero, zero, zero, zero
    for tap in range(-radius, radius + 1):
        mask = there & (x + tap >= 0) & (x + tap < nx)
        p = tl.load(a + i + tap, mask=mask, other=0.0).to(tl.float64)
        q = tl.load(b + i + tap, mask=mask, other=0.0).to(tl.float64)
        sum_a += p
        sum_b += q
        sum_aa += p * p
        sum_bb += q * q
        sum_ab += p * q
    return sum_a, sum_b, sum_aa, sum_bb, sum_ab


@triton.jit
def _move(totals, sign: tl.constexpr, five_sums):
    """The sums after five others enter (`sign` 1) or leave (-1)."""
    return (
        totals[0] + sign * five_sums[0],
        totals[1] + sign * five_sums[1],
        totals[2] + sign * five_sums[2],
        totals[3] + sign * five_sums[3],
        totals[4] + sign * five_sums[4],
    )


@kernel
def sums_zx(a, b, sums, first, planes, nz, ny, nx, radius_z, radius_x, strip, INDEX: tl.constexpr, BLOCK: tl.constexpr):
    """Sums over z and x on the slab of `planes` planes from `first` on, image by image: (images, 5, planes, ny, nx)."""
    plane = tl.full((), 1, INDEX) * ny * nx
    lanes = tl.cdiv(plane, BLOCK)
    strips = tl.cdiv(planes, strip)
    program = tl.program_id(0).to(INDEX)
    image = program // (lanes * strips)
    i = program % lanes * BLOCK + tl.arange(0, BLOCK)
    here = i < plane
    x = i % nx
    a += image * nz * plane
    b += image * nz * plane
    sums += image * 5 * planes * plane
    start = program // lanes % strips * strip + first
    zero = tl.zeros([BLOCK], tl.float64)
    totals = (zero, zero, zero, zero, zero)
    begin = tl.maximum(start - radius_z, 0)
    for z in range(begin, tl.minimum(start + radius_z, nz)):
        totals = _move(totals, 1, _row_sums(a, b, z * plane + i, x, here, nx, radius_x))
    for z in range(start, tl.minimum(start + strip, first + planes)):
        leaving = (z - radius_z - 1) * plane + i
        there = here & (leaving >= begin * plane)
        totals = _move(totals, -1, _row_sums(a, b, leaving, x, there, nx, radius_x))
        entering = (z + radius_z) * plane + i
        there = here & (entering < nz * plane)
        totals = _move(totals, 1, _row_sums(a, b, entering, x, there, nx, radius_x))
        for m in tl.static_range(5):
            tl.store(sums + (m * planes + z - first) * plane + i, totals[m], mask=here)


@kernel
def correlate(
    sums, eps, cc, moments, flat, first, planes, nz, ny, nx, radius_z, radius_y, radius_x, strip,
    INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sums over y, then cross² / (variance_a variance_b + eps) and the five moments of `ops.lcc`."""
    plane = tl.full((), 1, INDEX) * ny * nx
    lanes = tl.cdiv(planes * nx, BLOCK)
    strips = tl.cdiv(ny, strip)
    program = tl.program_id(0).to(INDEX)
    image = program // (lanes * strips)
    i = program % lanes * BLOCK + tl.arange(0, BLOCK)
    here = i < planes * nx
    z, x = i // nx, i % nx
    step = planes * plane
    sums += image * 5 * step + z * plane
    voxel = (first + z) * plane + x
    cc += image * nz * plane + voxel
    moments += image * 5 * nz * plane + voxel
    count_zx = extent(first + z, radius_z, nz) * extent(x, radius_x, nx)
    added = tl.load(eps + image).to(tl.float64)
    start = program // lanes % strips * strip
    zero = tl.zeros([BLOCK], tl.float64)
    totals = (zero, zero, zero, zero, zero)
    begin = tl.maximum(start - radius_y, 0)
    for y in range(begin, tl.minimum(start + radius_y, ny)):
        totals = _move(totals, 1, five(sums + y * nx + x, step, here))
    for y in range(start, tl.minimum(start + strip, ny)):
        leaving = (y - radius_y - 1) * nx + x
        totals = _move(totals, -1, five(sums + leaving, step, here & (leaving >= begin * nx)))
        entering = (y + radius_y) * nx + x
        totals = _move(totals, 1, five(sums + entering, step, here & (entering < plane)))
        count = (count_zx * extent(y, radius_y, ny)).to(tl.float64)
        mean_a = totals[0] / count
        mean_b = totals[1] / count
        power_a = totals[2] / count
        power_b = totals[3] / count
        variance_a = tl.maximum(power_a - mean_a * mean_a, 0.0)
        variance_b = tl.maximum(power_b - mean_b * mean_b, 0.0)
        none = (variance_a <= flat * power_a) | (variance_b <= flat * power_b)
        cross = tl.where(none, 0.0, totals[4] / count - mean_a * mean_b)
        scale = cross / (variance_a * variance_b + added)
        tl.store(cc + y * nx, cross * scale, mask=here)
        row = moments + y * nx
        factor = 2 * scale / count
        tl.store(row, mean_a, mask=here)
        tl.store(row + nz * plane, mean_b, mask=here)
        tl.store(row + 2 * nz * plane, factor, mask=here)
        tl.store(row + 3 * nz * plane, -factor * (scale * variance_b), mask=here)
        tl.store(row + 4 * nz * plane, -factor * (scale * variance_a), mask=here)
