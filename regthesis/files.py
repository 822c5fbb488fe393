"""Files that are written whole or not at all, and JSON that may be broken."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from regthesis.errors import UserError


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises OSError where it cannot be read, and ValueError where it is no JSON, or nested too deep for one.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except RecursionError:
        raise ValueError(f"{path}: nested too deep") from None


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A sibling of `path` to write to, with its suffix; it takes the place of `path` once it is complete.

    Whatever goes wrong, `path` stays as it was, and the sibling and the folders made for it go.

    Raises:
        UserError: the file or its folder cannot be written. Other errors of the body pass unchanged.
    """
    sibling, made = path.with_name(f".{os.getpid()}.{path.name}"), []
    try:
        made = [folder for folder in path.parents if not folder.exists()]  # the innermost first
        path.parent.mkdir(parents=True, exist_ok=True)
        yield sibling
        os.replace(sibling, path)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) not in (sibling, *sibling.parents):
            raise  # of another file, which the body reads
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):  # a name that is too long is no file either
            sibling.unlink()
        for folder in made:
            with suppress(OSError):  # it is not empty: all went well
                folder.rmdir()


def unwritable(path: Path, error: OSError) -> UserError:
    """What to tell a person whose file or folder cannot be written."""
    return UserError(f"{path}: cannot be written ({error.strerror or error}); choose another folder")


@contextmanager
def together(folder: Path, names: Sequence[str], overwrite: bool = False) -> Iterator[Path]:
    """A scratch folder for the files `names`, which appear in `folder` together once the block has written them.

    That they can be written there is found out before the block. Whatever goes wrong, `folder` stays as it was, and is
    not made where there was none. The last name is moved last: where it is, all are.

    Raises:
        UserError: `folder` is a file or cannot be written, or has one of `names` already and `overwrite` is not given.
    """
    with _said_plainly(folder):
        place = folder.resolve()
        _refuse_taken(folder, names, overwrite)
        missing = [parent for parent in place.parents if not parent.exists()]
        scratch = (place if place.exists() else place.parent) / f".{uuid4().hex[:8]}.regthesis"
    try:
        with _said_plainly(folder):
            for parent in reversed(missing):
                parent.mkdir(exist_ok=True)
            scratch.mkdir()
        yield scratch
        with _said_plainly(folder):
            _refuse_taken(folder, names, overwrite)  # somebody else may have been faster
            if place.exists():
                (place / names[-1]).unlink(missing_ok=True)
                for name in names:
                    os.replace(scratch / name, place / name)
            else:
                os.rename(scratch, place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):  # it is not empty, as after success
                parent.rmdir()


def _refuse_taken(folder: Path, names: Sequence[str], overwrite: bool) -> None:
    if folder.is_symlink() and not folder.exists():
        raise UserError(f"{folder}: cannot be written (a link to nowhere); choose another folder")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: cannot be written (a file has this name); choose another folder")
    taken = [name for name in names if os.path.lexists(folder / name)]
    if any((folder / name).is_dir() for name in taken):
        raise UserError(
            f"{folder}: a folder has the name of a result, one of {', '.join(names)}; choose another folder"
        )
    if taken and not overwrite:
        raise UserError(f"{folder}: holds {', '.join(taken)} already; choose another folder, or add --overwrite")


@contextmanager
def _said_plainly(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from None
    except RuntimeError:
        raise unwritable(folder, OSError(0, "links that lead to each other")) from None
