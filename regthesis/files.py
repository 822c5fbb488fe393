"""Files that are written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regthesis.errors import UserError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A sibling of `path` to write to, with its suffix; it takes the place of `path` once it is complete.

    Whatever goes wrong, `path` stays as it was and the sibling goes.

    Raises:
        UserError: the file or its folder cannot be written.
    """
    sibling = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield sibling
        os.replace(sibling, path)
    except (OSError, RuntimeError) as error:  # ITK raises the latter
        reason = getattr(error, "strerror", None) or error.__class__.__name__
        raise UserError(f"{path}: cannot be written ({reason}); choose another folder") from None
    finally:
        if sibling.is_file():
            sibling.unlink()
