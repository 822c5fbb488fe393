"""Voxel coordinates, and the normalised ones that `grid_sample` reads."""

from functools import lru_cache

import torch
from torch.nn.functional import grid_sample

from regthesis.kernels.shapes import Float, Tensor


@lru_cache(maxsize=16)
def identity_grid(
    shape: tuple[int, ...], dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Float[Tensor, "d *space"]:
    """Voxel coordinates of a grid, `(d, *space)`, component i along axis i.

    The tensor is cached and shared: do not write into it.
    """
    with torch.inference_mode(False):  # a cached inference tensor could never enter a graph again
        axes = [torch.arange(n, dtype=dtype, device=device) for n in shape]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"))


@lru_cache(maxsize=16)
def _normalised_identity(
    shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "1 *space d"]:
    with torch.inference_mode(False):
        axes = [torch.linspace(-1, 1, n, dtype=dtype, device=device) for n in shape]
        return torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)[None]


def _voxel(u: Tensor) -> Float[Tensor, "d"]:
    """One voxel in normalised units, in grid_sample's order (x first); an axis of one voxel has no extent."""
    return u.new_tensor([2 / max(n - 1, 1) for n in reversed(u.shape[2:])])


def normalise(u: Float[Tensor, "b d *space"]) -> Float[Tensor, "b *space d"]:
    """Displacement in voxels to the units, component order and layout of `sample`."""
    return (u.flip(1).movedim(1, -1) * _voxel(u)).contiguous()


def denormalise(displacement: Float[Tensor, "b *space d"]) -> Float[Tensor, "b d *space"]:
    """Inverse of `normalise`."""
    u = displacement.movedim(-1, 1)
    return (displacement / _voxel(u)).movedim(-1, 1).flip(1)


def sample(
    image: Float[Tensor, "#b c *space"], displacement: Float[Tensor, "#b *space d"], mode: str = "bilinear"
) -> Float[Tensor, "_b c *space"]:
    """`image(x + displacement(x))` for a displacement made by `normalise`; the border value continues outside."""
    identity = _normalised_identity(tuple(image.shape[2:]), image.dtype, image.device)
    batch = max(image.shape[0], displacement.shape[0])
    grid = (identity + displacement).expand(batch, *[-1] * (image.ndim - 1))
    image = image.expand(batch, *[-1] * (image.ndim - 1))
    return grid_sample(image, grid, mode, padding_mode="border", align_corners=True)
