"""A table in a CSV that grows by whole pieces of work, so that a run that was stopped goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from regthesis.files import whole


def begun(out: Path | None, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that `out` has so far; none where there is no such file, or where nothing is kept."""
    return pd.read_csv(out) if out is not None and out.is_file() else pd.DataFrame(columns=list(columns))


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
