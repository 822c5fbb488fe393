"""The ledger: what a chapter computed beside what the thesis printed, and the verdict on the two.

A chapter hands in its values with `check`, or what it found about a figure, an equation or a statement
with `state`; `scorecard` lists every entry of the thesis with its verdicts.
The verdicts are *reproduced* (same data, within tolerance), *holds* (other data, same conclusion),
*fails*, *not comparable* (a mere number on other data) and *not attempted*.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from regthesis.book.printed import ROOT, Entry, entry, load
from regthesis.errors import UserError
from regthesis.files import whole

__all__ = ["VERDICTS", "Entry", "Verdict", "check", "entry", "load", "scorecard", "state", "verdicts"]

VERDICTS = ("reproduced", "holds", "fails", "not comparable", "not attempted")
SUBSET = 0.8  # a subset of at least this share of the printed cases counts as the same data
STATISTICS = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}


@dataclass(frozen=True)
class Verdict:
    """What became of one entry: `verdict` is one of `VERDICTS`, and `why` says it in words."""

    id: str
    printed: str
    computed: str
    verdict: str
    why: str

    def __str__(self) -> str:
        sides = f"printed {self.printed}, computed {self.computed}: " if self.computed else ""
        return f"{self.id}: {sides}{self.verdict}; {self.why}"


def check(id: str, values, *, dataset: str, frame=None, cases=None, paired_with=None, page="", results=None) -> Verdict:
    """Set computed values beside entry `id` and note the verdict in the results of the page.

    `values`: one per case, or one number of which `cases` says how many cases it stands for, in the
    entry's unit; `paired_with`: the other method's on the same cases, for a claim of order.
    `dataset`: where they come from. `frame`: the grid they were computed on (anything with `shape`, and
    `spacing` in mm, such as `case.grid`); left out, it is taken to be the printed one, and `why` says so.
    `page`: the page that computed them, its chapter if left out. `results`: the folder of the results of
    this run, the environment variable REGTHESIS_RESULTS if left out; without either nothing is written.
    Raises `UserError` for an unknown id, for values that are missing or not finite, and for a pairing
    that is missing, not wanted, or of another length.
    """
    known, values = entry(id), _finite(id, values)
    if known.kind not in ("number", "order"):
        raise UserError(f"ledger: {id} is a {known.kind} and has no values; use ledger.state")
    if (known.kind == "order") != (paired_with is not None):
        raise UserError(f"ledger: {id} is a {known.kind}; paired_with is for claims of order, and they need it")
    cases = cases or (len(values) if len(values) > 1 else None)
    other = _other_data(known, dataset, frame, cases)
    if known.kind == "order":
        computed, verdict, why = _judge_order(known, values, _finite(id, paired_with), other)
    else:
        computed, verdict, why = _judge_number(known, values, other, cases)
    why = why if other else f"{why}; {_same_data(known, frame, cases)}"
    return _note(Verdict(id, known.printed, computed, verdict, why), page or str(known.chapter), results)


def state(id: str, verdict: str, why: str, *, page="", results=None) -> Verdict:
    """Note a verdict that a page argues in words or in a picture, on a figure, an equation or a statement."""
    known = entry(id)
    if known.kind in ("number", "order"):
        raise UserError(f"ledger: {id} is a {known.kind}; hand its values to ledger.check")
    if verdict not in VERDICTS or not why:
        raise UserError(f"ledger: {id} needs a reason and one of {', '.join(VERDICTS)}, not {verdict!r}")
    return _note(Verdict(id, "", "", verdict, why), page or str(known.chapter), results)


def _finite(id: str, values) -> np.ndarray:
    values = np.asarray(values, dtype=float).ravel()
    if not values.size or not np.isfinite(values).all():
        raise UserError(f"ledger: {id} got no values, or some NaN or infinite; leave out such cases and say how many")
    return values


def _other_data(known: Entry, dataset: str, frame, cases: int | None) -> str:
    """Why these are not the data of the thesis; empty where they are."""
    if known.dataset == "any":
        return ""
    if known.device:
        return f"timed on another device than the thesis's {known.device}"
    if dataset != known.dataset:
        return f"on {dataset}, not on {known.dataset}"
    if frame is not None and known.shape and not _same_frame(known, frame):
        return f"not in the printed frame of {' x '.join(known.shape)} voxels of {' x '.join(known.spacing)} mm"
    if cases and known.cases and cases < SUBSET * known.cases:
        return f"{cases} of {known.cases} cases are too few"
    return ""


def _same_frame(known: Entry, frame) -> bool:
    if tuple(map(int, known.shape)) != tuple(frame.shape):
        return False
    pairs = zip(known.spacing, frame.spacing, strict=True)
    return all(printed == "?" or math.isclose(float(printed), mm, rel_tol=1e-4) for printed, mm in pairs)


def _same_data(known: Entry, frame, cases: int | None) -> str:
    """What is known of the data that count as the same."""
    if known.dataset == "any":
        return "needs no data"
    told = f"{cases} of {known.cases} cases" if cases and known.cases else "cases not stated"
    return told + (", frame taken as printed" if known.shape and frame is None else "")


def _judge_number(known: Entry, values: np.ndarray, other: str, cases: int | None) -> tuple[str, str, str]:
    value = float(STATISTICS[known.statistic](values))
    computed = f"{value:.4g}"
    if known.sign in ("<", ">"):
        kept = value < known.value if known.sign == "<" else value > known.value
        verdict = "fails" if not kept else "holds" if other else "reproduced"
        return (
            computed,
            verdict,
            f"the bound is {'kept' if kept else 'broken'}" + (f", {other}" if other else ""),
        )
    if other:
        return computed, "not comparable", other
    if known.value is None:
        inside, why = known.interval[0] <= value <= known.interval[1], "the printed range"
    else:
        allowed = known.allowance(cases)
        inside, why = abs(value - known.value) <= allowed, f"{allowed:.2g} of the printed value"
    return computed, *(("reproduced", f"within {why}") if inside else ("fails", f"not within {why}"))


def _judge_order(known: Entry, first: np.ndarray, second: np.ndarray, other: str) -> tuple[str, str, str]:
    """Two-sided Wilcoxon signed-rank test (Wilcoxon 1945); effect: matched-pairs rank-biserial correlation.

    The effect runs from -1 to 1 and is positive where the first method is the better one.
    """
    if len(first) != len(second):
        raise UserError(f"ledger: {known.id} pairs {len(first)} values with {len(second)}; give the same cases")
    computed, n = f"{first.mean():.4g} against {second.mean():.4g}", len(first)
    if 2.0 ** (1 - n) >= known.alpha:
        return computed, "not comparable", f"{n} pairs can never reach p < {known.alpha:g}"
    from regthesis.evaluate.statistics import wilcoxon  # here, because it brings torch along

    higher, lower = (first, second) if known.better == "higher" else (second, first)
    p, effect, _ = wilcoxon(higher.tolist(), lower.tolist())
    sides = {"better": effect > 0, "worse": effect < 0, "differs": True, "similar": True}
    shown = sides[known.relation] and (p >= known.alpha if known.relation == "similar" else p < known.alpha)
    why = f"n = {n}, p = {p:.2g} at level {known.alpha:g}, effect {effect:+.2f}" + (f", {other}" if other else "")
    return computed, "fails" if not shown else "holds" if other else "reproduced", why


def _note(verdict: Verdict, page: str, results: Path | str | None) -> Verdict:
    """Merge the verdict by id into `results/<page>.json`; the file is complete at every moment."""
    folder = results or os.environ.get("REGTHESIS_RESULTS")
    if not folder:
        return verdict
    file = Path(folder) / f"{page}.json"
    kept = (_read(file) if file.exists() else {}) | {verdict.id: verdict}
    text = json.dumps({"verdicts": [asdict(kept[id]) for id in sorted(kept)]}, indent=1, ensure_ascii=False)
    with whole(file) as sibling:
        sibling.write_text(text + "\n", "utf-8")
    return verdict


def _read(file: Path) -> dict[str, Verdict]:
    try:
        return {noted["id"]: Verdict(**noted) for noted in json.loads(file.read_text("utf-8"))["verdicts"]}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"ledger: {file} holds no verdicts; delete it and run its page again") from None


def verdicts(results=None, recorded: Path = ROOT / "data" / "recorded") -> pd.DataFrame:
    """Every verdict noted, of this run (`results` as in `check`) and of the recorded runs.

    Columns id, printed, computed, verdict, why, source (`this run` or `recorded <run>`), page.
    """
    folder = results or os.environ.get("REGTHESIS_RESULTS")
    files = [("this run", file.stem, file) for file in sorted(Path(folder).glob("[!.]*.json"))] if folder else []
    files += [(f"recorded {file.parent.name}", "", file) for file in sorted(recorded.glob("*/results.json"))]
    rows = [
        asdict(verdict) | {"source": source, "page": page or str(known.chapter)}
        for source, page, file in files
        for id, verdict in _read(file).items()
        for known in (entry(id),)
    ]
    columns = ["id", "printed", "computed", "verdict", "why", "source", "page"]
    return pd.DataFrame(rows, columns=columns)


def scorecard(results=None, recorded: Path = ROOT / "data" / "recorded", chapters: Path = ROOT / "chapters"):
    """Every table, figure, equation and claim of the thesis with its verdicts, one row a verdict.

    An entry that no page has checked has one row, *not attempted* and why.
    Columns item, id, kind, chapter, section, what, printed, computed, verdict, why, source, link
    (relative to the book's root, empty while the page is not written), note.
    """
    columns = ["item", "id", "kind", "chapter", "section", "what", "printed", "note"]
    every = pd.DataFrame([[getattr(known, c) for c in columns] for known in load().values()], columns=columns)
    noted = verdicts(results, recorded).drop(columns="printed")
    card = every.merge(noted, on="id", how="left").fillna("")
    card["page"] = card["page"].where(card["page"] != "", card["chapter"].astype(str))
    card["link"] = [_link(page, chapters) for page in card["page"]]
    unchecked = card["verdict"] == ""
    card.loc[unchecked, "why"] = [
        load()[id].skip or (f"chapter {n} does not check it yet" if link else f"chapter {n} is not written yet")
        for id, n, link in card.loc[unchecked, ["id", "chapter", "link"]].itertuples(index=False)
    ]
    card.loc[unchecked, "verdict"] = "not attempted"
    return card[[*columns[:7], "computed", "verdict", "why", "source", "link", "note"]]


def _link(page: str, chapters: Path) -> str:
    if not page.isdigit():
        return f"book/{page}.html"
    return next((f"chapters/{file.stem}.html" for file in chapters.glob(f"{int(page):02d}_*.md")), "")
