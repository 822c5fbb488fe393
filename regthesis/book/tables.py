"""Numbered tables of the chapters, and the tables that recorded runs left."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.book.printed import ROOT
from regthesis.errors import UserError
from regthesis.evaluate.growing import CONVERTERS

__all__ = ["Table", "chosen_on", "recorded", "settings"]

PENALTY = ROOT / "data" / "recorded" / "phantom-trade-off"  # on whose phantoms the refinement's penalty was chosen


class Table:
    """A numbered table of the page: Markdown for the reader, plain text for the comparison with references.

    A cell without a value is a dash.
    """

    def __init__(self, frame: pd.DataFrame, caption: str, name: str, digits: int = 3):
        cells = frame.map(lambda value: f"{value:.{digits}f}" if isinstance(value, float) else str(value))
        self.frame, self.caption, self.name = cells.where(frame.notna(), "–"), caption, name

    def __repr__(self) -> str:
        return self.frame.to_string()

    def _repr_markdown_(self) -> str:
        head = [self.frame.index.name or "", *map(str, self.frame.columns)]
        rows = [head, ["---"] * len(head), *([str(row.Index), *row[1:]] for row in self.frame.itertuples())]
        body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        return f":::{{table}} {self.caption}\n:name: {self.name}\n\n{body}\n:::"


def recorded(run: Path | str) -> pd.DataFrame:
    """The rows of a recorded run, a folder; `attrs` has what its `run.json` says of it.

    Raises UserError where there is no such run.
    """
    run = Path(run)
    try:
        rows = pd.read_csv(run / "records.csv", converters=CONVERTERS, float_precision="round_trip")
        rows.attrs |= json.loads((run / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{run}: no recorded run with records.csv and run.json; check the name") from None
    return rows


def chosen_on(dataset: str) -> list[str]:
    """The names of those of a data set on whom a setting was chosen, so that no page tests on them."""
    about = recorded(PENALTY).attrs
    return about["patients"] if about["dataset"] == dataset else []


def settings(own: Mapping[str, float | str], caption: str, name: str) -> Table:
    """Settings of the thesis, by their entries in the ledger, beside our own, which are handed to the ledger."""
    judged = [ledger.check(id, value, dataset="any") for id, value in own.items()]
    rows = [[ledger.entry(it.id).what, it.printed, it.computed, it.verdict] for it in judged]
    columns = ["setting", "printed", "here", "verdict"]
    return Table(pd.DataFrame(rows, columns=columns).set_index("setting"), caption, name)
