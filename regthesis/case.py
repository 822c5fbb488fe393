"""`Case`: the images of one subject, a pair or a sequence, on one grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Int, Tensor

CAVITY = "LV-BP"  # the structure, where a data set has it, whose volumes make an ejection fraction
RIGHT = "RV"  # and with the right ventricle it tells how a heart lies


@dataclass(frozen=True)
class Case:
    """What a method registers.

    Frame 0 is the moving (reference) image, end diastole for the heart; all later frames are fixed images.
    `images` is `(t, 1, *space)`, so that a pair has t = 2 and the fixed images are a batch.
    `masks` maps the frames that were segmented to integer labels `(1, 1, *space)`.
    `times`, where they are known, are those of the frames as fractions of the heart's cycle, from frame 0's on.
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
    times: tuple[float, ...] | None = None

    def __post_init__(self):
        if len(self.images) < 2:
            raise ValueError(f"images: expected at least two frames, given {len(self.images)}")
        if tuple(self.images.shape[2:]) != self.grid.shape:
            raise ValueError(f"images: expected space {self.grid.shape}, given {tuple(self.images.shape[2:])}")
        if self.times is not None and not _increases(self.times, len(self.images)):
            raise ValueError(f"times: expected {len(self.images)} of them, from 0 on and below 1, given {self.times}")

    def to(self, device: torch.device | str) -> Case:
        """The same case with images, masks and true motion on another device."""
        return replace(
            self,
            images=self.images.to(device),
            masks={frame: mask.to(device) for frame, mask in self.masks.items()},
            truth=None if self.truth is None else self.truth.to(device),
        )

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

    @property
    def middle(self) -> int:
        """The slice, along the first axis, half-way along the left cavity in the fixed mask.

        Where nothing is known of a cavity it is half-way along all labels, and without labels the middle of the volume.
        """
        mask = self.fixed_mask if max(self.masks, default=0) else torch.zeros(1, 1, *self.grid.shape, dtype=torch.long)
        cavity = torch.isin(mask, mask.new_tensor(self.structures.get(CAVITY, ())))
        slices = (cavity if cavity.any() else mask > 0).flatten(3).any(-1)[0, 0].nonzero()
        return int(slices.float().median()) if len(slices) else self.grid.shape[0] // 2


def _increases(times: tuple[float, ...], count: int) -> bool:
    """Whether there are so many times, each later than the one before, within one cycle that begins at 0."""
    return len(times) == count and times[0] == 0 and all(a < b for a, b in zip(times, [*times[1:], 1.0], strict=True))
