"""Which cines chapter 5 shows: the middle slices of hearts that its networks have not seen."""

from __future__ import annotations

from collections.abc import Mapping

from regthesis.case import Case
from regthesis.datasets import Dataset
from regthesis.datasets.slices import Slices, slice_of
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate.error import endpoint_error
from regthesis.weights import Card

__all__ = ["end_systolic_error", "unseen"]


def unseen(data: Dataset, card: Mapping, count: int, grid: str) -> list[tuple[Case, Case]]:
    """At most `count` hearts, of each group in turn, that the network of `card` has not seen: their middle slices.

    Of each the whole cine, and the pair of ED and ES, which on phantoms knows the true motion.

    Raises:
        UserError: there is none, or a file is missing or broken.
    """
    seen = {*card["trained"], *card["validated"]} if data.networks == data.name else set()
    ids = data.balanced(min(count, len(set(data.ids()) - seen)), seen)
    found = []
    for id in ids:
        stack = data.stack(id, Slices.grids[grid])
        cine, pair = (data.read(id, stack, sequence) for sequence in (True, False))
        if not Card(card).has_seen(cine.identity):
            found.append((slice_of(cine, cine.middle), slice_of(pair, cine.middle)))
    if not found:
        raise UserError(f"{data.root}: no cine that the network of chapter 5 has not seen; give others")
    return found


def end_systolic_error(cine: Case, pair: Case, found: Deformation) -> tuple[float, float]:
    """Mean distance in mm from the true motion in the plane at ES, inside the heart: of no motion, and of `found`.

    Raises UserError where the true motion is not known.
    """
    if pair.truth is None:
        raise UserError(f"{cine.id}: its true motion is not known; only phantoms have one")
    frame = max(cine.masks)
    u = found.u[frame - 1 : frame]
    before, after = (endpoint_error(it, pair.truth, cine.spacing, pair.fixed_mask) for it in (0 * u, u))
    return before, after
