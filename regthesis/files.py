"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regthesis.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A sibling of `path` to write to, with its suffix; it takes the place of `path` once it is complete.

    Whatever goes wrong, `path` stays as it was, and the sibling and the folders made for it go.

    Raises:
        UserError: the file or its folder cannot be written. Other errors of the body pass unchanged.
    """
    sibling = path.with_name(f".{os.getpid()}.{path.name}")
    made = [folder for folder in path.parents if not folder.exists()]  # the innermost first
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield sibling
        os.replace(sibling, path)
    except OSError as error:
        if error.filename is not None and Path(os.fsdecode(error.filename)) not in (sibling, *sibling.parents):
            raise  # of another file, which the body reads
        raise unwritable(path, error) from None
    finally:
        if sibling.is_file():
            sibling.unlink()
        for folder in made:
            with suppress(OSError):  # it is not empty: all went well
                folder.rmdir()


def unwritable(path: Path, error: OSError) -> UserError:
    """What to tell a person whose file or folder cannot be written."""
    return UserError(f"{path}: cannot be written ({error.strerror or error}); choose another folder")
