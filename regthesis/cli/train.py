"""Training."""

import functools
import math
from pathlib import Path

import click

from regthesis.cli.group import main
from regthesis.cli.shared import commit, grid_option, names_of, plain_errors
from regthesis.errors import UserError


class _Positive(click.FloatRange):
    """A number above 0, and finite."""

    def convert(self, value, parameter, context):
        number = super().convert(value, parameter, context)
        return number if math.isfinite(number) else self.fail(f"{value} is not a finite number.", parameter, context)


POSITIVE = _Positive(0, min_open=True)
FORM = ("latent", "scales", "sigma", "neck", "aligned", "moving_features", "smooth_whole", "updates", "sigma_in_use")
"""The options that say which form of chapter 4's network is trained."""
MOTION_FORM = ("latent", "length", "frames", "covariance", "sigma", "sigma_time", "dropout", "noise", "neck")
"""And of chapter 5's."""


@main.group()
def train():
    """Train a model of the thesis; a run that was stopped goes on."""


def _training(command):
    """What all training commands ask."""
    options = [
        click.argument("root", type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of weights, checkpoints."),
        grid_option("full", "--profile"),
        click.option("--fold", type=click.IntRange(0), default=0, help="The fold to leave out; 0: none."),
        click.option("--folds", type=click.IntRange(2), default=5, help="Into how many parts the patients are split."),
        click.option("--steps", type=click.IntRange(1), default=1500),
        click.option("--rate", type=POSITIVE, default=1e-3, help="Adam's largest; it falls along half a cosine."),
        click.option("--patience", type=click.IntRange(1), help="Stop after so many validations without a better one."),
        click.option("--skip", default="", help="Patients kept out of everything."),
        click.option("--seed", type=click.IntRange(0), default=0),
        click.option(
            "--degrees", type=click.FloatRange(0, 180), help="Images are turned by up to so much; default 20."
        ),
        click.option(
            "--zoom", type=click.FloatRange(0, 0.9), help="Images are scaled by 1 - to 1 + this; default 0.15."
        ),
        click.option("--mirror/--no-mirror", default=None, help="Whether images are mirrored at random; default yes."),
        click.option("--device", default="cpu", help="cpu, cuda, or one of several as cuda:1."),
        click.option("--mixed", is_flag=True, help="Networks in bfloat16."),
    ]
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), plain_errors(command))


def _on_pairs(command):
    """What commands ask that train on pairs."""
    both = click.option("--both-directions", is_flag=True, help="Each pair is trained on the other way round as well.")
    cines = click.option("--cines", type=click.Path(path_type=Path), help="Folder of whole cines of the same patients.")
    slices = click.option("--slices", is_flag=True, help="All pairs of the slices of whole cines in ROOT, in 2-D.")
    return both(cines(slices(command)))


def _scale_weights(text, scales):
    """Numbers with commas between them, one for each scale."""
    try:
        weights = [float(word) for word in names_of(text)]
    except ValueError:
        weights = []
    if len(weights) != scales or not all(0 <= weight < float("inf") for weight in weights):
        raise UserError(
            f"--scale-weights {text!r}: expected numbers >= 0 with commas, {scales} in all, one for each scale"
        )
    return weights


def _train_on_pairs(build, root, cines, slices, **arguments):
    from regthesis.datasets import recognise
    from regthesis.datasets.slices import Slices
    from regthesis.experiments.cross_validation import train

    data = Slices(recognise(root)) if slices else recognise(root)
    _train(train, data, build, cines=cines and recognise(cines), **arguments)


def _train(train, data, build, out, folds, skip, steps, rate, patience, degrees, zoom, mirror, **arguments):
    from dataclasses import replace

    from regthesis.experiments.cross_validation import SCHEDULE

    about, schedule = {"commit": commit()}, replace(SCHEDULE, steps=steps, rate=rate, patience=patience)
    arguments |= dict(count=folds, skip=names_of(skip), about=about)
    chosen = dict(degrees=degrees, zoom=zoom, mirror=mirror)
    arguments["augmentation"] = {name: value for name, value in chosen.items() if value is not None}
    card = train(data, out, build, schedule, **arguments)
    last = card["curve"][-1]
    click.echo(f"{out}: {last['step']} steps in {card['hours']:.2f} h, validation {last['validation']:.3f}")


