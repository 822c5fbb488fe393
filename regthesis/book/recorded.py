"""Recorded runs, kept as rows, configuration and verdicts under `data/recorded/<id>/`.

records.csv     every score of every registration, the long table of `evaluate`; or every code, or every transport
run.json        what produced it: command, commit, data, device, threads, methods with their parameters
results.json    the ledger's verdicts, which the scorecard shows as "recorded"
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from regthesis import methods
from regthesis.book import ledger, provenance, table41, table42
from regthesis.book.printed import ROOT
from regthesis.datasets import acdc
from regthesis.evaluate.study import study
from regthesis.files import whole
from regthesis.methods.learned import WEIGHTS, trained_on
from regthesis.recipes.codes import codes, told
from regthesis.recipes.deformation import folds
from regthesis.recipes.trade_off import trade_off
from regthesis.recipes.transport import transports


def record(
    root: Path,
    out: Path,
    names: Sequence[str],
    frame: str = "full",
    patients: int = 0,
    skip: Sequence[str] = (),
    fold: int = 0,
) -> pd.DataFrame:
    """Register `patients` of the ACDC layout (0: all that are not skipped) by each named method; keep the outcome.

    A run that was stopped goes on; `skip` names patients that a method was tuned on; with `fold` only the patients of
    that fold of five are taken, whom the networks of the first fold, or the second and so on, have not seen.

    Raises:
        UserError: the data are broken, a name is unknown, or `out` cannot be written.
    """
    common = acdc.frame_named(frame)
    chosen = [trained_on(methods.get(name), acdc.origin(root)) for name in names]
    skip = (*skip, *_outside(root, fold))
    everyone = [patient for patient in acdc.patients(root) if patient not in skip]
    ids = acdc.balanced(root, patients, tuple(skip)) if patients else everyone
    cases = [acdc.read(root, patient, common) for patient in ids]
    rows = study(cases, chosen, out / "records.csv")
    command = f"study ROOT --out {out} --methods {','.join(names)} --frame {frame} --patients {patients}"
    only = f" --fold {fold}" if fold else f" --skip {','.join(skip)}" if skip else ""
    _keep(
        root,
        out,
        frame,
        command + only,
        patients=ids,
        skipped=list(skip),
        methods={method.name: _settings(method) for method in chosen},
        missing=rows.attrs["missing"],
        seconds=float(rows.loc[rows["metric"] == "seconds", "value"].sum()),
    )
    table41.judge(rows, acdc.origin(root), cases[0].grid, "results", out)
    return rows


def record_codes(root: Path, out: Path, frame: str) -> pd.Series:
    """Keep the codes of all patients by each fold's S3; for each patient, whether his group was told from his own.

    Raises:
        UserError: as `recipes.codes.codes`, or `out` cannot be written.
    """
    rows = codes(root, WEIGHTS / acdc.origin(root) / "s3", frame)
    with whole(out / "records.csv") as sibling:
        rows.to_csv(sibling, index=False, float_format="%.5g")
    _keep(root, out, frame, f"codes ROOT --out {out} --frame {frame}")
    right = told(rows)
    ledger.check(
        "C4.43",
        100.0 * right.to_numpy(),
        dataset=acdc.origin(root),
        frame=acdc.frame_named(frame),
        page="results",
        results=out,
    )
    return right


def record_transports(root: Path, out: Path, frame: str) -> pd.DataFrame:
    """Keep the ejection fractions of all transports of a cross-validation, and the verdicts on Table 4.2.

    Raises:
        UserError: as `recipes.transport.transports`.
    """
    rows = transports(root, WEIGHTS / acdc.origin(root) / "s3", out / "records.csv", frame)
    _keep(root, out, frame, f"transport ROOT --out {out} --frame {frame}")
    table42.judge(rows, acdc.origin(root), "results", out)
    return rows


def record_trade_off(
    root: Path, out: Path, names: Sequence[str], frame: str, patients: int, fold: int = 0
) -> pd.DataFrame:
    """Keep the scores of so many patients by each named method over the setting that trades overlap for smoothness.

    With `fold` they are of that fold.

    Raises:
        UserError: as `recipes.trade_off.trade_off`.
    """
    ids = acdc.balanced(root, patients, _outside(root, fold))
    cases = [acdc.read(root, patient, acdc.frame_named(frame)) for patient in ids]
    chosen = [trained_on(methods.get(name), acdc.origin(root)) for name in names]
    rows = trade_off(cases, chosen, out / "records.csv")
    command = f"trade-off ROOT --out {out} --methods {','.join(names)} --frame {frame} --patients {patients}"
    command += f" --fold {fold}" if fold else ""
    _keep(root, out, frame, command, patients=ids, methods={method.name: _settings(method) for method in chosen})
    return rows


def _outside(root: Path, fold: int) -> tuple[str, ...]:
    """The patients of all other folds of five; nobody where `fold` is 0."""
    dealt = enumerate(folds(root), 1) if fold else ()
    return tuple(patient for number, patients in dealt if number != fold for patient in patients)


def _keep(root: Path, out: Path, frame: str, command: str, **more) -> None:
    """What produced a recorded run, as its `run.json`."""
    about = provenance.collect(Path.cwd(), frame, {"data_root": str(Path(root).resolve())}, Path("/"))
    about |= {"command": f"regthesis {command}", "dataset": acdc.origin(root)}
    about |= {**more, "versions": {name: version(name) for name in ("torch", "numpy", "SimpleITK")}}
    with whole(out / "run.json") as sibling:
        sibling.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _settings(method: methods.Method) -> dict:
    """A method's parameters as JSON takes them; folders as they are named in the repository."""
    return {
        name: value.relative_to(ROOT).as_posix() if isinstance(value, Path) else value
        for name, value in asdict(method).items()
    }
