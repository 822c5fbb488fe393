"""Tracking by the generative motion model of chapter 5: a whole cine in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.kernels.shapes import Float, Int, Tensor
from regthesis.methods.learned import Learned
from regthesis.models.motion import MotionModel, MotionModelWithoutGP, places_of
from regthesis.weights import shipped

__all__ = ["METHODS", "MotionTracking", "MotionTrackingWithoutGP", "as_model_sees", "on_case_grid", "unit_range"]


@dataclass(frozen=True)
class MotionTracking(Learned):
    """The mean motion matrix of a cine, and the velocities that it decodes to at the times of its frames."""

    name = "motion"
    label = "Our"
    network_class = MotionModel
    command = "motion"
    weights: Path = shipped("motion")

    def weights_of(self, case: Case) -> Path:
        """For stacks the folder of the same name in the folder `stacks` beside it, where there is one."""
        beside = self.weights.parent / "stacks" / self.weights.name
        return beside if case.grid.rank == 3 and beside.is_dir() else self.weights

    def predict(self, network: MotionModel, case: Case, known: Sequence[int] | None = None) -> Deformation:
        """A deformation for each fixed frame; its code is the column of the motion matrix at the frame's time.

        With `known`, fixed frames counted from 1, the network sees these alone beside frame 0 and guesses the motion at
        the others (section 5.3.4): interpolation, and with none of them a simulation.

        Raises as `as_model_sees`.
        """
        return self.transport(network, case, case, known)

    def transport(
        self, network: MotionModel, source: Case, target: Case, known: Sequence[int] | None = None
    ) -> Deformation:
        """The motion of one heart on another: the motion matrix of `source`, decoded on frame 0 of `target`.

        There is a deformation, on the grid of `target`, for each fixed frame of `source` (section 5.3.4).

        Raises as `as_model_sees`.
        """
        seen = list(range(1, len(source.images)) if known is None else known)
        images, places = as_model_sees(network, source, seen)
        moving = images if target is source else as_model_sees(network, target)[0]
        with torch.no_grad():
            z, _ = network.code(images[None, [0, *seen]], places[None, [frame - 1 for frame in seen]])
            v = on_case_grid(network, network.decode(z, moving[:1])[0, places], target)
            return Deformation.exp(v, target.grid, network.steps, code=z[0, :, places].mT.contiguous())


@dataclass(frozen=True)
class MotionTrackingWithoutGP(MotionTracking):
    """The version without a Gaussian process as its prior."""

    name = "motion-no-gp"
    label = "No-GP"
    network_class = MotionModelWithoutGP
    weights: Path = shipped("motion-no-gp")


def on_case_grid(network: MotionModel, v: Float[Tensor, "n d *space"], case: Case) -> Float[Tensor, "n d *case"]:
    """Velocities of a model on the grid of a case, interpolated by cubic B-splines; of a stack those of its slices."""
    if case.grid.rank == 3:
        v = v[:, :, _of_model(network, case)]
    return kernels.regrid(v, _grid_seen(network, case).spacing, case.grid.shape, case.spacing, field=True, cubic=True)


def as_model_sees(
    network: MotionModel, case: Case, seen: Sequence[int] | None = None
) -> tuple[Float[Tensor, "frames 1 *space"], Int[Tensor, "n"]]:
    """The frames of a cine on a model's grid with intensities in [0, 1], and the time steps of the fixed ones.

    A stack keeps its slices, with empty ones above and below. Frames whose times are not known are taken to be evenly
    spaced. `seen` are the fixed frames that may be looked at, as in `unit_range`.

    Raises:
        UserError: there are more frames than the model has time steps, or more slices than it has.
    """
    grid = _grid_seen(network, case)
    images = unit_range(kernels.regrid(case.images, case.spacing, grid.shape, grid.spacing), seen)
    try:
        places = places_of(case.times or range(len(images)), network.length)
    except ValueError as error:
        raise UserError(f"{case.id}: {error}") from None
    if case.grid.rank == 3:
        whole = images.new_zeros(*images.shape[:2], *network.shape)
        whole[:, :, _of_model(network, case)] = images
        images = whole
    return images, places.to(images.device)


def unit_range(
    images: Float[Tensor, "frames 1 *space"], seen: Sequence[int] | None = None
) -> Float[Tensor, "frames 1 *space"]:
    """Intensities in [0, 1], without the darkest and the brightest hundredth of frame 0 and the frames `seen`."""
    flat = (images if seen is None else images[[0, *seen]]).flatten()
    flat = flat[:: 1 + flat.numel() // 10**6]  # a million voxels tell it as well as all
    low, high = torch.quantile(flat, torch.tensor([0.01, 0.99]).to(flat)).tolist()
    return ((images - low) / max(high - low, 1e-6)).clamp(0, 1)


def _grid_seen(network: MotionModel, case: Case) -> CommonGrid:
    """The grid on which a model sees the frames of a case: its own in 2-D, in 3-D its own in the case's slices."""
    if case.grid.rank == 2:
        return CommonGrid(network.shape, network.spacing)
    return CommonGrid((case.grid.shape[0], *network.shape[1:]), (case.spacing[0], *network.spacing[1:]))


def _of_model(network: MotionModel, case: Case) -> slice:
    """Which slices of a model are those of a stack: those in the middle."""
    count, most = case.grid.shape[0], network.shape[0]
    if count > most:
        raise UserError(f"{case.id}: has {count} slices, but the model takes {most}; leave some out")
    first = (most - count) // 2
    return slice(first, first + count)


METHODS = [MotionTracking(), MotionTrackingWithoutGP()]
