"""How time is measured: calls that take turns in rounds, and the bandwidth of a copy."""

import gc
import itertools
import math
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager

import torch

SAMPLE = 0.02  # seconds; a shorter call is repeated until a sample has lasted so long, or as long as the cell may
PAUSE = 0.01  # seconds between two samples: threads that spin while they wait for work fall asleep
LEAST, MOST = 3, 41  # rounds


def interleave(calls: dict[str, Callable], seconds: float, device: str) -> dict[str, list[float]]:
    """Seconds a call, by name: rounds in which every call has its turn, another one first in each.

    As many rounds as fit into `seconds`, but at least `LEAST`. A round before them says how often a short call is to
    be repeated, and is not counted.
    """
    with _undisturbed():
        sample = min(SAMPLE, seconds)
        repeats = {n: math.ceil(sample / max(_seconds(call, 1, device), 1e-6)) or 1 for n, call in calls.items()}
        names, taken, end = list(calls), {name: [] for name in calls}, time.perf_counter() + seconds
        for k in itertools.count():
            if k == MOST or (k >= LEAST and time.perf_counter() > end):
                return taken
            for name in names[k % len(names) :] + names[: k % len(names)]:
                taken[name].append(_seconds(calls[name], repeats[name], device))


def copy_bandwidth(device: str, megabytes: int = 256) -> float:
    """GB/s at which torch copies a large array, reading and writing counted: the median of nine."""
    source = torch.ones(megabytes << 18, device=device)
    target = torch.empty_like(source)
    taken = [_seconds(lambda: target.copy_(source), 1, device) for _ in range(12)][3:]  # the first warm up
    return 2 * source.nbytes / statistics.median(taken) / 1e9


def _seconds(call: Callable, repeats: int, device: str) -> float:
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    time.sleep(PAUSE)
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    wait()
    return (time.perf_counter() - start) / repeats


@contextmanager
def _undisturbed():
    """Without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
