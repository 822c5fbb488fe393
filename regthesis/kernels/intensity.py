"""Global similarities of two images (section 2.2.1)."""

import torch

from regthesis.kernels.checks import check_image, check_pair
from regthesis.kernels.shapes import Float, Tensor


def centre(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
    """Each channel minus its mean.

    One voxel's value goes first: it takes a large offset away without rounding, and leaves a constant channel at
    exactly zero, which subtracting a rounded mean alone does not.
    """
    shape = (*x.shape[:2], *[1] * (x.ndim - 2))
    beyond = x - x.detach().flatten(2)[..., 0].view(shape)
    return beyond - beyond.flatten(2).mean(-1).view(shape)


def zscore(x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
    """Each channel shifted and scaled to mean 0 and standard deviation 1 over its voxels.

    A constant channel becomes 0, with gradient 0.

    Raises ValueError for a wrong rank or an integer tensor.
    """
    check_image("x", x)
    centred = centre(x)
    variance = centred.square().mean(tuple(range(2, x.ndim)), keepdim=True)
    return centred / variance.where(variance > 0, torch.inf).sqrt()


def ssd(fixed: Float[Tensor, "b c *space"], moving: Float[Tensor, "b c *space"]) -> Float[Tensor, ""]:
    """Mean squared difference, the sum of squared differences per voxel: 0 at best."""
    check_pair("moving", moving, "fixed", fixed)
    return (fixed - moving).square().mean()


def sad(fixed: Float[Tensor, "b c *space"], moving: Float[Tensor, "b c *space"]) -> Float[Tensor, ""]:
    """Mean absolute difference, the sum of absolute differences per voxel: 0 at best."""
    check_pair("moving", moving, "fixed", fixed)
    return (fixed - moving).abs().mean()


def ncc(fixed: Float[Tensor, "b c *space"], moving: Float[Tensor, "b c *space"]) -> Float[Tensor, ""]:
    """Correlation coefficient of the intensities, in [-1, 1], averaged over batch and channels: 1 at best.

    A constant image correlates with nothing: 0, with gradient 0.
    """
    check_pair("moving", moving, "fixed", fixed)
    f, m = centre(fixed).flatten(2), centre(moving).flatten(2)
    cross, f_power, m_power = (f * m).mean(-1), f.square().mean(-1), m.square().mean(-1)
    constant = (f_power == 0) | (m_power == 0)
    scale = torch.where(constant, 1.0, f_power).sqrt() * torch.where(constant, 1.0, m_power).sqrt()
    return torch.where(constant, 0.0, cross / scale).mean()
