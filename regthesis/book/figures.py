"""Pictures of the chapters: one look, one colour a method, readable at the width of a page.

Everything here takes tensors and draws with matplotlib; nothing here computes a result.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor

__all__ = [
    "COLOURS", "HEART", "PALETTE", "STYLE", "Table", "area", "boxes", "curves", "draw", "draw_grid", "fields_and_curve",
    "learning_schemes", "middle", "modes", "motion", "motion_colours", "panel", "pull", "recorded", "side_by_side", "traversal",
]  # fmt: skip

PALETTE = {  # Okabe and Ito: told apart by colour-blind readers too
    "orange": "#E69F00", "sky": "#56B4E9", "green": "#009E73", "yellow": "#F0E442",
    "blue": "#0072B2", "red": "#D55E00", "purple": "#CC79A7", "black": "#000000", "grey": "#8C8C8C",
}  # fmt: skip
COLOURS = {
    "identity": PALETTE["grey"],
    "demons": PALETTE["blue"],
    "syn": PALETTE["orange"],
    "elastix8": PALETTE["green"],
    "elastix16": PALETTE["sky"],
    "truth": PALETTE["black"],
    "supervised": PALETTE["purple"],
    "unsupervised": PALETTE["red"],
    "weakly supervised": PALETTE["yellow"],
}
"""The colour of a method, the same on every page."""

HEART = {1: PALETTE["sky"], 2: PALETTE["orange"], 3: PALETTE["yellow"]}
"""The colour of a label of ACDC: right ventricle, myocardium, left cavity."""

STYLE = {
    "figure.dpi": 144, "figure.facecolor": "white", "figure.constrained_layout.use": True,
    "font.size": 9, "axes.titlesize": 9.5, "axes.labelsize": 9, "legend.fontsize": 9,
    "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": False, "legend.frameon": False, "lines.linewidth": 1.6,
}  # fmt: skip
WIDTH = 7.2  # inches; about the 720 pixels of a page's text


def flat(image: Tensor) -> np.ndarray:
    """The last two axes of a tensor whose other axes have size one."""
    return image.detach().cpu().reshape(image.shape[-2:]).numpy()


def draw(ax: Axes, image: Float[Tensor, "*one y x"], title: str = "", labels: Tensor | None = None, **shown) -> None:
    """One slice in grey, with the outlines of its labels in the colours of `HEART`."""
    ax.imshow(flat(image), **{"cmap": "gray"} | shown)
    if labels is not None:
        for label, colour in HEART.items():
            inside = flat(labels) == label
            if inside.any():
                ax.contour(inside, [0.5], colors=[colour], linewidths=1)
    ax.set_title(title)
    ax.set_axis_off()


def panel(images: Mapping[str, Tensor], columns: int = 4, labels: Mapping[str, Tensor] | None = None, **shown):
    """Slices side by side under their names; a field `(1, 2, y, x)` is drawn as a deformed grid."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, rows * (WIDTH / columns + 0.25)), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, image) in zip(axes.flat, images.items(), strict=False):
        if image.ndim == 4 and image.shape[1] == 2:
            draw_grid(ax, image, name)
        else:
            draw(ax, image, name, (labels or {}).get(name), **shown)
    return figure


def draw_grid(
    ax: Axes, u: Float[Tensor, "1 2 y x"], title: str = "", every: int = 2, colour: str = PALETTE["blue"]
) -> None:
    """The lines of a grid at x + u(x), and in red the voxels where it folds."""
    y, x = (kernels.identity_grid(tuple(u.shape[2:])) + u[0].detach().cpu()).numpy()
    points = np.stack([x, y], -1)
    lines = [*points[::every], *points[:, ::every].swapaxes(0, 1)]
    ax.add_collection(LineCollection(lines, colors=colour, linewidths=0.6))
    folded = flat(kernels.jacobian(u.detach().cpu())) <= 0
    ax.scatter(x[folded], y[folded], s=4, color=PALETTE["red"], zorder=3)
    ax.set(aspect="equal", title=title, xlim=(-2, u.shape[3] + 1), ylim=(u.shape[2] + 1, -2))
    ax.set_axis_off()


