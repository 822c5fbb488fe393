"""A periodic block of smooth noise, one for each subject, sampled at material points so that texture moves with tissue."""

import numpy as np
from scipy import fft
from scipy.ndimage import map_coordinates

SIDE = 64


def block(rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 64) float32 Gaussian noise with zero mean, unit variance: fine grain over coarse patches."""
    white = fft.rfftn(rng.standard_normal((SIDE, SIDE, SIDE), dtype=np.float32))
    k = np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE)
    k2 = k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2
    spectrum = np.exp(-2.0 * np.pi**2 * k2 * 1.0**2) + 3.0 * np.exp(-2.0 * np.pi**2 * k2 * 2.5**2)
    noise = fft.irfftn(white * spectrum.astype(np.float32), (SIDE,) * 3)
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def sample(noise: np.ndarray, points: np.ndarray, grain: tuple[float, float, float], shift=0.0) -> np.ndarray:
    """Noise at (3, n) points in mm; `grain` is the size of one voxel of the block in mm along each axis."""
    at = points / np.asarray(grain, points.dtype)[:, None] + points.dtype.type(shift)
    return map_coordinates(noise, at, order=1, mode="grid-wrap", prefilter=False)
