"""Compiled functions on slabs of their output, one slab a thread."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numba import njit

Offset = np.uintp  # unsigned, for which Numba leaves out the wrap-around of negative indices
SMALL = 2**16  # elements of the output: below, handing work to a thread costs more than it saves


def stamp(folder: Path) -> str:
    """A hash of the source files in a folder."""
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


def spread(kernel: Callable, n: int, out, *args, pieces: int = 4) -> None:
    """Call `kernel(out, *args, start, stop)` on slabs of [0, n), in as many threads as `torch.get_num_threads()`.

    There are `pieces` slabs for each thread, and a thread that has finished one takes the next. With one slab each, a
    thread that shares its core (torch's own threads spin for a while after an operator) would hold up all others. Where
    `out`, a NumPy array, is small, the calling thread does all of it.

    The pool of threads is our own. Numba's parallel loops end the process where their OpenMP was forked, or where two
    threads enter their work queue.
    """
    threads = 1 if out.size < SMALL else min(torch.get_num_threads(), n)
    slabs = 1 if threads == 1 else min(threads * pieces, n)
    waiting = iter(
        [(n * i // slabs, n * (i + 1) // slabs) for i in range(slabs)]
    )  # one step of a list's iterator is atomic

    def work():
        for start, stop in waiting:
            kernel(out, *args, start, stop)

    helpers = [_pool().submit(work) for _ in range(threads - 1)]
    work()
    for helper in helpers:
        if not helper.cancel():
            helper.result()
