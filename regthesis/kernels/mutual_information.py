"""Mutual information of two images by Parzen windows."""

import torch

from regthesis.kernels.bspline import cubic
from regthesis.kernels.checks import check_pair
from regthesis.kernels.plain.product import product
from regthesis.kernels.shapes import Float, Tensor


def _memberships(x: Float[Tensor, "b c n"], bins: int) -> Float[Tensor, "b c n bins"]:
    """Cubic B-spline weights of each intensity in its four nearest bins, one in all.

    The range of each image goes to bins 1 to `bins` - 2, so that no weight falls off either end.
    """
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    extent = torch.where(high > low, high - low, 1.0)  # a constant image falls into one place
    position = (1 + (x - low) / extent * (bins - 3))[..., None]
    nearest = position.detach().floor().clamp(max=bins - 3).long() + torch.arange(-1, 3, device=x.device)
    weights = cubic(position - nearest)
    return x.new_zeros(*x.shape, bins).scatter(-1, nearest, weights)


def _plogp(p: Tensor) -> Tensor:
    """p log p, with value and gradient finite at 0."""
    return p * torch.where(p > 0, p, 1.0).log()


def mutual_information(
    fixed: Float[Tensor, "b c *space"], moving: Float[Tensor, "b c *space"], bins: int = 32
) -> Float[Tensor, ""]:
    """Mutual information in nats, >= 0 and largest for a perfect relation, averaged over batch and channels.

    Joint and marginal densities are Parzen estimates with a cubic B-spline over `bins` bins spanning each image's
    range (Viola and Wells 1997; Thévenaz and Unser 2000), so the value is smooth in both images and unchanged by
    an increasing affine map of either. A constant image gives 0. Memory: 2 `bins` floats per voxel.

    Raises ValueError for shapes that differ or fewer than 4 bins.
    """
    check_pair("moving", moving, "fixed", fixed)
    if bins < 4:
        raise ValueError(f"bins: expected at least 4, got {bins}")
    f, m = (_memberships(image.flatten(2), bins) for image in (fixed, moving))
    joint = product(f.mT, m) / f.shape[-2]
    independent = _plogp(joint.sum(-1)).sum(-1) + _plogp(joint.sum(-2)).sum(-1)
    return (_plogp(joint).sum((-1, -2)) - independent).mean()
