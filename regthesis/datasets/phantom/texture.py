"""A periodic block of smooth noise, one for each subject, read at material points so that texture moves with tissue."""

import numpy as np
from scipy import fft

SHAPE = (128, 128, 64)  # powers of two: the period is a bit mask


def block(rng: np.random.Generator) -> np.ndarray:
    """(128, 128, 64) float32 Gaussian noise with zero mean, unit variance: fine grain over coarse patches."""
    white = fft.rfftn(rng.standard_normal(SHAPE, dtype=np.float32))
    x, y, z = (np.fft.fftfreq(n).astype(np.float32) for n in SHAPE)
    z = z[: SHAPE[2] // 2 + 1]
    k2 = (2.0 * x[:, None, None]) ** 2 + (2.0 * y[:, None]) ** 2 + z**2  # twice finer in-plane
    spectrum = np.exp(-2.0 * np.pi**2 * k2 * 1.0**2) + 3.0 * np.exp(-2.0 * np.pi**2 * k2 * 2.5**2)
    noise = fft.irfftn(white * spectrum.astype(np.float32), SHAPE)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def sample(noise: np.ndarray, points: np.ndarray, grain: tuple[float, float, float], shift: float = 0.0) -> np.ndarray:
    """Noise at (3, n) points in mm; `grain` is about the size of a patch along each axis, mm.

    Nearest neighbour: the patches span several voxels of the block, and slices and pixels average over it.
    """
    index = 0
    for coordinate, size, n, step in zip(points, grain, SHAPE, (2.0, 2.0, 1.0)):
        voxel = np.floor(coordinate * (step / size) + shift).astype(np.int32)
        index = index * n + (voxel & (n - 1))
    return noise.ravel().take(index)
