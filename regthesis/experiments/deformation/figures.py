"""Pictures of the latent space: its groups, its directions, its size, and how sure it is."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from regthesis import kernels
from regthesis.book.show.registrations import draw_bar, draw_boxes, legend_above, row_name
from regthesis.book.show.slices import draw, draw_grid, draw_wheel, flat, motion_colours, window
from regthesis.book.show.style import COLOURS, PALETTE, WIDTH
from regthesis.case import Case
from regthesis.evaluate.structures import select, structures_of
from regthesis.kernels.shapes import Float, Tensor
from regthesis.models.grids import AlignedCorners, AlignedFeatures

__all__ = ["GROUPS", "calibration", "planes", "scales", "scores", "sizes", "training"]

GROUPS = {
    "DCM": ("o", PALETTE["blue"]), "HCM": ("s", PALETTE["orange"]), "MINF": ("^", PALETTE["green"]),
    "NOR": ("D", PALETTE["black"]), "RV": ("v", PALETTE["purple"]),
}  # fmt: skip
"""Marker and colour of a group of ACDC."""

LONGEST = 18.0  # mm, of a displacement in full colour: the same in every row


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
    axes[-1].set(title="groups named (%)", xlim=(0, 118), xticks=(0, 50, 100))
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


def calibration(spread: Tensor, error: Tensor, tables: Mapping[str, pd.DataFrame]):
    """One slice of the predicted spread and of the true error, both in mm; the one against the other in all voxels.

    Each of the named `tables` has columns `spread` and `error` (mm), a row a bin of voxels.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 2.7), width_ratios=(1, 1, 1.2))
    for ax, image, title in zip(axes, (spread, error), ("spread of draws (mm)", "true error (mm)"), strict=False):
        shown = ax.imshow(flat(image), cmap="viridis")
        figure.colorbar(shown, ax=ax, shrink=0.75, location="bottom")
        ax.set_title(title)
        ax.set_axis_off()
    top = 1.08 * max(float(table[["spread", "error"]].max().max()) for table in tables.values())
    axes[2].plot((0, top), (0, top), "--", color=PALETTE["grey"], linewidth=1, label="calibrated")
    looks = zip((COLOURS["s3"], PALETTE["blue"]), "os", strict=True)
    for (label, table), (colour, marker) in zip(tables.items(), looks, strict=False):
        axes[2].plot(table["spread"], table["error"], marker=marker, color=colour, label=label)
    axes[2].set(xlabel="predicted (mm)", ylabel="found (mm)", xlim=(0, top), ylim=(0, top))
    figure.legend(*axes[2].get_legend_handles_labels(), ncols=3, loc="outside upper right")
    return figure


