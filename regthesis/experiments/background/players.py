"""What moves in chapter 2: a field that grows, a heart along its modes, and a beat."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from regthesis import kernels
from regthesis.book.show.player import Player
from regthesis.book.show.slices import draw, draw_grid, window, wipe
from regthesis.book.show.style import PALETTE, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Int, Tensor

__all__ = ["beat", "growing", "traversal"]


def growing(v: Float[Tensor, "1 2 y x"], lowest: pd.DataFrame) -> Player:
    """A field at growing amplitude, as a displacement and as a velocity, beside the smallest Jacobian of both.

    `v` has a largest length of one pixel; `lowest` has an amplitude a row and the columns `id + v` and `exp(v)`.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.6))

    def frames():
        for amplitude in lowest.index:
            wipe(axes[0], axes[1])
            axes[2].clear()
            draw_grid(axes[0], amplitude * v, "id + v")
            draw_grid(axes[1], kernels.exp(amplitude * v), "exp(v)")
            for column, colour in zip(lowest, (PALETTE["orange"], PALETTE["blue"]), strict=True):
                axes[2].plot(lowest[column], color=colour, label=column)
                axes[2].plot(amplitude, lowest[column][amplitude], "o", color=colour)
            axes[2].axhline(0, color=PALETTE["grey"], linewidth=0.8)
            axes[2].set(xlabel="largest |v| (pixels)", ylabel="smallest det J", xticks=lowest.index[1::2])
            axes[2].legend()
            yield figure

    labels = [f"{amplitude:g} px" for amplitude in lowest.index]
    return Player(frames(), {"largest |v|": labels}, start=(len(labels) - 1,))


def traversal(walks: Mapping[str, Sequence[Case]], amplitudes: Sequence[float]) -> Player:
    """A slice moved along each direction, as a picture beside the deformed grid.

    `walks` has, by direction, the slice (a case in 2-D) moved by each of the `amplitudes`, which are in standard
    deviations, with the displacement in the place of its truth. Its masks are those before the motion.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4))

    def frames():
        for walk in walks.values():
            for one in walk:
                wipe(left, right)
                cut = (..., *window(one))
                draw(left, one.moving[cut], "end diastole, moved")
                draw_grid(right, one.truth[cut], "deformation")
                yield figure

    sliders = {"direction": list(walks), "amplitude": [f"{amplitude:+g} sd" for amplitude in amplitudes]}
    return Player(frames(), sliders, start=(0, len(amplitudes) - 1))


def beat(
    cine: Float[Tensor, "t 1 y x"],
    outlines: Int[Tensor, "1 1 y x"],
    tracked: Deformation,
    roads: Mapping[str, np.ndarray],
    masks: Mapping[int, float],
) -> Player:
    """Every frame of a beat as it was seen; end diastole moved along one velocity; the area of the left cavity.

    The `outlines` of end diastole are carried to each frame by `tracked`, the registrations to the first frame. The
    velocity is that of end systole: it is followed to its end, and then back. `roads` has the areas (cm2) from frame 1
    on by the way of tracking, `masks` those of the frames that have a mask, end systole the last of them.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.6), width_ratios=(1, 1, 1.5))
    shown = {"vmin": float(cine.min()), "vmax": float(cine.max())}
    es, frames = max(masks), len(cine)
    carried = torch.cat([outlines, tracked.warp_labels(outlines)])
    there = torch.tensor([min(t / es, (frames - t) / (frames - es)) for t in range(frames)])
    path = kernels.exp(there.view(-1, 1, 1, 1) * tracked.velocity[es - 1])
    moved = kernels.warp(cine[:1].expand_as(cine), path)

    def drawn():
        for t in range(frames):
            wipe(axes[0], axes[1])
            axes[2].clear()
            draw(axes[0], cine[t], "as seen", carried[t], **shown)
            draw(axes[1], moved[t], f"exp(s v), s = {there[t]:.2f}", **shown)
            _draw_roads(axes[2], roads, masks)
            axes[2].axvline(t, color=PALETTE["grey"], linewidth=0.8, zorder=0)
            yield figure

    labels = [f"{t + 1} of {frames}" for t in range(frames)]
    return Player(drawn(), {"frame": labels}, start=(es,), cyclic=True)


def _draw_roads(ax: Axes, roads: Mapping[str, np.ndarray], masks: Mapping[int, float]) -> None:
    for (name, values), colour in zip(roads.items(), ("blue", "orange", "green"), strict=False):
        ax.plot(range(len(values) + 1), [masks[0], *values], "-", marker=".", color=PALETTE[colour], label=name)
    ax.plot(masks.keys(), masks.values(), "o", color="black", markersize=7, label="masks", zorder=0)
    highest = max(map(max, [*roads.values(), masks.values()]))
    ax.set(title="area of the left cavity (cm²)", xlabel="frame", ylim=(0, 1.6 * highest))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper center", ncols=2, fontsize="small", columnspacing=1, handlelength=1.5)
