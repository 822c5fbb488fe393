"""What moves in chapter 4: a heart over the plane of its codes, and one heart's motion on others."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt

from regthesis import kernels
from regthesis.book.show.player import Player
from regthesis.book.show.registrations import row_name
from regthesis.book.show.slices import draw, draw_grid, window
from regthesis.book.show.style import COLOURS, WIDTH
from regthesis.case import Case
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["sweep", "transported"]

Path = Callable[[float], Float[Tensor, "1 3 *space"]]
"""The displacement at a share of a motion, from 0 to 1."""


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
                    axes[left].clear(), axes[left + 1].clear()
                    draw_grid(axes[left], u[:, 1:][cut], name, every=2, colour=COLOURS["s3"])
                    draw(axes[left + 1], kernels.warp(case.moving, u)[cut], " ")
                yield figure

    labels = [f"{step:+.2g} sd" for step in steps]
    centre = len(steps) // 2
    return Player(frames(), {"second component": labels, "first component": labels}, start=(centre, centre))


def transported(patients: Mapping[str, Sequence[tuple[str, Case, Mapping[str, Path]]]], shares: int = 6) -> Player:
    """Figure 4.9: motions on hearts, from end diastole to end systole; a row a heart, two pictures a way of transport.

    By patient, `patients` has the rows: a name, a heart, and the ways in which the motion of the patient gets there.
    """
    rows = next(iter(patients.values()))
    wide = 2 * len(rows[0][2])
    figure, axes = plt.subplots(len(rows), wide, figsize=(WIDTH, len(rows) * WIDTH / wide + 0.3))

    def frames():
        for those in patients.values():
            for step in range(shares):
                for k, (line, (title, case, ways)) in enumerate(zip(axes, those, strict=True)):
                    cut = (..., case.middle, *window(case))
                    for (name, path), left in zip(ways.items(), range(0, wide, 2), strict=True):
                        u = path(step / (shares - 1))
                        line[left].clear(), line[left + 1].clear()
                        labels = kernels.warp_labels(case.moving_mask, u)[cut]
                        draw(line[left], kernels.warp(case.moving, u)[cut], "" if k else name, labels)
                        draw_grid(line[left + 1], u[:, 1:][cut])
                    row_name(line[0], title)
                yield figure

    labels = [f"{100 * step / (shares - 1):.0f} %" for step in range(shares)]
    return Player(frames(), {"patient": list(patients), "share of the motion": labels}, start=(0, shares - 1))
