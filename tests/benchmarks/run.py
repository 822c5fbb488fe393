"""Kernels and a training step beside the peers, on this machine: `make bench`, or this file with other sizes.

It writes results.csv and run.json into --out, from which a page of the book makes its tables and plots.
"""

import argparse
import csv
import json
import math
import statistics
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import machine
import torch
from calls import difference, outcome, prepare
from libraries import LIBRARIES
from memory import peaks
from operations import GROWTH, OPERATIONS, WINDOWS, inputs
from timing import copy_bandwidth, interleave

from regthesis.book.press.provenance import commit
from regthesis.files import whole

ROOT = Path(__file__).resolve().parents[2]
AGREE = 5e-3  # relative; further apart two libraries do not compute the same
PEERS_UP_TO = 128**3  # voxels of the cubes; on larger ones only ours is measured, for its slope
COLUMNS = (
    "part", "operation", "library", "size", "voxels", "direction", "rounds", "ms", "ms_low", "ms_high", "ratio",
    "memory_mb", "floor_bytes", "difference",
)  # fmt: skip


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the record")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", nargs="*", default=["128x128", "128x128x32", "160x192x160"], help="x, y and z")
    parser.add_argument("--cubes", nargs="*", type=int, default=[64, 96, 128, 160, 192], help="sides, for the slope")
    parser.add_argument("--window-size", default="128x128x32", help="where the windows of LCC are compared")
    parser.add_argument("--seconds", type=float, default=1.5, help="of rounds in a cell, or three rounds")
    parser.add_argument("--libraries", nargs="*", default=list(LIBRARIES), choices=list(LIBRARIES))
    parser.add_argument("--operations", nargs="*", default=None, help="names of some, instead of all")
    parser.add_argument("--without-memory", action="store_true")
    return parser.parse_args(words)


def plan(wanted: argparse.Namespace) -> list[tuple]:
    """(part, operation, shape) of every cell, shapes in array order."""
    cells = [("sizes", o, size) for size in wanted.sizes for o in OPERATIONS]
    cells += [("cubes", o, f"{n}x{n}x{n}") for n in wanted.cubes for o in GROWTH]
    cells += [("windows", o, wanted.window_size) for o in WINDOWS if wanted.window_size]
    chosen = [cell for cell in cells if wanted.operations is None or cell[1].name in wanted.operations]
    return [(part, o, shape_of(size)) for part, o, size in chosen]


def shape_of(size: str) -> tuple[int, ...]:
    """128x128x32 is (32, 128, 128) in array order."""
    return tuple(int(n) for n in reversed(size.split("x")))


def text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, reversed(shape)))


def present(names: list[str], device: str) -> tuple[list[str], dict[str, str]]:
    """Libraries that can be imported, and why the others cannot."""
    there, absent = [], {}
    for name in names:
        try:
            LIBRARIES[name]((32, 32), device)
            there.append(name)
        except ImportError as error:
            absent[name] = f"not installed ({error})"
    return there, absent


def measure(part, operation, shape, direction, names, wanted) -> list[dict]:
    """One cell: a row a library, with times from rounds in which all of them take turns."""
    tensors = inputs(operation, shape, wanted.device)
    if part == "cubes" and math.prod(shape) > PEERS_UP_TO:
        names = ["regthesis"]
    made = {name: LIBRARIES[name](shape, wanted.device) for name in names}
    calls = {name: prepare(operation, library, tensors, direction) for name, library in made.items()}
    calls = {name: call for name, call in calls.items() if call}
    if "regthesis" not in calls:
        return []
    ours = outcome(operation, made["regthesis"], calls["regthesis"], direction)
    differences = {}
    for name, call in calls.items():
        try:
            theirs = ours if name == "regthesis" else outcome(operation, made[name], call, direction)
            differences[name] = difference(operation, ours, theirs)
        except RuntimeError as error:  # a size that a network does not fit, too little memory
            print(f"  {name} cannot: {str(error).splitlines()[0]}")
    taken = interleave({name: calls[name] for name in differences}, wanted.seconds, wanted.device)
    voxels = math.prod(shape)
    floor = operation.floor(len(shape))[direction != "forward"] * voxels if operation.floor else None
    common = {"part": part, "operation": operation.name, "size": text(shape), "voxels": voxels, "direction": direction}
    return [
        common
        | {
            "library": name,
            "rounds": len(seconds),
            "ms": 1e3 * statistics.median(seconds),
            "ms_low": 1e3 * min(seconds),
            "ms_high": 1e3 * max(seconds),
            "ratio": statistics.median(b / a for a, b in zip(taken["regthesis"], seconds, strict=True)),
            "floor_bytes": floor,
            "difference": differences[name],
        }
        for name, seconds in taken.items()
    ]


def main(words: list[str] | None = None) -> int:
    wanted = parse(words)
    if wanted.device == "cuda" and not torch.cuda.is_available():
        print("cuda: not measured, no such device is at hand")
        return 0
    torch.set_num_threads(wanted.threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 throughout
    warnings.simplefilter("ignore")
    start, rows, copies = time.perf_counter(), [], [copy_bandwidth(wanted.device)]
    names, absent = present(wanted.libraries, wanted.device)
    for part, operation, shape in plan(wanted):
        directions = operation.directions if part == "sizes" else operation.directions[-1:]
        for direction in directions:
            cell = measure(part, operation, shape, direction, names, wanted)
            rows += cell
            told = ", ".join(f"{row['library']} {row['ms']:.2f} ms" for row in cell) or "not offered"
            print(f"{operation.name}, {text(shape)}, {direction}: {told}", flush=True)
            for row in cell:
                if (row["difference"] or 0) > AGREE:
                    print(f"  {row['library']} computes something else: it differs by {row['difference']:.2g}")
        copies.append(copy_bandwidth(wanted.device))
    timed = time.perf_counter() - start
    if not wanted.without_memory:
        sizes = [row for row in rows if row["part"] == "sizes"]
        cells = [(row["operation"], row["library"], shape_of(row["size"]), row["direction"]) for row in sizes]
        for row, megabytes in zip(sizes, peaks(cells, wanted.device, wanted.threads), strict=True):
            row["memory_mb"] = megabytes
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(ROOT),
        "device": wanted.device,
        "threads": wanted.threads,
        "machine": machine.machine(wanted.device),
        "versions": machine.versions(["torch", *(package for name in names for package in LIBRARIES[name].packages)]),
        "absent": absent,
        "copy GB/s": round(statistics.median(copies), 2),
        "seconds": {"times": round(timed), "memory": round(time.perf_counter() - start - timed)},
        "command": "python tests/benchmarks/run.py " + " ".join(_shown(words)),
    }
    write(wanted.out, rows, about)
    return 0


def _shown(words: list[str] | None) -> list[str]:
    """The arguments, the folder of the record left out: a path says who ran it."""
    words = list(sys.argv[1:] if words is None else words)
    at = words.index("--out")
    return words[:at] + words[at + 2 :]


def write(out: Path, rows: list[dict], about: dict) -> None:
    """The record: both files whole."""
    with whole(out / "results.csv") as path, path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    with whole(out / "run.json") as path:
        path.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
