"""The ledger: what a chapter computed beside what the thesis printed, and the verdict on the two.

No verdict is typed. A chapter hands in values (`check`), two computations that should agree (`agrees`), a condition
that it has computed (`claim`), or a picture that it has drawn (`redrawn`), and the ledger says what follows:

reproduced       same data within tolerance, or what needs no data
holds            other data, same conclusion
fails            the other conclusion
undecided        the data cannot tell
not comparable   a mere number on other data, or a value that we have treated as the thesis did not
not attempted    no page has looked

Beside these, and not counted among them: *redrawn* for a figure, whose verdict is that of the claims that it carries;
*kept* and *changed* for a setting; *as extracted* where what fails may be the fault of the source's text.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from regthesis.book.ledger import judge
from regthesis.book.ledger.printed import Entry, entry, load
from regthesis.errors import UserError
from regthesis.files import read_json, whole

__all__ = ["BESIDE", "VERDICTS", "Entry", "Verdict", "agrees", "check", "claim", "entry", "load", "read", "redrawn"]

VERDICTS = ("reproduced", "holds", "fails", "undecided", "not comparable", "not attempted")
BESIDE = ("redrawn", "kept", "changed", "as extracted")
SUBSET = 0.8  # a subset of at least this share of the printed cases counts as the same data


@dataclass(frozen=True)
class Verdict:
    """What became of one entry: `verdict` is one of `VERDICTS` or `BESIDE`, and `why` says it in words."""

    id: str
    printed: str
    computed: str
    verdict: str
    why: str

    def __str__(self) -> str:
        sides = f"printed {self.printed}, computed {self.computed}: " if self.computed and self.printed else ""
        return f"{self.id}: {sides}{self.verdict}; {self.why}"


def check(
    id: str,
    values,
    *,
    dataset: str,
    grid=None,
    cases: int | None = None,
    paired_with=None,
    control=None,
    unlike: str = "",
    page: str = "",
    results: Path | str | None = None,
) -> Verdict:
    """Set computed values beside a printed number, a claim of order or a setting; note the verdict for the page.

    `values`: one per case, or one number of which `cases` says how many patients it stands for, in the entry's unit. A
    pandas Series is indexed by patient; several values of one patient are averaged, since patients are what is counted
    (where the least or the greatest of all is printed, a patient keeps that one).
    `paired_with`: the other method's on the same cases, for a claim of order. `control`: the undeformed scores of the
    same cases, which say what is to be expected of them (see `judge.number`). Two Series are paired by patient.
    `dataset`: where the cases come from, as `datasets` know it by identities. `grid`: the grid they were computed on
    (anything with `shape`, and `spacing` in mm, such as `case.grid`); left out, it is taken to be the printed one, and
    `why` says so. `unlike`: what was done here and not in the thesis; a number or an order is then not comparable.
    Of a setting `values` is the number or the words that were chosen here.
    `page`: the page that computed them, its chapter if left out. `results`: the folder of the results of this run, the
    environment variable REGTHESIS_RESULTS if left out; without either nothing is written.

    Raises `UserError` for an unknown id, for values that are missing or not finite, for `cases` beside several values,
    for a pairing that is missing or not wanted, and for a pairing or a control of other patients or another length.
    """
    known = entry(id)
    if known.setting:
        return _note(known, judge.setting(known, values), page, results)
    if known.kind not in ("number", "order"):
        raise UserError(f"ledger: {id} is a {known.kind} and has no values; use ledger.claim, agrees or redrawn")
    if (known.kind == "order") != (paired_with is not None):
        raise UserError(f"ledger: {id} is a {known.kind}; paired_with is for claims of order, and they need it")
    counted = np.ndim(values) > 0  # and not one number that stands for several
    values, second, control = _by_patient(known, values, paired_with, control)
    if cases and len(values) > 1:
        raise UserError(f"ledger: {id} got {len(values)} values and cases={cases}; leave out cases")
    cases = cases or (len(values) if counted else None)
    unlike = unlike or _no_scale(known)
    other = unlike or _other_data(known, dataset, grid, cases)
    if known.kind == "order":
        found = judge.order(known, values, second, other)
    else:
        found = judge.number(known, values, other, cases, control)
    if unlike:
        found = found._replace(verdict="not comparable")
    elif not other:
        found = found._replace(why=f"{found.why}; {_same_data(known, grid, cases)}")
    return _note(known, found, page, results)


def claim(
    id: str,
    shown: bool | np.bool_ | None,
    why: str,
    *,
    dataset: str = "",
    unlike: str = "",
    page: str = "",
    results=None,
) -> Verdict:
    """Note what a condition that the page has computed says of a statement, or of an equation.

    `shown`: whether the statement is true here, None where the data cannot tell. `dataset`: where that was computed,
    `any` for what needs no data, such as a proof. `unlike` as in `check`.

    Raises `UserError` for an entry that has values, or without a reason.
    """
    known = entry(id)
    if known.kind in ("number", "order") or known.setting:
        raise UserError(f"ledger: {id} is a {'setting' if known.setting else known.kind}; hand it to ledger.check")
    if not why or shown not in (True, False, None):
        raise UserError(f"ledger: {id} needs a condition that is true, false or None, and a reason")
    agreed = "reproduced" if dataset and dataset in ("any", known.dataset) else "holds"
    verdict = "undecided" if shown is None else agreed if shown else "fails"
    found = judge.Judgement("", "not comparable" if unlike else verdict, f"{why}; {unlike}" if unlike else why)
    return _note(known, found, page, results)


def agrees(id: str, ours, theirs, why: str, *, tolerance: float = 1e-5, page: str = "", results=None) -> Verdict:
    """Note whether two computations of a printed equation agree: the largest difference over the largest value.

    `ours` and `theirs` are arrays or tensors of one shape, from code that does not share the step in question.

    Raises `UserError` for an entry that is no equation and no statement, without a reason, and for values that are
    missing or not finite, of different shapes, or all zero on both sides, since these agree whatever was computed.
    """
    known = entry(id)
    if known.kind not in ("equation", "statement") or known.setting:
        raise UserError(f"ledger: {id} is a {'setting' if known.setting else known.kind}; hand it to ledger.check")
    if np.shape(ours) != np.shape(theirs):
        raise UserError(f"ledger: {id} compares shapes {np.shape(ours)} and {np.shape(theirs)}; give the same places")
    ours, theirs = (np.asarray(_finite(id, given)) for given in (ours, theirs))
    if not why or not (ours.any() or theirs.any()):
        raise UserError(f"ledger: {id} needs a reason, and values that are not all zero")
    largest = float(np.abs(theirs).max())
    gap = float(np.abs(ours - theirs).max()) / largest if largest else math.inf
    words = f"{why}: relative difference {gap:.1e}, {tolerance:.0e} allowed"
    return _note(known, judge.Judgement("", "reproduced" if gap <= tolerance else "fails", words), page, results)


def redrawn(id: str, figure, carries: Sequence[str] = (), why: str = "", *, page: str = "", results=None) -> Verdict:
    """Note that a figure of the thesis was drawn again; the claims that it carries have the verdicts.

    Raises `UserError` for an entry that is no figure, for an empty picture, and for a claim that is not there.
    """
    known = entry(id)
    if known.kind != "figure":
        raise UserError(f"ledger: {id} is a {known.kind}, not a figure")
    if not any(ax.has_data() or ax.patches or ax.texts for ax in figure.axes):
        raise UserError(f"ledger: {id}: the picture is empty")
    carried = [entry(one).id for one in carries]
    words = [*([why] if why else []), f"see {', '.join(carried)}" if carried else "it carries no claim"]
    return _note(known, judge.Judgement("", "redrawn", "; ".join(words)), page, results)


def _by_patient(known: Entry, values, *others) -> list[np.ndarray | None]:
    """One value a patient of each, in the order of `values`; None stays."""
    kept = known.statistic if known.statistic in ("min", "max") else "mean"
    values, *others = (_one_each(_finite(known.id, given), kept) for given in (values, *others))
    for i, other in enumerate(others):
        if isinstance(other, pd.Series) and isinstance(values, pd.Series):
            others[i] = other = other.reindex(values.index) if set(other.index) == set(values.index) else other[:0]
        if other is not None and len(other) != len(values):
            raise UserError(f"ledger: {known.id} pairs values of other cases; give the same cases, indexed by patient")
    return [given if given is None else np.asarray(given) for given in (values, *others)]


def _one_each(values: pd.Series | np.ndarray | None, kept: str) -> pd.Series | np.ndarray | None:
    """A Series with one value for each of its index: what is `kept` of several."""
    repeats = isinstance(values, pd.Series) and not values.index.is_unique
    return values.groupby(level=0, sort=False, dropna=False).agg(kept) if repeats else values


def _finite(id: str, values) -> pd.Series | np.ndarray | None:
    """Numbers in a row; a Series keeps its index, None stays."""
    if values is None:
        return None
    if isinstance(values, pd.Series) and values.index.nlevels > 1:
        raise UserError(f"ledger: {id} got values indexed by {values.index.names}; index them by patient alone")
    numbers = np.asarray(values, dtype=float).ravel()
    if not numbers.size or not np.isfinite(numbers).all():
        raise UserError(f"ledger: {id} got no values, or some NaN or infinite; leave out such cases and say how many")
    return pd.Series(numbers, values.index) if isinstance(values, pd.Series) else numbers


def _no_scale(known: Entry) -> str:
    """Why no value can be set beside a printed number; empty where one can."""
    if known.kind == "number" and "?" in known.unit:
        return "its unit or scale is not printed"
    return f"timed on another device than the thesis's {known.device}" if known.device else ""


def _other_data(known: Entry, dataset: str, grid, cases: int | None) -> str:
    """Why these are not the data of the thesis; empty where they are."""
    if known.dataset == "any":
        return ""
    if dataset != known.dataset:
        return f"on {dataset}, not on {known.dataset}"
    if grid is not None and known.shape and not _same_grid(known, grid):
        return f"not on the printed grid of {' x '.join(known.shape)} voxels of {' x '.join(known.spacing)} mm"
    if known.counted and not cases:
        return "of how many patients is not said"
    if known.counted and cases < SUBSET * known.counted:
        return f"{cases} of {known.counted} patients are too few"
    if known.counted and cases > known.counted:
        return f"{cases} are not the {known.counted} patients of the thesis"
    return ""


def _same_grid(known: Entry, grid) -> bool:
    if tuple(map(int, known.shape)) != tuple(grid.shape):
        return False
    pairs = zip(known.spacing, grid.spacing, strict=True)
    return all(printed == "?" or math.isclose(float(printed), mm, rel_tol=1e-4) for printed, mm in pairs)


def _same_data(known: Entry, grid, cases: int | None) -> str:
    """What is known of the data that count as the same."""
    if known.dataset == "any":
        return "needs no data"
    words = f"{cases} of {known.counted} patients" if known.counted else "number of patients not printed"
    return words + (", grid taken as printed" if known.shape and grid is None else "")


def _note(known: Entry, found: judge.Judgement, page: str, results: Path | str | None) -> Verdict:
    """Merge the verdict by id into `results/<page>.json`; the file is complete at every moment."""
    if found.verdict == "fails" and known.as_extracted:
        found = found._replace(verdict="as extracted", why=f"{found.why}; {known.as_extracted}")
    verdict = Verdict(known.id, known.printed, *found)
    folder = results or os.environ.get("REGTHESIS_RESULTS")
    if not folder:
        return verdict
    file = Path(folder) / f"{page or known.chapter}.json"
    kept = (read(file) if file.exists() else {}) | {verdict.id: verdict}
    text = json.dumps({"verdicts": [asdict(kept[id]) for id in sorted(kept)]}, indent=1, ensure_ascii=False)
    with whole(file) as sibling:
        sibling.write_text(text + "\n", "utf-8")
    return verdict


def read(file: Path | str) -> dict[str, Verdict]:
    """The verdicts in a file, by id.

    Raises `UserError` where there are none.
    """
    try:
        verdicts = {noted["id"]: Verdict(**noted) for noted in read_json(Path(file))["verdicts"]}
        if {verdict.verdict for verdict in verdicts.values()} <= {*VERDICTS, *BESIDE}:
            return verdicts
        raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"ledger: {file} holds no verdicts; delete it and run its page again") from None
