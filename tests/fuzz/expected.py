"""What must hold of every call, whatever its inputs: a person is told in a line, and nothing is left half-written.

After exit code 2 the folder is as it was, or holds in addition what an earlier piece of work wrote whole: rows of a
`records.csv` with the `run.json` that describes them, patients of a phantom with their `phantom.json`, or executed
notebooks. After 0 the promised files are there, and all that is new can be read. A temporary sibling is never left,
nor is a lock without the file that it locks.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from pathlib import Path

import nibabel
import numpy as np
import safetensors
import yaml
from corpus import Call
from runner import Result

Tree = dict[str, str]


def tree(folder: Path) -> Tree:
    """Every path below a folder with what it is: a hash, where a link points, or that it is a folder."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            found[os.path.relpath(path, folder)] = _content(path)
    return found


def _content(path: str) -> str:
    if os.path.islink(path):
        return f"link {os.readlink(path)}"
    if os.path.isdir(path):
        return "folder"
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def faults(call: Call, before: Tree, result: Result, limit: float) -> list[str]:
    """What went wrong, a line each; nothing where all holds."""
    if result.code is None:
        return [f"nothing within {limit:g} s"]
    found = _ending(result)
    after = tree(call.folder)
    new = {name: kind for name, kind in after.items() if before.get(name) != kind}
    found += [f"gone: {name}" for name in before if name not in after]
    out = "" if call.out is None else os.path.relpath(call.out, call.folder)
    found += [f"written outside of the output folder: {name!r}" for name in new if not _is_below(name, out)]
    found += [f"left: {name!r}" for name in new if _is_scratch(name, after)]
    if result.code == 2:
        return found + [f"left after exit code 2: {name!r}" for name in _unfinished(call, before, new)]
    if result.code == 0:
        found += [
            f"promised, not there: {name}" for name in call.promised if os.path.normpath(f"{out}/{name}") not in after
        ]
        found += [f"{name!r}: {why}" for name in new if (why := _unreadable(call.folder / name))]
    return found


def _ending(result: Result) -> list[str]:
    """What is wrong with the exit code, and with what was said."""
    if result.code < 0:
        return [f"killed by signal {-result.code}"]
    if "Traceback (most recent call last)" in result.out + result.err:
        return [f"traceback: {_last_frame(result.out + result.err)}"]
    if result.code not in (0, 2):
        return [f"exit code {result.code}"]
    if result.code == 0 or re.search("^Error: ", result.err, re.MULTILINE):  # click's own
        return []
    lines = [line for line in result.err.split("\n") if line.strip()]  # libraries in C print here, past Python
    found = [f"a warning of Python: {line}" for line in lines if re.search(r"\.py:\d+: \w*Warning: ", line)]
    if "\nbroken: " in result.out:  # the list of faults is what `data check` is asked for
        return found
    own = [line for line in lines if line.startswith("regthesis: ") and not line.startswith("regthesis: warning: ")]
    if not own or lines[-1] != own[-1]:
        found.append(f"exit code 2, and the last line is no `regthesis: ...`: {lines[-1:]}")
    return found + [f"more than one line of error: {own}"] * (len(own) > 1)


def _last_frame(text: str) -> str:
    """The last function of the package in a traceback, and the error."""
    frames = re.findall(r'File "[^"]*/(regthesis/[^"]*)", line (\d+), in (\S+)', text)
    where = "{}:{} {}".format(*frames[-1]) if frames else "outside of the package"
    error = [
        line
        for line in text.strip().splitlines()
        if re.match(r"[\w.]+(Error|Exception|Warning|Exit|Interrupt)\b", line)
    ]
    return f"{where}: {error[-1][:200] if error else text.strip().splitlines()[-1][:200]}"


def _is_below(name: str, out: str) -> bool:
    """Whether a path is the output folder, in it, or one of the folders that had to be made for it."""
    return bool(out) and (out == "." or name == out or name.startswith(f"{out}/") or out.startswith(f"{name}/"))


def _is_scratch(name: str, after: Tree) -> bool:
    """A hidden file is scratch, except the empty lock of a file that is there, and what marks built pages."""
    folder, last = os.path.split(name)
    if os.path.basename(folder) == "html" and last in (".buildinfo", ".stage"):
        return False
    if last.endswith(".lock"):
        return os.path.join(folder, last[1:-5]) not in after
    return last.startswith(".") or last.endswith((".tmp", "~"))


def _unfinished(call: Call, before: Tree, new: Tree) -> list[str]:
    """What a refused call may not have left."""
    allowed = set()
    rows = {name for name in new if name.endswith("records.csv") and not _unreadable(call.folder / name)}
    patients = {name for name in new if re.search(r"patient\d+$", name) and f"{name}/Info.cfg" in new}
    for name in rows:
        allowed |= {os.path.join(os.path.dirname(name), other) for other in ("records.csv", "run.json")}
    for name in patients:
        allowed |= {other for other in new if other.startswith(name)} | {
            os.path.join(os.path.dirname(name), "phantom.json")
        }
    allowed |= {name for name in new if name.endswith(".ipynb") and not _unreadable(call.folder / name)}
    folders = {os.path.dirname(name) for name in allowed}
    allowed |= {
        name for name in new if name.endswith(".lock") or any(f"{it}/".startswith(f"{name}/") for it in folders)
    }
    return [name for name in new if name not in allowed and not _is_scratch(name, before | new)]


def _unreadable(path: Path) -> str | None:
    """Why a file cannot be read as what its suffix says."""
    reader = READERS.get("".join(path.suffixes[-2:])) or READERS.get(path.suffix)
    if reader is None or not path.is_file():
        return None
    try:
        return None if reader(path) else "holds nothing, or no finite numbers"
    except Exception as error:  # whatever a reader raises is the answer
        return f"cannot be read: {type(error).__name__}: {error}"


def _rows(path: Path) -> bool:
    with path.open(newline="") as file:
        rows = list(csv.reader(file, strict=True))
    return len(rows) > 1 and len({len(row) for row in rows}) == 1 and path.read_bytes().endswith(b"\n")


def _tensors(path: Path) -> bool:
    with safetensors.safe_open(path, "np") as file:
        return all(np.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118 (it has no __iter__)


READERS = {
    ".nii.gz": lambda path: np.isfinite(nibabel.load(path).get_fdata()).all(),
    ".csv": _rows,
    ".json": lambda path: bool(json.loads(path.read_text())),
    ".ipynb": lambda path: bool(json.loads(path.read_text())["cells"]),
    ".cfg": lambda path: "ED" in yaml.safe_load(path.read_text()),
    ".safetensors": _tensors,
}
