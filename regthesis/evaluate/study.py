"""Methods side by side on the same cases: the loop under every table of registration results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.evaluate.growing import begun, grown
from regthesis.evaluate.records import COLUMNS, evaluate
from regthesis.methods import Method, MissingPeer


def study(cases: Iterable[Case], methods: Sequence[Method], out: Path | None = None) -> pd.DataFrame:
    """Register and score every case by every method, method after method: the long table of `evaluate`.

    With `out`, a CSV that grows by whole registrations, a run that was stopped goes on where it stopped.
    A bar shows the progress where there is a terminal.
    A method whose package is not installed is left out; `frame.attrs["missing"]` says why, by method name.

    Raises:
        UserError: `out` cannot be written.
    """
    cases = list(cases)
    frame = begun(out, COLUMNS)
    done = set(zip(frame["method"], frame["case"], strict=True))
    missing = {}
    todo = [(m, c) for m in methods for c in cases if (m.name, c.id) not in done]
    for method, case in tqdm(todo, desc="registrations", disable=None):
        if method.name in missing:
            continue
        try:
            rows = evaluate(case, method.register(case), method.name)
        except MissingPeer as absent:
            missing[method.name] = str(absent)
            continue
        frame = grown(frame, rows, out)
    wanted = frame["method"].isin([m.name for m in methods]) & frame["case"].isin([c.id for c in cases])
    frame = frame[wanted].reset_index(drop=True)
    frame.attrs["missing"] = missing
    return frame


def deformations(cases: Sequence[Case], methods: Sequence[Method]) -> dict[str, list[Deformation]]:
    """Every case registered by every method, by name; a method whose package is not installed is left out."""
    found = {}
    for method in tqdm(methods, desc="methods", disable=None):
        with suppress(MissingPeer):
            found[method.name] = [method.register(case) for case in cases]
    return found


def scores(cases: Sequence[Case], found: Mapping[str, Sequence[Deformation]]) -> pd.DataFrame:
    """The long table of `evaluate` for `deformations` that are there already."""
    pairs = [(name, case, d) for name, some in found.items() for case, d in zip(cases, some, strict=True)]
    return pd.concat([evaluate(case, d, name) for name, case, d in pairs], ignore_index=True)
