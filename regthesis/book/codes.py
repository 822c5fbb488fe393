"""Pictures of the latent space: its groups, its directions, its size, and how sure it is."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from regthesis.book.figures import draw_grid, flat
from regthesis.book.look import COLOURS, PALETTE, WIDTH
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["GROUPS", "calibration", "planes", "sizes", "sweep"]

GROUPS = {
    "DCM": ("o", PALETTE["blue"]), "HCM": ("s", PALETTE["orange"]), "MINF": ("^", PALETTE["green"]),
    "NOR": ("D", PALETTE["black"]), "RV": ("v", PALETTE["purple"]),
}  # fmt: skip
"""Marker and colour of a group of ACDC."""


def planes(points: Mapping[str, pd.DataFrame], accuracies: Mapping[str, Sequence[float]], printed: Sequence[float]):
    """Figure 4.7: codes in two canonical components, a plane a way of fitting them; what a machine tells from codes.

    Each table has columns `x`, `y`, `group`, and `held_out`: full where the heart had no part in the fit.
    `accuracies` are a bar each: a value, and the bounds of an interval or range, in %. Dashed is chance; dotted, with
    its interval shaded, the `printed` accuracy.
    """
    figure, axes = plt.subplots(1, len(points) + 1, figsize=(WIDTH, 2.9), width_ratios=[1] * len(points) + [0.9])
    for ax, (title, table) in zip(axes, points.items(), strict=False):
        for row in table.itertuples():
            marker, colour = GROUPS[row.group]
            ax.plot(row.x, row.y, marker, color=colour, fillstyle="full" if row.held_out else "none", markersize=5)
        ax.set(title=title, xlabel="first component", xticks=(), yticks=())
    axes[0].set_ylabel("second component")
    values, low, high = (np.array(part) for part in zip(*accuracies.values(), strict=True))
    axes[-1].barh(list(accuracies), values, color=PALETTE["grey"], height=0.6)
    axes[-1].hlines(range(len(values)), low, high, color="black", linewidth=1)
    for place, (value, top) in enumerate(zip(values, high, strict=True)):
        axes[-1].text(top + 2, place, f"{value:.0f}", va="center")
    axes[-1].axvline(100 / len(GROUPS), color=PALETTE["red"], linestyle="--", linewidth=1)
    axes[-1].axvline(printed[0], color="black", linestyle=":", linewidth=1)
    axes[-1].axvspan(*printed[1:], color="black", alpha=0.08, linewidth=0)
    axes[-1].set(title="groups told (%)", xlim=(0, 118), xticks=(0, 50, 100))
    handles = [Line2D([], [], linestyle="", marker=m, color=c, label=name) for name, (m, c) in GROUPS.items()]
    figure.legend(handles=handles, ncols=len(GROUPS), loc="outside lower left")
    return figure


def sizes(frame: pd.DataFrame, reference: pd.DataFrame):
    """Figure 4.6: DICE and Hausdorff distance against the number of latent dimensions.

    `frame` has columns `d`, `metric`, `structure`, `value`; a thin line a structure, the mean in bold. `reference`
    is the same of LCC-demons, without `d`: dashed.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3))
    shades = [PALETTE[name] for name in ("sky", "orange", "green", "purple", "tan")]
    for ax, (metric, label) in zip(axes, {"DICE": "DICE", "HD95": "HD95 (mm)"}.items(), strict=True):
        mine = frame[frame["metric"] == metric].groupby(["structure", "d"], sort=False)["value"].mean().unstack(0)
        for structure, colour in zip(mine, shades, strict=False):
            ax.plot(mine.index, mine[structure], ".-", color=colour, linewidth=1, label=structure)
        ax.plot(mine.index, mine.mean(axis=1), "o-", color=COLOURS["s3"], linewidth=2.4, label="mean")
        other = reference[reference["metric"] == metric].groupby("structure")["value"].mean().mean()
        ax.axhline(other, color=COLOURS["demons"], linestyle="--", label="demons, mean")
        ax.set_xscale("log", base=2)
        ax.set(xlabel="latent dimensions d", ylabel=label, xticks=mine.index, xticklabels=mine.index)
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=7, loc="outside upper center", columnspacing=1)
    return figure


def sweep(
    images: Sequence[Sequence[Tensor]], fields: Sequence[Sequence[Float[Tensor, "1 2 y x"]]], nearest, reach: float
):
    """Figure 4.8: a heart moved by codes along two directions, rows along the second, columns along the first.

    Left its displacement as a grid, right the warped image; the mean code is framed in red, and in blue the one at
    `nearest` (row, column), which moves least. The codes lie up to `reach` standard deviations from the mean.
    """
    rows, columns = len(images), len(images[0])
    figure, axes = plt.subplots(rows, 2 * columns, figsize=(WIDTH, rows * WIDTH / (2 * columns) + 0.5))
    for k, j in np.ndindex(rows, columns):
        draw_grid(axes[k, j], fields[k][j], every=3, colour=COLOURS["s3"])
        axes[k, columns + j].imshow(flat(images[k][j]), cmap="gray")
        for ax in (axes[k, j], axes[k, columns + j]):
            centre = (k, j) == (rows // 2, columns // 2)
            framed = PALETTE["red"] if centre else PALETTE["blue"] if (k, j) == tuple(nearest) else None
            ax.set(xticks=(), yticks=())
            ax.set_axis_on()
            ax.spines[:].set(visible=framed is not None, color=framed, linewidth=2)
    figure.supxlabel(f"first component, {-reach:g} to {reach:g} sd, twice", fontsize=9)
    figure.supylabel("second component", fontsize=9)
    return figure


def calibration(spread: Tensor, error: Tensor, table: pd.DataFrame):
    """One slice of the predicted spread and of the true error, both in mm; the one against the other in all voxels.

    `table` has columns `spread` and `error` (mm), a row a bin of voxels.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.6), width_ratios=(1, 1, 1.2))
    for ax, image, title in zip(axes, (spread, error), ("spread of draws (mm)", "true error (mm)"), strict=False):
        shown = ax.imshow(flat(image), cmap="viridis")
        figure.colorbar(shown, ax=ax, shrink=0.75, location="bottom")
        ax.set_title(title)
        ax.set_axis_off()
    top = float(table[["spread", "error"]].max().max()) * 1.05
    axes[2].plot((0, top), (0, top), "--", color=PALETTE["grey"], linewidth=1)
    axes[2].plot(table["spread"], table["error"], "o-", color=COLOURS["s3"])
    axes[2].set(xlabel="predicted (mm)", ylabel="found (mm)", xlim=(0, top), ylim=(0, top))
    return figure
