"""Errata of the thesis: each printed form beside the corrected one, small enough to read.

The errata page and the tests run both: the printed form fails a check that the corrected one passes.
Where two printed places contradict each other, see `regthesis.book.ledger.contradictions`.
The text of the thesis came through an extraction that loses bars, superscripts and signs, so some
faults may be its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from regthesis import kernels
from regthesis.book import ledger
from regthesis.kernels.shapes import Float, Tensor

__all__ = [
    "acceptance", "affine_corrected", "affine_printed", "bounded_corrected", "bounded_printed",
    "cauchy_corrected", "cauchy_printed", "centred", "code_pays", "columns_corrected", "columns_printed",
    "covariance_corrected", "covariance_printed", "dissimilarity_corrected", "dissimilarity_printed",
    "fraction", "frames_corrected", "frames_printed", "kl_corrected", "kl_motion_corrected",
    "kl_motion_printed", "kl_printed", "likelihood_corrected", "likelihood_printed", "local_cc",
    "log_likelihood_corrected", "log_likelihood_printed", "roughness", "settle", "smoothed_corrected",
    "smoothed_printed", "step_corrected", "step_printed", "transport_corrected", "transport_printed",
    "window_corrected", "window_printed",
]  # fmt: skip


def settle(id: str, printed: bool, corrected: bool, why: str) -> ledger.Verdict:
    """Note in the ledger that entry `id` fails as printed: its check failed, the corrected form passed.

    Raises ValueError where the check does not tell the two forms apart.
    """
    if printed or not corrected:
        raise ValueError(f"{id}: expected the printed form to fail and the corrected one to pass, {why}")
    return ledger.claim(id, printed, f"as printed: {why}", dataset="any", page="errata")


# Chapter 2


def local_cc(a: Float[Tensor, " n"], b: Float[Tensor, " n"], window: int = 9) -> Float[Tensor, ""]:
    """Mean local correlation of two signals without subtraction of the mean (Eq. 2.2)."""
    mean = lambda x: torch.nn.functional.avg_pool1d(x[None, None], window, 1)[0, 0]  # noqa: E731
    return (mean(a * b) / (mean(a * a) * mean(b * b)).sqrt()).mean()


def dissimilarity_printed(fixed: Float[Tensor, " n"], moved: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Eq. 2.2, which Eq. 2.1 is to minimise."""
    return local_cc(fixed, moved)


