"""The figures of chapter 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from regthesis.book.show.registrations import row_name
from regthesis.book.show.schemes import Arrow, Node, draw_scheme
from regthesis.book.show.slices import draw, draw_grid, flat, window
from regthesis.book.show.style import COLOURS, OTHER, PALETTE, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Tensor
from regthesis.models.temporal_prior import COVARIANCES, LENGTH, SIGMA, TemporalPrior

__all__ = ["draw_areas", "latent_rows", "missing_frames", "model", "prior", "tracked", "transported"]

STEPS = 34  # of a motion matrix, from 35 frames
LOOKS = {"cauchy": ("Cauchy", "blue"), "rbf": ("squared exponential", "orange"), "matern": ("Matérn 3/2", "green")}
WAYS = {"model": PALETTE["wine"], "linear": PALETTE["grey"], "cubic": PALETTE["sky"]}


def prior(rows: int = 5, draws: int = 3, seed: int = 0):
    """The covariance of some rows of a motion matrix, the covariances by name, and draws of a row from each."""
    figure, (blocks, kernels, curves) = plt.subplots(1, 3, figsize=(WIDTH, 2.7))
    one = TemporalPrior(range(1, STEPS + 1)).covariance
    blocks.imshow(torch.block_diag(*[one] * rows), cmap="viridis")
    middles = [STEPS * (k + 0.5) for k in range(rows)]
    names = [f"$z_{k + 1}$" for k in range(rows)]
    blocks.set(title="covariance", xticks=middles, xticklabels=names, yticks=middles, yticklabels=names)
    distance = torch.linspace(0, STEPS, 200)
    generator = torch.Generator().manual_seed(seed)
    for k, (name, (label, colour)) in enumerate(LOOKS.items()):
        kernels.plot(distance, COVARIANCES[name](distance, LENGTH, SIGMA), color=PALETTE[colour], label=label)
        still, wide = torch.zeros(draws, 1, STEPS), torch.ones(draws, 1)
        drawn = TemporalPrior(range(1, STEPS + 1), name).draw(still, wide, generator)[:, 0]
        curves.plot(range(1, STEPS + 1), drawn.T - 4.5 * k, color=PALETTE[colour], linewidth=1.2)
    kernels.axvline(LENGTH, color=PALETTE["grey"], linestyle=":", linewidth=1)
    kernels.set(title="kernels, $l$ = 7", xlabel="distance (frames)", ylim=(0, 1.1))
    kernels.legend()
    curves.set(title="draws of a row", xlabel="frame", yticks=[])
    return figure


def model():
    """Figures 5.2 and 5.3: from the frames of a cine to a motion matrix, and from each of its columns to a motion."""
    xs = [1.0, 3.4, 5.8, 8.2, 10.6]
    frames = {0: "$I_1$", 1: "$I_2$", 3: "$I_4$", 4: "$I_{34}$"}
    nodes, arrows = {}, []
    for k, x in enumerate(xs):
        step = (1, 2, 3, 4, 34)[k]
        seen = k in frames
        if seen:
            nodes[f"I{k}"] = Node(x, 6.4, f"$I_0$, {frames[k]}", "image", 1.5)
            arrows.append(Arrow(f"I{k}", f"g{k}"))
        nodes[f"g{k}"] = Node(x, 5.1, f"$\\gamma_{{{step}}}$" if seen else "0", "motion" if seen else "seen", 1.0)
        nodes[f"z{k}"] = Node(x, 2.3, f"$z_{{{step}}}$", "motion", 1.0)
        nodes[f"phi{k}"] = Node(x, 1.0, f"$\\varphi_{{{step}}}$", "motion", 1.0)
        nodes[f"in{k}"], nodes[f"out{k}"] = (Node(x, y, "", "network", 0.02, 0) for y in (3.97, 3.43))
        arrows += [Arrow(f"g{k}", f"in{k}"), Arrow(f"out{k}", f"z{k}"), Arrow(f"z{k}", f"phi{k}")]
    nodes["mix"] = Node(5.8, 3.7, "convolutions along time, dilations 1, 2, 4, 8; skip connections", "network", 10.8)
    nodes["kl"] = Node(12.9, 2.3, "KL to the\nGaussian process", "loss", 2.4, 0.8)
    nodes["enc"] = Node(12.9, 5.75, "encoder, one\nfor all frames", "network", 2.4, 0.8)
    nodes["dec"] = Node(12.9, 0.9, "decoder of $z_t$ and $I_0$,\none for all steps", "network", 2.9, 0.8)
    figure, ax = plt.subplots(figsize=(WIDTH, 3.9))
    draw_scheme(ax, nodes, [*arrows, Arrow("z4", "kl", training=True)])
    return figure


def tracked(case: Case, found: Deformation, frames: Sequence[int]):
    """Figure 5.5: some frames as seen, frame 0 moved to them under its deformed grid, and the Jacobian determinant."""
    cut = (slice(None), slice(None), *window(case))
    figure, axes = plt.subplots(3, len(frames), figsize=(WIDTH, 6.0), squeeze=False)
    moved, outlines = found.warp(case.moving), found.warp_labels(case.moving_mask)
    for line, frame in zip(axes.T, frames, strict=True):
        k = slice(frame - 1, frame)
        draw(line[0], case.fixed[k][cut], f"frame {frame}", outlines[k][cut])
        draw(line[1], moved[k][cut])
        draw_grid(line[1], found.u[k][cut], every=3, colour=COLOURS["motion"])
        line[1].set(xlim=(-0.5, moved[k][cut].shape[-1] - 0.5), ylim=(moved[k][cut].shape[-2] - 0.5, -0.5))
        shown = line[2].imshow(flat(found.jacobian()[k][cut]), cmap="RdBu", vmin=0, vmax=2)
        line[2].set_axis_off()
    for ax, name in zip(axes[:, 0], ("as seen", "frame 0 moved", "Jacobian"), strict=True):
        row_name(ax, name)
    figure.colorbar(shown, ax=axes[2], shrink=0.8, ticks=(0, 1, 2))
    return figure


def draw_areas(
    ax: Axes,
    curves: Mapping[str, np.ndarray],
    masks: Mapping[int, float] | None = None,
    colours: Mapping[str, str] | None = None,
) -> None:
    """The area of a cavity over a beat, a curve a method, and where masks are the area that was drawn by hand."""
    colours = COLOURS | WAYS | dict(colours or {})
    for name, values in curves.items():
        colour = colours.get(name, OTHER)
        ax.plot(values, color=colour, marker=".", markersize=3, linewidth=1.2, label=name)
    if masks:
        ax.plot(masks.keys(), masks.values(), "o", color="black", markersize=6, label="masks", zorder=4)
    ax.set(xlabel="frame", ylim=(0, 1.35 * max(map(max, curves.values()))))
    ax.legend(loc="upper center", ncols=2, fontsize="small", columnspacing=1, handlelength=1.2)


def latent_rows(codes: Mapping[str, Float[Tensor, "z t"]], rows: int = 5):
    """Figure 5.6: the first rows of a cine's motion matrix, a panel a model, each row by its own standard deviation."""
    figure, axes = plt.subplots(1, len(codes), figsize=(WIDTH, 2.7), squeeze=False, sharey=True)
    for ax, (name, z) in zip(axes[0], codes.items(), strict=True):
        scaled = z[:rows] / z[:rows].std(1, keepdim=True)
        for k, (row, colour) in enumerate(zip(scaled, ("blue", "orange", "green", "purple", "sky"), strict=False)):
            ax.plot(range(1, len(row) + 1), row, color=PALETTE[colour], linewidth=1.2, label=f"$z_{k + 1}$")
        ax.set(title=name, xlabel="step")
    axes[0, 0].set_ylabel("row, in its own sd")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def missing_frames(errors: pd.DataFrame, beats: Mapping[str, Mapping[str, np.ndarray]]):
    """Figure 5.7: errors of the cavity's area by what was given, and below the areas of a beat, a panel a heart.

    `errors` has the columns of `missing.COLUMNS`; bars are means with 95 % intervals over cases as lines.
    """
    figure = plt.figure(figsize=(WIDTH, 5.2))
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    ax = above.subplots()
    given = list(dict.fromkeys(errors["given"]))
    for k, (way, colour) in enumerate(WAYS.items()):
        mine = errors[errors["way"] == way].groupby("given")["error"]
        mean, half = mine.mean().reindex(given), (1.96 * mine.std() / np.sqrt(mine.count())).reindex(given)
        at = np.arange(len(given)) + 0.27 * (k - 1)
        ax.bar(at, mean, 0.25, yerr=half, color=colour, label=way, error_kw={"linewidth": 1})
    ax.set(xticks=range(len(given)), xticklabels=given, ylabel="error of the area (cm²)")
    ax.legend(ncols=3, loc="upper left")
    panels = below.subplots(1, len(beats), squeeze=False)
    looks = dict(zip(next(iter(beats.values())), ("black", "green", "sky", "orange", "purple", "red"), strict=False))
    for panel, (name, curves) in zip(panels[0], beats.items(), strict=True):
        for given, values in curves.items():
            panel.plot(values, color=PALETTE[looks[given]], linewidth=1.3, label=given)
        panel.set(title=name, xlabel="frame", ylim=(0, None))
    panels[0, 0].set_ylabel("area (cm²)")
    below.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def transported(hearts: Mapping[str, tuple[Case, Mapping[str, Deformation]]], frame: int):
    """Figure 5.8: two hearts at one frame, each moved by its own motion and by the other's; image and Jacobian."""
    wide = 1 + 2 * len(next(iter(hearts.values()))[1])
    figure, axes = plt.subplots(len(hearts), wide, figsize=(WIDTH, len(hearts) * WIDTH / wide + 0.4), squeeze=False)
    for k, (line, (name, (case, ways))) in enumerate(zip(axes, hearts.items(), strict=True)):
        cut = (slice(None), slice(None), *window(case))
        draw(line[0], case.moving[cut], "" if k else "end diastole", case.moving_mask[cut])
        row_name(line[0], name)
        for (way, found), left in zip(ways.items(), range(1, wide, 2), strict=True):
            at = slice(frame - 1, frame)
            outlines = found.warp_labels(case.moving_mask)[at][cut]
            draw(line[left], found.warp(case.moving)[at][cut], "" if k else way, outlines)
            line[left + 1].imshow(flat(found.jacobian()[at][cut]), cmap="RdBu", vmin=0, vmax=2)
            line[left + 1].set_axis_off()
    return figure
