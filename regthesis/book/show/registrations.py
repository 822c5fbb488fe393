"""Pictures of registered hearts: a row a method or a heart, and the scores of all of them.

Everything here draws what a `Case` and its `Deformation`s say; nothing here registers.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from regthesis import kernels
from regthesis.book.show.slices import draw, draw_grid, draw_wheel, flat, masks_of, motion_colours, window
from regthesis.book.show.style import COLOURS, OTHER, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation

__all__ = ["boxes", "draw_bar", "draw_boxes", "gallery", "legend_above", "row_name", "side_by_side", "trade_off"]


FEW, MANY = 8, 30  # cases: fewer have no quartiles worth a box; more would hide it behind their dots


def side_by_side(case: Case, deformations: Mapping[str, Deformation], z: int):
    """A row a method at slice z: warped image, difference left, displacement, grid, Jacobian and its gradient.

    A pair in 2-D is its own slice, whatever z is.
    The row above them is the target: the fixed image and, where it is known, the true deformation. The gradient is
    the magnitude of that of the Jacobian determinant, per mm, whose mean is Grad Det-Jac. Below is what colours mean.
    """
    titles = ("image", "difference", "displacement", "grid", "Jacobian", "its gradient")
    rows = len(deformations) + 1
    cut = (slice(1), slice(None), *((z,) if case.grid.rank == 3 else ()), *window(case))
    height, width = case.moving[cut].shape[-2:]
    ratios = [1] * rows + [0.6]
    size = (WIDTH, sum(ratios) * WIDTH / 6 * height / width + 0.2)
    figure, axes = plt.subplots(rows + 1, 6, figsize=size, height_ratios=ratios)
    target = {} if case.truth is None else {"target": Deformation(case.truth, case.grid)}
    longest = max(float(d.u[:, -2:][cut].norm(dim=1).max()) for d in (target | deformations).values()) or 1.0
    for row, name in zip(axes, ["target", *deformations], strict=False):
        deformation = (target | deformations).get(name)
        image, labels = case.fixed, masks_of(case)
        if name != "target":
            image, labels = deformation.warp(case.moving), masks_of(case, deformation)
        draw(row[0], image[cut], labels=labels if labels is None else labels[cut])
        draw(row[1], (case.fixed - image)[cut], cmap="PuOr", vmin=-2, vmax=2)
        if deformation is not None:
            row[2].imshow(motion_colours(deformation.u[:, -2:][cut], longest))
            draw_grid(row[3], deformation.u[:, -2:][cut], colour=COLOURS.get(name, OTHER))
            volume = row[4].imshow(flat(deformation.jacobian()[cut]), cmap="RdBu", vmin=0, vmax=2)
            slope = kernels.gradient(deformation.jacobian()[:1], case.spacing)[:, 0].norm(dim=1, keepdim=True)
            steep = row[5].imshow(flat(slope[cut]), cmap="magma_r", vmin=0, vmax=0.12)
        row_name(row[0], name)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    draw_wheel(axes[-1, 2], longest * case.spacing[-1])
    draw_bar(axes[-1, 4], volume, (0.0, 1.0, 2.0))
    draw_bar(axes[-1, 5], steep, (0.0, 0.1), "1/mm")
    return figure


def draw_bar(ax: Axes, shown: AxesImage, ticks: Sequence[float], label: str = "") -> None:
    """What the colours of a picture mean: a bar at the top of `ax`."""
    place = ax.inset_axes((0.05, 0.8, 0.9, 0.15))
    ax.figure.colorbar(shown, cax=place, orientation="horizontal", ticks=ticks, label=label)


def row_name(ax: Axes, name: str) -> None:
    """A row's name, left of its first picture."""
    ax.text(-0.08, 0.5, name, transform=ax.transAxes, rotation=90, va="center", ha="right", fontsize=9)


def gallery(cases: Sequence[Case], found: Mapping[str, Sequence[Deformation]]):
    """A row a heart, its group beside it: fixed image, then warped image and Jacobian of each method of `found`."""
    wide = 1 + 2 * len(found)
    size = (WIDTH, len(cases) * WIDTH / wide + 1)
    figure, axes = plt.subplots(len(cases), wide, figsize=size, squeeze=False)
    for k, (row, case) in enumerate(zip(axes, cases, strict=True)):
        cut = (slice(1), slice(None), case.middle, *window(case))
        labels = masks_of(case)
        draw(row[0], case.fixed[cut], "" if k else "fixed", labels if labels is None else labels[cut])
        row_name(row[0], case.group or f"pair {k + 1}")
        for (name, deformations), left in zip(found.items(), range(1, wide, 2), strict=True):
            labels = masks_of(case, deformations[k])
            warped = deformations[k].warp(case.moving)[cut]
            draw(row[left], warped, "" if k else name, labels if labels is None else labels[cut])
            volume = row[left + 1].imshow(flat(deformations[k].jacobian()[cut]), cmap="RdBu", vmin=0, vmax=2)
            row[left + 1].set_title("" if k else "Jacobian")
            row[left + 1].set_axis_off()
    if found:
        figure.colorbar(volume, ax=axes, shrink=0.4, aspect=30, location="bottom", ticks=(0, 1, 2), pad=0.02)
    return figure


