"""How time is measured: calls that take turns in rounds, and the bandwidth of a copy."""

import gc
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

    As many rounds as fit into `seconds`, but at least `LEAST`. The first round says how often short calls are to be
    repeated in a sample; it counts if none is short. All calls have been warmed up before.
    """
    with _undisturbed():
        end, names = time.perf_counter() + seconds, list(calls)
        taken = {name: [_seconds(call, 1, device)] for name, call in calls.items()}
        sample = min(SAMPLE, seconds)
        repeats = {name: max(1, math.ceil(sample / first)) for name, (first,) in taken.items()}
        if max(repeats.values()) > 1:
            taken = {name: [] for name in calls}
        while (done := len(taken[names[0]])) < MOST and (done < LEAST or time.perf_counter() < end):
            first = done % len(names)
            for name in names[first:] + names[:first]:
                taken[name].append(_seconds(calls[name], repeats[name], device))
    return taken


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
