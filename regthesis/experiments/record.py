"""Recorded runs, kept as rows, configuration and verdicts under `data/recorded/<id>/`.

records.csv     every score of every registration, the long table of `evaluate`; or every code, or every transport
run.json        what produced it: commands, commits, data, device, threads, methods with their parameters
results.json    the ledger's verdicts, which the scorecard shows as "recorded"; none of own data, and none where the
                printed data are not at hand, as in an installed package

A folder holds one study of one data set. Several commands may add methods and patients to it, even at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regthesis import methods
from regthesis.datasets import acdc, folder
from regthesis.errors import UserError
from regthesis.evaluate.growing import begun, locked
from regthesis.evaluate.records import COLUMNS
from regthesis.evaluate.structures import Structures
from regthesis.evaluate.study import check_names, study
from regthesis.experiments.cross_validation import folds
from regthesis.experiments.deformation import trade_off
from regthesis.experiments.deformation import transports as transport
from regthesis.experiments.deformation.codes import codes, told
from regthesis.experiments.description import describe, described, finish, united
from regthesis.experiments.judged import judge
from regthesis.files import whole
from regthesis.methods.learned import trained_on
from regthesis.weights import WEIGHTS


def record(
    root: Path,
    out: Path,
    names: Sequence[str],
    frame: str = "full",
    patients: int = 0,
    skip: Sequence[str] = (),
    fold: int = 0,
    structures: Structures | None = None,
) -> pd.DataFrame:
    """Register `patients` of the ACDC layout (0: all that are not skipped) by each named method; keep the outcome.

    A run that was stopped goes on; `skip` names patients that a method was tuned on; with `fold` only the patients of
    that fold of five are taken, whom the networks of the first fold, or the second and so on, have not seen.
    `root` may also be a CSV of own pairs, each registered on its own grid. `structures` are as in `evaluate`.

    Raises:
        UserError: the data are broken, a name is unknown, nobody and nothing is left to do, `out` cannot be written
            or holds another run.
    """
    common = acdc.frame_named(frame)
    own = Path(root).is_file()
    if own and (patients or skip or fold):
        raise UserError(f"{root}: patients, skip and fold are of the ACDC layout; shorten the table instead")
    chosen = [trained_on(methods.get(name), acdc.layout(root)) for name in names]
    own_pairs = folder.Folder(root) if own else None
    pairs = [own_pairs.read(id) for id in own_pairs.ids()] if own else []
    ids = [pair.id for pair in pairs] if own else _chosen(root, patients, skip, fold)
    if not ids or not chosen:
        raise UserError(f"study: {len(ids)} patients and {len(chosen)} methods leave nothing to do; ask for more")
    command = f"study ROOT --out {out} --methods {','.join(names)}"
    command += "" if own else f" --frame {frame} --patients {patients}"
    command += f" --fold {fold}" if fold else ""
    command += f" --skip {','.join(skip)}" if skip else ""
    about = describe(root, frame, command, chosen, structures)
    united(out, about), begun(out / "records.csv", COLUMNS)  # refused before many patients are read
    cases = pairs or [acdc.read(root, patient, common) for patient in ids]
    check_names(cases, chosen)
    with described(out, about | {"patients": ids}):
        rows = study(cases, chosen, out / "records.csv", structures)
    with locked(out / "run.json"):  # whoever is last describes and judges what all have left
        everything = begun(out / "records.csv", COLUMNS)
        seconds = float(everything.loc[everything["metric"] == "seconds", "value"].sum())
        finish(out, everything, rows.attrs["missing"], seconds=seconds)
    judge(out)
    return rows


def record_codes(root: Path, out: Path, frame: str) -> pd.Series:
    """Keep the codes of all patients by each fold's S3; for each patient, whether the group was told from the code.

    Raises:
        UserError: as `recipes.codes.codes`, or `out` cannot be written.
    """
    weights = WEIGHTS / acdc.layout(root) / "s3"
    about = describe(root, frame, f"codes ROOT --out {out} --frame {frame}", weights=weights)
    united(out, about)
    rows = codes(root, weights, frame)
    right = told(rows)
    with described(out, about), whole(out / "records.csv") as sibling:
        rows.to_csv(sibling, index=False, float_format="%.5g")
    judge(out)
    return right


def record_transports(root: Path, out: Path, frame: str) -> pd.DataFrame:
    """Keep the ejection fractions of all transports of a cross-validation, and the verdicts on Table 4.2.

    Raises:
        UserError: as `recipes.transport.folds_left_out`, or `out` cannot be written or holds another run.
    """
    weights = WEIGHTS / acdc.layout(root) / "s3"
    about = describe(root, frame, f"transport ROOT --out {out} --frame {frame}", weights=weights)
    united(out, about), begun(out / "records.csv", transport.COLUMNS)
    left_out = transport.folds_left_out(root, weights, frame)
    with described(out, about):
        rows = transport.transports(left_out, out / "records.csv")
    judge(out)
    return rows


def record_trade_off(
    root: Path,
    out: Path,
    names: Sequence[str],
    frame: str,
    patients: int,
    fold: int = 0,
    structures: Structures | None = None,
) -> pd.DataFrame:
    """Keep the scores of so many patients by each named method over the setting that trades overlap for smoothness.

    With `fold` they are of that fold. `structures` are as in `evaluate`.

    Raises:
        UserError: as `recipes.trade_off.trade_off`.
    """
    common = acdc.frame_named(frame)
    ids = acdc.balanced(root, patients, _outside(root, fold))
    chosen = [trained_on(methods.get(name), acdc.layout(root)) for name in names]
    command = f"trade-off ROOT --out {out} --methods {','.join(names)} --frame {frame} --patients {patients}"
    command += f" --fold {fold}" if fold else ""
    about = describe(root, frame, command, chosen, structures)
    united(out, about), begun(out / "records.csv", trade_off.COLUMNS)
    cases = [acdc.read(root, patient, common) for patient in ids]
    with described(out, about | {"patients": ids}):
        rows = trade_off.trade_off(cases, chosen, out / "records.csv", structures)
    with locked(out / "run.json"):
        finish(out, rows, rows.attrs["missing"])
    return rows


def _chosen(root: Path, patients: int, skip: Sequence[str], fold: int) -> list[str]:
    """So many patients of the fold, or all that are not skipped."""
    acdc.check_named(root, skip)
    left_out = (*skip, *_outside(root, fold))
    everyone = [patient for patient in acdc.patients(root) if patient not in left_out]
    return acdc.balanced(root, patients, left_out) if patients else everyone


def _outside(root: Path, fold: int) -> tuple[str, ...]:
    """The patients of all other folds of five; nobody where `fold` is 0."""
    dealt = enumerate(folds(root), 1) if fold else ()
    return tuple(patient for number, patients in dealt if number != fold for patient in patients)
