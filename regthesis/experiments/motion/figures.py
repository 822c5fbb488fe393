"""The figures of chapter 5."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch

from regthesis.book.show.style import PALETTE, WIDTH
from regthesis.models.temporal_prior import COVARIANCES, LENGTH, SIGMA, TemporalPrior

__all__ = ["prior"]

STEPS = 34  # of a motion matrix, from 35 frames
LOOKS = {"cauchy": ("Cauchy", "blue"), "rbf": ("squared exponential", "orange"), "matern": ("Matérn 3/2", "green")}


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
