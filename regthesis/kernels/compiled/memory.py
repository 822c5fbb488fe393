"""What compiled kernels write into and read from. Memory for results is used again once a result is freed.

The C library hands large blocks out afresh at every call, and to touch memory for the first time takes the system
longer than these kernels take to fill it.
"""

import math
import weakref

import numpy as np
import torch
from torch import Tensor

LARGE = 2**17  # bytes; smaller blocks the C library keeps by itself
IDLE = 2**29  # bytes that may lie idle

_idle: dict[int, np.ndarray] = {}  # by identity, the longest idle first; each operation on it is atomic


def _keep(block: np.ndarray) -> None:
    _idle[id(block)] = block
    blocks = list(_idle.items())
    excess = sum(block.nbytes for _, block in blocks) - IDLE
    for key, block in blocks:
        if excess > 0 and _idle.pop(key, None) is not None:
            excess -= block.nbytes


def _take(size: int) -> np.ndarray:
    for key, block in reversed(list(_idle.items())):
        if block.nbytes == size and _idle.pop(key, None) is not None:
            return block
    return np.empty(size, np.uint8)


def empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """An uninitialised tensor with the dtype of `like`."""
    size = math.prod(shape) * like.element_size()
    if size < LARGE:
        return like.new_empty(shape)
    block = _take(size)
    array = block.view(like.detach().numpy().dtype).reshape(tuple(shape))
    weakref.finalize(array, _keep, block).atexit = False
    return torch.from_numpy(array)


def flat(x: Tensor) -> np.ndarray:
    """The memory of x, voxel by voxel; of a copy where x is strided."""
    x = x.detach()
    return (x if x.is_contiguous() else empty(x.shape, x).copy_(x)).numpy().reshape(-1)
