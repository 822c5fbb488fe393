"""Runs whose outcome is kept: studies, trade-offs, codes and transports, and the verdicts on them."""

import functools
from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import names_of, plain_errors
from regthesis.errors import UserError


def _recording(frame):
    """What all commands ask whose outcome is kept."""
    options = [
        click.argument("root", type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the recorded run."),
        click.option("--frame", default=frame, help="full (1.5 mm) or quick (3 mm)."),
    ]
    return lambda command: functools.reduce(lambda it, option: option(it), reversed(options), plain_errors(command))


_structures = click.option(
    "--structures",
    default="",
    help="What to score, as gland=1,tumour=2+3; left out: ACDC's five, or each own label.",
)


@main.command()
@_recording("full")
@click.option("--methods", "names", default="identity,demons,elastix8,elastix16,syn", help="Names, with commas.")
@click.option("--patients", type=click.IntRange(0), default=0, help="So many, taken from the groups in turn; 0: all.")
@click.option("--skip", default="", help="Patients to leave out, such as those a method was tuned on.")
@click.option("--fold", type=click.IntRange(0, 5), default=0, help="Only the patients of this fold; 0: all.")
@_structures
def study(root, out, names, frame, patients, skip, fold, structures):
    """Register every patient of ROOT by every method and keep scores, configuration and verdicts.

    ROOT is a folder in ACDC's layout, or a CSV of own pairs (moving, fixed, moving_seg, fixed_seg, group), which are
    registered on their own grids and have no verdicts. Goes on where it was stopped, and may run beside others.
    """
    from regthesis.evaluate import table
    from regthesis.evaluate.structures import structures_named
    from regthesis.experiments.record import record

    chosen = structures_named(structures)
    _show(record(root, out, names_of(names), frame, patients, names_of(skip), fold, chosen), table)


@main.command("trade-off")
@_recording("full")
@click.option("--methods", "names", default="demons,elastix8,s3,s3-refined", help="Names, with commas.")
@click.option("--patients", type=click.IntRange(1), default=10, help="So many, taken from the groups in turn.")
@click.option("--fold", type=click.IntRange(0, 5), default=0, help="Only patients of this fold; 0: any.")
@_structures
def trade_off(root, out, names, frame, patients, fold, structures):
    """Register patients of the ACDC folder ROOT by methods over the setting that trades overlap for smoothness.

    Goes on where it was stopped.
    """
    from regthesis.evaluate.structures import structures_named
    from regthesis.experiments.record import record_trade_off

    rows = record_trade_off(root, out, names_of(names), frame, patients, fold, structures_named(structures))
    _show(rows, lambda them: them.pivot_table("value", ["method", "setting"], "metric").round(4))


@main.command()
@_recording("quick")
def codes(root, out, frame):
    """Keep the latent codes of the patients of the ACDC folder ROOT, and say whether they tell the groups apart."""
    from regthesis.experiments.record import record_codes

    right = record_codes(root, out, frame)
    click.echo(
        f"{out}: {right.sum()} of {len(right)} groups told, by networks and classifiers that never saw the patient"
    )


@main.command()
@_recording("quick")
def transport(root, out, frame):
    """Carry the deformations of patients of the ACDC folder ROOT to its healthy subjects, by code and pole ladder.

    Goes on where it was stopped.
    """
    from regthesis.experiments.record import record_transports

    rows = record_transports(root, out, frame)
    click.echo(rows.groupby(["group", "way"])[["predicted", "transported"]].mean().round(1).to_string())


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
