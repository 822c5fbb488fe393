"""The network of diffeomorphic VoxelMorph (Dalca et al. 2018): a U-Net, a Gaussian for every velocity, its KL prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from regthesis import kernels
from regthesis.errors import MissingPeer
from regthesis.kernels.shapes import Float, Number, Tensor

FEATURES = (16, 32, 32, 32)  # of the U-Net's levels, finest first, as in the paper


class VelocityPosterior(NamedTuple):
    """Mean and log variance of every component of the velocity; `velocities` holds the mean, or a draw in training."""

    mu: Float[Tensor, "b d *space"]
    log_variance: Float[Tensor, "b d *space"]
    velocities: list[Tensor]


class VoxelMorphNetwork(nn.Module):
    """q(v | F, M), a normal distribution for each component of the velocity, at the images' resolution.

    `shape` and `spacing` (mm) are those of the images, array order. `noise` is the standard deviation of their
    intensities, scaled to [0, 1]; `precision` is λ of the prior N(0, (λ L)^-1), L the Laplacian of the grid's graph.
    The thesis trained with 0.05 and 50000, without a word on units; here velocities are in voxels.

    Raises MissingPeer where neurite, which has the U-Net of the voxelmorph package, is not installed.
    """

    steps = 4  # squarings of the exponential, as in chapter 4

    def __init__(self, shape: Sequence[int], spacing: Sequence[Number], noise: Number = 0.05, precision: Number = 2.0):
        super().__init__()
        try:
            from neurite.nn.models import BasicUNet
        except ModuleNotFoundError:
            raise MissingPeer("voxelmorph") from None
        self.arguments = dict(shape=list(shape), spacing=list(spacing), noise=noise, precision=precision)
        self.shape, self.spacing = tuple(shape), tuple(spacing)
        self.noise, self.precision = noise, precision
        rank = len(shape)
        self.unet = BasicUNet(rank, 2, 2 * rank, nb_features=FEATURES, activations=nn.LeakyReLU)
        # From velocities near zero, as sure of them as the prior alone: the paper's 1e-5, with a log variance of -10,
        # needs thousands of steps to get going.
        last = self.unet.out_layer.conv0
        nn.init.normal_(last.weight, std=1e-2)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([0.0] * rank + [-math.log(precision * 2 * rank)] * rank))

    def regularised(self) -> list[nn.Parameter]:
        """No weight decay in the paper."""
        return []

    def forward(self, moving: Float[Tensor, "b 1 *space"], fixed: Float[Tensor, "b 1 *space"]) -> VelocityPosterior:
        """Posterior of a pair's velocity; in training it is drawn, else its mean is taken."""
        both = torch.cat([_unit_range(moving), _unit_range(fixed)], 1)
        mu, log_variance = self.unet(both).float().chunk(2, 1)
        v = mu + torch.randn_like(mu) * (0.5 * log_variance).exp() if self.training else mu
        return VelocityPosterior(mu, log_variance, [v])

    def loss(
        self, moving: Float[Tensor, "b 1 *space"], fixed: Float[Tensor, "b 1 *space"]
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """The negative evidence bound a voxel, up to a constant (Dalca et al. 2018, Eq. 7), and its two parts."""
        mu, log_variance, (v,) = self(moving, fixed)
        with torch.autocast(moving.device.type, enabled=False):
            moved = kernels.warp(_unit_range(moving), kernels.exp(v, self.steps))
            misfit = kernels.ssd(_unit_range(fixed), moved) / (2 * self.noise**2)
            kl = kl_to_smooth_prior(mu, log_variance, self.precision)
        return misfit + kl, {"misfit": misfit, "kl": kl}


def kl_to_smooth_prior(
    mu: Float[Tensor, "b d *space"], log_variance: Float[Tensor, "b d *space"], precision: Number
) -> Float[Tensor, ""]:
    """KL of N(mu, diag(sigma^2)) from N(0, (precision L)^-1) a voxel, less its constant; L = degrees - neighbours."""
    degree = torch.zeros(mu.shape[2:], device=mu.device)
    for axis, n in enumerate(mu.shape[2:]):
        ends = degree.new_tensor([1.0] + [2.0] * (n - 2) + [1.0] if n > 1 else [0.0])
        degree = degree + ends.view(-1, *[1] * (mu.ndim - 3 - axis))
    spread = precision * degree * log_variance.exp() - log_variance
    rough = sum(mu.diff(dim=axis).square().sum() for axis in range(2, mu.ndim))
    voxels = mu.shape[0] * math.prod(mu.shape[2:])
    return 0.5 * (spread.sum() + precision * rough) / voxels


def _unit_range(image: Float[Tensor, "b 1 *space"]) -> Float[Tensor, "b 1 *space"]:
    low, high = image.amin(tuple(range(1, image.ndim)), True), image.amax(tuple(range(1, image.ndim)), True)
    return (image - low) / (high - low).clamp(min=1e-6)
