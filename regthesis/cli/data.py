"""The phantom populations, and checks of real data."""

import sys
from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import plain_errors


@main.group()
def data():
    """Make the phantom populations, or check a folder of real data."""


@data.command()
@click.argument("name", type=click.Choice(["acdc"]))
@click.option("--out", type=click.Path(path_type=Path), default="data/phantom/acdc", help="Folder to write.")
@click.option("--subjects", type=click.IntRange(1), default=100)
@click.option("--seed", type=click.IntRange(0), default=0)
@click.option("--size", type=click.Choice(["quick", "full"]), default="quick")
@plain_errors
def make(name, out, subjects, seed, size):
    """Write a phantom population in the layout of the data set NAME; what is there already stays."""
    from regthesis.datasets.phantom import heart

    heart.make(out, subjects=subjects, seed=seed, size=size)


@data.command()
@click.argument("name")
@click.argument("root", type=click.Path(path_type=Path))
@plain_errors
def check(name, root):
    """Say what of the data set NAME is at ROOT, what is wrong and where to get it.

    NAME is acdc or phantom, and ROOT a folder of patients; or folder, and ROOT a CSV of own pairs.
    """
    from regthesis import datasets

    data = datasets.kind(name)(root)
    groups, cines, faults = data.check()
    counts = ", ".join(f"{n} {g}" for g, n in groups.items())
    click.echo(f"{click.format_filename(root)}: {sum(groups.values())} patients: {counts}")
    click.echo(f"whole cines (_4d.nii.gz): {cines}")
    for fault in faults:
        click.echo(f"broken: {fault}")
    if data.source and (faults or sum(groups.values()) < data.complete):
        click.echo(f"the official training set has {data.complete} patients: {data.source}")
    if faults:
        sys.exit(2)
