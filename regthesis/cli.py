"""The command line: `regthesis run`, `regthesis book`, `regthesis data`."""

import functools
import sys
from pathlib import Path

import click

from regthesis.errors import UserError


def _plain_errors(command):
    """Print what the user can mend as one line and exit with 2; a failed chapter exits with 1."""

    @functools.wraps(command)
    def wrapped(*args, **kwargs):
        from regthesis.book.execute import ChapterError

        try:
            return command(*args, **kwargs)
        except UserError as error:
            code, message = 2, error
        except ChapterError as error:
            code, message = 1, error
        click.echo(f"regthesis: {message}", err=True)
        sys.exit(code)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="regthesis")
def main():
    """The executable edition of a thesis on learned image registration."""


@main.command()
@click.argument("chapter")
@click.option(
    "-p", "parameters", type=(str, str), multiple=True, metavar="NAME VALUE", help="Change a parameter."
)
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the executed notebook.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@_plain_errors
def run(chapter, parameters, profile, out, force):
    """Execute one CHAPTER (its number or name) and say where the notebook is.

    Without -p and --out this is the run that `regthesis book` shows.
    """
    from regthesis.book.chapters import book_root, find_page, typed
    from regthesis.book.execute import execute

    root = book_root()
    page = find_page(chapter, root)
    overrides = {name: typed(name, value, page) for name, value in parameters}
    build = root / "_build"
    if out or overrides:
        out = out or build / "runs" / profile
        results = out / "results"
    else:
        out, results = build / "executed" / profile, build / "results" / profile
    click.echo(execute(page, root, profile, overrides, out, results, force, report=_say))


@main.command()
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@_plain_errors
def book(profile, force):
    """Execute every chapter that has changed, then build the pages from the same run."""
    from regthesis.book.build import build
    from regthesis.book.chapters import book_root, notebook_pages
    from regthesis.book.execute import execute

    root = book_root()
    out, results = root / "_build" / "executed" / profile, root / "_build" / "results" / profile
    executed = {
        page.source: execute(page, root, profile, {}, out, results, force, report=_say)
        for page in notebook_pages(root)
    }
    click.echo(build(root, executed, root / "_build", report=_say).as_uri())


@main.group()
def data():
    """Make the phantom populations, or check a folder of real data."""


@data.command()
@click.argument("name", type=click.Choice(["acdc"]))
@click.option("--out", type=click.Path(path_type=Path), default="data/phantom/acdc", help="Folder to write.")
@click.option("--subjects", type=click.IntRange(1), default=100)
@click.option("--seed", type=int, default=0)
@click.option("--size", type=click.Choice(["quick", "full"]), default="quick")
@_plain_errors
def make(name, out, subjects, seed, size):
    """Write a phantom population in the layout of the data set NAME; what is there already stays."""
    from regthesis.datasets import phantom

    phantom.make(out, subjects=subjects, seed=seed, size=size)


@data.command()
@click.argument("name", type=click.Choice(["acdc"]))
@click.argument("root", type=click.Path(path_type=Path))
@_plain_errors
def check(name, root):
    """Say what of the data set NAME is in the folder ROOT, what is missing and where to get it."""
    from regthesis.datasets import acdc

    click.echo(acdc.check(root))


def _say(text):
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
