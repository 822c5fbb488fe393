"""What the commands share: errors in one line, names with commas, and what is said beside the results."""

import functools
import sys

import click

from regthesis.errors import ChapterError, UserError, user_warnings


def plain_errors(command):
    """Print what the user can mend as one line and exit with 2; a failed chapter exits with 1.

    A UserWarning is one line as well.
    """

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        try:
            with user_warnings(lambda text: say(f"regthesis: warning: {text}")):
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


class _Renamed(click.Option):
    """An option that is shown by its first name, and known by older ones that scripts may have."""

    def get_help_record(self, context):
        names, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(context)
        finally:
            self.opts = names


def grid_option(default, older):
    """On which grid images are registered or networks trained; `older` is another name of the option."""
    text = "full (1.5 mm) or quick (3 mm); own pairs are registered on their own grids."
    return click.option("--grid", older, "grid", cls=_Renamed, default=default, help=text)


def names_of(text):
    """Names given with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def say(text):
    """Say something beside the results."""
    click.echo(text, err=True)