def draw_boxes(ax: Axes, frame: pd.DataFrame, by: str, ylabel: str) -> None:
    """Boxes of `value` by the values of column `by` and, within each, by method; every case is a dot.

    Where no method has `FEW` cases there are no boxes, since quartiles of a handful say nothing: a bar is the median.
    """
    names, places = list(frame["method"].unique()), list(frame[by].unique())
    few = frame.groupby(["method", by])["value"].count().max() < FEW
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        groups = [frame[(frame[by] == p) & (frame["method"] == name)]["value"].dropna().to_numpy() for p in places]
        at, colour = np.arange(len(places)) - 0.4 + width * (k + 0.5), COLOURS.get(name, OTHER)
        if few:
            medians = [np.median(values) if len(values) else np.nan for values in groups]
            ax.hlines(medians, at - 0.4 * width, at + 0.4 * width, color=colour, linewidth=3, label=name)
        else:
            drawn = ax.boxplot(groups, positions=at, widths=0.8 * width, patch_artist=True, showfliers=False)
            for box in drawn["boxes"]:
                box.set(facecolor=colour, alpha=0.6, label=name)
            for line in drawn["medians"]:
                line.set(color="black")
        for x, values in zip(at, groups, strict=True):
            size = 4 if len(values) < MANY else 2
            ax.plot(np.full(len(values), x), values, ".", color="black", markersize=size, markeredgewidth=0)
    ax.set(xticks=range(len(places)), xticklabels=places, ylabel=ylabel, xlim=(-0.5, len(places) - 0.5))


def legend_above(figure, ax: Axes, names: int) -> None:
    handles, texts = ax.get_legend_handles_labels()
    first = dict(zip(texts, handles, strict=True))
    columns = names if names <= 6 else -(-names // 2)
    figure.legend(first.values(), first.keys(), ncols=columns, loc="outside upper center", handlelength=1.2)


def boxes(frame: pd.DataFrame, by: str, ylabel: str, figsize: tuple[float, float] = (WIDTH, 3)):
    """Boxes of `value` by the values of column `by` and, within each, by method; every case is a dot."""
    figure, ax = plt.subplots(figsize=figsize)
    draw_boxes(ax, frame, by, ylabel)
    legend_above(figure, ax, frame["method"].nunique())
    return figure


def trade_off(curves: Mapping[str, pd.DataFrame], printed: pd.DataFrame | None = None):
    """Overlap against roughness: a line a method over its settings, a large dot where it is used as is.

    Each table has columns `Grad Det-Jac` (1/mm), `DICE` and `default` (bool), a row a setting; `printed` has the
    thesis's own, columns `GradDetJac` (10^-2) and `DICE`, a row a method.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
    for name, table in curves.items():
        table, colour = table.sort_values("Grad Det-Jac"), COLOURS.get(name, OTHER)
        ax.plot(table["Grad Det-Jac"], table["DICE"], "-", marker=".", color=colour, markersize=5)
        chosen = table[table["default"]]
        ax.plot(chosen["Grad Det-Jac"], chosen["DICE"], "o", color=colour, markersize=8, label=name)
    if printed is not None:
        ax.plot([], [], "s", color="black", markerfacecolor="none", markersize=8, label="printed")
    for k, row in enumerate(() if printed is None else printed.itertuples()):
        x, colour = row.GradDetJac / 100, COLOURS[row.Index]
        ax.plot(x, row.DICE, "s", color=colour, markerfacecolor="none", markersize=8)
        beside = dict(xytext=(6, -12), ha="left") if k % 2 else dict(xytext=(-6, 5), ha="right")  # of neighbours
        ax.annotate(row.Index, (x, row.DICE), textcoords="offset points", fontsize=8, color=colour, **beside)
    ax.set(xlabel="Grad Det-Jac (1/mm): smooth to the left", ylabel="DICE", xscale="log")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
