"""The five cardiac structures on which the thesis scores a registration (section 4.3, Figure 4.5)."""

from functools import reduce

import torch

from regthesis.kernels.shapes import Tensor

STRUCTURES: dict[str, tuple[int, ...]] = {
    "LV-Myo": (2,),
    "LV": (2, 3),
    "LV-BP": (3,),
    "RV": (1,),
    "LV+RV": (1, 2, 3),
}
"""Structure name -> the ACDC labels it joins: 1 right ventricle, 2 left myocardium, 3 left cavity."""


def select(mask: Tensor, labels: tuple[int, ...]) -> Tensor:
    """True where an integer mask, of any shape, holds one of `labels`."""
    return reduce(torch.logical_or, (mask == label for label in labels))
