"""The five cardiac structures on which the thesis scores a registration (section 4.3, Figure 4.5)."""

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
    return torch.isin(mask, torch.tensor(labels, dtype=mask.dtype, device=mask.device))
