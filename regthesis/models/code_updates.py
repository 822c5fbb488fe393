"""Steps on a code: from what an encoder says of a pair towards the mode of the code's posterior.

An encoder answers in one pass for all pairs there are. What it leaves undone for one pair, a few steps down the loss at
that very pair can do (a VAE that is semi-amortised: Kim et al. 2018). The decoder stays as it is, and so does the
meaning of the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from regthesis.kernels.shapes import Float, Tensor

if TYPE_CHECKING:
    from regthesis.models.deformation import DeformationCVAE

WEIGHT = 5000  # of the match in the loss, λ in section 4.3
RATE = 0.2  # 1 would be Newton's step if the posterior's variance were the inverse of the curvature


@torch.inference_mode(False)  # steps follow gradients, also where the caller wants none
def updated(
    network: DeformationCVAE,
    mu: Float[Tensor, "b z"],
    log_variance: Float[Tensor, "b z"],
    moving: Float[Tensor, "b 1 *space"],
    fixed: Float[Tensor, "b 1 *space"],
    steps: int,
) -> Float[Tensor, "b z"]:
    """The means after so many steps of natural gradient (Amari 1998) down Eq. 4.14, at each pair.

    The posterior's variance is the metric: training has made it the inverse of the loss's curvature, more or less. No
    number moves by more than its standard deviation in one step. The finest scale is left out where there are coarser
    ones, which then count for it: it costs several times as much as they do.
    """
    moving, fixed = moving.clone(), fixed.clone()  # a tensor made in inference mode cannot enter a graph
    mu, sd = mu.detach().clone(), (0.5 * log_variance.detach()).exp()
    with torch.no_grad():
        pyramid = network.pyramid(moving)
    for _ in range(steps):
        mu = mu - sd * (RATE * sd * _slope(network, mu, pyramid, moving, fixed)).clamp(-1, 1)
    return mu


@torch.enable_grad()
def _slope(network: DeformationCVAE, z: Tensor, pyramid: list[Tensor], moving: Tensor, fixed: Tensor) -> Tensor:
    """The gradient at z of |z|²/2 - λ Σ_s D_LCC, of each pair's own."""
    z = z.clone().requires_grad_()
    velocities = network.velocities(z, pyramid, finest=min(1, network.scales - 1))
    with torch.autocast(z.device.type, enabled=False):
        match = sum(network.match(moving, fixed, v) for v in velocities) / len(velocities)
    price = z.square().sum() / 2 - WEIGHT * network.scales * len(z) * match  # a match is the mean over the pairs
    return torch.autograd.grad(price, z)[0]
