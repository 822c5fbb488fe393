"""What every launch needs: its device, its grid, and integers wide enough for its offsets."""

from collections.abc import Callable
from inspect import signature

import torch
import triton
import triton.language as tl

BLOCK = 128  # voxels a program works on at a time, one a thread
WARPS = BLOCK // 32
INT32 = 2**30  # elements up to which offsets, those of masked lanes included, fit into 32 bits


def kernel(function: Callable) -> Callable:
    """`function` as something to launch, compiled once for all sizes.

    Triton would compile it anew wherever 16 divides a size or an address, for wide loads that one voxel a thread has
    no use for.
    """
    run_time = [name for name, p in signature(function).parameters.items() if p.annotation is not tl.constexpr]
    return triton.jit(function, do_not_specialize_on_alignment=run_time)


def index_type(*tensors: torch.Tensor) -> tl.dtype:
    """The integer that offsets into the largest of the tensors are computed in; 64 bits cost some time."""
    return tl.int32 if max(x.numel() for x in tensors) < INT32 else tl.int64


def volume(x: torch.Tensor) -> tuple[int, int, int]:
    """Sizes (z, y, x) of (b, c, *space); an image in the plane is a volume of a single slice."""
    return (1, 1, *x.shape[2:])[-3:]


def launch(function: Callable, programs: int, *args, **constants) -> None:
    """Run `programs` copies of a `kernel` on the device of its first tensor, which need not be the current one."""
    if programs:
        with torch.cuda.device_of(args[0]):
            function[(programs,)](*args, **constants, BLOCK=BLOCK, num_warps=WARPS, enable_fp_fusion=True)


def blocks(elements: int) -> int:
    """Programs that cover so many elements."""
    return triton.cdiv(elements, BLOCK)
