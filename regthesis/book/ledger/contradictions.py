"""Where two places of the thesis contradict each other, read from what the ledger holds as printed.

Each check is true, or finds nothing, for the place that agrees with the rest, and not for the other one.
"""

from __future__ import annotations

from collections.abc import Sequence

from regthesis.book.ledger.printed import Entry, entry, load

__all__ = ["evaluated", "leads", "not_rising"]


def _cells(table: str) -> dict[tuple[str, str], Entry]:
    """The printed cells of a table by row and column."""
    return {
        tuple(id.removeprefix(f"{table}/").rsplit("/", 1)): cell for id, cell in load().items() if cell.item == table
    }


def not_rising(statistic: str = "") -> list[str]:
    """Cells of Table 3.1 that contradict section 3.3: elastix and demons raise DICE and the Hausdorff distance.

    `statistic`: "" for the printed means, "-median" for the medians. What they rise from is the alignment before them.
    """
    cells, found = _cells("T3.1"), []
    for (row, column), cell in cells.items():
        images, method = row.split("/")
        before = cells[f"{images}/{'T*' if images == '3D*' else 'T'}", column]
        if method in ("e16", "e8", "dem") and column in (f"DICE{statistic}", f"HD{statistic}"):
            found += [cell.id] if cell.value <= before.value else []
    return found


def leads(row: str, columns: Sequence[str], table: str = "T4.1") -> bool:
    """Whether a row of a table has the best printed value of all rows in each of the columns."""
    cells = _cells(table)
    for column in columns:
        values = {other: cell.value for (other, its), cell in cells.items() if its == column}
        best = max if cells[row, column].better == "higher" else min
        if best(values, key=values.get) != row:
            return False
    return True


def evaluated(id: str) -> bool:
    """Whether each endpoint that the printed words of a claim name is one that section 6.3 evaluates (C6.43)."""
    named, had = ({part.removeprefix("HF ") for part in entry(claim).printed.split(" and ")} for claim in (id, "C6.43"))
    return named <= had
