"""A small study for `test_growing.py` to kill, and to run twice: `studied.py {once,killed} OUT METHODS [SEED]`."""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from regthesis import evaluate, kernels, methods
from regthesis.case import Case
from regthesis.geometry import Grid

GRID = Grid((4, 12, 14), (3.0, 1.5, 1.5))
DEMONS = replace(methods.get("demons"), levels=(3.0, 1.5), iterations=(3, 2), window=3)
METHODS = {"identity": methods.get("identity"), "demons": DEMONS}
KILLS = 10


def hearts(count=6):
    """Blobs with a structure, each another."""
    draw = torch.Generator().manual_seed(0)
    for number in range(count):
        images = kernels.zscore(kernels.smooth(torch.randn(2, 1, *GRID.shape, generator=draw), 1.5))
        masks = {frame: (images[frame : frame + 1] > 0.5).long() for frame in (0, 1)}
        yield Case(f"patient{number}", images, GRID, masks, "NOR")


def study(out, names):
    return evaluate.study(list(hearts()), [METHODS[name] for name in names.split(",")], Path(out))


def killed(out, names, seed):
    """The study in child processes, each killed in the middle of its work, then once to its end; says how many were."""
    draw, hits = random.Random(seed), 0
    start = time.perf_counter()
    os.waitpid(_child(f"{out}.timed", names), 0)
    whole = time.perf_counter() - start
    for _ in range(KILLS):
        child = _child(out, names)
        time.sleep(draw.uniform(0, whole / 6))
        os.kill(child, signal.SIGKILL)
        hits += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    study(out, names)
    print(hits)


def _child(out, names):
    if child := os.fork():
        return child
    try:
        study(out, names)
    finally:
        os._exit(0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    how, out, names, *seed = sys.argv[1:]
    killed(out, names, int(seed[0])) if how == "killed" else study(out, names)
