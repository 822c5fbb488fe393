"""`Dataset`: cases by name, whichever files they lie in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import ClassVar, NamedTuple

from tqdm import tqdm

from regthesis.case import CAVITY, Case
from regthesis.errors import UserError

__all__ = ["CommonGrid", "Contents", "Dataset"]

WHAT = ("masks", "groups", "truth", "cavity")


@dataclass(frozen=True)
class CommonGrid:
    """The grid that cases are resampled to: shape in voxels and spacing in mm, array order."""

    shape: tuple[int, ...]
    spacing: tuple[float, ...]


class Contents(NamedTuple):
    """What a data set holds: cases by group, how many have a whole cine, and a line for every fault."""

    groups: dict[str, int]
    cines: int
    faults: list[str]


class Dataset(ABC):
    """Cases by name, all under one path `root`.

    A class sets what its data have: `labels`, what the integers of masks mean; `structures`, the labels that are
    scored together; `grids`, by name ("full", "quick"), those that all cases can be resampled to; `contains`, which of
    "masks" and "truth" every case has. `networks` names the data set whose shipped weights register these cases;
    `complete` is the number of cases of the official data, and `source` where to get them.
    """

    name: str
    labels: Mapping[int, str] = {}
    structures: Mapping[str, tuple[int, ...]] = {}
    grids: Mapping[str, CommonGrid] = {}
    contains: Collection[str] = ()
    complete: ClassVar[int] = 0
    source: ClassVar[str] = ""

    def __init__(self, root: Path | str):
        self.root = Path(root)

    @classmethod
    @abstractmethod
    def lies_at(cls, root: Path) -> bool:
        """Whether a path holds data of this kind."""

    @abstractmethod
    def ids(self) -> list[str]:
        """The names of all cases.

        Raises:
            UserError: there is none.
        """

    @abstractmethod
    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = False) -> Case:
        """One case on a grid, one of `grids` by its name, or any; with `sequence` the whole cine where there is one.

        Raises:
            UserError: there is no such case or grid, or a file is missing or broken.
        """

    @abstractmethod
    def identity(self, id: str) -> frozenset[str]:
        """Whose images these are (see `regthesis.identity`), without resampling them.

        Raises:
            UserError: a file is missing or broken.
        """

    def group(self, id: str) -> str:
        """The group of a case, such as a diagnosis; empty where it is not known."""
        return ""

    def patient(self, id: str) -> str:
        """Whose case it is: cases of one patient stay together wherever patients are dealt out."""
        return id

    @property
    def patients(self) -> Dataset:
        """The data set whose cases are these patients."""
        return self

    @property
    def origin(self) -> str:
        """Which data these are to the ledger, known by more than their layout; "own" are nobody's but the user's."""
        return self.name

    @property
    def networks(self) -> str:
        """The data set whose networks register these cases."""
        return self.name

    def has(self, what: str) -> bool:
        """Whether every case has its "masks", its group ("groups"), its true motion ("truth"), or a "cavity".

        With a cavity, masks tell the blood in the left ventricle, so that there is an ejection fraction.

        Raises:
            ValueError: `what` is none of these.
        """
        if what not in WHAT:
            raise ValueError(f"what: expected one of {', '.join(WHAT)}, got {what!r}")
        if what == "groups":
            return all(self.group(id) for id in self.ids())
        if what == "cavity":
            return self.has("masks") and CAVITY in self.structures
        return what in self.contains

    def common_grid(self, name: str) -> CommonGrid:
        """The grid of that name, which networks can be trained on.

        Raises:
            UserError: there is none of that name.
        """
        if name not in self.grids:
            raise UserError(f"grid {name!r}: expected one of {', '.join(self.grids)}")
        return self.grids[name]

    def balanced(self, count: int, skip: Collection[str] = ()) -> list[str]:
        """The cases of the first `count` patients, taken in turn from each group so that all are represented.

        The cases in `skip` are left out.

        Raises:
            UserError: there are not that many.
        """
        cases = {id: self.patient(id) for id in self.ids() if id not in skip}
        groups: dict[str, dict[str, None]] = {}  # of patients, in order and once
        for id, patient in cases.items():
            groups.setdefault(self.group(id), {})[patient] = None
        turns = [patient for turn in zip_longest(*groups.values()) for patient in turn if patient]
        if len(turns) < count:
            raise UserError(f"{self.root}: {count} patients wanted, {len(turns)} there; ask for fewer")
        return sorted(id for id, patient in cases.items() if patient in turns[:count])

    def check_ids(self, ids: Iterable[str]) -> None:
        """Raises UserError where one of the names is no case: a slip in a name would let the case in."""
        if strangers := sorted(set(ids) - set(self.ids())):
            raise UserError(f"{strangers[0]}: no such patient in {self.root}; check the name")

    def identities(self) -> dict[str, list[str]]:
        """Everybody's identity by name, as cards list them.

        Raises:
            UserError: there is no case, or a file is missing or broken.
        """
        return {id: sorted(self.identity(id)) for id in tqdm(self.ids(), "identities", disable=None)}

    def check(self) -> Contents:
        """Read every case, and tell what there is.

        Raises:
            UserError: there is no case at all.
        """
        groups, cines, faults = Counter(), 0, []
        for id in tqdm(self.ids(), "cases", leave=False, disable=None):
            try:
                cines += self.check_case(id)
                groups[self.group(id) or "unknown"] += 1
            except UserError as fault:
                faults.append(str(fault))
        return Contents(dict(sorted(groups.items())), cines, faults)

    def check_case(self, id: str) -> bool:
        """Whether a case has a whole cine. Raises UserError for what is wrong with it."""
        self.read(id)
        return False
