"""Tracking of a cine."""

from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import commit, names_of, plain_errors, say
from regthesis.errors import UserError


@main.command()
@click.argument("cine", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@click.option("--mask", type=click.Path(path_type=Path), help="Labels of the first frame, which are carried along.")
@click.option("--first", default=1, help="The frame that is moved, end diastole for a heart; counted from 1.")
@click.option("--times", default="", help="Those of all frames, with commas, in any unit; left out: evenly spaced.")
@click.option("--method", default="motion-refined", help="Any of regthesis.methods.")
@click.option("--stack", is_flag=True, help="All slices together in 3-D; left out: each in its own plane.")
@click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1.")
@click.option("--overwrite", is_flag=True, help="Replace results that are in the folder.")
@plain_errors
def track(cine, out, mask, first, times, method, stack, device, overwrite):
    """Track the heart, or whatever moves, in a cine of your own.

    CINE is a 4-D file (x, y, z, t; one slice will do), or the folder of one DICOM series. Writes the displacement of
    every frame, the first frame moved to all of them, with --mask its labels on all of them and their volumes, a page
    on which the beat plays, and result.json, which says how they came about.
    """
    from regthesis.track import summary, track

    warn = lambda text: say(f"regthesis: warning: {text}")  # noqa: E731
    record = track(cine, out, mask, first, _numbers(times), method, stack, device, overwrite, commit(), warn)
    click.echo(f"{click.format_filename(out)}: {summary(record)}")


def _numbers(times):
    try:
        return [float(word) for word in names_of(times)] or None
    except ValueError:
        raise UserError(f"--times {times!r}: expected numbers with commas, one for each frame") from None
