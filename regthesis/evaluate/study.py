"""Methods side by side on the same cases: the loop under every table of registration results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import Refused, UserError
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.evaluate.records import COLUMNS, evaluate, measured
from regthesis.evaluate.structures import Structures
from regthesis.methods import Method, MissingPeer

PIECE, ROW = ("method", "case"), ("metric", "structure")  # a registration, and a row of it


def study(
    cases: Iterable[Case],
    methods: Sequence[Method],
    out: Path | None = None,
    structures: Structures | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Register and score every case by every method, method after method: the long table of `evaluate`.

    With `out`, a CSV that grows by whole registrations, a run that was stopped goes on where it stopped, and several
    runs may share it. `structures` are as in `evaluate`. Methods compute on `device`, scores are computed on the CPU. A
    bar shows the progress where there is a terminal.
    A method whose package is not installed is left out; `frame.attrs["missing"]` says why, by method name. Cases that a
    method refuses are left out for that method; `frame.attrs["refused"]` says in one line why, and is else empty.

    Raises:
        UserError: two cases or two methods have one name, or `out` cannot be written or has other scores of them.
    """
    cases = list(cases)
    check_names(cases, methods)
    rows = {case.id: measured(case, structures) for case in cases}
    wanted = {(method.name, case.id): rows[case.id] for method, case in product(methods, cases)}
    frame, missing = read_rows(out, COLUMNS), {}
    refused = refusals(cases, methods)
    done = {*finished(frame, PIECE, ROW, wanted), *refused}
    todo = [(method, case) for method, case in product(methods, cases) if (method.name, case.id) not in done]
    for method, case in tqdm(todo, desc="registrations", disable=None):
        if method.name in missing or (method.name, case.id) in done:  # another process was faster
            continue
        try:
            new = evaluate(case, method.register(case.to(device)).to("cpu"), method.name, structures)
        except MissingPeer as absent:
            missing[method.name] = str(absent)
            continue
        frame = add_rows(frame, new, out, PIECE)
        done = {*finished(frame, PIECE, ROW, wanted), *refused}
    if not todo:  # a table is there even if all was refused
        frame = add_rows(frame, frame.iloc[:0], out, PIECE)
    chosen = frame["method"].isin([m.name for m in methods]) & frame["case"].isin([c.id for c in cases])
    frame = frame[chosen].reset_index(drop=True)
    frame.attrs |= {"missing": missing, "refused": in_one_line(refused)}
    return frame


def check_names(cases: Sequence[Case], methods: Sequence[Method] = ()) -> None:
    """Raises UserError where two cases, or two methods, have one name: their scores could not be told apart."""
    for kind, names in {"case": [case.id for case in cases], "method": [method.name for method in methods]}.items():
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise UserError(f"{twice[0]}: {names.count(twice[0])} {kind}s have this name; give each one of its own")


def refusals(cases: Sequence[Case], methods: Sequence[Method]) -> dict[tuple[str, str], str]:
    """Why methods will not register cases, by the names of both: a network refuses whom it has seen, or may have."""
    refused = {}
    for method, case in product(methods, cases):
        try:
            method.check(case)
        except Refused as error:
            refused[method.name, case.id] = str(error)
    return refused


def in_one_line(refused: Mapping[tuple[str, str], str]) -> str:
    """The first refusal, and whom others are about; empty where there is none."""
    if not refused:
        return ""
    (_, first), why = next(iter(refused.items()))
    others = [case for case in dict.fromkeys(case for _, case in refused) if case != first]
    return why + (f"; so it is with {', '.join(others)}" if others else "")


def deformations(cases: Sequence[Case], methods: Sequence[Method]) -> dict[str, list[Deformation]]:
    """Every case registered by every method, by name; a method whose package is not installed is left out."""
    check_names(cases, methods)
    found = {}
    for method in tqdm(methods, desc="methods", disable=None):
        with suppress(MissingPeer):
            found[method.name] = [method.register(case) for case in cases]
    return found


def scores(
    cases: Sequence[Case], found: Mapping[str, Sequence[Deformation]], structures: Structures | None = None
) -> pd.DataFrame:
    """The long table of `evaluate` for `deformations` that are there already.

    Raises:
        UserError: two cases have one name.
    """
    check_names(cases)
    pairs = [(name, case, d) for name, some in found.items() for case, d in zip(cases, some, strict=True)]
    return pd.concat([evaluate(case, d, name, structures) for name, case, d in pairs], ignore_index=True)
