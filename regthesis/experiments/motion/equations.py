"""Equations of section 5.5 written out, plain and slow, and the verdicts on what the package makes of them."""

from __future__ import annotations

import torch
from torch.distributions import MultivariateNormal, kl_divergence

from regthesis.book import ledger
from regthesis.kernels.shapes import Float, Tensor
from regthesis.models.temporal_prior import TemporalPrior, kl_of_rows

__all__ = ["cholesky", "divergence", "judge"]


def cholesky(x: Float[Tensor, "t t"]) -> Float[Tensor, "t t"]:
    """The lower triangular L with L Lᵀ = x, entry by entry (Eq. 5.11)."""
    factor = torch.zeros_like(x)
    for j in range(len(x)):
        factor[j, j] = (x[j, j] - factor[j, :j].square().sum()).sqrt()
        for i in range(j + 1, len(x)):
            factor[i, j] = (x[i, j] - factor[i, :j] @ factor[j, :j]) / factor[j, j]
    return factor


def divergence(mu: Float[Tensor, " t"], wide: Float[Tensor, "t t"], prior: Float[Tensor, "t t"]) -> Float[Tensor, ""]:
    """KL of N(mu, wide) from N(0, prior) by Eq. 5.8, with inverses and determinants as they stand there."""
    inverse = torch.linalg.inv(prior)
    trace, distance = (inverse @ wide).trace(), mu @ inverse @ mu
    return 0.5 * (trace + distance - len(mu) + torch.logdet(prior) - torch.logdet(wide))


def judge(prior: TemporalPrior, seed: int = 0, **about) -> list[ledger.Verdict]:
    """Hand Eqs. 5.8, 5.11 and 5.12 and what is said of them to the ledger. `about` as in `ledger.check`."""
    k, generator = prior.covariance.double(), torch.Generator().manual_seed(seed)
    mu = torch.randn(len(k), dtype=k.dtype, generator=generator) @ torch.linalg.cholesky(k).mT
    wide = 0.3 * k
    truth = kl_divergence(MultivariateNormal(mu, wide), MultivariateNormal(0 * mu, k))
    why = "a row's divergence by inverses and determinants, and by torch.distributions"
    found = [ledger.agrees("E5.8", divergence(mu, wide, k), truth, why, **about)]
    why = "the factor entry by entry, and torch.linalg.cholesky"
    found.append(ledger.agrees("E5.11", cholesky(k), torch.linalg.cholesky(k), why, **about))
    why = "the factor of K times the root of a number, and the factor of K times that number"
    found.append(ledger.agrees("E5.12", 0.3**0.5 * prior.factor.double(), cholesky(wide), why, tolerance=1e-3, **about))
    still, same = torch.zeros(1, 1, len(k)), torch.ones(1, 1)
    zero = float(kl_of_rows(still, same).item())
    why = f"at mu = 0 and sigma = 1 it is {zero:g}"
    found.append(ledger.claim("C5.70", zero == 0, why, dataset="any", **about))
    return found