def pull(moving: Float[Tensor, "1 1 1 n"], u: Float[Tensor, "1 2 1 n"]):
    """A row of pixels above, the same row warped below, and an arrow from each x to the x + u(x) that it reads."""
    figure, ax = plt.subplots(figsize=(WIDTH, 1.9))
    warped = kernels.warp(moving.repeat(1, 1, 2, 1), u.repeat(1, 1, 2, 1))[:, :, :1]
    for height, row in ((1.5, moving), (0.0, warped)):
        edges = np.arange(row.shape[-1] + 1) - 0.5
        ax.pcolormesh(edges, [height - 0.25, height + 0.25], flat(row), cmap="gray", edgecolors=PALETTE["grey"], lw=0.6)
    last = moving.shape[-1] - 1
    for x in range(last + 1):
        reached = min(max(x + float(u[0, 1, 0, x]), 0), last)
        reads = float(warped[..., x]) > 0
        colour = PALETTE["red"] if reads else PALETTE["grey"]
        ax.annotate("", (reached, 1.22), (x, 0.28), arrowprops={"arrowstyle": "->", "color": colour, "lw": 1 + reads})
    ax.set(xlim=(-0.6, last + 0.6), ylim=(-0.35, 1.85), yticks=(0, 1.5), yticklabels=("$M\\circ\\varphi$", "$M$"))
    ax.set(xticks=range(last + 1), xlabel="x (pixels)")
    return figure


def curves(tables: Mapping[str, pd.DataFrame], xlabel: str, columns: int = 3):
    """One plot a table, one line a column scaled to [0, 1], a dot at its highest place; the index runs along x."""
    rows = -(-len(tables) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, 2.5 * rows), squeeze=False, sharey=True, sharex=True)
    looks = zip(("orange", "sky", "green", "purple", "blue", "red"), ("-", "--", "-", "--", "-.", "-"), strict=True)
    styles = {column: (PALETTE[name], line) for column, (name, line) in zip(next(iter(tables.values())), looks)}
    for ax, (name, table) in zip(axes.flat, tables.items(), strict=False):
        scaled = (table - table.min()) / (table.max() - table.min())
        for column, (colour, line) in styles.items():
            ax.plot(scaled.index, scaled[column], line, color=colour, label=column)
            ax.plot(scaled[column].idxmax(), 1, "o", color=colour, markersize=5)
        ax.axvline(0, color=PALETTE["grey"], linewidth=0.8, zorder=0)
        ax.set(title=name, xlabel=xlabel)
    axes[0, 0].set_ylabel("similarity, scaled")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=6, loc="outside lower center")
    return figure


def motion_colours(u: Float[Tensor, "1 2 y x"], longest: float) -> np.ndarray:
    """Direction of a displacement as hue and length as saturation, full at `longest`: an image `(y, x, 3)`."""
    dy, dx = u[0].detach().cpu().numpy()
    hue = (np.arctan2(dy, dx) / (2 * np.pi)) % 1
    return hsv_to_rgb(np.stack([hue, np.clip(np.hypot(dx, dy) / longest, 0, 1), np.ones_like(hue)], -1))


def side_by_side(case: Case, deformations: Mapping[str, Deformation], z: int):
    """A row a method at slice z: warped image, what is left of the difference, displacement, grid, Jacobian."""
    titles = ("$M\\circ\\varphi$", "$F - M\\circ\\varphi$", "displacement", "grid", "Jacobian")
    size = WIDTH / len(titles)
    figure, axes = plt.subplots(len(deformations), 5, figsize=(WIDTH, len(deformations) * 0.9 * size + 0.3), squeeze=False)
    longest = max(float(d.u[:, 1:, z].square().sum(1).max().sqrt()) for d in deformations.values()) or 1.0
    for row, (name, deformation) in zip(axes, deformations.items(), strict=True):
        u, warped = deformation.u[:1, 1:, z], deformation.warp(case.moving)[:1, :, z]
        draw(row[0], warped, labels=deformation.warp_labels(case.moving_mask)[:1, :, z])
        draw(row[1], case.fixed[:1, :, z] - warped, cmap="PuOr", vmin=-2, vmax=2)
        row[2].imshow(motion_colours(u, longest))
        draw_grid(row[3], u, every=3, colour=COLOURS[name])
        volume = row[4].imshow(flat(deformation.jacobian()[:1, :, z]), cmap="RdBu", vmin=0, vmax=2)
        row[0].text(-0.08, 0.5, name, transform=row[0].transAxes, rotation=90, va="center", ha="right", fontsize=10)
        row[2].set_axis_off(), row[4].set_axis_off()
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    figure.colorbar(volume, ax=axes[:, 4], shrink=0.5, aspect=30)
    return figure


