"""Equations of chapter 4 as they are printed, plain and slow, and the verdicts on what the package makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import pad

from regthesis import kernels
from regthesis.book import ledger
from regthesis.kernels.shapes import Float, Tensor
from regthesis.models.deformation import STEPS, DeformationCVAE
from regthesis.models.kl import kl_to_prior

__all__ = ["OneNumber", "judge", "symmetric_lcc"]


def symmetric_lcc(
    fixed: Float[Tensor, "1 1 z y x"],
    moving: Float[Tensor, "1 1 z y x"],
    v: Float[Tensor, "1 3 z y x"],
    window: int = 9,
    tau: float = 1e-15,
    steps: int = STEPS,
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

    def match(self, mu: Float[Tensor, ""], sigma: Float[Tensor, ""], draws: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """E_q log p(F | z) as in Eq. 4.9, the mean over z = mu + sigma draws; `draws` are of N(0, 1)."""
        return Normal(self.slope * (mu + sigma * draws), self.noise).log_prob(mu.new_tensor(self.seen)).mean()

    def bound(self, mu: Float[Tensor, ""], sigma: Float[Tensor, ""], draws: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """Right side of Eq. 4.8: the match less the divergence of q from the prior."""
        return self.match(mu, sigma, draws) - kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0))

    def slopes(self, mu: float, sigma: float) -> tuple[float, float]:
        """Derivatives of E_q log p(F | z) by mu and by sigma, in closed form."""
        by_mu = self.slope * (self.seen - self.slope * mu) / self.noise**2
        return by_mu, -(self.slope**2) * sigma / self.noise**2


def judge(
    network: DeformationCVAE, moving: Float[Tensor, "1 1 z y x"], fixed: Float[Tensor, "1 1 z y x"], **about
) -> list[ledger.Verdict]:
    """Hand Eqs. 4.1, 4.3 and 4.7 to 4.9 to the ledger, each by a computation that does not share the step in question.

    The velocity is that of the pair at the coarsest scale. `about` as in `ledger.check`: page and results.
    """
    with torch.no_grad():
        mu, log_variance, velocities = network(moving, fixed)
    unit, q = Normal(0.0, 1.0), Normal(mu, (0.5 * log_variance).exp())
    why = "divergence from N(0, I), closed form and torch.distributions"
    found = [ledger.agrees("E4.1", kl_to_prior(mu, log_variance), kl_divergence(q, unit).sum(), why, **about)]
    v = velocities[-1].double()
    f, m = (network.grids.coarser(image, v.shape[2:]).double() for image in (fixed, moving))
    path = torch.zeros_like(v)
    for _ in range(64):
        path = path + kernels.warp(v, path) / 64
    moved, why = kernels.warp(m, kernels.exp(v, STEPS)), "warped by squarings, and along 64 small steps"
    found.append(ledger.agrees("E4.3", moved, kernels.warp(m, path), why, tolerance=0.02, **about))
    fast = [kernels.symmetric_lcc(*each, tau=0, steps=STEPS) - 1 for each in ((f, m, v), (m, f, -v))]
    why = "boxes, as they are and with the images swapped, and every window by itself"
    found.append(ledger.agrees("E4.7", fast, [symmetric_lcc(f, m, v)] * 2, why, **about))
    return [*found, *_judge_bound(unit.icdf((torch.arange(20_000) + 0.5) / 20_000), about)]


def _judge_bound(draws: Float[Tensor, " n"], about: dict) -> list[ledger.Verdict]:
    toy, (mu, sigma) = OneNumber(), (torch.tensor(x, requires_grad=True) for x in (0.3, 0.8))
    right, left = toy.bound(mu, sigma, draws).item(), toy.evidence(mu, sigma).item()
    slopes = torch.autograd.grad(toy.match(mu, sigma, draws), (mu, sigma))
    why = "both sides, for one number whose evidence is known"
    first = ledger.agrees("E4.8", right, left, why, tolerance=1e-3, **about)
    why = "gradient through draws, and in closed form, for one number"
    exact = toy.slopes(mu.item(), sigma.item())
    return [first, ledger.agrees("E4.9", slopes, exact, why, tolerance=1e-3, **about)]
