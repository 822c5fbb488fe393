"""The command line: chapters and the book, data, registration, training, and recorded runs."""

import functools
import sys
from pathlib import Path

import click

from regthesis.errors import UserError

POSITIVE = click.FloatRange(0, min_open=True)


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
    "-p", "parameters", type=(str, str), multiple=True, metavar="NAME VALUE", help="Change a parameter; lists as a,b."
)
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the executed notebook.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed, in place of another run in --out.")
@_plain_errors
def run(chapter, parameters, profile, out, force):
    """Execute one CHAPTER (its number or name) and say where the notebook is.

    Without -p and --out this is the run that `regthesis book` shows; with -p it has a folder of its own, named by the
    parameters.
    """
    from regthesis.book.chapters import book_root, check_installed, find_page, typed
    from regthesis.book.execute import execute, run_name

    check_installed()
    root = book_root()
    page = find_page(chapter, root)
    overrides = {name: typed(name, value, page) for name, value in parameters}
    build = root / "_build"
    if not (out or overrides):
        folders = build / "executed" / profile, build / "results" / profile
    else:
        own = out or build / "runs" / profile / run_name(overrides)
        folders = own, own / "results"
    click.echo(execute(page, root, profile, overrides, *folders, force, keep=bool(out), report=_say))


@main.command()
@click.option("--profile", default="quick", help="A file of chapters/profiles.")
@click.option("--force", is_flag=True, help="Run even if nothing has changed.")
@_plain_errors
def book(profile, force):
    """Execute every chapter that has changed, then build the pages from the same run."""
    from regthesis.book.chapters import book_root, check_installed, notebook_pages

    check_installed()
    from regthesis.book.build import build
    from regthesis.book.execute import execute

    root = book_root()
    out, results = root / "_build" / "executed" / profile, root / "_build" / "results" / profile
    executed = {
        page.source: execute(page, root, profile, {}, out, results, force, report=_say) for page in notebook_pages(root)
    }
    click.echo(build(root, executed, root / "_build", report=_say).as_uri())


@main.group()
def data():
    """Make the phantom populations, or check a folder of real data."""


@data.command()
@click.argument("name", type=click.Choice(["acdc"]))
@click.option("--out", type=click.Path(path_type=Path), default="data/phantom/acdc", help="Folder to write.")
@click.option("--subjects", type=click.IntRange(1), default=100)
@click.option("--seed", type=click.IntRange(0), default=0)
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
    """Say what of the data set NAME is in the folder ROOT, what is wrong and where to get it."""
    from regthesis.datasets import acdc

    groups, cines, faults = acdc.check(root)
    counts = ", ".join(f"{n} {g}" for g, n in groups.items())
    click.echo(f"{click.format_filename(root)}: {sum(groups.values())} patients: {counts}")
    click.echo(f"whole cines (_4d.nii.gz): {cines}")
    for fault in faults:
        click.echo(f"broken: {fault}")
    if faults or sum(groups.values()) < acdc.COMPLETE:
        click.echo(f"the official training set has {acdc.COMPLETE} patients: {acdc.SOURCE}")
    if faults:
        sys.exit(2)


@main.command()
@click.option("--moving", type=click.Path(path_type=Path), required=True, help="The image to deform.")
@click.option("--fixed", type=click.Path(path_type=Path), required=True, help="The image to match.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the results.")
@click.option("--method", default="demons", help="Any of regthesis.methods.")
@click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1.")
@click.option("--overwrite", is_flag=True, help="Replace results that are in the folder.")
@_plain_errors
def register(moving, fixed, out, method, device, overwrite):
    """Register two images of your own, 2-D or 3-D.

    Writes the moved image in its own units, the displacement (a vector image in mm, LPS, from fixed to moving, as
    ITK, 3D Slicer and ITK-SNAP take it) and the Jacobian determinant, all on the fixed image's grid, and result.json,
    which says how they came about.
    """
    from regthesis.recipes.register import register, summary

    warn = lambda text: _say(f"regthesis: warning: {text}")  # noqa: E731
    record = register(moving, fixed, out, method, device, overwrite, _commit(), warn)
    click.echo(f"{click.format_filename(out)}: {summary(record)}")


@main.group()
def train():
    """Train a model of the thesis; a run that was stopped goes on."""


