"""Pictures of chapter 2: what a displacement reads, similarities over a shift, and what modes explain."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from regthesis import kernels
from regthesis.book.show.slices import flat
from regthesis.book.show.style import PALETTE, WIDTH
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["area", "curves", "modes", "pull"]


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
    styles = dict(zip(next(iter(tables.values())).columns, looks, strict=False))
    for ax, (name, table) in zip(axes.flat, tables.items(), strict=False):
        scaled = (table - table.min()) / (table.max() - table.min())
        for column, (colour, line) in styles.items():
            ax.plot(scaled.index, scaled[column], line, color=PALETTE[colour], label=column)
            ax.plot(scaled[column].idxmax(), 1, "o", color=PALETTE[colour], markersize=5)
        ax.axvline(0, color=PALETTE["grey"], linewidth=0.8, zorder=0)
        ax.set(title=name, xlabel=xlabel)
    axes[0, 0].set_ylabel("similarity, scaled")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), ncols=6, loc="outside lower center")
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


def area(labels: Tensor, label: int, spacing: Sequence[float]) -> np.ndarray:
    """Area in cm2 of a label in each slice of a batch `(n, 1, y, x)`; `spacing` in mm."""
    return (labels == label).flatten(1).sum(1).numpy() * spacing[0] * spacing[1] / 100
