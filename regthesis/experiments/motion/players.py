"""What moves in chapter 5: a cine that is tracked."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch

from regthesis import kernels
from regthesis.book.show.player import Player
from regthesis.book.show.slices import draw, draw_grid, window, wipe
from regthesis.book.show.style import COLOURS, PALETTE, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.experiments.motion.figures import draw_areas

__all__ = ["tracked"]

LINES = 12.0  # mm between the lines of a grid


def tracked(
    case: Case,
    found: Deformation,
    curves: Mapping[str, np.ndarray],
    masks: Mapping[int, float],
    of: str = "area of the cavity (cm²)",
    colours: Mapping[str, str] | None = None,
) -> Player:
    """A cine as seen with outlines that are carried, frame 0 moved under its grid, the cine held still, and curves.

    `curves` have what is `of` a structure at all frames, by method or by structure, each in one of `colours` or in that
    of the method; `masks` are those that were drawn by hand. Without a mask of frame 0 there are no outlines, and
    without curves there is no such panel.
    """
    ratios = (1, 1, 1, 1.4) if curves else (1, 1, 1)
    figure, axes = plt.subplots(1, len(ratios), figsize=(WIDTH, 2.3 if curves else 2.7), width_ratios=ratios)
    cut = (slice(None), slice(None), *window(case))
    shown = {"vmin": float(case.images.min()), "vmax": float(case.images.max())}
    mask, every = case.masks.get(0), max(1, round(LINES / case.spacing[-1]))
    outlines = [None] * len(case.images) if mask is None else torch.cat([mask, found.warp_labels(mask)])[cut]
    moved = torch.cat([case.moving, found.warp(case.moving)])[cut]
    field = torch.cat([torch.zeros_like(found.u[:1]), found.u])[cut]
    still = torch.cat([case.moving, kernels.warp(case.fixed, found.inverse().u)])[cut]

    def drawn():
        for t in range(len(case.images)):
            wipe(*axes[:3])
            draw(axes[0], case.images[t : t + 1][cut], "as seen", outlines[t], **shown)
            draw(axes[1], moved[t], "frame 0 moved", **shown)
            draw_grid(axes[1], field[t : t + 1], "frame 0 moved", every=every, colour=COLOURS["motion"])
            axes[1].set(xlim=(-0.5, moved.shape[-1] - 0.5), ylim=(moved.shape[-2] - 0.5, -0.5))
            draw(axes[2], still[t], "held still", outlines[0], **shown)
            if curves:
                axes[3].clear()
                draw_areas(axes[3], curves, masks, colours)
                axes[3].axvline(t, color=PALETTE["grey"], linewidth=0.8, zorder=0)
                axes[3].set_title(of)
            yield figure

    labels = [f"{t + 1} of {len(case.images)}" for t in range(len(case.images))]
    return Player(drawn(), {"frame": labels}, start=(max(masks, default=0),), cyclic=True)
