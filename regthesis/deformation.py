"""`Deformation`: what a method returns, and the only thing the tables and figures ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import SimpleITK as sitk
import torch

from regthesis import kernels
from regthesis.geometry import Grid
from regthesis.images import read_displacement, write_image
from regthesis.kernels.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class Deformation:
    """The map phi = id + u from a fixed grid into the moving image, one for every fixed frame of a case.

    `u` is `(n, d, *space)` in voxels, so that `M(x + u(x))` is the moving image seen from the fixed grid.
    `velocity`, where the method has one, is the stationary velocity field with `u = exp(velocity)`, which was squared
    `steps` times (None: as often as `kernels.exp` chooses). `code` is the latent code `(n, d_z)` of a learned model;
    `seconds` is what the registration took.
    """

    u: Float[Tensor, "n d *space"]
    grid: Grid
    velocity: Float[Tensor, "n d *space"] | None = None
    code: Float[Tensor, "n z"] | None = None
    seconds: float = float("nan")
    steps: int | None = None

    @classmethod
    def exp(cls, velocity: Float[Tensor, "n d *space"], grid: Grid, steps: int | None = None, **about) -> Deformation:
        """The flow at time 1 of stationary velocities in voxels, by so many squarings; `about` are other fields."""
        return cls(kernels.exp(velocity, steps), grid, velocity, steps=steps, **about)

    @classmethod
    def stack(cls, parts: Sequence[Deformation]) -> Deformation:
        """The deformations of one method and grid, one after the other; velocities and codes where all have them."""
        first = parts[0]
        fields = {}
        for name in ("u", "velocity", "code"):
            values = [getattr(part, name) for part in parts]
            fields[name] = None if any(value is None for value in values) else torch.cat(values)
        return replace(first, **fields, seconds=sum(part.seconds for part in parts))

    def to(self, device: torch.device | str) -> Deformation:
        """The same deformation on another device."""
        fields = {name: getattr(self, name) for name in ("u", "velocity", "code")}
        return replace(self, **{name: value.to(device) for name, value in fields.items() if value is not None})

    def warp(self, image: Float[Tensor, "b c *space"]) -> Float[Tensor, "n c *space"]:
        """The moving image resampled on the fixed grid; one image serves all frames."""
        return kernels.warp(image.expand(len(self.u), *image.shape[1:]), self.u)

    def warp_labels(self, labels: Int[Tensor, "b 1 *space"]) -> Int[Tensor, "n 1 *space"]:
        """Labels resampled on the fixed grid: linear on each structure, then the strongest wins."""
        return kernels.warp_labels(labels.expand(len(self.u), *labels.shape[1:]), self.u)

    def inverse(self) -> Deformation:
        """The map back, from the moving grid into the fixed image: exp(-v) by as many squarings, if there is a v."""
        if self.velocity is not None:
            return Deformation.exp(-self.velocity, self.grid, self.steps)
        return Deformation(kernels.inverse(self.u), self.grid)

    def compose(self, inner: Deformation) -> Deformation:
        """This map after `inner`: `M.warp(self.compose(inner)) == (M.warp(self)).warp(inner)`.

        Raises ValueError where they live on two different grids: displacements in voxels mean nothing on another.
        """
        if difference := self.grid.difference(inner.grid):
            raise ValueError(f"inner: does not live on the grid of the outer deformation: {difference}; resample it")
        return Deformation(kernels.compose(self.u, inner.u), self.grid)

    def jacobian(self) -> Float[Tensor, "n 1 *space"]:
        """det(grad phi); 1 keeps volume, 0 or less folds."""
        return kernels.jacobian(self.u, self.grid.spacing)

    def to_sitk(self, frame: int = 0) -> sitk.DisplacementFieldTransform:
        """The map as an ITK transform in LPS mm, at any resolution: `sitk.Resample(moving, fixed, transform)`."""
        return sitk.DisplacementFieldTransform(self.grid.displacement_to_mm(self.u[frame]))

    def save(self, path: Path | str, frame: int = 0) -> None:
        """Write the displacement as a vector image (LPS mm) that 3D Slicer and ITK-SNAP read, whole or not at all.

        Raises:
            UserError: the folder cannot be written.
        """
        write_image(sitk.Cast(self.grid.displacement_to_mm(self.u[frame]), sitk.sitkVectorFloat32), Path(path))

    @classmethod
    def load(cls, path: Path | str) -> Deformation:
        """Read what `save` wrote, or another displacement in mm (LPS) as ITK writes it.

        Raises:
            UserError: the file is missing or broken, or no displacement in that layout.
        """
        image = read_displacement(Path(path))
        grid = Grid.of(image)
        return cls(grid.displacement_from_mm(image)[None], grid)

    @classmethod
    def from_sitk(cls, transform: sitk.Transform, grid: Grid, **about) -> Deformation:
        """Sample any ITK transform (LPS mm, fixed to moving) on a grid."""
        field = sitk.TransformToDisplacementField(
            transform,
            sitk.sitkVectorFloat64,
            grid.shape[::-1],
            grid.origin,
            grid.spacing[::-1],
            grid.direction,
        )
        return cls(grid.displacement_from_mm(field)[None], grid, **about)
