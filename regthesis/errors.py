"""Errors and warnings for people: what was wrong, where, and what to do, in one line."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """Bad input at an edge of the package (a file, a parameter, a folder).

    The command line prints the message and exits with code 2; in Python it is a `ValueError`.
    """

    def __init__(self, message: str):
        """A path may hold bytes that are no UTF-8, which no terminal and no file takes: they become `?`."""
        super().__init__(message.encode("utf-8", "replace").decode())


class ChapterError(RuntimeError):
    """A cell of a page raised; the message names the page, the cell and the error."""


class Refused(UserError):
    """A method will not register this very case; others it may."""


class DomainWarning(UserWarning):
    """A network registers images of a kind that it has not been trained on; the result needs a second look."""


class MissingPeer(UserError):
    """A heavy baseline is not installed; its rows say so and the rest runs."""

    def __init__(self, package: str):
        super().__init__(f"{package} is not installed; add the baselines with `pip install 'regthesis[peers]'`")


@contextmanager
def user_warnings(warn: Callable[[str], None]) -> Iterator[list[str]]:
    """Each UserWarning raised inside goes to `warn` as one line, once, and into the list; others go where they went."""
    heard: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        elsewhere = warnings.showwarning

        def show(message, category, *where, **more):
            text = " ".join(str(message).split())
            if not issubclass(category, UserWarning):
                elsewhere(message, category, *where, **more)
            elif text not in heard:
                heard.append(text)
                warn(text)

        warnings.showwarning = show
        yield heard
