"""Which hearts chapter 4 shows: those that its networks have not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regthesis.case import Case
from regthesis.datasets import CommonGrid, Dataset
from regthesis.errors import UserError
from regthesis.experiments.deformation.transports import HEALTHY, SICK
from regthesis.experiments.recorded import chosen_on
from regthesis.weights import Card

__all__ = ["to_carry", "unseen"]


def unseen(data: Dataset, card: Mapping, count: int, grid: str | CommonGrid) -> list[Case]:
    """At most `count` cases, of each group in turn, that the network of `card` has not seen.

    Hearts on which a setting was chosen are left out too, and pairs in 2-D, since the networks are in 3-D. Own pairs
    keep their own grid.

    Raises:
        UserError: there is none, or a file is missing or broken.
    """
    seen = {*card["trained"], *card["validated"], *chosen_on(data.origin)} if data.networks == data.name else set()
    left = len(set(data.ids()) - seen)
    cases = [data.read(id, grid) for id in data.balanced(min(count, left), seen)]
    cases = [case for case in cases if case.grid.rank == 3 and not Card(card).has_seen(case.identity)]
    if not cases:
        raise UserError(f"{data.root}: no pair in 3-D that the network of chapter 4 has not seen; give others")
    return cases


def to_carry(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Patients whose motion is to be carried, one of each group of `SICK`, and at most two healthy hearts.

    Where these groups are not known, the first cases stand for patients and the last ones for healthy hearts.
    """
    sick = [next((case for case in cases if case.group == group), None) for group in SICK]
    healthy = [case for case in cases if case.group == HEALTHY][:2]
    return [case for case in sick if case] or list(cases[:1]), healthy or list(cases[-1:])
