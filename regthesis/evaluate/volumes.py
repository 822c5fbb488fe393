"""Volumes of structures and the ejection fraction."""

from collections.abc import Sequence

from regthesis.evaluate.structures import Structures, select
from regthesis.kernels.checks import check_positive
from regthesis.kernels.shapes import Float, Int, Tensor


def volumes(
    labels: Int[Tensor, "b 1 *space"], spacing: Sequence[float], structures: Structures
) -> dict[str, Float[Tensor, "b"]]:
    """Volume in ml of each of the structures, one for each entry of the batch (a frame, or a slice).

    `spacing` is always three numbers in mm (slice distance, y, x), so that slices `(b, 1, y, x)` have volumes too.

    Raises ValueError for a spacing that is not three positive numbers.
    """
    check_positive("spacing", spacing, 3)
    millilitres = spacing[0] * spacing[1] * spacing[2] / 1000
    return {name: select(labels, of).flatten(1).sum(1).double() * millilitres for name, of in structures.items()}


def ejection_fraction(diastolic: float, systolic: float) -> float:
    """Share of the end-diastolic volume that leaves the ventricle, in %; nan for a ventricle that was empty."""
    return 100 * (diastolic - systolic) / diastolic if diastolic > 0 else float("nan")
