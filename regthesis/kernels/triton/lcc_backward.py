"""Gradients of local correlation: the five maps by which a window pulls at its voxels, summed over the windows."""

import triton
import triton.language as tl

from regthesis.kernels.triton.launch import kernel
from regthesis.kernels.triton.sliding import add, extent, subtract


@triton.jit
def _pulls(grad, moments, i, step, there, count, A: tl.constexpr, B: tl.constexpr):
    """What the windows of one plane add to the gradients of their voxels, and the gradient by eps.

    With p, A and B of `ops.lcc` times the gradient of the window: p, A, B, p mean_b + A mean_a and p mean_a + B mean_b,
    zeros for an image whose gradient is not wanted.
    """
    g = tl.load(grad + i, mask=there, other=0.0).to(tl.float32)
    mean_a = tl.load(moments + i, mask=there, other=0.0)
    mean_b = tl.load(moments + step + i, mask=there, other=0.0)
    factor = tl.load(moments + 2 * step + i, mask=there, other=0.0)
    p = g * factor
    zero = tl.zeros_like(p)
    pull_a, pull_b, shift_a, shift_b = zero, zero, zero, zero
    if A:
        pull_a = g * tl.load(moments + 3 * step + i, mask=there, other=0.0)
        shift_a = p * mean_b + pull_a * mean_a
    if B:
        pull_b = g * tl.load(moments + 4 * step + i, mask=there, other=0.0)
        shift_b = p * mean_a + pull_b * mean_b
    scale = 0.5 * factor * count
    return (p, pull_a, pull_b, shift_a, shift_b), -g * scale * scale


