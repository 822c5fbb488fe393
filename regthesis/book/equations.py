"""Equations of chapter 4 as they are printed, plain and slow: what the package's own are held against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import pad

from regthesis import kernels
from regthesis.kernels.shapes import Float, Tensor

__all__ = ["OneNumber", "symmetric_lcc"]


def symmetric_lcc(
    fixed: Float[Tensor, "1 1 z y x"],
    moving: Float[Tensor, "1 1 z y x"],
    v: Float[Tensor, "1 3 z y x"],
    window: int = 9,
    tau: float = 1e-15,
    steps: int = 4,
) -> Float[Tensor, ""]:
    """D_LCC of Eq. 4.7, in [-1, 0], by taking every window apart; at the border, what there is of it. `v` in voxels."""
    halves = kernels.warp(fixed, kernels.exp(-v / 2, steps)), kernels.warp(moving, kernels.exp(v / 2, steps))
    windows = (pad(image, [window // 2] * 6, value=math.nan) for image in halves)
    windows = (image.unfold(2, window, 1).unfold(3, window, 1).unfold(4, window, 1).flatten(5) for image in windows)
    f, m = (inside - inside.nanmean(-1, keepdim=True) for inside in windows)  # less the local mean
    alike = (f * m).nansum(-1).square() / (f.square().nansum(-1) * m.square().nansum(-1) + tau)
    return alike.mean() - 1


@dataclass(frozen=True)
class OneNumber:
    """The smallest model with a latent variable: z ~ N(0, 1), F | z ~ N(slope z, noise²), and one F that was seen.

    Its evidence and its posterior are normal and known, which those of a network are not.
    """

    slope: float = 1.7
    noise: float = 0.6
    seen: float = 0.9

    def evidence(self, mu: Float[Tensor, ""], sigma: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Left side of Eq. 4.8 for q = N(mu, sigma²): log p(F) less the divergence of q from the true posterior."""
        width = math.hypot(self.slope, self.noise)
        posterior = Normal(self.slope * self.seen / width**2, self.noise / width)
        return Normal(0.0, width).log_prob(mu.new_tensor(self.seen)) - kl_divergence(Normal(mu, sigma), posterior)

    def match(
        self, mu: Float[Tensor, ""], sigma: Float[Tensor, ""], draws: Float[Tensor, " n"]
    ) -> Float[Tensor, ""]:
        """E_q log p(F | z) as in Eq. 4.9, the mean over z = mu + sigma draws; `draws` are of N(0, 1)."""
        return Normal(self.slope * (mu + sigma * draws), self.noise).log_prob(mu.new_tensor(self.seen)).mean()

    def bound(
        self, mu: Float[Tensor, ""], sigma: Float[Tensor, ""], draws: Float[Tensor, " n"]
    ) -> Float[Tensor, ""]:
        """Right side of Eq. 4.8: the match less the divergence of q from the prior."""
        return self.match(mu, sigma, draws) - kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0))

    def slopes(self, mu: float, sigma: float) -> tuple[float, float]:
        """Derivatives of E_q log p(F | z) by mu and by sigma, in closed form."""
        by_mu = self.slope * (self.seen - self.slope * mu) / self.noise**2
        return by_mu, -(self.slope**2) * sigma / self.noise**2
