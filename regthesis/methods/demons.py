"""LCC-log-demons (Lorenzi et al. 2013): a stationary velocity field driven by symmetric local correlation."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.deformation import Deformation
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.base import Pairwise


@dataclass(frozen=True)
class Demons(Pairwise):
    """Alternates a step up the gradient of the symmetric LCC (Eq. 4.7) with Gaussian smoothing.

    `levels` are the voxel sizes in mm of the resolution pyramid, coarse to fine, with `iterations` each;
    `window` of the correlation in voxels; `step` is the largest update in voxels; `fluid` smooths the
    update and `elastic` the velocity, both as standard deviations in mm.
    """

    name = "demons"
    label = "LCC-demons"
    levels: tuple[float, ...] = (6.0, 3.0, 1.5)
    iterations: tuple[int, ...] = (80, 40, 10)
    window: int = 9
    step: float = 0.5
    fluid: float = 3.0
    elastic: float = 1.5

    def pair(self, moving, fixed, grid):
        images = torch.cat([moving, fixed])
        v = images.new_zeros(1, grid.rank, *grid.shape)
        for size, iterations in zip(self.levels, self.iterations, strict=True):
            shape, spacing = coarsen(grid, size)
            low_passed = images if shape == grid.shape else kernels.smooth(images, size / 2, grid.spacing)
            m, f = kernels.resize(low_passed, shape).split(1)
            v = kernels.resize(v, shape, field=True)
            for _ in range(iterations):
                v = self.update(v, m, f, spacing)
        v = kernels.resize(v, grid.shape, field=True)
        return Deformation.exp(v, grid)

    @torch.inference_mode(False)  # the force is a gradient, also where the caller wants none
    @torch.enable_grad()
    def update(self, v, moving, fixed, spacing) -> Float[Tensor, "1 d *space"]:
        """One demons iteration on the velocity, at the half-way point between the two images."""
        m, f = kernels.warp(torch.cat([moving, fixed]), kernels.exp(torch.cat([v, -v]) / 2)).split(1)
        m, f = m.requires_grad_(), f.requires_grad_()
        similarity = kernels.local_cc(m, f, self.window).sum()
        by_m, by_f = torch.autograd.grad(similarity, (m, f))
        rise_m, rise_f = kernels.gradient(torch.cat([m, f]).detach())[:, 0].split(1)
        force = kernels.smooth((by_m * rise_m - by_f * rise_f) / 2, self.fluid, spacing)
        longest = force.square().sum(1).max().sqrt().clamp(min=1e-12)
        return kernels.smooth(v + self.step * force / longest, self.elastic, spacing)


def coarsen(grid: Grid, size: float) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and spacing (mm) of the same field of view with voxels of about `size` mm, never finer than it is."""
    axes = list(zip(grid.shape, grid.spacing, strict=True))
    shape = tuple(min(n, max(2, round(n * min(1, s / size)))) for n, s in axes)
    spacing = tuple(s * (n - 1) / (m - 1) if m > 1 else s for (n, s), m in zip(axes, shape, strict=True))
    return shape, spacing


METHODS = [Demons()]
