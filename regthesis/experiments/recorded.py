"""Recorded runs, read: the rows that a run left under `data/recorded`, with what its description says."""

from pathlib import Path

import pandas as pd

from regthesis.errors import UserError
from regthesis.evaluate.growing import CONVERTERS
from regthesis.files import read_json
from regthesis.shipped import DATA

__all__ = ["chosen_on", "read_run"]

PENALTY = DATA / "recorded" / "phantom-trade-off"  # on whose phantoms the refinement's penalty was chosen


def read_run(run: Path | str) -> pd.DataFrame:
    """The rows of a recorded run, a folder; `attrs` has what its `run.json` says of it.

    Raises UserError where there is no such run.
    """
    run = Path(run)
    try:
        rows = pd.read_csv(run / "records.csv", converters=CONVERTERS, float_precision="round_trip")
        rows.attrs |= read_json(run / "run.json")
    except (OSError, ValueError):
        raise UserError(f"{run}: no recorded run with records.csv and run.json; check the name") from None
    return rows


def chosen_on(dataset: str) -> list[str]:
    """The names of those of a data set on whom a setting was chosen, so that no page tests on them."""
    about = read_run(PENALTY).attrs
    return about["patients"] if about["dataset"] == dataset else []
