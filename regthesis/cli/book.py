"""Chapters and the book."""

from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import plain_errors, say


@main.command()
@click.argument("chapter")
@click.option(
    "-p", "parameters", type=(str, str), multiple=True, metavar="NAME VALUE", help="Change a parameter; lists as a,b."
)
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the executed notebook.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed, in place of another run in --out.")
@plain_errors
def run(chapter, parameters, profile, out, force):
    """Execute one CHAPTER (its number or name) and say where the notebook is.

    Without -p and --out this is the run that `regthesis book` shows. With them it has a folder of its own, named by the
    parameters, with a page of that run.
    """
    from regthesis.book.chapters import book_root, check_installed, find_page, notebook_pages, typed

    root = book_root()
    check_installed()
    from regthesis.book.press.build import build_run, check_files
    from regthesis.book.press.execute import execute, executed_from, run_name

    page = find_page(chapter, root)
    overrides = {name: typed(name, value, page) for name, value in parameters}
    build = root / "_build"
    if not (out or overrides):
        folders = build / "executed" / profile, build / "results" / profile
        click.echo(execute(page, root, profile, {}, *folders, force, report=say))
        return
    check_files(root)
    own = out or build / "runs" / profile / run_name(overrides)
    executed = execute(page, root, profile, overrides, own, own / "results", force, keep=bool(out), report=say)
    click.echo(executed)
    notebooks = {it.source: own / f"{it.name}.ipynb" for it in notebook_pages(root)}
    there = {source: notebook for source, notebook in notebooks.items() if executed_from(notebook)}
    click.echo(build_run(root, there, own.resolve(), report=say).as_uri())


@main.command()
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@plain_errors
def book(profile, force):
    """Execute every chapter that has changed, then build the pages from the same run."""
    from regthesis.book.chapters import book_root, check_installed, notebook_pages, profile_parameters

    root = book_root()
    check_installed()
    from regthesis.book.press.build import build, check_files
    from regthesis.book.press.execute import execute_all

    pages = notebook_pages(root)
    for page in pages:  # what is wrong with any of them is said before the first is run
        profile_parameters(profile, page, root)
    check_files(root)
    out, results = root / "_build" / "executed" / profile, root / "_build" / "results" / profile
    executed = execute_all(pages, root, profile, out, results, force, report=say)
    click.echo(build(root, executed, root / "_build", report=say).as_uri())
