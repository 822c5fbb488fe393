"""A table in a CSV that grows by whole pieces of work: a run that was stopped goes on, and several runs can share it.

A piece is all that one call computes, such as the scores of one registration. It is written whole or not at all.
"""

from __future__ import annotations

import io
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from filelock import FileLock

from regthesis.errors import UserError
from regthesis.files import unwritable, whole

TEXTS = ("case", "patient", "healthy", "group", "method", "metric", "structure", "field", "way", "form", "landmark")
NUMBERS = ("value", "predicted", "transported")
CONVERTERS = dict.fromkeys(TEXTS, str)  # text, whatever it looks like: `001` is no number, `` no NaN


def read_rows(out: Path | None, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that `out` has so far, to the last digit; none where there is no such file, or where nothing is kept.

    A last line without its end is what a cut file left of a row, and is not read.

    Raises:
        UserError: `out` is another table, or none, or cannot be read.
    """
    none = pd.DataFrame(columns=list(columns))
    if out is None or not out.exists():
        return none
    try:
        text = out.read_bytes()
    except OSError as error:
        raise UserError(f"{out}: cannot be read ({error.strerror}); give another folder") from None
    lines = text[: text.rfind(b"\n") + 1]
    if not lines and ",".join(columns).encode().startswith(text):  # cut within its first line
        return none
    try:
        rows = pd.read_csv(
            io.BytesIO(lines),
            converters=CONVERTERS,
            dtype=dict.fromkeys(NUMBERS, float),
            float_precision="round_trip",
        )
    except ValueError:
        rows = pd.DataFrame()
    if list(rows) != list(columns):
        raise UserError(f"{out}: not a table of {', '.join(columns)}; give another folder")
    return rows


def add_rows(rows: pd.DataFrame, new: pd.DataFrame, out: Path | None, piece: Sequence[str]) -> pd.DataFrame:
    """The rows with the new ones below, as `out` has them from here on; `out` may hold more, by other writers.

    Rows that agree in the columns `piece` are one piece of work. One that another writer has finished meanwhile stays
    as it is; one with fewer rows than the new was cut, and the new takes its place.

    Raises:
        UserError: `out` cannot be written, or is another table.
    """
    if out is None:
        return _joined(rows, new, list(piece))
    with locked(out):
        rows = _joined(read_rows(out, list(new)), new, list(piece))
        with whole(out) as sibling:
            rows.to_csv(sibling, index=False)
    return rows


def _joined(rows: pd.DataFrame, new: pd.DataFrame, piece: list[str]) -> pd.DataFrame:
    for key, part in new.groupby(piece, sort=False):
        same = rows[piece].eq(pd.Series(key, piece)).all(axis=1)
        if same.sum() < len(part):
            rows = pd.concat([rows[~same], part], ignore_index=True) if len(rows) else part
    return rows


def finished(
    rows: pd.DataFrame, piece: Sequence[str], row: Sequence[str], wanted: Mapping[tuple, Iterable[Hashable]]
) -> set[tuple]:
    """The `wanted` pieces that `rows` has in full.

    `wanted` maps a piece, its values in the columns `piece`, to its rows, the values in the columns `row`.

    Raises:
        UserError: a piece has rows that are not wanted, or one twice: it was computed with other settings.
    """
    found = set()
    for key, part in rows.groupby(list(piece), sort=False):
        if key in wanted:
            there, expected = list(zip(*(part[name] for name in row), strict=True)), set(wanted[key])
            if len(set(there)) < len(there) or not set(there) <= expected:
                words = ", ".join(map(str, key))
                raise UserError(f"{words}: computed before with other structures or settings; give another folder")
            if len(there) == len(expected):
                found.add(key)
    return found


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Wait until no other writer holds this file, and hold it; a writer that is killed lets go.

    Raises:
        UserError: its folder cannot be written.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise unwritable(file, error) from None
    try:
        yield
    finally:
        lock.release()
