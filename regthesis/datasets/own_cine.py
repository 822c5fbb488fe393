"""A cine of one's own, with a mask of one frame or without, as a case on its own grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from regthesis.case import Case
from regthesis.datasets.dataset import CommonGrid, Dataset
from regthesis.datasets.pairs import stem
from regthesis.errors import UserError
from regthesis.geometry import Grid, check_grid, zscored
from regthesis.identity import identity_of
from regthesis.images import read_cine, read_labels
from regthesis.kernels.shapes import Number

__all__ = ["OwnCine", "own_cine"]


def own_cine(
    path: Path | str, mask: Path | str | None = None, first: int = 1, times: Sequence[Number] | None = None
) -> Case:
    """The cine in a 4-D file, or in the folder of one DICOM series, as a 3-D case; a stack may have one slice.

    Frame number `first`, from 1 on, is the moving image, end diastole for a heart; the frames before it follow after
    the last one, since a beat goes round. `mask` is of that frame. `times` are those of all frames in the order of the
    file, in any unit; without them frames are evenly spaced over one beat. The beat is taken to end as long after the
    last frame as frames lie apart on average.

    Raises:
        UserError: a file is missing or broken, the cine has one frame, `first` is none of its frames, the mask does not
            lie on its grid, or times are not one for each frame, each later than the one before.
    """
    path = Path(path)
    cine = read_cine(path)
    count = cine.GetSize()[3]
    if not 1 <= first <= count:
        raise UserError(f"{path}: has frames 1 to {count}, and no frame {first}")
    order = [(first - 1 + k) % count for k in range(count)]
    volumes = [cine[..., k] for k in order]
    drawn = []
    if mask is not None:
        drawn = [read_labels(Path(mask))]
        check_grid(drawn[0], Path(mask), volumes[0], f"the cine {path}")
    return Case(
        id=stem(path),
        images=zscored(volumes),
        grid=Grid.of(volumes[0]),
        masks=dict(enumerate(torch.from_numpy(sitk.GetArrayFromImage(it))[None, None] for it in drawn)),
        identity=identity_of(volumes[:1], drawn),
        times=_of_a_beat(times or list(range(count)), order, path),
    )


def _of_a_beat(times: Sequence[Number], order: Sequence[int], path: Path) -> tuple[float, ...]:
    """Times of frames in their order round the beat, as fractions of it."""
    t = np.array(times, dtype=float)
    if len(t) != len(order):
        raise UserError(f"{path}: has {len(order)} frames, but {len(t)} times were given")
    if not np.isfinite(t).all() or (np.diff(t) <= 0).any():
        raise UserError(f"{path}: each time must be later than the one before; sort the frames by time")
    beat = (t[-1] - t[0]) * len(t) / (len(t) - 1)
    since = (t[order] - t[order[0]]) % beat / beat
    return tuple(since.tolist())


class OwnCine(Dataset):
    """One cine file, or one folder of DICOM, as a data set of one case."""

    name = "own"

    @classmethod
    def lies_at(cls, root: Path) -> bool:
        return False  # a file alone does not say whether it is a cine

    def ids(self) -> list[str]:
        return [stem(self.root)]

    def read(self, id: str, grid: str | CommonGrid = "full", sequence: bool = True) -> Case:
        """The cine on its own grid, as `own_cine`."""
        return own_cine(self.root)

    def identity(self, id: str) -> frozenset[str]:
        return own_cine(self.root).identity
