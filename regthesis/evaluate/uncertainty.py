"""How sure a probabilistic registration is of every voxel, and whether it has a right to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from scipy.optimize import nnls

from regthesis import kernels
from regthesis.case import Case
from regthesis.evaluate.error import endpoint_distance
from regthesis.kernels.checks import check_positive
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE


def draws(
    network: DeformationCVAE,
    moving: Float[Tensor, "1 1 *space"],
    fixed: Float[Tensor, "1 1 *space"],
    count: int = 20,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "n d *space"]:
    """Displacements in voxels of so many codes drawn from the posterior q(z | F, M) of one pair."""
    with torch.no_grad():
        mu, log_variance = network.encode(moving, fixed)
        noise = torch.randn(count, mu.shape[1], generator=generator)
        z = mu + noise.to(mu) * (0.5 * log_variance).exp()
        return torch.cat([kernels.exp(network.decode(code[None], moving), network.steps) for code in z])


def spread(u: Float[Tensor, "n d *space"], spacing: Sequence[float]) -> Float[Tensor, "1 1 *space"]:
    """Standard deviation in mm of drawn displacements (voxels), voxel by voxel and of all components together.

    The root of the summed variances, each with n - 1 in the denominator.

    Raises ValueError for fewer than two draws.
    """
    check_positive("spacing", spacing, u.shape[1])
    if len(u) < 2:
        raise ValueError(f"u: expected two draws or more, got {len(u)}")
    scale = u.new_tensor(spacing).view(-1, *[1] * (u.ndim - 2))
    return (u * scale).var(0, keepdim=True).sum(1, keepdim=True).sqrt()


class Voxels(NamedTuple):
    """What is known of voxels, all in mm and of one shape."""

    spread: Tensor  # of drawn displacements
    motion: Tensor  # the length of their mean
    error: Tensor  # the distance of their mean from the true displacement


def against_truth(
    network: DeformationCVAE, case: Case, count: int = 20, generator: torch.Generator | None = None
) -> Voxels:
    """So many draws for a pair against its true motion: `(1, 1, *space)` each, on the case's grid.

    Raises ValueError for a case whose true motion is not known.
    """
    if case.truth is None:
        raise ValueError(f"{case.id}: its true motion is not known; take a case where it is")
    drawn = draws(network, *on_network_grid(network, case), count, generator)
    drawn = kernels.regrid(drawn, network.spacing, case.grid.shape, case.spacing, field=True)
    mean = drawn.mean(0, keepdim=True)
    motion = endpoint_distance(mean, torch.zeros_like(mean), case.spacing)
    return Voxels(spread(drawn, case.spacing), motion, endpoint_distance(mean, case.truth, case.spacing))


def residual(voxels: Voxels) -> tuple[float, float, float]:
    """Weights a, b, c >= 0 with which a + b motion² + c spread² comes nearest to the squared error (least squares).

    A code cannot say every motion: beside its own spread an error has a part that grows with the motion, and one that
    is always there. `voxels` must come from cases that neither the network nor the judgement sees.
    """
    motion, spread, error = (part.double().flatten().square() for part in (voxels.motion, voxels.spread, voxels.error))
    return tuple(nnls(torch.stack([torch.ones_like(motion), motion, spread], 1).numpy(), error.numpy())[0])


def whole_spread(voxels: Voxels, weights: tuple[float, float, float]) -> Tensor:
    """The standard deviation in mm that the weights of `residual` predict."""
    a, b, c = weights
    return (a + b * voxels.motion.square() + c * voxels.spread.square()).sqrt()


def reliability(predicted: Float[Tensor, " n"], found: Float[Tensor, " n"], bins: int = 10) -> pd.DataFrame:
    """Errors against what was predicted for them, in bins of equally many voxels: columns `spread`, `error`, `voxels`.

    `predicted` is the spread of every voxel and `found` its error, both in mm; each bin has the root of the mean
    square of both. Calibrated are those bins whose two agree.
    """
    table = pd.DataFrame({"spread": predicted.double().square().numpy(), "error": found.double().square().numpy()})
    bin_of = pd.qcut(table["spread"].rank(method="first"), bins, labels=False)
    rows = table.groupby(bin_of).mean().pow(0.5)
    return rows.assign(voxels=bin_of.value_counts().sort_index())
