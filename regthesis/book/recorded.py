"""Recorded runs: a study at full size, kept as rows, configuration and verdicts under `data/recorded/<id>/`.

records.csv     every score of every registration, the long table of `evaluate`
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
from regthesis.book import provenance, table41
from regthesis.datasets import acdc
from regthesis.evaluate.study import study
from regthesis.files import whole


def record(
    root: Path, out: Path, names: Sequence[str], frame: str = "full", patients: int = 0, skip: Sequence[str] = ()
) -> pd.DataFrame:
    """Register `patients` of the ACDC layout (0: all that are not skipped) by each named method; keep the outcome.

    A run that was stopped goes on; `skip` names patients that a method was tuned on.

    Raises:
        UserError: the data are broken, a name is unknown, or `out` cannot be written.
    """
    common = acdc.frame_named(frame)
    chosen = [methods.get(name) for name in names]
    everyone = [patient for patient in acdc.patients(root) if patient not in skip]
    ids = acdc.balanced(root, patients, tuple(skip)) if patients else everyone
    cases = [acdc.read(root, patient, common) for patient in ids]
    rows = study(cases, chosen, out / "records.csv")
    about = provenance.collect(Path.cwd(), frame, {"data_root": str(Path(root).resolve())}, Path("/")) | {
        "command": f"regthesis study ROOT --out {out} --methods {','.join(names)} --frame {frame}"
        + f" --patients {patients}"
        + (f" --skip {','.join(skip)}" if skip else ""),
        "dataset": acdc.origin(root),
        "patients": ids,
        "skipped": list(skip),
        "methods": {method.name: asdict(method) for method in chosen},
        "missing": rows.attrs["missing"],
        "versions": {name: version(name) for name in ("torch", "numpy", "SimpleITK")},
        "seconds": float(rows.loc[rows["metric"] == "seconds", "value"].sum()),
    }
    with whole(out / "run.json") as sibling:
        sibling.write_text(json.dumps(about, indent=1, default=str) + "\n", "utf-8")  # a path as its text
    table41.judge(rows, acdc.origin(root), cases[0].grid, "results", out)
    return rows
