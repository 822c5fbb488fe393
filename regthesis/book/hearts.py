"""Pictures of registered hearts: a row a method or a heart, and the scores of all of them.

Everything here draws what a `Case` and its `Deformation`s say; nothing here registers.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from regthesis import kernels
from regthesis.book.figures import draw, draw_grid, flat, middle, motion_colours
from regthesis.book.look import COLOURS, PALETTE, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.evaluate.structures import STRUCTURES, select
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["boxes", "gallery", "scales", "scores", "side_by_side", "trade_off", "transported", "window"]

CROP = 10  # voxels that pictures show round the heart


def window(case: Case) -> tuple[slice, slice]:
    """Rows and columns round the heart at end diastole."""
    heart = (case.moving_mask > 0).flatten(0, 2).any(0)
    sides = []
    for axis in (1, 0):
        inside = heart.any(axis).nonzero()
        sides.append(slice(max(int(inside.min()) - CROP, 0), int(inside.max()) + CROP + 1))
    return sides[0], sides[1]


def side_by_side(case: Case, deformations: Mapping[str, Deformation], z: int):
    """A row a method at slice z: warped image, difference left, displacement, grid, Jacobian and its gradient.

    The row above them is the target: the fixed image and, where it is known, the true deformation. The gradient is
    the magnitude of that of the Jacobian determinant, per mm, whose mean is Grad Det-Jac.
    """
    titles = ("image", "difference", "displacement", "grid", "Jacobian", "its gradient")
    figure, axes = plt.subplots(len(deformations) + 1, 6, figsize=(WIDTH, 1.12 * len(deformations) + 1.5))
    target = {} if case.truth is None else {"target": Deformation(case.truth, case.grid)}
    longest = max(float(d.u[:, 1:, z].square().sum(1).max().sqrt()) for d in (target | deformations).values()) or 1.0
    for row, name in zip(axes, ["target", *deformations], strict=True):
        deformation = (target | deformations).get(name)
        image, labels = case.fixed, case.fixed_mask
        if name != "target":
            image, labels = deformation.warp(case.moving), deformation.warp_labels(case.moving_mask)
        draw(row[0], image[:1, :, z], labels=labels[:1, :, z])
        draw(row[1], (case.fixed - image)[:1, :, z], cmap="PuOr", vmin=-2, vmax=2)
        if deformation is not None:
            row[2].imshow(motion_colours(deformation.u[:1, 1:, z], longest))
            draw_grid(row[3], deformation.u[:1, 1:, z], every=3, colour=COLOURS.get(name, PALETTE["black"]))
            volume = row[4].imshow(flat(deformation.jacobian()[:1, :, z]), cmap="RdBu", vmin=0, vmax=2)
            slope = kernels.gradient(deformation.jacobian()[:1], case.spacing)[:, 0].square().sum(1).sqrt()
            steep = row[5].imshow(flat(slope[:, z]), cmap="magma_r", vmin=0, vmax=0.12)
        _name(row[0], name)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    figure.colorbar(volume, ax=axes[:, 4], shrink=0.9, location="bottom", ticks=(0, 1, 2), pad=0.01)
    figure.colorbar(steep, ax=axes[:, 5], shrink=0.9, location="bottom", ticks=(0, 0.1), pad=0.01, label="1/mm")
    return figure


def _name(ax: Axes, name: str) -> None:
    """A row's name, left of its first picture."""
    ax.text(-0.08, 0.5, name, transform=ax.transAxes, rotation=90, va="center", ha="right", fontsize=9)


def gallery(cases: Sequence[Case], found: Mapping[str, Sequence[Deformation]]):
    """A row a heart, its group beside it: fixed image, then warped image and Jacobian of each method of `found`."""
    wide = 1 + 2 * len(found)
    figure, axes = plt.subplots(len(cases), wide, figsize=(WIDTH, len(cases) * WIDTH / wide + 0.4), squeeze=False)
    for k, (row, case) in enumerate(zip(axes, cases, strict=True)):
        z, (ys, xs) = middle(case), window(case)
        draw(row[0], case.fixed[:1, :, z, ys, xs], "fixed" if not k else "", case.fixed_mask[:1, :, z, ys, xs])
        _name(row[0], case.group)
        for (name, deformations), left in zip(found.items(), range(1, wide, 2), strict=True):
            warped = deformations[k].warp(case.moving)[:1, :, z, ys, xs]
            labels = deformations[k].warp_labels(case.moving_mask)[:1, :, z, ys, xs]
            draw(row[left], warped, name if not k else "", labels)
            volume = flat(deformations[k].jacobian()[:1, :, z, ys, xs])
            row[left + 1].imshow(volume, cmap="RdBu", vmin=0, vmax=2)
            row[left + 1].set_axis_off()
    return figure


def scales(case: Case, velocities: Sequence[Float[Tensor, "1 3 *space"]]):
    """A row a scale, finest first: moving and warped image of that size, displacement, grid, Jacobian.

    `velocities` are in the voxels of their own grids, which are those of the case or coarser.
    """
    titles = ("moving", "warped", "displacement", "grid", "Jacobian")
    figure, axes = plt.subplots(len(velocities), 5, figsize=(WIDTH, 1.4 * len(velocities) + 0.3))
    for row, v in zip(axes, velocities, strict=True):
        size, u = v.shape[2:], kernels.exp(v)
        spacing = [h * (n - 1) / (m - 1) for h, n, m in zip(case.spacing, case.grid.shape, size, strict=True)]
        moving, z = kernels.resize(case.moving, size), round(middle(case) * (size[0] - 1) / (case.grid.shape[0] - 1))
        draw(row[0], moving[:, :, z])
        draw(row[1], kernels.warp(moving, u)[:, :, z])
        longest = 18 / spacing[2]  # mm, so that a hue and its depth mean the same in every row
        row[2].imshow(motion_colours(u[:, 1:, z], longest))
        draw_grid(row[3], u[:, 1:, z], every=1 if size[2] < 48 else 2, colour=COLOURS["s3"])
        row[4].imshow(flat(kernels.jacobian(u)[:, :, z]), cmap="RdBu", vmin=0, vmax=2)
        _name(row[0], f"{spacing[2]:.1f} mm")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    return figure


