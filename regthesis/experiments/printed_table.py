"""A printed table of registration results: which method and metric is which cell, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from regthesis.book import ledger
from regthesis.book.show import tables
from regthesis.book.show.prose import interval
from regthesis.evaluate.table import case_means, printed_style

__all__ = ["PrintedTable"]

UNDEFORMED = "Undef"  # the row of images that nobody registered


@dataclass(frozen=True)
class PrintedTable:
    """A table of the ledger, `id`, and the long tables of `evaluate` that fill it.

    `rows` has the printed row of each method, `columns` the printed column of each metric, both in printed order.
    `heads` are the titles of columns on a page, `digits` those after the point, as printed. `scale` brings a column to
    the printed unit. `unmoved` are columns in which the undeformed row says nothing: it is smooth whoever measures.
    `patient` names whose case it is, where a patient has several: patients are what is counted.
    """

    id: str
    rows: Mapping[str, str]
    columns: Mapping[str, str]
    heads: Mapping[str, str]
    digits: Mapping[str, int]
    scale: Mapping[str, int | float] = field(default_factory=dict)
    unmoved: Collection[str] = ()
    patient: Callable = str

    def method(self, row: str) -> str:
        """The method of a printed row."""
        return next(method for method, its in self.rows.items() if its == row)

    def metric(self, column: str) -> str:
        """The metric of a printed column."""
        return next(metric for metric, its in self.columns.items() if its == column)

    def values(self, rows: pd.DataFrame, row: str, column: str) -> pd.Series:
        """A cell's value for each case, in the printed unit; empty where the method was not run.

        Cases without a finite value are left out: a structure that was lost has no distance.
        """
        mine = rows[(rows["method"] == self.method(row)) & (rows["metric"] == self.metric(column))]
        found = case_means(mine).set_index("case")["value"] * self.scale.get(column, 1)
        return found[np.isfinite(found)]

    def pairs(self, rows: pd.DataFrame, column: str, first: str, second: str) -> pd.DataFrame:
        """A column of two rows of the table, on the cases that both have."""
        return pd.concat([self.values(rows, row, column) for row in (first, second)], axis=1, join="inner")

    def gained(self, rows: pd.DataFrame, first: str, second: str, column: str = "DICE") -> str:
        """What the first row has more than the second in a column, case by case, with its 95 % interval."""
        both = self.pairs(rows, column, first, second)
        return interval(both.iloc[:, 0] - both.iloc[:, 1], 1)

    def printed(self, columns: Sequence[str]) -> pd.DataFrame:
        """The printed means, a row a method that registers and a column each of `columns`."""
        rows = {method: row for method, row in self.rows.items() if row != UNDEFORMED}
        cells = {c: {m: ledger.entry(f"{self.id}/{row}/{c}").value for m, row in rows.items()} for c in columns}
        return pd.DataFrame(cells)

    def beside(
        self, runs: Mapping[str, pd.DataFrame], verdicts: Mapping[str, Iterable[ledger.Verdict]] | None = None
    ) -> pd.DataFrame:
        """The table as the thesis prints it, methods down and measures across, each cell with a line for every source.

        The first line of a cell is printed, the others are mean and standard deviation over the cases of each long
        table of `runs`, with the mark of their verdict where `verdicts` has one of that run. The column `source` names
        the lines. Methods that no run has are left out.
        """
        marks = {run: {it.id: tables.MARKS[it.verdict] for it in of} for run, of in (verdicts or {}).items()}
        lines = {}
        for row in self.rows.values():
            cells = {head: [self._printed(row, column)] for column, head in self.heads.items()}
            sources = ["printed"]
            for run, rows in runs.items():
                found = {c: self.values(rows, row, c) for c in self.heads if not self._says_nothing(row, c)}
                if any(map(len, found.values())):
                    sources.append(run)
                    for column, head in self.heads.items():
                        mark = marks.get(run, {}).get(f"{self.id}/{row}/{column}", "")
                        cells[head].append(self._text(found.get(column), column) + (mark and f" {mark}"))
            if len(sources) > 1:
                lines[row] = {"source": "\n".join(sources)} | {head: "\n".join(cell) for head, cell in cells.items()}
        return pd.DataFrame.from_dict(lines, "index").rename_axis("method")

    def judge(self, rows: pd.DataFrame, about: Mapping) -> list[ledger.Verdict]:
        """Hand the cells that a long table fills, and the claims of order on them, to the ledger, as below."""
        return [*self.judge_cells(rows, about), *self.judge_orders(rows, about)]

    def judge_cells(self, rows: pd.DataFrame, about: Mapping) -> list[ledger.Verdict]:
        """Hand each cell that a long table fills to the ledger, with the undeformed scores of its cases as control.

        `about` is what `ledger.check` wants beside the values.
        """
        found = []
        for id in [id for id in ledger.load() if id.startswith(f"{self.id}/")]:
            _, row, column = id.split("/")
            cell, undeformed = (self.values(rows, it, column) for it in (row, UNDEFORMED))
            if cell.empty:
                continue
            lacks = row == UNDEFORMED or len(undeformed.index.intersection(cell.index)) < len(cell)
            control = None if lacks else self._of_patients(undeformed[cell.index])
            found.append(ledger.check(id, self._of_patients(cell), control=control, **about))
        return found

    def judge_orders(self, rows: pd.DataFrame, about: Mapping, pairs: Callable | None = None) -> list[ledger.Verdict]:
        """Hand each claim of order on the table to the ledger, on the cases that both methods have.

        `pairs` is used in place of the table's own, where two rows can only be compared in another form.
        """
        found = []
        for known in ledger.load().values():
            if known.kind == "order" and known.table == self.id:
                _, column, than = known.id.split("/")
                both = (pairs or self.pairs)(rows, column, known.of, than)
                if len(both):
                    first, second = (self._of_patients(both.iloc[:, k]) for k in (0, 1))
                    found.append(ledger.check(known.id, first, paired_with=second, **about))
        return found

    def _of_patients(self, values: pd.Series) -> pd.Series:
        return values.rename(index=self.patient)

    def _says_nothing(self, row: str, column: str) -> bool:
        return row == UNDEFORMED and column in self.unmoved

    def _printed(self, row: str, column: str) -> str:
        return known.printed if (known := ledger.load().get(f"{self.id}/{row}/{column}")) else "–"

    def _text(self, cell: pd.Series | None, column: str) -> str:
        return printed_style(cell.mean(), cell.std(), self.digits[column]) if cell is not None and len(cell) else "–"
