"""Numbered tables of the chapters."""

from collections.abc import Iterable, Mapping

import pandas as pd

from regthesis.book import ledger

__all__ = ["MARKS", "Table", "legend", "settings"]

MARKS = {"reproduced": "✓", "holds": "(✓)", "fails": "✗", "undecided": "?", "not comparable": "○"}
"""What stands beside a value in place of its verdict."""


def legend(verdicts: Iterable[ledger.Verdict]) -> str:
    """The marks of these verdicts in words, for a caption: `✓ reproduced, ✗ fails`."""
    there = {verdict.verdict for verdict in verdicts}
    return ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items() if verdict in there)


class Table:
    """A numbered table of the page: Markdown for the reader, plain text for the comparison with references.

    A cell without a value is a dash; a cell may have several lines.
    """

    def __init__(self, frame: pd.DataFrame, caption: str, name: str, digits: int = 3):
        cells = frame.map(lambda value: f"{value:.{digits}f}" if isinstance(value, float) else str(value))
        self.frame, self.caption, self.name = cells.where(frame.notna(), "–"), caption, name

    def __repr__(self) -> str:
        return self.frame.to_string()

    def _repr_markdown_(self) -> str:
        head = [self.frame.index.name or "", *map(str, self.frame.columns)]
        rows = [head, ["---"] * len(head), *([str(row.Index), *row[1:]] for row in self.frame.itertuples())]
        body = "\n".join("| " + " | ".join(map(_in_one_row, row)) + " |" for row in rows)
        return f":::{{table}} {self.caption}\n:name: {self.name}\n\n{body}\n:::"


def _in_one_row(cell: str) -> str:
    """The lines of a cell, none of which is broken anew, so that they stay beside those of the next cell."""
    return cell.replace(" ", "\N{NO-BREAK SPACE}").replace("\n", "<br>") if "\n" in cell else cell


def settings(own: Mapping[str, float | str], caption: str, name: str) -> Table:
    """Settings of the thesis, by their entries in the ledger, beside our own, which are handed to the ledger."""
    judged = [ledger.check(id, value, dataset="any") for id, value in own.items()]
    rows = [[ledger.entry(it.id).what, it.printed, it.computed, it.verdict] for it in judged]
    columns = ["setting", "printed", "here", "verdict"]
    return Table(pd.DataFrame(rows, columns=columns).set_index("setting"), caption, name)
