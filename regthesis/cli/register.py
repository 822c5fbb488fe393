"""Registration of two images."""

from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import commit, plain_errors, say


@main.command()
@click.option("--moving", type=click.Path(path_type=Path), required=True, help="The image to deform.")
@click.option("--fixed", type=click.Path(path_type=Path), required=True, help="The image to match.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@click.option("--method", default="demons", help="Any of regthesis.methods.")
@click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1.")
@click.option("--overwrite", is_flag=True, help="Replace results that are in the folder.")
@plain_errors
def register(moving, fixed, out, method, device, overwrite):
    """Register two images of your own, 2-D or 3-D.

    Writes the moved image in its own units, the displacement (a vector image in mm, LPS, from fixed to moving, as
    ITK, 3D Slicer and ITK-SNAP take it) and the Jacobian determinant, all on the fixed image's grid, and result.json,
    which says how they came about.
    """
    from regthesis.register import register, summary

    warn = lambda text: say(f"regthesis: warning: {text}")  # noqa: E731
    record = register(moving, fixed, out, method, device, overwrite, commit(), warn)
    click.echo(f"{click.format_filename(out)}: {summary(record)}")
