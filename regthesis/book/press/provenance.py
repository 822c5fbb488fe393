"""Where a figure or a table comes from, in one line under it: commit, data, profile, device, seconds."""

import html
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from regthesis.book.press.resume import data_hash
from regthesis.errors import UserError
from regthesis.files import read_json

__all__ = ["collect", "commit", "line", "machine", "processor", "recorded_line", "time_line"]


def commit(root: Path) -> str:
    """Short commit of the checkout `root`, with "+dirty" where tracked files differ, or "unknown" where it is none.

    Recorded runs do not count: what one run has left is no change of the code that makes the next. A folder inside
    somebody else's checkout, as an installed package may be, has not that checkout's commit.
    """
    try:
        if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != Path(root).resolve():
            return "unknown"
        short = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)data/recorded")
        return short + ("+dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def collect(root: Path, profile: str, parameters: dict[str, Any], folder: Path) -> dict[str, str]:
    """What holds for a whole run of a page; `folder` is where its relative paths start."""
    import torch

    data = parameters.get("data_root")
    return {
        "commit": commit(root),
        "data": data_hash(folder / data)[:8] if data else "none",
        "profile": profile,
        "device": _device(str(parameters.get("device", "cpu"))),
        "threads": str(torch.get_num_threads()),
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
    }


def machine() -> dict[str, str | int]:
    """The processor's model and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": processor(), "cores": cores}


def processor() -> str:
    """The processor's model."""
    path = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", path.read_text()) if path.is_file() else None
    return found[1] if found else platform.processor() or platform.machine()


def line(seconds: float, run: dict[str, str]) -> str:
    """One line of HTML from `collect`'s dictionary and the seconds that this result took."""
    return _line([*_facts(run), f"{seconds:.1f} s"])


def time_line(seconds: float, threads: str, machine: dict[str, str | int]) -> str:
    """One line of HTML on how long a page took, with how many threads, on what machine."""
    took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
    working, cores = _counted(threads, "thread"), _counted(machine["cores"], "core")
    processor = html.escape(str(machine["processor"]))
    return f'<p class="took">This page took {took} with {working}, on a machine with {cores} ({processor}).</p>'


def _counted(number: str | int, thing: str) -> str:
    return f"{number} {thing}" + ("" if str(number) == "1" else "s")


def recorded_line(folder: Path) -> str:
    """One line of HTML on a recorded run, from the `run.json` in its folder: its name, where from, and its command.

    A record of `make bench` says the date and the machine instead of data and profile.

    Raises:
        UserError: there is no such run, or it does not say its commit and command.
    """
    try:
        run = read_json(folder / "run.json")
        run = run | run.get("machine", {})
        command = f"<code>{html.escape(run['command'])}</code>"
        return _line([f"recorded run <code>{html.escape(folder.name)}</code>", *_facts(run), command])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{folder}: no recorded run with a run.json; mend the cell's tag") from None


FACTS = {
    "date": "{}",
    "commit": "commit <code>{}</code>",
    "data": "data <code>{}</code>",
    "profile": "profile {}",
    "processor": "{}",
    "gpu": "{}",
    "device": "{}",
    "threads": "{}",
    "dtype": "{}",
}


def _facts(run: dict) -> list[str]:
    """What a run says of itself, in the order of `FACTS`. Raises KeyError where it does not say its commit."""
    run = run | ({"threads": _counted(run["threads"], "thread")} if "threads" in run else {})
    return [
        shown.format(html.escape(str(run[name]))) for name, shown in FACTS.items() if name in run or name == "commit"
    ]


def _line(facts: list[str]) -> str:
    return f'<p class="provenance">{" · ".join(facts)}</p>'


def _device(name: str) -> str:
    import torch

    return torch.cuda.get_device_name(name) if name.startswith("cuda") and torch.cuda.is_available() else name


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()
