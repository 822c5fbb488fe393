"""Periodic blocks of smooth noise, a subject's own, read at material points: texture moves with tissue."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

SHAPE = (128, 128, 64)  # powers of two: the period is a bit mask
STEP = (2.0, 2.0, 1.0)  # voxels of a block per grain
SMOOTH = (4.0, 4.0, 4.0)


@dataclass(frozen=True)
class Texture:
    """Gaussian noise (128, 128, 64), float32, mean 0, variance 1: grains over patches, patches alone."""

    fine: np.ndarray
    smooth: np.ndarray


def block(rng: np.random.Generator) -> Texture:
    """One subject's own texture."""
    white = fft.rfftn(rng.standard_normal(SHAPE, dtype=np.float32))
    x, y, z = (np.fft.fftfreq(n).astype(np.float32) for n in SHAPE)
    x, y, z = x[:, None, None], y[:, None], z[: SHAPE[2] // 2 + 1]

    def blur(sigma: tuple[float, float, float]):
        square = (sigma[0] * x) ** 2 + (sigma[1] * y) ** 2 + (sigma[2] * z) ** 2
        return np.exp(np.float32(-2.0 * np.pi**2) * square)

    def noise(spectrum):
        field = fft.irfftn(white * spectrum, SHAPE)
        return ((field - field.mean()) / field.std()).astype(np.float32)

    return Texture(noise(blur(STEP) + 3.0 * blur(tuple(2.5 * s for s in STEP))), noise(blur(SMOOTH)))


def sample(noise: np.ndarray, points: np.ndarray, voxel: tuple[float, float, float], shift: float = 0.0) -> np.ndarray:
    """One block at (3, n) points in mm, with voxels of this size in mm.

    Nearest neighbour: grains span several voxels, and an image's pixels and slices average over more.
    """
    index = 0
    for coordinate, size, n in zip(points, voxel, SHAPE, strict=True):
        at = np.floor(coordinate * (1.0 / size) + shift).astype(np.int32)
        index = index * n + (at & (n - 1))
    return noise.ravel().take(index)


def grains(texture: Texture, points: np.ndarray, size: tuple[float, float, float], shift: float = 0.0) -> np.ndarray:
    """Noise of about this grain size in mm along each axis."""
    return sample(texture.fine, points, tuple(s / n for s, n in zip(size, STEP, strict=True)), shift)


def patches(texture: Texture, points: np.ndarray, size: tuple[float, float, float], shift: float = 0.0) -> np.ndarray:
    """Noise without grain; patches of about this size in mm along each axis."""
    return sample(texture.smooth, points, tuple(s / n for s, n in zip(size, SMOOTH, strict=True)), shift)