def dissimilarity_corrected(fixed: Float[Tensor, " n"], moved: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    return -local_cc(fixed, moved)


def _generators(scales: bool, shears: bool) -> Float[Tensor, "p 12"]:
    """Directions in which a 3x4 affine matrix moves from the identity, one a parameter."""
    unit = torch.eye(12, dtype=torch.float64).reshape(3, 4, 3, 4)
    moves = [unit[i, 3] for i in range(3)] + [unit[i, j] - unit[j, i] for i in range(3) for j in range(i)]
    moves += [unit[i, i] for i in range(3)] if scales else []
    moves += [unit[i, j] + unit[j, i] for i in range(3) for j in range(i)] if shears else []
    return torch.stack(moves).reshape(-1, 12)


def affine_printed() -> Float[Tensor, "9 12"]:
    """Section 2.2.2: three translations, three rotations, and three scalings to make it affine."""
    return _generators(scales=True, shears=False)


def affine_corrected() -> Float[Tensor, "12 12"]:
    return _generators(scales=True, shears=True)


# Chapter 3


def step_printed(theta: Float[Tensor, " d"], gradient: Float[Tensor, " d"], rate: float) -> Float[Tensor, " d"]:
    """Section 3.2.1: the iterative scheme that is to minimise an objective."""
    return theta + rate * gradient


def step_corrected(theta: Float[Tensor, " d"], gradient: Float[Tensor, " d"], rate: float) -> Float[Tensor, " d"]:
    return theta - rate * gradient


def bounded_printed(theta: Float[Tensor, " d"], mu: Float[Tensor, " d"], m: int) -> Float[Tensor, " 2"]:
    """Section 3.2.2: what fuzzy action control keeps within k standard deviations, for mode m."""
    return torch.stack([theta[2 * m] - mu[m], theta[2 * m + 1] - mu[m]])


def bounded_corrected(theta: Float[Tensor, " d"], mu: Float[Tensor, " d"], m: int) -> Float[Tensor, ""]:
    """Actions 2m and 2m + 1 both move the one parameter m."""
    return theta[m] - mu[m]


def acceptance(deviation: Float[Tensor, "*n"], sigma: float, k: float = 1.5) -> Float[Tensor, "*n"]:
    """Probability of accepting a move this far from the mean: ratio of normal densities, at most 1."""
    return torch.exp(0.5 * k**2 - 0.5 * (deviation / sigma) ** 2).clamp(max=1)


# Chapter 4


def window_printed(k: int) -> tuple[int, ...]:
    """Below Eq. 4.7: the window of the local means, of images in space."""
    return k, k


def window_corrected(k: int) -> tuple[int, ...]:
    return k, k, k


def kl_printed(mu: Float[Tensor, " k"], variance: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    """Section 4.2.1, before Eq. 4.9: divergence of N(mu, diag(variance)) from N(0, I)."""
    return 0.5 * (variance.sum() + mu.norm() - len(mu) - variance.log().sum())


def kl_corrected(mu: Float[Tensor, " k"], variance: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    """As Eq. 4.14 of the same chapter has it."""
    return 0.5 * (variance.sum() + mu.square().sum() - len(mu) - variance.log().sum())


def log_likelihood_printed(cc: Float[Tensor, ""], weight: float) -> Float[Tensor, ""]:
    """Eqs. 4.6 and 4.7 up to a constant; `cc`: mean squared local correlation, 1 at a perfect match."""
    return -weight * (cc - 1)


def log_likelihood_corrected(cc: Float[Tensor, ""], weight: float) -> Float[Tensor, ""]:
    """What the loss of Eq. 4.14 uses."""
    return weight * (cc - 1)


def roughness(n: int, sigma: float, terms: int = 60) -> Float[Tensor, " n"]:
    """Weights of the diffusion energy of section 4.2.2 over the n frequencies of a periodic signal.

    The printed series sums to exp(sigma^2 omega^2 / 2) - 1.
    """
    half = 0.5 * (sigma * 2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64)) ** 2
    return sum(half**i / float(math.factorial(i)) for i in range(1, terms))


def smoothed_printed(v: Float[Tensor, " n"], sigma: float) -> Float[Tensor, " n"]:
    """Stationary point of the posterior of the velocity, the log prior being plus the energy."""
    return torch.fft.ifft(torch.fft.fft(v) / (1 - roughness(len(v), sigma))).real


def smoothed_corrected(v: Float[Tensor, " n"], sigma: float) -> Float[Tensor, " n"]:
    """The same, the log prior being minus the energy."""
    return torch.fft.ifft(torch.fft.fft(v) / (1 + roughness(len(v), sigma))).real


def transport_printed(
    ed: Float[Tensor, "b c *space"], es: Float[Tensor, "b c *space"], u: Float[Tensor, "b d *space"]
) -> Float[Tensor, "b c *space"]:
    """Section 4.3: a patient's deformation `u` from ED to ES deforms the healthy subject's ES frame."""
    return kernels.warp(es, u)


def transport_corrected(
    ed: Float[Tensor, "b c *space"], es: Float[Tensor, "b c *space"], u: Float[Tensor, "b d *space"]
) -> Float[Tensor, "b c *space"]:
    """The ED frame, as step 2 of the same paragraph has it."""
    return kernels.warp(ed, u)


def fraction(full: Float[Tensor, "..."], emptied: Float[Tensor, "..."]) -> float:
    """Ejection fraction between two masks, which a transport is to keep."""
    return 1 - float(emptied.sum() / full.sum())


# Chapter 5


def frames_printed(last: int) -> tuple[int, int]:
    """Section 5.2 for images I_0 ... I_T, T = `last`: deformations, and columns of the motion matrix."""
    return len(range(1, last + 1)), last - 1


def frames_corrected(frames: int) -> tuple[int, int]:
    """The same for `frames` images: one deformation and one column for each image but the first."""
    return len(range(1, frames)), frames - 1


def cauchy_printed(lag: Float[Tensor, "*n"], length: float = 7.0, sigma: float = 1.005) -> Float[Tensor, "*n"]:
    """Eq. 5.3."""
    return sigma**2 / (1 - (lag / length) ** 2)


def cauchy_corrected(lag: Float[Tensor, "*n"], length: float = 7.0, sigma: float = 1.005) -> Float[Tensor, "*n"]:
    return sigma**2 / (1 + (lag / length) ** 2)


def covariance_printed(sigma: Float[Tensor, " d"], prior: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Left side of Eq. 5.4: a vector of n = d T entries times the n x n covariance of the prior."""
    steps = len(prior) // len(sigma)
    return torch.outer(sigma, torch.ones(steps, dtype=sigma.dtype)).reshape(-1, 1) @ prior


def covariance_corrected(sigma: Float[Tensor, " d"], prior: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """The diagonal matrix of that vector times the covariance, which is the right side of Eq. 5.4."""
    return torch.diag(sigma.repeat_interleave(len(prior) // len(sigma))) @ prior


def likelihood_printed(steps: int, latent: int, voxels: int) -> int:
    """Section 5.2.1: rows of the likelihood's covariance sigma_L I, of the size of the code."""
    return latent * steps


def likelihood_corrected(steps: int, latent: int, voxels: int) -> int:
    """One row for each voxel of each fixed image."""
    return voxels * steps


def kl_motion_printed(
    mu: Float[Tensor, "d t"], sigma: Float[Tensor, " d"], kernel: Float[Tensor, "t t"]
) -> Float[Tensor, ""]:
    """Eqs. 5.6 and 5.10: divergence of the posterior of Eq. 5.4 from the prior of Eq. 5.2."""
    fit = (mu * torch.linalg.solve(kernel, mu.T).T).sum(1)
    return 0.5 * (sigma**2 * len(kernel) + fit - len(kernel) - (sigma**2).log()).sum()


def kl_motion_corrected(
    mu: Float[Tensor, "d t"], sigma: Float[Tensor, " d"], kernel: Float[Tensor, "t t"]
) -> Float[Tensor, ""]:
    """With sigma a factor of the covariance, as in Eqs. 5.4 and 5.12, and its logarithm once a time step."""
    fit = (mu * torch.linalg.solve(kernel, mu.T).T).sum(1)
    return 0.5 * (sigma * len(kernel) + fit - len(kernel) - len(kernel) * sigma.log()).sum()


# Chapter 6


def code_pays(weight: float, gain: float = 1.0, cost: float = 0.5) -> bool:
    """Whether a code is worth its divergence: `gain` in mean correlation, `cost` in nats (one mean of 1)."""
    return weight * gain > cost


def centred(low: float, high: float, value: float, middle: Callable[[float, float], float], slack: float) -> bool:
    """Whether an interval's middle is its value, within the `slack` of its printed digits."""
    return abs(middle(low, high) - value) <= slack


def columns_printed(frames: int) -> tuple[int, int]:
    """Section 6.5.2 for T + 1 frames: deformations, and T - 1 columns of the motion matrix."""
    last = frames - 1
    return last, last - 1


def columns_corrected(frames: int) -> tuple[int, int]:
    """The same with the matrix of T columns that Figure 6.4 has."""
    last = frames - 1
    return last, last
