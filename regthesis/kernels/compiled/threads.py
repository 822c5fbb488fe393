"""Compiled functions on slabs of their output, one slab a thread."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import torch
from numba import njit

SMALL = 2**15  # elements of the output: below, handing work to a thread costs more than it saves


def stamp(folder: Path) -> str:
    """What changes with any source file in a folder."""
    return sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()


SOURCES = stamp(Path(__file__).parent)


def compiled(function: Callable) -> Callable:
    """`function` compiled, free of the interpreter lock, and kept on disk where that can be written.

    Products and sums may be contracted; nothing else is reordered, so that NaN, infinity and bits stay what they are.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        kept = njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it
        return njit(**options)(function)
    kept._cache._cache_file._source_stamp = SOURCES  # Numba would look at one file and miss what it calls in others
    return kept


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="regthesis")


if hasattr(os, "register_at_fork"):  # a forked process, such as a DataLoader's worker, inherits no threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(kernel: Callable, n: int, out, *args) -> None:
    """Call `kernel(out, *args, start, stop)` on `torch.get_num_threads()` slabs of [0, n).

    A pool of our own, because Numba's parallel loops end the process when their OpenMP has been forked, or when their
    work queue is entered twice. A small `out` (a NumPy array) is filled in the calling thread.
    """
    slabs = 1 if out.size < SMALL else min(torch.get_num_threads(), n)
    edges = [n * i // slabs for i in range(slabs + 1)]
    rest = [_pool().submit(kernel, out, *args, *edges[i : i + 2]) for i in range(1, slabs)]
    kernel(out, *args, *edges[:2])
    for slab in rest:
        slab.result()
