"""Overlap of two segmentations."""

from regthesis.evaluate.structures import select
from regthesis.kernels.shapes import Int, Tensor


def dice(fixed: Int[Tensor, "*shape"], moved: Int[Tensor, "*shape"], labels: tuple[int, ...]) -> float:
    """Dice coefficient 2|A∩B| / (|A| + |B|) of the structure that `labels` form together, in [0, 1].

    0 where one of the two is empty; nan where both are, since nothing was there to be matched.

    Source: Dice, Ecology 26 (1945).  Raises ValueError for different shapes.
    """
    if fixed.shape != moved.shape:
        raise ValueError(f"moved: expected shape {tuple(fixed.shape)} as fixed, got {tuple(moved.shape)}")
    a, b = select(fixed, labels), select(moved, labels)
    size = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / size if size else float("nan")
