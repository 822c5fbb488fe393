"""Augmentation on the fly: the images of a sample are moved together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from regthesis import kernels
from regthesis.errors import UserError
from regthesis.kernels.shapes import Float, Number, Tensor


@dataclass(frozen=True)
class RandomAffine:
    """Shift, rotation, scaling and mirroring, drawn from torch's generator anew for each sample (section 4.3).

    `spacing` is in mm per axis, array order. Rotations up to `degrees` and mirroring happen in the plane of the last
    two axes, the slices of a short-axis stack; scaling between 1 - `zoom` and 1 + `zoom` and shifts up to `shift`
    of the grid's extent along all axes. Outside the image its border value continues.

    Raises UserError for degrees outside [0, 180], and a zoom or shift outside [0, 1).
    """

    spacing: Sequence[Number]
    degrees: Number = 20
    zoom: Number = 0.15
    shift: Number = 0.1
    mirror: bool = True

    def __post_init__(self):
        if not (0 <= self.degrees <= 180 and 0 <= self.zoom < 1 and 0 <= self.shift < 1):  # NaN is refused as well
            numbers = f"{self.degrees}, {self.zoom} and {self.shift}"
            raise UserError(f"degrees, zoom and shift: expected [0, 180], [0, 1) and [0, 1), got {numbers}")

    def __call__(self, images: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The images `(b, c, *space)` of a batch, one map for all images of a sample."""
        together = torch.cat(tuple(images), 1)
        moved = kernels.warp(together, self.displacement(len(together), together.shape[2:]).to(together))
        return moved.split([image.shape[1] for image in images], 1)

    def displacement(self, batch: int, shape: Sequence[int]) -> Float[Tensor, "b d *space"]:
        """Random displacements in voxels, `x + u(x) = centre + shift + A (x - centre)`."""
        rank = len(shape)
        extent = torch.tensor(shape, dtype=torch.float32).view(-1, *[1] * rank) - 1
        x = kernels.identity_grid(tuple(shape)) - extent / 2
        moved = torch.stack([torch.einsum("ij,j...->i...", self._matrix(rank), x) for _ in range(batch)])
        shift = (2 * torch.rand(batch, *extent.shape) - 1) * self.shift * extent
        return moved + shift - x

    def _matrix(self, rank: int) -> Float[Tensor, "d d"]:
        """One random A, made in mm and brought to voxels."""
        turn, zoom, *flip = torch.rand(4)
        angle = math.radians(self.degrees) * (2 * turn - 1)
        signs = [-1.0 if self.mirror and side < 0.5 else 1.0 for side in flip]
        matrix = torch.eye(rank)
        plane = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
        matrix[-2:, -2:] = plane * torch.tensor(signs)
        mm = torch.tensor(self.spacing)
        return (1 + self.zoom * (2 * zoom - 1)) * matrix * mm / mm[:, None]
