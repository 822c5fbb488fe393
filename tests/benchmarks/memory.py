"""How peak memory is measured: one call in a process of its own."""

import ctypes
import gc
import math
import multiprocessing
import re
from pathlib import Path

import torch
from calls import prepare
from libraries import LIBRARIES
from operations import OPERATIONS, inputs


def peaks(cells: list[tuple[str, str, tuple[int, ...], str]], device: str, threads: int) -> list[float]:
    """`peak` of each (operation, library, shape, direction), each in a process forked after the imports."""
    context = multiprocessing.get_context("forkserver")
    names = dict.fromkeys(library for _, library, _, _ in cells)
    context.set_forkserver_preload([module for name in names for module in LIBRARIES[name].modules])
    with context.Pool(1, maxtasksperchild=1) as pool:
        return [pool.apply(peak, (*cell, device, threads)) for cell in cells]


def peak(operation: str, library: str, shape: tuple[int, ...], direction: str, device: str, threads: int) -> float:
    """MB that one call adds to what the process holds when everything is imported and the inputs are there.

    On the CPU that is resident memory, after a call at a small size that compiles and caches what a first call does;
    NaN on systems without Linux's /proc. On a GPU it is what torch's allocator hands out.
    """
    torch.set_num_threads(threads)
    (operation,) = [known for known in OPERATIONS if known.name == operation]
    _prepared(operation, library, (32,) * len(shape), direction, device)()
    call = _prepared(operation, library, shape, direction, device)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    if not Path("/proc/self/clear_refs").exists():
        return math.nan
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls have freed goes back to the system
    Path("/proc/self/clear_refs").write_text("5")  # the highest resident memory becomes what is resident now
    before = _highest()
    call()
    return _highest() - before


def _highest() -> float:
    """This process's highest resident memory in MB."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def _prepared(operation, library, shape, direction, device):
    return prepare(operation, LIBRARIES[library](shape, device), inputs(operation, shape, device), direction)
