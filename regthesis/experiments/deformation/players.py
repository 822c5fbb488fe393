"""What moves in chapter 4: a heart over the plane of its codes, and one heart's motion on others."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch

from regthesis import kernels
from regthesis.book.show.player import Player
from regthesis.book.show.registrations import row_name
from regthesis.book.show.slices import draw, draw_grid, window, wipe
from regthesis.book.show.style import COLOURS, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.transport import Rungs, ladder

__all__ = ["sweep", "transported"]

Way = Deformation | Rungs
"""How a motion gets to a heart: by a deformation with a velocity, or over the steps of a pole ladder."""


def sweep(case: Case, found: Mapping[str, Sequence[Sequence[Tensor]]], steps: Sequence[float]) -> Player:
    """Figure 4.8: a heart moved by codes along two directions; a pair of pictures a population of codes.

    `found` has, by population, the displacement of the code at each step (in standard deviations) along the second
    direction and, within, along the first.
    """
    figure, axes = plt.subplots(1, 2 * len(found), figsize=(WIDTH, 0.3 + WIDTH / (2 * len(found))))
    cut = (..., case.middle, *window(case))

    def frames():
        for k in range(len(steps)):
            for j in range(len(steps)):
                for (name, plane), left in zip(found.items(), range(0, len(axes), 2), strict=True):
                    u = plane[k][j]
                    wipe(axes[left], axes[left + 1])
                    draw_grid(axes[left], u[:, 1:][cut], name, every=2, colour=COLOURS["s3"])
                    draw(axes[left + 1], kernels.warp(case.moving, u)[cut], " ")
                yield figure

    labels = [f"{step:+.2g} sd" for step in steps]
    centre = len(steps) // 2
    return Player(frames(), {"second component": labels, "first component": labels}, start=(centre, centre))


def transported(patients: Mapping[str, Sequence[tuple[str, Case, Mapping[str, Way]]]], shares: int = 6) -> Player:
    """Figure 4.9: motions on hearts, from end diastole to end systole; a row a heart, two pictures a way of transport.

    By patient, `patients` has the rows: a name, a heart, and the ways in which the motion of the patient gets there.
    """
    rows = next(iter(patients.values()))
    wide = 2 * len(rows[0][2])
    figure, axes = plt.subplots(len(rows), wide, figsize=(WIDTH, len(rows) * WIDTH / wide + 0.3))

    def frames():
        for those in patients.values():
            for share in torch.linspace(0, 1, shares):
                for k, (line, (title, case, ways)) in enumerate(zip(axes, those, strict=True)):
                    cut = (..., case.middle, *window(case))
                    for (name, way), left in zip(ways.items(), range(0, wide, 2), strict=True):
                        u = _part(way, share)
                        wipe(line[left], line[left + 1])
                        labels = kernels.warp_labels(case.moving_mask, u)[cut]
                        draw(line[left], kernels.warp(case.moving, u)[cut], "" if k else name, labels)
                        draw_grid(line[left + 1], u[:, 1:][cut], every=3)
                    row_name(line[0], title)
                yield figure

    labels = [f"{share:.0%}" for share in torch.linspace(0, 1, shares)]
    return Player(frames(), {"patient": list(patients), "share of the motion": labels}, start=(0, shares - 1))


def _part(way: Way, share: Float[Tensor, ""]) -> Float[Tensor, "1 3 *space"]:
    """The displacement of a share of the motion."""
    if isinstance(way, Rungs):
        return ladder(share * way.motion, way.between)
    return kernels.exp(share * way.velocity)
