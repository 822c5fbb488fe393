"""Gaussian processes over time as the prior of a motion matrix: p(z) = N(0, Diag(K)), thesis section 5.2.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from regthesis.kernels.shapes import Float, Number, Tensor

__all__ = [
    "COVARIANCES",
    "LENGTH",
    "SIGMA",
    "TemporalPrior",
    "cauchy",
    "kl_of_rows",
    "kl_of_rows_as_printed",
    "matern",
    "rbf",
]

LENGTH, SIGMA = 7.0, 1.005  # frames, and the standard deviation of a row: section 5.3.2
JITTER = 1e-3  # on the diagonal, relative to the variance, as in the public code of Fortuin et al. (2019)


def cauchy(distance: Tensor, length: Number, sigma: Number) -> Tensor:
    """Eq. 5.3 with a plus sign: many length scales at once. With the printed minus it has a pole at `length`."""
    return sigma**2 / (1 + (distance / length).square())


def rbf(distance: Tensor, length: Number, sigma: Number) -> Tensor:
    """The squared exponential of section 5.2.1: a single length scale, endlessly smooth."""
    return sigma**2 * (-0.5 * (distance / length).square()).exp()


def matern(distance: Tensor, length: Number, sigma: Number) -> Tensor:
    """Matérn's covariance of order 3/2: paths have one derivative. Not in the thesis; Yang et al. (2024) take it."""
    scaled = 3**0.5 * distance / length
    return sigma**2 * (1 + scaled) * (-scaled).exp()


COVARIANCES: Mapping[str, Callable[[Tensor, Number, Number], Tensor]] = {"cauchy": cauchy, "rbf": rbf, "matern": matern}
"""Covariances by name: of distances in time, in frames, and a length and a standard deviation."""


class TemporalPrior(nn.Module):
    """N(0, K) for every row of a motion matrix `(b, d, t)`, with K over the given `times` in frames.

    A posterior shares K but for one factor a row: row d is N(mu_d, sigma_d² K) (Eq. 5.4 with sigma_d² for its
    sigma_d). So it is as smooth in time as the prior is, and one Cholesky factor serves every row (section 5.5.2).
    K has a small `jitter` on its diagonal, relative to the variance: without it the smoother covariances of evenly
    spaced frames are singular in single precision.

    Raises ValueError for an unknown covariance, times that do not increase, or a length or sigma that is not positive.
    """

    def __init__(
        self,
        times: Sequence[Number],
        covariance: str = "cauchy",
        length: Number = LENGTH,
        sigma: Number = SIGMA,
        jitter: Number = JITTER,
    ):
        super().__init__()
        t = torch.as_tensor(times, dtype=torch.float64)
        if covariance not in COVARIANCES:
            raise ValueError(f"covariance: expected one of {', '.join(COVARIANCES)}, got {covariance!r}")
        if t.ndim != 1 or not len(t) or not t.isfinite().all() or (t.diff() <= 0).any():
            raise ValueError(f"times: expected numbers that increase, got {tuple(times)}")
        if not (length > 0 and sigma > 0):
            raise ValueError(f"length and sigma: expected positive numbers, got {length} and {sigma}")
        k = COVARIANCES[covariance]((t[:, None] - t).abs(), length, sigma)
        k = k + jitter * sigma**2 * torch.eye(len(t), dtype=k.dtype)
        factor = torch.linalg.cholesky(k)
        whitening = torch.linalg.solve_triangular(factor, torch.eye(len(t), dtype=k.dtype), upper=False)
        values, vectors = torch.linalg.eigh(k)
        root = vectors * values.sqrt() @ vectors.mT  # symmetric: past and future alike
        for name, matrix in {"covariance": k, "factor": factor, "whitening": whitening, "root": root}.items():
            self.register_buffer(name, matrix.float(), persistent=False)  # made anew by whoever builds the network

    def draw(
        self, mu: Float[Tensor, "b d t"], sigma: Float[Tensor, "b d"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d t"]:
        """z = mu + sigma L epsilon, row by row, with K = L Lᵀ (section 5.5.2)."""
        noise = torch.randn(mu.shape, generator=generator, dtype=mu.dtype).to(
            mu.device
        )  # on the CPU: the same everywhere
        return mu + sigma[..., None] * (noise @ self.factor.to(mu).mT)

    def kl(self, mu: Float[Tensor, "b d t"], sigma: Float[Tensor, "b d"]) -> Float[Tensor, ""]:
        """KL of the posterior from the prior in nats, the mean over the batch (`kl_of_rows`)."""
        return kl_of_rows(mu @ self.whitening.to(mu).mT, sigma).sum(1).mean()


def kl_of_rows(white: Float[Tensor, "b d t"], sigma: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """KL of N(mu, sigma² K) from N(0, K) for each row, with `white` = L⁻¹ mu: Eq. 5.6 corrected.

    The logarithm of the determinant has the factor t that Eqs. 5.6, 5.9 and 5.10 leave out: |sigma² K| = sigma^2t |K|.
    With it the divergence is zero, and smallest, where posterior and prior agree.
    """
    variance = sigma.square()
    return 0.5 * (white.square().sum(-1) + white.shape[-1] * (variance - 1 - variance.log()))


def kl_of_rows_as_printed(white: Float[Tensor, "b d t"], sigma: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Eq. 5.6 as printed, for comparison: it is smallest where sigma² = 1 / t, below zero there, and no divergence."""
    variance = sigma.square()
    return 0.5 * (white.square().sum(-1) + white.shape[-1] * (variance - 1) - variance.log())
