"""Folds of a cross-validation, and which cases an experiment takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from regthesis.datasets import Dataset

__all__ = ["folds", "selected"]


def folds(data: Dataset, count: int = 5) -> list[list[str]]:
    """The cases in `count` parts by patient, each group in turn, so that all groups are in all parts."""
    groups = defaultdict(lambda: defaultdict(list))
    for id in data.ids():
        groups[data.group(id)][data.patient(id)].append(id)
    in_turn = [ids for group in sorted(groups) for ids in groups[group].values()]
    return [sorted(id for ids in in_turn[i::count] for id in ids) for i in range(count)]


def selected(data: Dataset, count: int = 0, skip: Sequence[str] = (), fold: int = 0) -> list[str]:
    """The cases of so many patients, taken from the groups in turn, or with 0 all; without those to `skip`.

    With `fold`, counted from 1, they are of that fold of five, whom the networks of that fold have not seen.

    Raises:
        UserError: a name to skip is no case, or there are not that many.
    """
    data.check_ids(skip)
    others = enumerate(folds(data), 1) if fold else ()
    left_out = {*skip, *(id for number, ids in others if number != fold for id in ids)}
    return data.balanced(count, left_out) if count else [id for id in data.ids() if id not in left_out]