@train.command()
@_training
@_on_pairs
@click.option("--scales", type=click.IntRange(1, 3), default=3, help="1 is S1, 3 is S3.")
@click.option("--latent", type=click.IntRange(1), default=32, help="Length of z.")
@click.option("--neck", type=click.IntRange(1), default=3, help="Channels on either side of z.")
@click.option("--sigma", type=POSITIVE, default=3.0, help="Of the Gaussian that smooths velocities, mm.")
@click.option("--aligned", is_flag=True, help="Images and velocities of each scale lie where its features do.")
@click.option("--moving-features", type=click.IntRange(0, 14), default=0, help="Of the moving image, for the decoder.")
@click.option("--smooth-whole", is_flag=True, help="The Gaussian acts on the whole velocity of a scale.")
@click.option(
    "--updates", type=click.IntRange(0, 100), default=0, help="Steps on each code, after the encoder, in use."
)
@click.option("--sigma-in-use", type=POSITIVE, help="Of that Gaussian after training, mm; default as in training.")
@click.option("--window", type=click.IntRange(1), help="Of the correlation, in voxels of each scale: odd; default 9.")
@click.option("--weight", type=POSITIVE, help="Of the match in the loss, lambda; the default is the thesis's 5000.")
@click.option("--scale-weights", help="One for each scale, finest first, with commas; without it all are 1.")
@click.option("--free-bits", type=click.FloatRange(0), help="Nats that each number of z may say for nothing.")
def deformation(window, weight, scale_weights, free_bits, **arguments):
    """Train the network of chapter 4 on the pairs of ROOT.

    ROOT is a folder in ACDC's layout, or a CSV of own pairs. Those are resampled to one grid: that of the first pair,
    or with --grid quick one half as fine in the plane.
    """
    from regthesis.models.deformation import DeformationCVAE

    form = {name: arguments.pop(name) for name in FORM}
    weights = None if scale_weights is None else _scale_weights(scale_weights, form["scales"])
    if window is not None and window % 2 == 0:
        raise UserError(f"--window {window}: expected an odd number of voxels")
    loss = dict(window=window, weight=weight, scale_weights=weights, free_bits=free_bits)
    _train_on_pairs(
        lambda grid: DeformationCVAE(grid.shape, grid.spacing, **form),
        loss_arguments={name: value for name, value in loss.items() if value is not None},
        **arguments,
    )


@train.command()
@_training
@_on_pairs
@click.option("--noise", type=POSITIVE, default=0.05, help="Standard deviation of intensities in [0, 1].")
@click.option("--precision", type=POSITIVE, default=2.0, help="Of the smoothness prior, for velocities in voxels.")
def voxelmorph(noise, precision, **arguments):
    """Train diffeomorphic VoxelMorph, a baseline of chapter 4, on the pairs of ROOT, which is as in `deformation`."""
    from regthesis.models.voxelmorph import VoxelMorphNetwork

    _train_on_pairs(lambda grid: VoxelMorphNetwork(grid.shape, grid.spacing, noise, precision), **arguments)


@train.command()
@_training
@click.option("--stacks", is_flag=True, help="On whole stacks (3D+t) instead of slices (2D+t).")
@click.option("--latent", type=click.IntRange(1), default=32, help="Rows of the motion matrix.")
@click.option("--length", type=click.IntRange(2, 1000), default=35, help="The most frames of a cine.")
@click.option(
    "--frames", type=click.IntRange(1), help="At most so many fixed frames of a cine in each step, at random."
)
@click.option("--covariance", type=click.Choice(["cauchy", "rbf", "matern"]), default="cauchy", help="Of the prior.")
@click.option("--no-gp", is_flag=True, help="The version without a Gaussian process as its prior.")
@click.option("--sigma", type=POSITIVE, default=3.0, help="Of the Gaussian that smooths velocities in space, mm.")
@click.option("--sigma-time", type=POSITIVE, default=1.5, help="And in time, in time steps.")
@click.option("--dropout", type=click.FloatRange(0, 1), default=0.5, help="Share of frames hidden in each step.")
@click.option("--noise", type=POSITIVE, help="Variance between registered intensities; default: the thesis's.")
@click.option("--neck", type=click.IntRange(1), default=4, help="Maps beside the fully connected layers.")
@click.option("--every", type=click.IntRange(1), default=2, help="One in so many time steps is compared in each step.")
def motion(root, stacks, no_gp, every, **arguments):
    """Train the motion model of chapter 5 on the slices of the cines of ROOT, a folder in ACDC's layout."""
    from regthesis.datasets import recognise
    from regthesis.datasets.cines import Stacks
    from regthesis.datasets.slices import Slices
    from regthesis.experiments.motion.training import train
    from regthesis.models.motion import MotionModel, MotionModelWithoutGP

    form = {name: arguments.pop(name) for name in MOTION_FORM}
    arguments["loss_arguments"] = {"every": every}
    kind = MotionModelWithoutGP if no_gp else MotionModel
    data = (Stacks if stacks else Slices)(recognise(root))
    _train(train, data, lambda grid: kind(grid.shape, grid.spacing, **form), **arguments)
