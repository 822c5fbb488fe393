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


def tracked(case: Case, found: Deformation, curves: Mapping[str, np.ndarray], masks: Mapping[int, float]) -> Player:
    """A cine as seen with carried outlines, frame 0 moved under its grid, the cine held still, and the cavity's area.

    `curves` has the areas of all frames by method, `masks` those that were drawn by hand.
    """
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 2.3), width_ratios=(1, 1, 1, 1.4))
    cut = (slice(None), slice(None), *window(case))
    shown = {"vmin": float(case.images.min()), "vmax": float(case.images.max())}
    outlines = torch.cat([case.moving_mask, found.warp_labels(case.moving_mask)])[cut]
    moved = torch.cat([case.moving, found.warp(case.moving)])[cut]
    field = torch.cat([torch.zeros_like(found.u[:1]), found.u])[cut]
    still = torch.cat([case.moving, kernels.warp(case.fixed, found.inverse().u)])[cut]

    def drawn():
        for t in range(len(case.images)):
            wipe(*axes[:3])
            axes[3].clear()
            draw(axes[0], case.images[t : t + 1][cut], "as seen", outlines[t], **shown)
            draw(axes[1], moved[t], "frame 0 moved", **shown)
            draw_grid(axes[1], field[t : t + 1], "frame 0 moved", every=4, colour=COLOURS["motion"])
            axes[1].set(xlim=(-0.5, moved.shape[-1] - 0.5), ylim=(moved.shape[-2] - 0.5, -0.5))
            draw(axes[2], still[t], "held still", outlines[0], **shown)
            draw_areas(axes[3], curves, masks)
            axes[3].axvline(t, color=PALETTE["grey"], linewidth=0.8, zorder=0)
            axes[3].set_title("area of the cavity (cm²)")
            yield figure

    labels = [f"{t + 1} of {len(case.images)}" for t in range(len(case.images))]
    return Player(drawn(), {"frame": labels}, start=(max(masks, default=0),), cyclic=True)
