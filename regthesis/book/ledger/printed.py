"""What the thesis printed: every number, claim, figure and equation of `data/thesis` as an `Entry`.

Ids read from the whole to the part: `T4.1/S3/DICE` is a cell of Table 4.1, `C4.30/DICE/Dem` one comparison
of a claim of order, `F6.2/GM/C` a number that a figure prints, `E4.7` an equation.
The YAML keeps every number as the characters that were printed, so that `.80` stays `.80`, and beside them how
they are read where they do not say it themselves: `∼420k` as `~420e3`, and `1012`, which lost a superscript, as `1e12`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml

from regthesis.errors import UserError
from regthesis.shipped import DATA

__all__ = ["Entry", "load", "entry"]

NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
PRINTED = re.compile(
    rf"(?P<sign>[<>≤≥~∼]?) ?(?P<value>{NUMBER})(?:-(?P<high>{NUMBER}))?"
    rf"(?: (?:±(?P<sd>{NUMBER})|\((?P<spread>{NUMBER})(?:-(?P<upper>{NUMBER}))?\)))?"
)


@dataclass(frozen=True)
class Entry:
    """One printed thing; `value`, `spread` and `interval` are in `unit` and were read from `printed`."""

    id: str
    kind: str  # number, order, statement, figure, equation
    chapter: int
    section: str
    what: str
    printed: str = ""  # the characters; of a setting that is no number, its words or its list
    value: float | None = None
    sign: str = ""  # <, ≤, > or ≥ where the value is a bound, ~ where it is about right
    spread: float | None = None  # standard deviation
    interval: tuple[float, float] | None = None  # confidence interval, or a printed range that has no value
    rounding: float = 0.0  # half a unit of the last printed digit
    unit: str = ""  # with "?" for what is not printed of it: no value can be set beside one in such a unit
    better: str = ""  # higher or lower
    statistic: str = "mean"  # makes the printed value out of those of the cases
    tolerance: float = 0.01  # relative, on the same data
    table: str = ""  # whose rows a claim of order compares
    of: str = ""  # the row that it is about
    relation: str = ""  # better, worse, differs or similar, in a claim of order
    direction: str = ""  # how its first printed value lies to the second: higher, lower or equal
    alpha: float = 0.05
    setting: bool = False  # a choice of the experiment and not a result: others keep it or change it
    dataset: str = ""  # `any` needs no data
    cases: int | None = None
    patients: int | None = None  # that the cases come from, where a patient has several
    shape: tuple[str, ...] = ()  # of the grid, array order
    spacing: tuple[str, ...] = ()  # of the grid in mm, array order, "?" where it is not printed
    device: str = ""
    skip: str = ""  # why nobody attempts it
    as_extracted: str = ""  # why the extraction of the text, and not the thesis, may be at fault
    note: str = ""

    @property
    def item(self) -> str:
        """The table, figure, equation or claim that this is part of: `T4.1` of `T4.1/S3/DICE`."""
        return self.id.split("/")[0]

    @property
    def counted(self) -> int | None:
        """How many independent ones there were: patients where a patient has several cases, else cases."""
        return self.patients or self.cases


def number(printed: str) -> dict:
    """The numeric fields of an `Entry` from characters such as `0.81 (0.09)`, `85.2 ±09`, `<5` or `13-35`."""
    found = PRINTED.fullmatch(printed)
    if not found:
        raise UserError(f"data/thesis: {printed!r} is not a printed number like 0.81 (0.09), 85 ±9, <5 or 13-35")
    part = found.groupdict()
    read = {"printed": printed, "sign": part["sign"].replace("∼", "~")}
    if part["high"]:
        return read | {"interval": (float(part["value"]), float(part["high"]))}
    read |= {
        "value": float(part["value"]),
        "rounding": float(Decimal(5).scaleb(Decimal(part["value"]).as_tuple().exponent - 1)),
    }
    if part["upper"]:
        return read | {"interval": (float(part["spread"]), float(part["upper"]))}
    sd = part["sd"] or part["spread"]
    return read | ({"spread": float(sd)} if sd else {})


TEXTS = {
    *("section", "what", "printed", "unit", "better", "statistic", "table", "of", "relation", "dataset", "device"),
    *("skip", "as_extracted", "note"),
}
NUMBERS = {"tolerance": float, "alpha": float, "cases": int, "patients": int}
SHAPES = {"id", "chapter", "title", "spread", "frame", "columns", "rows", "notes", "extracted"}  # of a table or figure
WORDS = {"value", "read", "than", "metrics", "setting"}  # of a claim
WHOLE = ("section", "what", "skip", "as_extracted", "note")  # of a figure or an equation as one entry
KEYS = TEXTS | set(NUMBERS) | SHAPES | WORDS


def _known(item: str, raw: Mapping) -> Mapping:
    """`raw` itself. Raises `UserError` for what nothing reads: a wrong key, or a note on a cell that is not there."""
    cells = {f"{row}/{column}" for row, columns in raw.get("rows", {}).items() for column in columns}
    unread = [key for each in (raw, *raw.get("columns", {}).values()) for key in each if key not in KEYS]
    unread += [cell for key in ("notes", "extracted") for cell in raw.get(key, {}) if cell not in cells]
    unread += ["setting: " + raw["setting"]] if raw.get("setting", "true") != "true" else []
    if unread:
        raise UserError(f"data/thesis: {item} has {unread[0]!r}, which nothing reads; is it misspelt?")
    return raw


def _fields(raw: Mapping) -> dict:
    texts = {key: raw[key] for key in TEXTS if key in raw}
    numbers = {key: kind(raw[key]) for key, kind in NUMBERS.items() if key in raw}
    setting = {"setting": True, "dataset": "any"} if raw.get("setting") == "true" else {}
    return texts | numbers | setting | {key: tuple(value) for key, value in raw.get("frame", {}).items()}


def _cells(item: str, chapter: int, raw: Mapping) -> list[Entry]:
    """The numbers of a table, or of a figure that prints some."""
    cells = []
    for row, columns in raw.get("rows", {}).items():
        for column, printed in columns.items():
            if printed == "–":
                continue
            cell, shared = f"{row}/{column}", raw["columns"][column]
            notes = [note for note in (shared.get("note"), raw.get("notes", {}).get(cell)) if note]
            own = {
                "what": f"{row}, {shared.get('what', column)}",
                "as_extracted": raw.get("extracted", {}).get(cell, ""),
                "note": "; ".join(notes),
            }
            fields = _fields({**raw, **shared, **own}) | number(printed)
            cells.append(Entry(f"{item}/{cell}", "number", chapter, **fields))
    return cells


def _claim(item: str, chapter: int, raw: Mapping, tables: Mapping) -> list[Entry]:
    """A claim is one entry, or one for each pair of methods and each metric that it orders."""
    if "relation" not in raw:
        read = number(raw.get("read", raw["value"])) | {"printed": raw["value"]} if "value" in raw else {}
        return [Entry(item, "number" if read else "statement", chapter, **_fields(raw) | read)]
    table, pairs = tables[raw["table"]], []
    for metric in raw["metrics"]:
        for other in raw["than"]:
            printed = [table["rows"][row][metric] for row in (raw["of"], other)]
            own = {"what": f"{raw['what']} ({metric}, {other})", "printed": " against ".join(printed)}
            fields = _fields({**table, **table["columns"][metric], **raw, **own}) | {"direction": _direction(*printed)}
            pairs.append(Entry(f"{item}/{metric}/{other}", "order", chapter, **fields))
    return pairs


def _direction(first: str, second: str) -> str:
    values = [number(printed)["value"] for printed in (first, second)]
    return "equal" if values[0] == values[1] else "higher" if values[0] > values[1] else "lower"


@cache
def load(folder: Path = DATA / "thesis") -> Mapping[str, Entry]:
    """Every entry by id, in the order of the thesis's tables, claims, figures and equations.

    Raises `UserError` where `folder` holds no ledger.
    """
    if not (folder / "equations.yaml").is_file():
        raise UserError(f"ledger: no data/thesis in {folder.parent.parent}; run from a checkout of the project")
    read = {file.stem: yaml.load(file.read_text("utf-8"), yaml.BaseLoader) for file in sorted(folder.glob("*.yaml"))}
    tables = {name: _known(name, raw) for name, raw in read.items() if name.startswith("T")}
    entries = [cell for item, raw in tables.items() for cell in _cells(item, int(raw["chapter"]), raw)]
    for name in (name for name in read if name.startswith("C")):
        for item, raw in read[name]["claims"].items():
            entries += _claim(item, int(read[name]["chapter"]), _known(item, raw), tables)
    for kind in ("figure", "equation"):
        for item, raw in read[f"{kind}s"][f"{kind}s"].items():
            chapter, raw = int(item[1]), _known(item, raw)
            whole = {key: raw[key] for key in WHOLE if key in raw}
            entries += [Entry(item, kind, chapter, **whole), *_cells(item, chapter, raw)]
    return {known.id: known for known in entries}


def entry(id: str) -> Entry:
    """The entry `id`. Raises `UserError` that names the nearest id where there is none."""
    if id in load():
        return load()[id]
    folded = {known.casefold(): known for known in load()}
    nearest = folded[difflib.get_close_matches(id.casefold(), folded, n=1, cutoff=0)[0]]
    raise UserError(f"ledger: no entry {id!r} in data/thesis; the nearest is {nearest!r}")
