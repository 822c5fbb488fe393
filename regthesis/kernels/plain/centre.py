"""Image pairs made ready for comparison: centred, and eps, which is added to the products of their variances."""

import torch

from regthesis.kernels.intensity import centre
from regthesis.kernels.shapes import Float, Number, Tensor


def power(x: Float[Tensor, "b c *space"]) -> Tensor:
    """Mean square of each channel, (b, c, 1, ...)."""
    return x.square().mean(tuple(range(2, x.ndim)), keepdim=True)


def eps_of(a_power: Tensor, b_power: Tensor, tau: Number) -> Tensor:
    """What is added to the product of two images' local variances: tau times that of their global ones, S_a S_b.

    Never zero, so that a quotient is a number; infinite where an image is zero throughout, so that its correlation and
    the gradient vanish.
    """
    both = a_power * b_power
    return torch.where(both > 0, tau * both + torch.finfo(both.dtype).tiny, torch.inf)


def eps_slopes(a_power: Tensor, b_power: Tensor, tau: Number, voxels: int) -> Tensor:
    """How `eps_of` changes with the images, (2, b, c, 1, ...): its gradient by a is the first of these times a.

    With S_a = Σ a² / n, of n `voxels`, the gradient of tau S_a S_b by a is 2 tau S_b / n times a. The second is for b.
    """
    both = 2 * tau / voxels * torch.stack([b_power, a_power])
    return torch.where(a_power * b_power > 0, both, 0)


def centred(
    a: Float[Tensor, "b c *space"], b: Float[Tensor, "b c *space"], tau: Number
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a and b less their means, their eps (b, c, 1, ...), and its slopes (2, b, c, 1, ...)."""
    a, b = centre(a), centre(b)
    a_power, b_power = power(a), power(b)
    return a, b, eps_of(a_power, b_power, tau), eps_slopes(a_power, b_power, tau, a[0, 0].numel())


def centred_backward(grad: Tensor, eps_grad: Tensor, x: Tensor, slope: Tensor) -> Tensor:
    """Gradient of a comparison by an image, from those by the centred image x (`grad`) and by eps (`eps_grad`).

    The mean counts as a constant. That is exact, because the comparison does not change when a constant is added to an
    image: the gradient by the centred image already sums to zero.
    """
    return torch.addcmul(grad, eps_grad * slope, x)
