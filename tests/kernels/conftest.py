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


@pytest.fixture(scope="session")
def nearly_flat():
    """Two float32 images: blocks of texture, of a constant, and of texture with contrasts of 3e-3, 1e-3 and 1e-5.

    The last has too little to count as texture, the two before have enough.
    """

    def make(rank):
        shape = (30, 50) if rank == 2 else (5, 6, 50)
        a, b = np.random.default_rng(rank).uniform(-1, 1, (2, *shape))
        lower = (..., slice(shape[-2] // 2, None), slice(None))
        b[lower] = 1 + 1e-3 * (b[lower] + a[lower])
        for i, (level, contrast) in enumerate([(0.2, 0.3), (2.0, 0.0), (-1.5, 3e-3), (1.0, 1e-3), (-2.0, 1e-5)]):
            block = (..., slice(10 * i, 10 * i + 10))
            a[block] = level + contrast * a[block]
        return [torch.from_numpy(x).float()[None, None] for x in (a, b)]

    return make


@pytest.fixture(scope="session")
def alike():
    """Values to 2e-4, and gradients to 2e-3 of the largest: what float32 keeps of a contrast of 1e-3."""

    def check(found, expected):
        value, *gradients = zip(found, expected, strict=True)
        assert (value[0].double() - value[1]).abs().max() <= 2e-4
        for ours, theirs in gradients:
            assert (ours.double() - theirs).abs().max() <= 2e-3 * theirs.abs().max()

    return check
