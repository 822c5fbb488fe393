"""Image pairs made ready for comparison: centred, and the floor below which their variances do not count."""

import torch

from regthesis.kernels.intensity import centre
from regthesis.kernels.shapes import Float, Number, Tensor


def power(x: Float[Tensor, "b c *space"]) -> Tensor:
    """Mean square of each channel, (b, c, 1, ...)."""
    return x.square().mean(tuple(range(2, x.ndim)), keepdim=True)


def floor(a_power: Tensor, b_power: Tensor, tau: Number) -> Tensor:
    """What is added to a product of two local powers: tau times the global ones, and never zero.

    Infinite where an image is zero throughout, so that its correlation and the gradient vanish.
    """
    both = a_power * b_power
    return torch.where(both > 0, tau * both + torch.finfo(both.dtype).tiny, torch.inf)


def rises(a_power: Tensor, b_power: Tensor, tau: Number, voxels: int) -> Tensor:
    """Gradient of the floor by a over a, and by b over b: (2, b, c, 1, ...)."""
    both = 2 * tau / voxels * torch.stack([b_power, a_power])
    return torch.where(a_power * b_power > 0, both, 0)


def centred(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], tau: Number
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a and b less their means, their floor (b, c, 1, ...), and its `rises` with them."""
    a, b = centre(a), centre(b)
    a_power, b_power = power(a), power(b)
    return a, b, floor(a_power, b_power, tau), rises(a_power, b_power, tau, a[0, 0].numel())


def centred_backward(grad: Tensor, floor_grad: Tensor, x: Tensor, rise: Tensor) -> Tensor:
    """Gradient by an image out of those by the centred image x and by the floor.

    The mean counts as a constant: a comparison that does not change when it does sees to the rest.
    """
    return torch.addcmul(grad, floor_grad * rise, x)
