"""What the ledger says of a recorded run, from what its folder holds: nothing is registered again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from regthesis import experiments
from regthesis.book import ledger
from regthesis.errors import UserError
from regthesis.evaluate.growing import locked
from regthesis.experiments import description
from regthesis.experiments.recorded import read_run

__all__ = ["judge"]


def judge(out: Path) -> list[ledger.Verdict]:
    """Hand the rows of a recorded run to the ledger and write `results.json` anew.

    Own data and own structures have nothing to be compared with, nor has a trade-off, nor a package that was installed
    without the printed data: there is no `results.json` then.

    Raises:
        UserError: the folder holds no recorded run, or a broken one.
    """
    out = Path(out)
    description.read(out)  # no lock is left where there is no run
    with locked(out / "run.json"):
        about, rows = description.read(out), read_run(out)
        _, command, *_ = about["command"].split()
        if "structures" in about or about["dataset"] == "own" or not _has_ledger():
            return []
        (out / "results.json").unlink(missing_ok=True)
        return [verdict for judge in _judges(command) for verdict in judge(rows, about, out)]


def _judges(command: str) -> Iterator[Callable]:
    """What the chapters say of the runs of a command: the functions in `JUDGES` of their files `judges`."""
    for chapter in iter_modules(experiments.__path__, f"{experiments.__name__}."):
        if chapter.ispkg and find_spec(name := f"{chapter.name}.judges"):
            judges = import_module(name).JUDGES
            yield from [judges[command]] if command in judges else []


def _has_ledger() -> bool:
    try:
        return bool(ledger.load())
    except UserError:
        return False
