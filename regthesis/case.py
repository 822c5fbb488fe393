"""`Case`: the images of one subject, a pair or a sequence, on one grid."""

from __future__ import annotations

from dataclasses import dataclass, field

from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Int, Tensor

CAVITY = "LV-BP"  # the structure, where a data set has it, whose volumes make an ejection fraction


@dataclass(frozen=True)
class Case:
    """What a method registers.

    Frame 0 is the moving (reference) image, end diastole for the heart; all later frames are fixed images.
    `images` is `(t, 1, *space)`, so that a pair has t = 2 and the fixed images are a batch.
    `masks` maps the frames that were segmented to integer labels `(1, 1, *space)`.
    `structures`, where the data set has them, says which labels make which structure, as scores are to name it.
    `truth`, where the motion is known, is `(t - 1, d, *space)` in voxels with `warp(moving, truth) ~ fixed`.
    `dataset` names the data set whose reader made the case, and is empty for own images; `identity` tells whose
    images they are (see `regthesis.identity`).
    """

    id: str
    images: Float[Tensor, "t 1 *space"]
    grid: Grid
    masks: dict[int, Int[Tensor, "1 1 *space"]] = field(default_factory=dict)
    group: str = ""
    truth: Float[Tensor, "n d *space"] | None = None
    structures: dict[str, tuple[int, ...]] = field(default_factory=dict)
    dataset: str = ""
    identity: frozenset[str] = frozenset()

    def __post_init__(self):
        if len(self.images) < 2:
            raise ValueError(f"images: expected at least two frames, given {len(self.images)}")
        if tuple(self.images.shape[2:]) != self.grid.shape:
            raise ValueError(f"images: expected space {self.grid.shape}, given {tuple(self.images.shape[2:])}")

    @property
    def spacing(self) -> tuple[float, ...]:
        """Millimetres per axis, array order."""
        return self.grid.spacing

    @property
    def moving(self) -> Float[Tensor, "1 1 *space"]:
        return self.images[:1]

    @property
    def fixed(self) -> Float[Tensor, "n 1 *space"]:
        return self.images[1:]

    @property
    def moving_mask(self) -> Int[Tensor, "1 1 *space"]:
        """Raises UserError where the moving image has no mask."""
        if 0 not in self.masks:
            raise UserError(f"{self.id}: no mask of the moving image; give one")
        return self.masks[0]

    @property
    def fixed_mask(self) -> Int[Tensor, "1 1 *space"]:
        """The mask of the last segmented fixed frame: end systole, in a pair the fixed image's.

        Raises UserError where no fixed image has a mask.
        """
        frame = max(self.masks, default=0)
        if frame == 0:
            raise UserError(f"{self.id}: no mask of a fixed image; give one")
        return self.masks[frame]
