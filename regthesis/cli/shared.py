"""What the commands share: errors in one line, names with commas, and what is said beside the results."""

import functools
import sys

import click

from regthesis.errors import UserError


def plain_errors(command):
    """Print what the user can mend as one line and exit with 2; a failed chapter exits with 1."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        from regthesis.book.press.execute import ChapterError

        try:
            return command(*args, **kwargs)
        except UserError as error:
            code, message = 2, error
        except ChapterError as error:
            code, message = 1, error
        click.echo(f"regthesis: {message}", err=True)
        sys.exit(code)

    return wrapped


def commit():
    """The commit of the checkout that runs."""
    from regthesis.book.press.provenance import commit
    from regthesis.shipped import CHECKOUT

    return commit(CHECKOUT)


def names_of(text):
    """Names given with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def say(text):
    """Say something beside the results."""
    click.echo(text, err=True)
