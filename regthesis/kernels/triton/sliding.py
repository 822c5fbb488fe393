"""Five sums that slide along an axis together: what enters the window is added, what leaves it is subtracted.

In float32 each is a total and what rounding took from it (Neumaier 1974): else a strong pull that has left the window
would leave its rounding behind.
"""

import triton
import triton.language as tl


@triton.jit
def _add_one(total, lost, change):
    after = total + change
    gained = after - total
    return after, lost + ((total - (after - gained)) + (change - gained))


@triton.jit
def add(totals, lost, changes):
    """Totals and losses after five changes."""
    total_0, lost_0 = _add_one(totals[0], lost[0], changes[0])
    total_1, lost_1 = _add_one(totals[1], lost[1], changes[1])
    total_2, lost_2 = _add_one(totals[2], lost[2], changes[2])
    total_3, lost_3 = _add_one(totals[3], lost[3], changes[3])
    total_4, lost_4 = _add_one(totals[4], lost[4], changes[4])
    return (total_0, total_1, total_2, total_3, total_4), (lost_0, lost_1, lost_2, lost_3, lost_4)


@triton.jit
def subtract(totals, lost, changes):
    """Totals and losses after five changes are taken back."""
    return add(totals, lost, (-changes[0], -changes[1], -changes[2], -changes[3], -changes[4]))


@triton.jit
def extent(i, radius, n):
    """Voxels of an axis of n in the window round voxel i, clipped at its ends; one at least, to divide by."""
    return tl.maximum(tl.minimum(i + radius, n - 1) - tl.maximum(i - radius, 0) + 1, 1)


@triton.jit
def five(maps, step, there):
    """Values of five maps that lie `step` apart."""
    return (
        tl.load(maps, mask=there, other=0.0),
        tl.load(maps + step, mask=there, other=0.0),
        tl.load(maps + 2 * step, mask=there, other=0.0),
        tl.load(maps + 3 * step, mask=there, other=0.0),
        tl.load(maps + 4 * step, mask=there, other=0.0),
    )