def _training(command):
    """What all training commands ask."""
    options = [
        click.argument("root", type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of weights, checkpoints."),
        click.option("--profile", type=click.Choice(["quick", "full"]), default="full", help="3 mm, or 1.5 mm."),
        click.option("--fold", type=click.IntRange(0), default=0, help="The fold to leave out; 0: none."),
        click.option("--folds", type=click.IntRange(2), default=5, help="How many the patients are dealt out to."),
        click.option("--steps", type=click.IntRange(1), default=1500),
        click.option("--rate", type=POSITIVE, default=1e-3, help="Adam's largest; it falls along half a cosine."),
        click.option("--patience", type=click.IntRange(1), help="Stop after so many validations without a better one."),
        click.option("--skip", default="", help="Patients kept out of everything."),
        click.option("--seed", type=click.IntRange(0), default=0),
        click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1."),
        click.option("--mixed", is_flag=True, help="Networks in bfloat16."),
    ]
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), _plain_errors(command))


def _train(build, root, out, profile, folds, skip, **arguments):
    from regthesis.recipes.deformation import train

    about = {"commit": _commit()}
    card = train(root, out, build, frame=profile, count=folds, skip=_names(skip), about=about, **arguments)
    last = card["curve"][-1]
    click.echo(f"{out}: {last['step']} steps in {card['hours']:.2f} h, validation {last['validation']:.3f}")


@train.command()
@_training
@click.option("--scales", type=click.IntRange(1, 3), default=3, help="1 is S1, 3 is S3.")
@click.option("--latent", type=click.IntRange(1), default=32, help="Length of z.")
@click.option("--neck", type=click.IntRange(1), default=3, help="Channels on either side of z.")
def deformation(scales, latent, neck, **arguments):
    """Train the network of chapter 4 on the pairs of the ACDC folder ROOT."""
    from regthesis.models.deformation import DeformationCVAE

    _train(lambda frame: DeformationCVAE(frame.shape, frame.spacing, latent, scales, neck=neck), **arguments)


@train.command()
@_training
@click.option("--noise", type=POSITIVE, default=0.05, help="Standard deviation of intensities in [0, 1].")
@click.option("--precision", type=POSITIVE, default=2.0, help="Of the smoothness prior, for velocities in voxels.")
def voxelmorph(noise, precision, **arguments):
    """Train diffeomorphic VoxelMorph, a baseline of chapter 4, on the pairs of the ACDC folder ROOT."""
    from regthesis.methods.voxelmorph import VoxelMorphNetwork

    _train(lambda frame: VoxelMorphNetwork(frame.shape, frame.spacing, noise, precision), **arguments)


def _recording(frame):
    """What all commands ask whose outcome is kept."""
    options = [
        click.argument("root", type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the recorded run."),
        click.option("--frame", default=frame, help="full (1.5 mm) or quick (3 mm)."),
    ]
    return lambda command: functools.reduce(lambda it, option: option(it), reversed(options), _plain_errors(command))


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
    from regthesis.book.recorded import record
    from regthesis.evaluate import table
    from regthesis.evaluate.structures import structures_named

    chosen = structures_named(structures)
    _show(record(root, out, _names(names), frame, patients, _names(skip), fold, chosen), table)


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
    from regthesis.book.recorded import record_trade_off
    from regthesis.evaluate.structures import structures_named

    rows = record_trade_off(root, out, _names(names), frame, patients, fold, structures_named(structures))
    _show(rows, lambda them: them.pivot_table("value", ["method", "setting"], "metric").round(4))


@main.command()
@_recording("quick")
def codes(root, out, frame):
    """Keep the latent codes of the patients of the ACDC folder ROOT, and say whether they tell the groups apart."""
    from regthesis.book.recorded import record_codes

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
    from regthesis.book.recorded import record_transports

    rows = record_transports(root, out, frame)
    click.echo(rows.groupby(["group", "way"])[["predicted", "transported"]].mean().round(1).to_string())


def _show(rows, summary):
    """The summary of what was measured, where deformations fold, and why some methods were not measured."""
    from regthesis.evaluate.records import folds

    if len(rows):
        click.echo(summary(rows).to_string())
        click.echo("\n".join(folds(rows)))
    for why in rows.attrs["missing"].values():
        click.echo(why)


def _commit():
    from regthesis.book.printed import ROOT
    from regthesis.book.provenance import commit

    return commit(ROOT)


def _names(text):
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _say(text):
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