def training(own: Sequence[Mapping], others: Sequence[Sequence[Mapping]] = ()):
    """How networks were trained: divergence and match at each scale against the step, a dot where it was noted.

    `own` is the curve of one network's card in bold, `others` are those of further networks, pale.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8))
    names = {"lcc1": "finest", "lcc2": "middle", "lcc3": "coarsest"}
    shades = [PALETTE[name] for name in ("blue", "orange", "green")]
    for k, curve in enumerate([own, *others]):
        noted = pd.DataFrame(curve).set_index("step")
        look = {"linewidth": 0.8, "alpha": 0.5} if k else {"linewidth": 1.6, "marker": "o", "markersize": 4}
        axes[0].plot(noted["kl"], color=PALETTE["black"], **look)
        for (name, label), colour in zip(names.items(), shades, strict=True):
            if name in noted:
                axes[1].plot(noted[name], color=colour, label=None if k else label, **look)
    axes[0].set(xlabel="step", ylabel="divergence (nats)", ylim=(0, None))
    axes[1].set(xlabel="step", ylabel="mean squared local correlation", ylim=(None, 1))
    axes[1].legend(title="scale")
    return figure


def scores(frame: pd.DataFrame, case: Case):
    """Figures 4.3 and 4.5: the structures on a heart; under each its DICE and Hausdorff boxes; RMSE and roughness.

    The pictures are left out where the masks of the heart have other structures than the scores. DICE is on a logit
    axis, as in the thesis, so that 0.90 to 0.95 takes as much room as 0.5 to 0.68.
    """
    structures = structures_of(case) if case.masks else {}
    same = set(structures) == set(frame.loc[frame["metric"] == "DICE", "structure"])
    heights = (0.75 if same else 0.01, 1.3, 1.3, 1)
    figure = plt.figure(figsize=(WIDTH, 1.75 * sum(heights)))
    rows = figure.add_gridspec(4, max(len(structures), 1), height_ratios=heights)
    for k, (name, labels) in enumerate(structures.items() if same else ()):
        ax, cut = figure.add_subplot(rows[0, k]), (slice(1), slice(None), case.middle, *window(case))
        draw(ax, case.fixed[cut], name)
        inside = np.ma.masked_equal(flat(select(case.fixed_mask[cut], labels)), False)
        ax.imshow(inside, cmap="autumn_r", alpha=0.6, vmin=0, vmax=2)
    for row, (metric, ylabel) in zip((1, 2), {"DICE": "DICE", "HD95": "HD95 (mm)"}.items(), strict=True):
        ax = figure.add_subplot(rows[row, :])
        draw_boxes(ax, frame[frame["metric"] == metric], "structure", ylabel)
        if metric == "DICE":
            ax.set_yscale("logit", one_half="0.5")
            ax.set(yticks=(0.2, 0.5, 0.8, 0.9, 0.95), yticklabels=("0.2", "0.5", "0.8", "0.9", "0.95"))
            ax.minorticks_off()
            legend_above(figure, ax, frame["method"].nunique())
    overall = {"RMSE": "RMSE", "Grad Det-Jac": "Grad Det-Jac (1/mm)", "EPE heart": "endpoint error (mm)"}
    overall = {metric: ylabel for metric, ylabel in overall.items() if metric in set(frame["metric"])}
    bottom = rows[3, :].subgridspec(1, len(overall))
    for ax, (metric, ylabel) in zip(bottom.subplots(), overall.items(), strict=True):
        draw_boxes(ax, frame[frame["metric"] == metric].assign(all=""), "all", ylabel)
    return figure


def scales(case: Case, velocities: Sequence[Float[Tensor, "1 3 *space"]], grids: AlignedCorners | AlignedFeatures):
    """A row a scale, finest first: moving and warped image of that size, displacement, grid, Jacobian.

    `velocities` are in the voxels of their own grids, which are those of the case or coarser, and lie on that of the
    case as `grids` of their network says.
    """
    titles = ("moving", "warped", "displacement", "grid", "Jacobian")
    ratios = [1] * len(velocities) + [0.5]
    figure, axes = plt.subplots(len(ratios), 5, figsize=(WIDTH, 1.4 * sum(ratios) + 0.3), height_ratios=ratios)
    for row, v in zip(axes, velocities, strict=False):
        size, u = v.shape[2:], kernels.exp(v)
        spacing = grids.spacing(case.spacing, case.grid.shape, size)
        moving, z = grids.coarser(case.moving, size), round(case.middle * case.spacing[0] / spacing[0])
        draw(row[0], moving[:, :, z])
        draw(row[1], kernels.warp(moving, u)[:, :, z])
        row[2].imshow(motion_colours(u[:, 1:, z], LONGEST / spacing[2]))
        draw_grid(row[3], u[:, 1:, z], every=1 if size[2] < 48 else 2, colour=COLOURS["s3"])
        volume = row[4].imshow(flat(kernels.jacobian(u)[:, :, z]), cmap="RdBu", vmin=0, vmax=2)
        row_name(row[0], f"{spacing[2]:.1f} mm")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    draw_wheel(axes[-1, 2], LONGEST)
    draw_bar(axes[-1, 4], volume, (0.0, 1.0, 2.0))
    return figure
