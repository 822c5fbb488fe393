"""A small network and small pairs, 2-D, that a step takes milliseconds on."""

import pytest
import torch
from torch.utils.data import TensorDataset

from regthesis import kernels
from regthesis.models.deformation import DeformationCVAE

GRID, SPACING = (16, 24), (2.0, 1.5)


@pytest.fixture
def network():
    """Makes the same untrained network again and again."""

    def make(**arguments):
        torch.manual_seed(0)
        return DeformationCVAE(GRID, SPACING, **{"latent": 3, "scales": 2, **arguments})

    return make


@pytest.fixture
def pairs():
    """Makes `n` pairs of smooth images whose fixed one is the moving one shifted by a pixel."""

    def make(n=5, seed=0):
        noise = torch.randn(n, 1, *GRID, generator=torch.Generator().manual_seed(seed))
        moving = kernels.zscore(kernels.smooth(noise, 1.5))
        return TensorDataset(moving, moving.roll(1, -1))

    return make
