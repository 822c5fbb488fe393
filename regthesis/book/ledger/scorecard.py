"""Every entry of the ledger with what became of it, in this run and in the recorded ones."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from regthesis.book import ledger
from regthesis.shipped import CHECKOUT, DATA

__all__ = ["scorecard", "verdicts"]

COLUMNS = ["item", "id", "kind", "chapter", "section", "what", "printed", "setting", "as_extracted", "note"]


def verdicts(results=None, recorded: Path = DATA / "recorded") -> pd.DataFrame:
    """Every verdict noted, of this run (`results` as in `ledger.check`) and of the recorded runs.

    Columns id, printed, computed, verdict, why, source (`this run` or `recorded <run>`), page.
    """
    folder = results or os.environ.get("REGTHESIS_RESULTS")
    files = [("this run", file.stem, file) for file in sorted(Path(folder).glob("[!.]*.json"))] if folder else []
    files += [(f"recorded {file.parent.name}", "", file) for file in sorted(recorded.glob("*/results.json"))]
    rows = [
        asdict(verdict) | {"source": source, "page": page or str(known.chapter)}
        for source, page, file in files
        for id, verdict in ledger.read(file).items()
        for known in (ledger.entry(id),)
    ]
    columns = ["id", "printed", "computed", "verdict", "why", "source", "page"]
    return pd.DataFrame(rows, columns=columns)


def scorecard(results=None, recorded: Path = DATA / "recorded", chapters: Path = CHECKOUT / "chapters"):
    """Every table, figure, equation and claim of the thesis with its verdicts, one row a verdict.

    An entry that no page has checked has one row, *not attempted* and why.
    Columns item, id, kind, chapter, section, what, printed, setting, as_extracted, note, computed, verdict, why,
    source, link (relative to the book's root, empty while the page is not written).
    """
    entries = ledger.load()
    every = pd.DataFrame([[getattr(known, c) for c in COLUMNS] for known in entries.values()], columns=COLUMNS)
    noted = verdicts(results, recorded).drop(columns="printed")
    card = every.merge(noted, on="id", how="left").fillna("")
    card["page"] = card["page"].where(card["page"] != "", card["chapter"].astype(str))
    card["link"] = [_link(page, chapters) for page in card["page"]]
    unchecked = card["verdict"] == ""
    card.loc[unchecked, "why"] = [
        entries[id].skip or (f"chapter {n} does not check it yet" if link else f"chapter {n} is not written yet")
        for id, n, link in card.loc[unchecked, ["id", "chapter", "link"]].itertuples(index=False)
    ]
    card.loc[unchecked, "verdict"] = "not attempted"
    return card[[*COLUMNS, "computed", "verdict", "why", "source", "link"]]


def _link(page: str, chapters: Path) -> str:
    if not page.isdigit():
        return f"book/{page}.html"
    return next((f"chapters/{file.stem}.html" for file in chapters.glob(f"{int(page):02d}_*.md")), "")
