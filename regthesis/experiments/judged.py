"""What the ledger says of a recorded run, from what its folder holds: nothing is registered again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from regthesis import methods
from regthesis.book import ledger
from regthesis.datasets import acdc
from regthesis.errors import UserError
from regthesis.evaluate.growing import locked
from regthesis.experiments import description
from regthesis.experiments.deformation import figure47, table41, table42
from regthesis.experiments.recorded import read_run
from regthesis.methods.learned import Learned, trained_on

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
        _, kind, *_ = about["command"].split()
        if kind not in JUDGES or "structures" in about or about["dataset"] == "own" or not _has_ledger():
            return []
        (out / "results.json").unlink(missing_ok=True)
        return JUDGES[kind](rows, about, out)


def _study(rows, about: dict, out: Path) -> list[ledger.Verdict]:
    frame = acdc.frame_named(about["profile"])
    smoothed = {}
    for name, settings in about["methods"].items():
        method = trained_on(methods.get(name), about["dataset"])
        if isinstance(method, Learned):
            smoothed[name] = replace(method, smoothing=settings["smoothing"]).smoothed_by(frame.spacing)
    return table41.judge(rows, about["dataset"], frame, "results", out, smoothed)


def _codes(rows, about: dict, out: Path) -> list[ledger.Verdict]:
    where = dict(dataset=about["dataset"], frame=acdc.frame_named(about["profile"]), page="results", results=out)
    return figure47.judge(rows, **where)


def _transport(rows, about: dict, out: Path) -> list[ledger.Verdict]:
    claim = table42.judge_words(rows, about["dataset"], "results", out)
    return [*table42.judge(rows, about["dataset"], "results", out), claim]


JUDGES = {"study": _study, "codes": _codes, "transport": _transport}  # by the command that made a run


def _has_ledger() -> bool:
    try:
        return bool(ledger.load())
    except UserError:
        return False
