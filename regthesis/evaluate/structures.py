"""Which structures a registration is scored on, and the labels that they join."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import torch

from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.kernels.shapes import Tensor

__all__ = ["Structures", "select", "structures_named", "structures_of"]

Structures = Mapping[str, tuple[int, ...]]  # name -> labels


def select(mask: Tensor, labels: tuple[int, ...]) -> Tensor:
    """True where an integer mask, of any shape, holds one of `labels`."""
    return reduce(torch.logical_or, (mask == label for label in labels))


def structures_of(case: Case) -> Structures:
    """The structures of the data set that a case comes from; of own data each label of the masks by itself."""
    if case.structures:
        return case.structures
    labels = sorted({int(label) for mask in case.masks.values() for label in mask.unique()} - {0})
    return {f"label {label}": (label,) for label in labels}


def structures_named(text: str) -> dict[str, tuple[int, ...]]:
    """Structures from a text such as `gland=1,tumour=2+3`; none from an empty one.

    Raises:
        UserError: a name or a label is missing or given twice, or a label is not a whole number above 0.
    """
    found: dict[str, tuple[int, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, numbers = (word.strip() for word in part.partition("="))
        labels = tuple(int(word) for word in numbers.split("+") if word.strip().isdecimal())
        good = labels and len(labels) == len(numbers.split("+")) == len(set(labels)) and min(labels) > 0
        if not (name and good) or name in found:
            raise UserError(f"structures: {part!r} is not one name and its labels, as in gland=1,tumour=2+3")
        found[name] = labels
    return found
