"""Numbered tables of the chapters, and the tables that recorded runs left."""

from pathlib import Path

import pandas as pd

from regthesis.evaluate.growing import begun
from regthesis.evaluate.records import COLUMNS

__all__ = ["Table", "recorded"]


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


def recorded(records: Path | str) -> pd.DataFrame:
    """The long table of a recorded run; one without rows where the run is not there."""
    return begun(Path(records), COLUMNS)