def boxes(frame: pd.DataFrame, by: str, ylabel: str, figsize: tuple[float, float] = (WIDTH, 3)):
    """Boxes of `value` by the values of column `by` and, within each, by method; every case is a dot."""
    figure, ax = plt.subplots(figsize=figsize)
    names, places = list(frame["method"].unique()), list(frame[by].unique())
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        groups = [frame[(frame[by] == p) & (frame["method"] == name)]["value"].to_numpy() for p in places]
        at = np.arange(len(places)) - 0.4 + width * (k + 0.5)
        drawn = ax.boxplot(groups, positions=at, widths=0.8 * width, patch_artist=True, showfliers=False)
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[name], alpha=0.6, label=name)
        for line in drawn["medians"]:
            line.set(color="black")
        for x, values in zip(at, groups, strict=True):
            ax.plot(np.full(len(values), x), values, ".", color="black", markersize=4)
    ax.set(xticks=range(len(places)), xticklabels=places, ylabel=ylabel, xlim=(-0.5, len(places) - 0.5))
    handles, texts = ax.get_legend_handles_labels()
    first = dict(zip(texts, handles, strict=True))
    figure.legend(first.values(), first.keys(), ncols=len(names), loc="outside upper center")
    return figure


def fields_and_curve(fields: Mapping[str, Float[Tensor, "1 2 y x"]], table: pd.DataFrame, xlabel: str, ylabel: str):
    """Deformed grids, and beside them one line a column of a table."""
    figure, axes = plt.subplots(1, len(fields) + 1, figsize=(WIDTH, 2.6))
    for ax, (name, u) in zip(axes, fields.items(), strict=False):
        draw_grid(ax, u, name)
    for column, colour in zip(table, (PALETTE["orange"], PALETTE["blue"]), strict=False):
        axes[-1].plot(table.index, table[column], color=colour, label=column)
    axes[-1].axhline(0, color=PALETTE["grey"], linewidth=0.8)
    axes[-1].set(xlabel=xlabel, ylabel=ylabel)
    axes[-1].legend()
    return figure


