"""Data sets behind one protocol; a new one is a file in this folder.

A file offers its data sets, by the names that `open` knows them by, in a dictionary named `DATASETS`.
"""

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from regthesis.datasets.acdc import ACDC
from regthesis.datasets.dataset import CommonGrid, Contents, Dataset
from regthesis.errors import UserError

__all__ = ["CommonGrid", "Contents", "Dataset", "kind", "known", "open", "recognise"]


def known() -> dict[str, type[Dataset]]:
    """Every kind of data set by name."""
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    return {name: kind for module in modules for name, kind in getattr(module, "DATASETS", {}).items()}


def kind(name: str) -> type[Dataset]:
    """The class of the data sets of this name.

    Raises:
        UserError: there is none.
    """
    if name not in (kinds := known()):
        near = get_close_matches(name, kinds, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"data set {name!r}: expected one of {', '.join(kinds)}{hint}")
    return kinds[name]


def open(name: str, root: Path | str) -> Dataset:
    """The data set `name` that lies at `root`: "phantom" or "acdc", a folder, or "folder", a CSV of own pairs.

    Raises:
        UserError: there is no data set of this name, or other data lie at `root`, or none.
    """
    kind(name)
    if not _kinds_at(root):
        raise UserError(f"{root}: no patient folder with an Info.cfg, and no CSV of own pairs; check the path")
    data = recognise(root)
    if data.name != name:
        raise UserError(f"dataset is {name}, but data_root {root} holds {data.name} data: give both, and alike")
    return data


def recognise(root: Path | str) -> Dataset:
    """The data set that lies at `root`; where none does, ACDC, which says what is missing when it is read.

    Raises:
        UserError: `root` is a file and no CSV of own pairs.
    """
    return next(iter(_kinds_at(root)), ACDC)(root)


def _kinds_at(root: Path | str) -> list[type[Dataset]]:
    return [kind for kind in known().values() if kind.lies_at(Path(root))]
