"""What the methods of other packages share: they see no axis of one voxel, and what they raise is one line."""

from __future__ import annotations

import re
from abc import abstractmethod

from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.base import Pairwise


class PeerMethod(Pairwise):
    """A method whose work is done by the package `peer`; subclasses implement `displacement`.

    Peers crash on a stack of one slice. Such an axis is left out before they see the images, and the displacement
    along it is zero.
    """

    def pair(self, moving: Float[Tensor, "1 1 *space"], fixed: Float[Tensor, "1 1 *space"], grid: Grid) -> Deformation:
        """Register one pair on the CPU; the result is on the device of the images.

        Raises:
            MissingPeer: the package is not installed.
            UserError: the images have fewer than two axes of more than one voxel, or the package fails on them.
        """
        kept = [axis for axis, voxels in enumerate(grid.shape) if voxels > 1]
        shape = " x ".join(map(str, grid.shape))
        if len(kept) < 2:
            raise UserError(f"{self.label} needs two axes of several voxels, these images have {shape}; take demons")
        plane = grid if len(kept) == grid.rank else _without_flat_axes(grid, kept)
        images = [image.reshape(1, 1, *plane.shape).cpu() for image in (moving, fixed)]
        try:
            found = self.displacement(*images, plane)
        except UserError:
            raise
        except Exception as error:  # each peer has its own kinds
            reason = one_line(error)
            raise UserError(f"{self.label} ({self.peer}) failed on {shape} voxels: {reason}; try demons") from error
        u = found.new_zeros(1, grid.rank, *grid.shape)
        u[:, kept] = found.reshape(1, len(kept), *grid.shape)
        return Deformation(u.to(moving.device), grid)

    @abstractmethod
    def displacement(
        self, moving: Float[Tensor, "1 1 *space"], fixed: Float[Tensor, "1 1 *space"], grid: Grid
    ) -> Float[Tensor, "d *space"]:
        """The displacement in voxels of one pair on the CPU, whose grid has no axis of one voxel."""


def _without_flat_axes(grid: Grid, kept: list[int]) -> Grid:
    """The grid of the axes `kept`, at the origin and along the axes: a displacement in voxels is the same there."""
    return Grid(tuple(grid.shape[axis] for axis in kept), tuple(grid.spacing[axis] for axis in kept))


def one_line(error: BaseException) -> str:
    """What an error says, in one line and without addresses and places in a peer's source."""
    text = re.sub(r"^\S+\.(hxx|cxx|cpp|h):\d+:\s*|\(0x[0-9a-f]+\)|ITK ERROR: ", "", str(error), flags=re.MULTILINE)
    return " ".join(text.split()).rstrip(".") or type(error).__name__
