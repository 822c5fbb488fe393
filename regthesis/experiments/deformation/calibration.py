"""How sure chapter 4's network is of the voxels of hearts, against the error that is found there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
import torch

from regthesis.case import Case
from regthesis.evaluate.uncertainty import Voxels, against_truth
from regthesis.kernels.shapes import Float, Tensor
from regthesis.models.deformation import DeformationCVAE

__all__ = ["compared", "in_hearts"]

DRAWS = 10  # of the posterior; the spread of a code is small beside the error, and many draws tell it no better


def in_hearts(network: DeformationCVAE, cases: Iterable[Case], generator: torch.Generator) -> Voxels:
    """The voxels inside the fixed masks of all cases, by `DRAWS` draws; their true motion must be known."""
    found = [(against_truth(network, case, DRAWS, generator), case.fixed_mask > 0) for case in cases]
    parts = zip(*([part[inside] for part in voxels] for voxels, inside in found), strict=True)
    return Voxels(*map(torch.cat, parts))


def compared(predicted: Mapping[str, Float[Tensor, " n"]], error: Float[Tensor, " n"]) -> pd.DataFrame:
    """Predictions of an error against it, a row each: the root mean squares of both in mm, and their rank correlation.

    The first two say whether a prediction is calibrated on average, the last one whether it knows where the error is.
    """
    root = lambda part: part.double().square().mean().sqrt().item()  # noqa: E731
    rows = {
        name: (root(sd), root(error), pd.Series(sd.numpy()).corr(pd.Series(error.numpy()), method="spearman"))
        for name, sd in predicted.items()
    }
    return pd.DataFrame.from_dict(rows, "index", columns=["predicted (mm)", "found (mm)", "rank correlation"])
