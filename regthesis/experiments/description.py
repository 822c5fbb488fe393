"""What produced a recorded run, in its `run.json`: one description for all commands that added to a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from regthesis.book.press import provenance
from regthesis.datasets import Dataset
from regthesis.errors import UserError
from regthesis.evaluate.growing import locked
from regthesis.evaluate.structures import Structures
from regthesis.files import read_json, whole
from regthesis.methods import Method
from regthesis.shipped import CHECKOUT
from regthesis.train import weights_hash

__all__ = ["describe", "described", "finish", "read", "settings_of", "united"]

FIXED = (
    "data",
    "dataset",
    "profile",
    "dtype",
    "structures",
    "cines",
)  # with the methods' settings they determine the rows
TENSORS = " tensors:"  # before the hash of weights; older runs have the hash of their files


def describe(
    data: Dataset,
    command: str,
    grid: str,
    chosen: Sequence[Method] = (),
    structures: Structures | None = None,
    weights: Path | None = None,
    device: str = "cpu",
) -> dict:
    """What a command does on a grid of the data, as `run.json` describes it; own pairs have grids of their own.

    Raises UserError for a grid that the data do not have.
    """
    profile = "own"
    if data.grids:
        data.common_grid(grid)
        profile, command = grid, f"{command} --grid {grid}"
    about = provenance.collect(CHECKOUT, profile, {"data_root": str(data.root.resolve()), "device": device}, Path("/"))
    about |= {"command": f"regthesis {command}", "dataset": data.origin}
    about |= {"weights": _named(weights)} if weights else {}
    about |= {"methods": {method.name: settings_of(method) for method in chosen}} if chosen else {}
    about |= {"structures": dict(structures)} if structures else {}
    about |= {"versions": {name: version(name) for name in ("torch", "numpy", "SimpleITK")}}
    return json.loads(json.dumps(about))  # lists for tuples, as a file has them


def settings_of(method: Method) -> dict:
    """A method's parameters as JSON takes them."""
    return {name: _named(value) if isinstance(value, Path) else value for name, value in asdict(method).items()}


def _named(weights: Path) -> str:
    """Weights by their place in the repository, or elsewhere by their name, and by their numbers."""
    place = weights.relative_to(CHECKOUT).as_posix() if weights.is_relative_to(CHECKOUT) else weights.name
    return f"{place}{TENSORS}{weights_hash(weights)}"


@contextmanager
def described(out: Path, about: dict) -> Iterator[None]:
    """`run.json` says, or adds to what it says, what is computed meanwhile; where that fails before any row it goes."""
    with locked(out / "run.json"):
        _write(out, united(out, about))
    try:
        yield
    except UserError:
        with locked(out / "run.json"):
            if not (out / "records.csv").exists() and read(out)["command"] == about["command"]:
                (out / "run.json").unlink()
        raise


def finish(out: Path, rows: pd.DataFrame, missing: dict[str, str]) -> None:
    """Say in `run.json` how long all registrations took, and which methods could not be run by any command."""
    about, took, measured = read(out), rows.loc[rows["metric"] == "seconds", "value"], set(rows["method"])
    missing = about.get("missing", {}) | missing
    about |= {"missing": {name: why for name, why in missing.items() if name not in measured}}
    _write(out, about | ({"seconds": float(took.sum())} if len(took) else {}))


def _write(out: Path, about: dict) -> None:
    with whole(out / "run.json") as sibling:
        sibling.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def read(out: Path) -> dict:
    """What `run.json` says.

    Raises:
        UserError: it is broken.
    """
    try:
        about = read_json(out / "run.json")
        texts = [about["command"], about["data"], about["profile"]]
        tables = [about.get("missing", {}), *about.get("methods", {}).values()]
        if all(isinstance(it, str) for it in texts) and all(isinstance(it, dict) for it in tables):
            return about
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise UserError(f"{out / 'run.json'}: broken, not what a run left; give another folder, or delete this one")


def united(out: Path, about: dict) -> dict:
    """What `run.json` says and what `about` adds: rows on other data, or by other settings, never share a description.

    Raises:
        UserError: the folder holds another run, or one that nothing describes.
    """
    if not (out / "run.json").exists():
        if (out / "records.csv").exists():
            raise UserError(f"{out}: has a records.csv, and no run.json to say what made it; give another folder")
        return about
    before = read(out)
    then, now = _decisive(before), _decisive(about)
    for name in now:
        if name in then and not _same(then[name], now[name]):
            raise UserError(f"{out}: holds a run with another {name}; give another folder, or delete this one")
    if "methods" in about:  # where an older run named the same weights in another way, its way stays
        about = about | {"methods": about["methods"] | before.get("methods", {})}
    return _both(before, about)


def _decisive(about: dict) -> dict:
    """What determines the rows of a run, by name."""
    found = {name: about.get(name) for name in FIXED} | about.get("methods", {})
    found |= {"weights": about["weights"]} if "weights" in about else {}
    return found | {"command": about["command"].split()[1:2]}  # study, trade-off, codes or transport


def _same(then, now) -> bool:
    """Equal settings; of weights that an older run named by the hash of their files only the place can be compared."""
    if isinstance(then, dict) and isinstance(now, dict):
        return then.keys() == now.keys() and all(_same(then[name], now[name]) for name in then)
    if isinstance(now, str) and TENSORS in now and TENSORS not in str(then):
        return str(then).split(" ")[0] == now.split(TENSORS)[0]
    return then == now


def _both(then, now):
    """Dictionaries and lists as unions, texts one after the other; of all else the later."""
    if isinstance(then, dict) and isinstance(now, dict):
        return then | {name: _both(then[name], now[name]) if name in then else now[name] for name in now}
    if isinstance(then, list) and isinstance(now, list):
        return then + [it for it in now if it not in then]
    if isinstance(then, str) and isinstance(now, str):
        return "; ".join(dict.fromkeys([*then.split("; "), *now.split("; ")]))
    return now