def modes(explained: Float[Tensor, " k"], errors: Mapping[str, Sequence[float]]):
    """Variance that the first modes explain, and the share of motions that they do not reach, both from 0 to 1."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.6))
    axes[0].plot(range(1, len(explained) + 1), 100 * explained, color=PALETTE["black"])
    axes[0].set(xlabel="modes", ylabel="variance explained (%)", ylim=(0, 102))
    for (name, values), colour in zip(errors.items(), (PALETTE["blue"], PALETTE["orange"]), strict=False):
        axes[1].plot(range(len(values)), 100 * np.asarray(values), color=colour, label=name)
    axes[1].set(xlabel="modes", ylabel="share not reached (%)", ylim=(0, 102))
    axes[1].legend()
    return figure


def traversal(images: Mapping[str, Tensor], fields: Sequence[Float[Tensor, "1 2 y x"]]):
    """A row of images under their names and, below each, its deformation."""
    figure, axes = plt.subplots(2, len(images), figsize=(WIDTH, 2 * WIDTH / len(images) + 0.3))
    for column, (name, image), u in zip(axes.T, images.items(), fields, strict=True):
        draw(column[0], image, name)
        draw_grid(column[1], u, every=3)
    return figure


def area(labels: Tensor, label: int, spacing: Sequence[float]) -> np.ndarray:
    """Area in cm2 of a label in each slice of a batch `(n, 1, y, x)`; `spacing` in mm."""
    return (labels == label).flatten(1).sum(1).numpy() * spacing[0] * spacing[1] / 100


def motion(tracked: Mapping[str, np.ndarray], masks: Mapping[int, float]):
    """Curves over the frames from 1 on, starting at the mask of frame 0; a dot for each frame with a mask."""
    figure, ax = plt.subplots(figsize=(WIDTH, 2.8))
    for (name, values), colour in zip(tracked.items(), ("blue", "orange", "green"), strict=False):
        ax.plot(range(len(values) + 1), [masks[0], *values], "-", marker=".", color=PALETTE[colour], label=name)
    ax.plot(masks.keys(), masks.values(), "o", color="black", markersize=7, label="masks", zorder=0)
    ax.set(xlabel="frame", ylabel="area of the left cavity (cm²)", ylim=(0, None))
    ax.legend(ncols=2)
    return figure


def middle(case: Case) -> int:
    """The slice that pictures show: half-way along the left cavity in the fixed mask."""
    return int((case.fixed_mask == 3).flatten(3).any(-1)[0, 0].nonzero().float().median())


def recorded(records: Path) -> pd.DataFrame:
    """The long table of a recorded run; an empty one where the run is not there."""
    return pd.read_csv(records) if records.is_file() else pd.DataFrame()


def _box(ax: Axes, x: float, y: float, text: str, colour: str = "white", width: float = 1.5) -> None:
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, "round,pad=0.05", fc=colour, ec="black"))
    ax.text(x, y, text, ha="center", va="center")


def _arrow(ax: Axes, start: tuple, end: tuple, colour: str = "black", bend: float = 0.0) -> None:
    style = {"arrowstyle": "-|>", "mutation_scale": 11, "color": colour, "lw": 1.4}
    ax.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **style))


def learning_schemes():
    """Figures 2.2 and 2.3: what goes into the loss of a supervised and of an unsupervised network, training in red."""
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.6))
    red, tint = PALETTE["red"], "#EAF3FA"
    for ax, title in zip(axes, ("supervised, Eq. 2.4", "unsupervised, Eq. 2.5"), strict=True):
        _box(ax, 0.8, 1.6, "fixed $F$")
        _box(ax, 0.8, 0.4, "moving $M$")
        _box(ax, 3.0, 1.0, "network $f_\\omega$", tint)
        _box(ax, 5.0, 1.0, "$\\varphi$", width=0.7)
        for start, end in (((1.6, 1.6), (2.2, 1.15)), ((1.6, 0.4), (2.2, 0.85)), ((3.8, 1.0), (4.6, 1.0))):
            _arrow(ax, start, end)
        ax.set(xlim=(-0.2, 10.2), ylim=(-0.9, 2.9))
        ax.set_axis_off()
        ax.text(-0.1, 2.6, title, fontweight="bold")
    _box(axes[0], 8.6, 1.0, "$\\mathcal{D}(\\varphi, \\varphi_{GT})$", tint, 1.8)
    _box(axes[0], 6.4, -0.2, "true $\\varphi_{GT}$", width=1.3)
    _box(axes[1], 6.8, 0.8, "warp $M\\circ\\varphi$", width=1.5)
    _box(axes[1], 8.9, 1.6, "$\\mathcal{D}(F, M\\circ\\varphi)$", tint, 1.8)
    _box(axes[1], 8.9, -0.2, "$\\mathcal{R}(\\varphi)$", tint, 1.8)
    for start, end in (((5.4, 1.0), (7.6, 1.0)), ((7.1, -0.1), (7.8, 0.6))):
        _arrow(axes[0], start, end, red)
    for start, end in (((1.6, 1.75), (7.95, 1.75)), ((5.4, 0.95), (6.0, 0.85)), ((7.6, 0.95), (8.1, 1.25))):
        _arrow(axes[1], start, end, red)
    for start, end, bend in (((1.6, 0.25), (6.6, 0.45), 0.18), ((5.3, 0.65), (7.95, -0.1), 0.1)):
        _arrow(axes[1], start, end, red, bend)
    for ax, start in ((axes[0], (8.6, 1.4)), (axes[1], (8.9, 2.0))):
        _arrow(ax, start, (3.0, 1.4), red, bend=0.22)
    return figure


class Table:
    """A numbered table of the page: Markdown for the reader, plain text for the comparison with references."""

    def __init__(self, frame: pd.DataFrame, caption: str, name: str, digits: int = 3):
        cells = frame.map(lambda value: f"{value:.{digits}f}" if isinstance(value, float) else str(value))
        self.frame, self.caption, self.name = cells, caption, name

    def __repr__(self) -> str:
        return self.frame.to_string()

    def _repr_markdown_(self) -> str:
        head = [self.frame.index.name or "", *map(str, self.frame.columns)]
        rows = [head, ["---"] * len(head), *([str(i), *row] for i, row in zip(self.frame.index, self.frame.values))]
        body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        return f":::{{table}} {self.caption}\n:name: {self.name}\n\n{body}\n:::"
