"""Random smooth fields and images that the tests of the kernels share."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

GRIDS = [(11, 14), (9, 10, 13)]


@pytest.fixture(scope="session", params=GRIDS, ids=["2d", "3d"])
def grid(request):
    return request.param


@pytest.fixture(scope="session")
def image():
    """Random smooth image with values in [0, 1]."""

    def make(shape, seed=0, channels=1, batch=1, dtype=torch.float64, roughness=1.0):
        noise = np.random.default_rng(seed).normal(size=(batch, channels, *shape))
        smooth = gaussian_filter(noise, [0, 0] + [roughness] * len(shape))
        smooth = (smooth - smooth.min()) / (np.ptp(smooth) or 1.0)
        return torch.from_numpy(smooth).to(dtype)

    return make


@pytest.fixture(scope="session")
def field(image):
    """Random smooth field whose longest component is `size` voxels; with `still` it vanishes at the border."""

    def make(shape, size=1.0, seed=0, batch=1, dtype=torch.float64, roughness=2.0, still=False):
        u = image(shape, seed, len(shape), batch, torch.float64, roughness) - 0.5
        if still:
            for axis, n in enumerate(shape, 2):
                window = torch.sin(torch.linspace(0, torch.pi, n, dtype=u.dtype)).clamp(min=0)
                u = u * window.view(-1, *[1] * (len(shape) + 1 - axis))
        return (u * size / u.abs().max()).to(dtype)

    return make