@kernel
def pulls_zx(
    grad, moments, sums, grad_eps, first, planes, nz, ny, nx, radius_z, radius_y, radius_x, strip,
    A: tl.constexpr, B: tl.constexpr, ROWS: tl.constexpr, SEGMENT: tl.constexpr,
    INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sums over z of the pulls, as prefix sums along x restarted every SEGMENT; and parts of the gradient by eps."""
    plane = tl.full((), 1, INDEX) * ny * nx
    segments = tl.cdiv(nx, SEGMENT)
    lanes = segments * tl.cdiv(ny, ROWS)
    strips = tl.cdiv(planes, strip)
    program = tl.program_id(0).to(INDEX)
    image = program // (lanes * strips)
    x = program % segments * SEGMENT + tl.arange(0, SEGMENT)[None, :]
    y = program // segments % tl.cdiv(ny, ROWS) * ROWS + tl.arange(0, ROWS)[:, None]
    here = (y < ny) & (x < nx)
    i = y * nx + x
    step = nz * plane
    grad += image * step
    moments += image * 5 * step
    sums += image * 5 * planes * plane
    count_yx = extent(y, radius_y, ny) * extent(x, radius_x, nx)
    start = program // lanes % strips * strip + first
    stop = tl.minimum(start + strip, first + planes)
    zero = tl.zeros([ROWS, SEGMENT], tl.float32)
    totals, lost = (zero, zero, zero, zero, zero), (zero, zero, zero, zero, zero)
    by_eps = zero
    begin = tl.maximum(start - radius_z, 0)
    for z in range(begin, tl.minimum(start + radius_z, nz)):
        count = (count_yx * extent(z, radius_z, nz)).to(tl.float32)
        at = z * plane + i
        changes, part = _pulls(grad, moments, at, step, here, count, A, B)
        totals, lost = add(totals, lost, changes)
        by_eps += tl.where((at >= start * plane) & (at < stop * plane), part, 0.0)
    for z in range(start, stop):
        count = (count_yx * extent(z - radius_z - 1, radius_z, nz)).to(tl.float32)
        leaving = (z - radius_z - 1) * plane + i
        there = here & (leaving >= begin * plane)
        changes, part = _pulls(grad, moments, leaving, step, there, count, A, B)
        totals, lost = subtract(totals, lost, changes)
        count = (count_yx * extent(z + radius_z, radius_z, nz)).to(tl.float32)
        entering = (z + radius_z) * plane + i
        there = here & (entering < step)
        changes, part = _pulls(grad, moments, entering, step, there, count, A, B)
        totals, lost = add(totals, lost, changes)
        by_eps += tl.where(entering < stop * plane, part, 0.0)
        for m in tl.static_range(5):
            if m == 0 or (m % 2 == 1 and A) or (m % 2 == 0 and B):
                prefix = tl.cumsum(totals[m] + lost[m], 1)
                tl.store(sums + (m * planes + z - first) * plane + i, prefix, mask=here)
    tl.store(grad_eps + program, tl.sum(tl.sum(by_eps, 1), 0))


@triton.jit
def _difference(prefix, there, high, low, left, end, crossing):
    value = tl.load(prefix + high, mask=there, other=0.0) - tl.load(prefix + low, mask=left, other=0.0)
    return value + tl.load(prefix + end, mask=crossing, other=0.0)


@triton.jit
def _differences(sums, step, x, there, nx, radius, A: tl.constexpr, B: tl.constexpr, SEGMENT: tl.constexpr):
    """Five sums over the window along x out of prefix sums that restart every SEGMENT, which no window exceeds."""
    high = tl.minimum(x + radius, nx - 1)
    low = x - radius - 1
    end = (low // SEGMENT + 1) * SEGMENT - 1
    left = there & (low >= 0)
    crossing = left & (end < high)
    zero = tl.zeros_like(x).to(tl.float32)
    pull_a, pull_b, mean_a, mean_b = zero, zero, zero, zero
    if A:
        pull_a = _difference(sums + step, there, high, low, left, end, crossing)
        mean_a = _difference(sums + 3 * step, there, high, low, left, end, crossing)
    if B:
        pull_b = _difference(sums + 2 * step, there, high, low, left, end, crossing)
        mean_b = _difference(sums + 4 * step, there, high, low, left, end, crossing)
    return _difference(sums, there, high, low, left, end, crossing), pull_a, pull_b, mean_a, mean_b


@kernel
def gradients(
    sums, a, b, grad_a, grad_b, first, planes, nz, ny, nx, radius_y, radius_x, strip,
    A: tl.constexpr, B: tl.constexpr, SEGMENT: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sums of the pulls over x and y, applied to the images."""
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
    voxel = image * nz * plane + (first + z) * plane + x
    start = program // lanes % strips * strip
    zero = tl.zeros([BLOCK], tl.float32)
    totals, lost = (zero, zero, zero, zero, zero), (zero, zero, zero, zero, zero)
    begin = tl.maximum(start - radius_y, 0)
    for y in range(begin, tl.minimum(start + radius_y, ny)):
        totals, lost = add(totals, lost, _differences(sums + y * nx, step, x, here, nx, radius_x, A, B, SEGMENT))
    for y in range(start, tl.minimum(start + strip, ny)):
        leaving = (y - radius_y - 1) * nx
        there = here & (leaving + x >= begin * nx)
        changes = _differences(sums + leaving, step, x, there, nx, radius_x, A, B, SEGMENT)
        totals, lost = subtract(totals, lost, changes)
        entering = (y + radius_y) * nx
        there = here & (entering + x < plane)
        changes = _differences(sums + entering, step, x, there, nx, radius_x, A, B, SEGMENT)
        totals, lost = add(totals, lost, changes)
        p = tl.load(a + voxel + y * nx, mask=here, other=0.0).to(tl.float32)
        q = tl.load(b + voxel + y * nx, mask=here, other=0.0).to(tl.float32)
        cross = totals[0] + lost[0]
        if A:
            value = cross * q + (totals[1] + lost[1]) * p - (totals[3] + lost[3])
            tl.store(grad_a + voxel + y * nx, value, mask=here)
        if B:
            value = cross * p + (totals[2] + lost[2]) * q - (totals[4] + lost[4])
            tl.store(grad_b + voxel + y * nx, value, mask=here)
