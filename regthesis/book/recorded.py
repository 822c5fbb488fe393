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
from regthesis.book.resume import data_hash
from regthesis.datasets import acdc
from regthesis.errors import UserError
from regthesis.evaluate.study import study
from regthesis.files import whole
from regthesis.methods.learned import trained_on
from regthesis.recipes.codes import codes, told
from regthesis.recipes.deformation import folds
from regthesis.recipes.trade_off import trade_off
from regthesis.recipes.transport import transports
from regthesis.weights import WEIGHTS


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
        UserError: the data are broken, a name is unknown, nobody and nothing is left to do, `out` cannot be written
            or holds another run.
    """
    common = acdc.frame_named(frame)
    acdc.check_named(root, skip)
    chosen = [trained_on(methods.get(name), acdc.layout(root)) for name in names]
    left_out = (*skip, *_outside(root, fold))
    everyone = [patient for patient in acdc.patients(root) if patient not in left_out]
    ids = acdc.balanced(root, patients, left_out) if patients else everyone
    if not ids or not chosen:
        raise UserError(f"study: {len(ids)} patients and {len(chosen)} methods leave nothing to do; ask for more")
    command = f"study ROOT --out {out} --methods {','.join(names)} --frame {frame} --patients {patients}"
    command += f" --fold {fold}" if fold else ""
    command += f" --skip {','.join(skip)}" if skip else ""
    about = {"patients": ids, "methods": {method.name: _settings(method) for method in chosen}}
    kept = _keep(root, out, frame, command, **about)
    rows = study([acdc.read(root, patient, common) for patient in ids], chosen, out / "records.csv")
    seconds = float(rows.loc[rows["metric"] == "seconds", "value"].sum())
    _write(out, kept | {"missing": rows.attrs["missing"], "seconds": seconds})
    table41.judge(rows, acdc.origin(root), common, "results", out)
    return rows


def record_codes(root: Path, out: Path, frame: str) -> pd.Series:
    """Keep the codes of all patients by each fold's S3; for each patient, whether his group was told from his own.

    Raises:
        UserError: as `recipes.codes.codes`, or `out` cannot be written.
    """
    rows = codes(root, WEIGHTS / acdc.layout(root) / "s3", frame)
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
    rows = transports(root, WEIGHTS / acdc.layout(root) / "s3", out / "records.csv", frame)
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
    common = acdc.frame_named(frame)
    ids = acdc.balanced(root, patients, _outside(root, fold))
    chosen = [trained_on(methods.get(name), acdc.layout(root)) for name in names]
    command = f"trade-off ROOT --out {out} --methods {','.join(names)} --frame {frame} --patients {patients}"
    command += f" --fold {fold}" if fold else ""
    about = {"patients": ids, "methods": {method.name: _settings(method) for method in chosen}}
    kept = _keep(root, out, frame, command, **about)
    rows = trade_off([acdc.read(root, patient, common) for patient in ids], chosen, out / "records.csv")
    _write(out, kept | {"missing": rows.attrs["missing"]})
    return rows


def _outside(root: Path, fold: int) -> tuple[str, ...]:
    """The patients of all other folds of five; nobody where `fold` is 0."""
    dealt = enumerate(folds(root), 1) if fold else ()
    return tuple(patient for number, patients in dealt if number != fold for patient in patients)


def _keep(root: Path, out: Path, frame: str, command: str, **more) -> dict:
    """What produces a recorded run, written as its `run.json`."""
    about = provenance.collect(ROOT, frame, {"data_root": str(Path(root).resolve())}, Path("/"))
    about |= {"command": f"regthesis {command}", "dataset": acdc.origin(root)}
    about |= {**more, "versions": {name: version(name) for name in ("torch", "numpy", "SimpleITK")}}
    _refuse_another(out / "run.json", about)
    _write(out, about)
    return about


def _write(out: Path, about: dict) -> None:
    with whole(out / "run.json") as sibling:
        sibling.write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _refuse_another(file: Path, about: dict) -> None:
    """A folder holds one run: rows on other data, or by other settings, must not come under one description."""
    if not file.is_file():
        return
    before = json.loads(file.read_text("utf-8"))
    now, then = ({**it, **it.get("methods", {})} for it in (json.loads(json.dumps(about)), before))
    for name in ("data", "profile", *about.get("methods", {})):
        if name in then and then[name] != now[name]:
            raise UserError(f"{file.parent}: holds a run with another {name}; give another folder, or delete this one")


def _settings(method: methods.Method) -> dict:
    """A method's parameters as JSON takes them; of a folder of weights its name in the repository, and its hash."""
    found = {}
    for name, value in asdict(method).items():
        found[name] = f"{value.relative_to(ROOT).as_posix()} {data_hash(value)}" if isinstance(value, Path) else value
    return found
