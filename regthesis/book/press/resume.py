"""What an executed page depends on, as hashes: if none has changed, the page need not run again."""

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from glob import escape
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

__all__ = ["data_hash", "files_hash", "inputs"]

TAIL = 1 << 16
LISTED = ("moving", "fixed", "moving_seg", "fixed_seg")  # the columns of a CSV of own pairs that name files


def inputs(source: Path, parameters: dict[str, Any], root: Path) -> dict[str, str]:
    """Hash by input: `notebook`, `parameters`, `package`, `data` and `environment`.

    The package counts together with the data it ships (printed numbers, weights, recorded runs).
    """
    code = (root / "regthesis").rglob("*.py")
    shipped = [path for part in ("thesis", "weights", "recorded") for path in (root / "data" / part).rglob("*")]
    folders = [source.parent / value for name, value in parameters.items() if name.endswith("_root") and value]
    return {
        "notebook": _digest([source.read_bytes()]),
        "parameters": _digest([json.dumps(parameters, sort_keys=True, default=str).encode()]),
        "package": files_hash([*code, *shipped], root),
        "data": _digest([data_hash(folder, times=True).encode() for folder in folders]),
        "environment": _digest([sys.version.encode(), *_versions(root)]),
    }


def _versions(root: Path) -> Iterator[bytes]:
    """The installed version of each package that the book's locks name; a peer may be missing, and come later."""
    there = {re.sub("[-_.]+", "-", it.name).lower(): it.version for it in distributions() if it.name}
    for lock in (root / "requirements.lock", root / "requirements-peers.lock"):
        for line in lock.read_text("utf-8").splitlines() if lock.is_file() else ():
            if name := re.match("[A-Za-z0-9._-]+", line):
                yield f"{name[0]} {there.get(re.sub('[-_.]+', '-', name[0]).lower())}".encode()


def files_hash(paths: Iterable[Path], root: Path) -> str:
    """Hash of names and contents, whatever the order of the paths."""
    files = sorted(path for path in paths if path.is_file())
    return _digest(part for path in files for part in (str(path.relative_to(root)).encode(), path.read_bytes()))


def data_hash(data: Path, times: bool = False) -> str:
    """Hash of a data folder: every file's name, size and last 64 KiB; with `times` the time of change too.

    A gzip file ends with the checksum of all of its content, so the tail stands for the whole
    of a `.nii.gz`, and gigabytes of images cost milliseconds. Where `data` is a CSV of own pairs, it is the hash of
    that and of all content that it lists.
    """
    if Path(data).is_file():
        return _listed_hash(Path(data))
    parts = []
    for path in sorted(Path(data).rglob("*")):
        if path.is_file():
            stat = path.stat()
            parts.append(f"{path.relative_to(data)} {stat.st_size} {stat.st_mtime_ns if times else ''}".encode())
            with path.open("rb") as file:
                file.seek(max(0, stat.st_size - TAIL))
                parts.append(file.read())
    return _digest(parts)


def _listed_hash(table: Path) -> str:
    content = table.read_bytes()
    digest = hashlib.sha256(content)
    lines = csv.DictReader(content.decode("utf-8-sig", "replace").splitlines(), skipinitialspace=True)
    rows = [{str(name).strip(): value for name, value in row.items()} for row in lines]
    listed = [table.parent / row[name].strip() for row in rows for name in LISTED if row.get(name)]
    for path in listed:  # an image may be a folder, or a header beside its voxels
        for file in sorted(path.rglob("*") if path.is_dir() else path.parent.glob(f"{escape(path.stem)}.*")):
            digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()[:16]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:16]
