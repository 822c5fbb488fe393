"""A table in a CSV that grows by whole pieces of work, so that a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regthesis.errors import UserError
from regthesis.files import whole

NAMES = ("case", "patient", "healthy", "group")  # text, whatever it looks like: `001` is no number, `` no NaN


def begun(out: Path | None, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that `out` has so far; none where there is no such file, or where nothing is kept.

    Raises:
        UserError: `out` is another table, or none.
    """
    if out is None or not out.is_file():
        return pd.DataFrame(columns=list(columns))
    try:
        rows = pd.read_csv(out, converters=dict.fromkeys(NAMES, str))
    except ValueError:
        rows = pd.DataFrame()
    if list(rows) != list(columns):
        raise UserError(f"{out}: not a table of {', '.join(columns)}; give another folder")
    return rows


def grown(rows: pd.DataFrame, new: pd.DataFrame, out: Path | None) -> pd.DataFrame:
    """The rows with the new ones below, as `out` has them from here on.

    Raises:
        UserError: `out` cannot be written.
    """
    rows = new if rows.empty else pd.concat([rows, new], ignore_index=True)
    if out is not None:
        with whole(out) as sibling:
            rows.to_csv(sibling, index=False)
    return rows