def transported(rows: Sequence[tuple[str, Case, Mapping[str, Deformation]]]):
    """Figure 4.9: motions on hearts, a row each: end diastole, then the moved heart and the grid of each way.

    A row is a name, a heart, and the deformations that it gets, the same ways in all rows.
    """
    wide = 1 + 2 * len(rows[0][2])
    figure, axes = plt.subplots(len(rows), wide, figsize=(WIDTH, len(rows) * WIDTH / wide + 0.5))
    for k, (row, (title, case, ways)) in enumerate(zip(axes, rows, strict=True)):
        cut = (..., middle(case), *window(case))
        draw(row[0], case.moving[cut], "" if k else "end diastole", case.moving_mask[cut])
        _name(row[0], title)
        for (name, found), left in zip(ways.items(), range(1, wide, 2), strict=True):
            moved = found.warp(case.moving)[cut], found.warp_labels(case.moving_mask)[cut]
            draw(row[left], moved[0], "" if k else name, moved[1])
            draw_grid(row[left + 1], found.u[:, 1:][cut])
    return figure


def _draw_boxes(ax: Axes, frame: pd.DataFrame, by: str, ylabel: str) -> None:
    names, places = list(frame["method"].unique()), list(frame[by].unique())
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        groups = [frame[(frame[by] == p) & (frame["method"] == name)]["value"].dropna().to_numpy() for p in places]
        at = np.arange(len(places)) - 0.4 + width * (k + 0.5)
        drawn = ax.boxplot(groups, positions=at, widths=0.8 * width, patch_artist=True, showfliers=False)
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[name], alpha=0.6, label=name)
        for line in drawn["medians"]:
            line.set(color="black")
        for x, values in zip(at, groups, strict=True):
            ax.plot(np.full(len(values), x), values, ".", color="black", markersize=3)
    ax.set(xticks=range(len(places)), xticklabels=places, ylabel=ylabel, xlim=(-0.5, len(places) - 0.5))


def _legend(figure, ax: Axes, names: int) -> None:
    handles, texts = ax.get_legend_handles_labels()
    first = dict(zip(texts, handles, strict=True))
    figure.legend(first.values(), first.keys(), ncols=names, loc="outside upper center")


def boxes(frame: pd.DataFrame, by: str, ylabel: str, figsize: tuple[float, float] = (WIDTH, 3)):
    """Boxes of `value` by the values of column `by` and, within each, by method; every case is a dot."""
    figure, ax = plt.subplots(figsize=figsize)
    _draw_boxes(ax, frame, by, ylabel)
    _legend(figure, ax, frame["method"].nunique())
    return figure


def scores(frame: pd.DataFrame, case: Case):
    """Figures 4.3 and 4.5: the structures on a heart; under each its DICE and Hausdorff boxes; RMSE and roughness.

    DICE is on a logit axis, as in the thesis, so that 0.90 to 0.95 takes as much room as 0.5 to 0.68.
    """
    figure = plt.figure(figsize=(WIDTH, 7.6))
    rows = figure.add_gridspec(4, 10, height_ratios=(0.75, 1.3, 1.3, 1))
    z, (ys, xs) = middle(case), window(case)
    for k, (name, labels) in enumerate(STRUCTURES.items()):
        ax = figure.add_subplot(rows[0, 2 * k : 2 * k + 2])
        draw(ax, case.fixed[:1, :, z, ys, xs], name)
        inside = np.ma.masked_equal(flat(select(case.fixed_mask[:1, :, z, ys, xs], labels)), False)
        ax.imshow(inside, cmap="autumn_r", alpha=0.6, vmin=0, vmax=2)
    for row, (metric, ylabel) in zip((1, 2), {"DICE": "DICE", "HD95": "HD95 (mm)"}.items(), strict=True):
        ax = figure.add_subplot(rows[row, :])
        _draw_boxes(ax, frame[frame["metric"] == metric], "structure", ylabel)
        if metric == "DICE":
            ax.set_yscale("logit", one_half="0.5")
            ax.set(yticks=(0.2, 0.5, 0.8, 0.9, 0.95), yticklabels=("0.2", "0.5", "0.8", "0.9", "0.95"))
            ax.minorticks_off()
            _legend(figure, ax, frame["method"].nunique())
    overall = {"RMSE": "RMSE", "Grad Det-Jac": "Grad Det-Jac (1/mm)", "EPE heart": "endpoint error (mm)"}
    overall = {metric: ylabel for metric, ylabel in overall.items() if metric in set(frame["metric"])}
    bottom = rows[3, :].subgridspec(1, len(overall))
    for ax, (metric, ylabel) in zip(bottom.subplots(), overall.items(), strict=True):
        _draw_boxes(ax, frame[frame["metric"] == metric].assign(all=""), "all", ylabel)
    return figure


def trade_off(curves: Mapping[str, pd.DataFrame], printed: pd.DataFrame | None = None):
    """Overlap against roughness: a line a method over its settings, a large dot where it is used as is.

    Each table has columns `Grad Det-Jac` (1/mm), `DICE` and `default` (bool), a row a setting; `printed` has the
    thesis's own, columns `GradDetJac` (10^-2) and `DICE`, a row a method.
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 3.6))
    for name, table in curves.items():
        table, colour = table.sort_values("Grad Det-Jac"), COLOURS[name]
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
