"""Runs whose outcome is kept: studies, trade-offs, codes and transports, and the verdicts on them."""

import functools
from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import grid_option, names_of, plain_errors
from regthesis.errors import UserError


def _recording(grid):
    """What all commands ask whose outcome is kept; they get the data set that lies at ROOT."""
    options = [
        click.argument("root", type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the recorded run."),
        grid_option(grid, "--frame"),
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            help="Folder of own networks, in folders s3, s1 and so on; left out: the shipped ones.",
        ),
    ]

    def decorated(command):
        @functools.wraps(command)
        def on_data(root, **arguments):
            from regthesis.datasets import recognise

            return command(recognise(root), **arguments)

        return functools.reduce(lambda it, option: option(it), reversed(options), plain_errors(on_data))

    return decorated


_structures = click.option(
    "--structures",
    default="",
    help="What to score, as gland=1,tumour=2+3; left out: those of the data set, or each own label.",
)


@main.command()
@_recording("full")
@click.option("--methods", "names", default="identity,demons,elastix8,elastix16,syn", help="Names, with commas.")
@click.option("--patients", type=click.IntRange(0), default=0, help="So many, taken from the groups in turn; 0: all.")
@click.option("--skip", default="", help="Patients to leave out, such as those a method was tuned on.")
@click.option("--fold", type=click.IntRange(0, 5), default=0, help="Only the patients of this fold; 0: all.")
@click.option(
    "--slices",
    type=click.Choice(["none", "all", "middle", "stack"]),
    default="none",
    help="Whole cines instead of pairs: of all slices that are segmented or the middle one of each patient (2D+t), or "
    "of whole stacks (3D+t).",
)
@click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1.")
@_structures
def study(data, out, names, grid, patients, skip, fold, slices, structures, weights, device):
    """Register every patient of ROOT by every method and keep scores, configuration and verdicts.

    ROOT is a folder in ACDC's layout, or a CSV of own pairs (moving, fixed, moving_seg, fixed_seg, group, id), which
    are registered on their own grids and have no verdicts. Goes on where it was stopped, and may run beside others.
    """
    from regthesis.datasets.cines import Stacks
    from regthesis.datasets.slices import Slices
    from regthesis.evaluate import table
    from regthesis.evaluate.structures import structures_named
    from regthesis.experiments.study import record_study

    chosen = structures_named(structures)
    if slices != "none":
        data = Stacks(data) if slices == "stack" else Slices(data, middle=slices == "middle")
    rows = record_study(data, out, names_of(names), grid, patients, names_of(skip), fold, chosen, weights, device)
    _show(rows, table)


@main.command("missing-frames")
@_recording("full")
@click.option("--patients", type=click.IntRange(0), default=0, help="So many, taken from the groups in turn; 0: all.")
def missing_frames(data, out, grid, weights, patients):
    """Hide frames of the cines of ROOT, and compare the model's guess at their motion with interpolations.

    ROOT is a folder in ACDC's layout with whole cines. Goes on where it was stopped.
    """
    from regthesis.datasets.slices import Slices
    from regthesis.experiments.motion.missing import record_missing

    rows = record_missing(Slices(data), out, grid, patients, weights)
    click.echo(rows.pivot_table("error", "given", "way", sort=False).round(3).to_string())


@main.command()
@click.argument("cine", type=click.Path(path_type=Path))
@click.argument("points", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the recorded run.")
@click.option("--methods", "names", default="identity,motion,motion-refined", help="Names, with commas.")
@click.option("--forms", default="slices,stack", help="Slice by slice (slices), or all slices together (stack).")
@plain_errors
def landmarks(cine, points, out, names, forms):
    """How far from their places methods carry landmarks through a CINE, as `track` takes it.

    POINTS is a CSV with the columns frame,landmark,x,y,z, frames counted from 1, in mm (LPS). Goes on where it was
    stopped.
    """
    from regthesis.experiments.motion.landmarks import record_landmarks

    rows = record_landmarks(cine, points, out, names_of(names), names_of(forms))
    click.echo(rows.groupby(["frame", "method", "form"], sort=False)[list(rows)[-3:]].mean().round(2).to_string())


@main.command("trade-off")
@_recording("full")
@click.option("--methods", "names", default="demons,elastix8,s3,s3-refined", help="Names, with commas.")
@click.option("--patients", type=click.IntRange(0), default=10, help="So many, taken from the groups in turn; 0: all.")
@click.option("--fold", type=click.IntRange(0, 5), default=0, help="Only patients of this fold; 0: any.")
@_structures
def trade_off(data, out, names, grid, patients, fold, structures, weights):
    """Register patients of ROOT by methods over the setting that trades overlap for smoothness.

    ROOT is as in `study`. Goes on where it was stopped.
    """
    from regthesis.evaluate.structures import structures_named
    from regthesis.experiments.deformation.trade_off import record_trade_off

    chosen = structures_named(structures)
    rows = record_trade_off(data, out, names_of(names), grid, patients, fold, chosen, weights)
    _show(rows, lambda them: them.pivot_table("value", ["method", "setting"], "metric").round(4))


@main.command()
@_recording("quick")
def codes(data, out, grid, weights):
    """Keep the latent codes of the patients of ROOT, and say whether they tell the groups apart.

    ROOT is as in `study`; a CSV needs the column group.
    """
    from regthesis.experiments.deformation.codes import record_codes

    right = record_codes(data, out, grid, weights)
    click.echo(
        f"{out}: {right.sum()} of {len(right)} groups told, by networks and classifiers that never saw the patient"
    )


@main.command()
@_recording("quick")
def transport(data, out, grid, weights):
    """Carry the deformations of patients of the folder ROOT to its healthy subjects, by code and by pole ladder.

    Goes on where it was stopped.
    """
    from regthesis.experiments.deformation.transports import record_transports

    rows = record_transports(data, out, grid, weights)
    click.echo(rows.groupby(["group", "way"])[["predicted", "transported"]].mean().round(1).to_string())


@main.command()
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--networks", type=click.Path(path_type=Path), required=True, help="A folder of folders with weights.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the recorded run.")
@grid_option("full", "--frame")
@click.option("--fold", type=click.IntRange(0), default=0, help="Networks of this fold, on the patients it left out.")
@plain_errors
def levers(root, networks, out, grid, fold):
    """Compare networks of chapter 4 on patients of ROOT that their trainings skipped, or left out.

    Goes on where it was stopped.
    """
    from regthesis.datasets import recognise
    from regthesis.experiments.deformation.levers import record_levers

    rows = record_levers(recognise(root), out, networks, grid, fold)
    click.echo(rows.pivot_table("value", "network", "metric").round(4).to_string())


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@plain_errors
def judge(folders):
    """Hand the recorded runs in FOLDERS to the ledger again, as after a change of its rules."""
    from regthesis.experiments.judged import judge

    for folder in folders:
        verdicts = [verdict.verdict for verdict in judge(folder)]
        counts = ", ".join(f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)) or "nothing to judge"
        click.echo(f"{folder}: {counts}")


def _show(rows, summary):
    """The summary of what was measured, where deformations fold, and why some methods were not measured.

    Raises UserError where a method refused some cases.
    """
    from regthesis.evaluate.records import folds

    if len(rows):
        click.echo(summary(rows).to_string())
        click.echo("\n".join(folds(rows)))
    for why in rows.attrs["missing"].values():
        click.echo(why)
    if rows.attrs["refused"]:
        raise UserError(rows.attrs["refused"])
