"""The scanner: slices, breath-holds, coil, truncated k-space and noise."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

SUBSLICES = 3
OVERSAMPLING = 1.25


@dataclass(frozen=True)
class Scan:
    """One short-axis stack. Sizes and spacings in (x, y, z) order, mm."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    thickness: float  # of the excited slice; the rest of the spacing is gap
    shifts: np.ndarray  # (slices, 2), in-plane position of each breath-hold
    coil: np.ndarray  # (6,), log-sensitivity over the field of view
    noise: float  # standard deviation of each channel, in signal units

    def dense(self) -> tuple[int, int]:
        """In-plane samples (x, y) before truncation of k-space."""
        return tuple(round(n * OVERSAMPLING) for n in self.size[:2])

    def points(self, z: int, size: tuple[int, int], offsets) -> np.ndarray:
        """Tissue seen by slice z, pixel centres after its breath-hold shift: (3, len(offsets), y, x), mm."""
        field = [n * h for n, h in zip(self.size, self.spacing, strict=True)]
        x = ((np.arange(size[0]) + 0.5) * field[0] / size[0] - 0.5 * self.spacing[0]) + self.shifts[z, 0]
        y = ((np.arange(size[1]) + 0.5) * field[1] / size[1] - 0.5 * self.spacing[1]) + self.shifts[z, 1]
        depth = z * self.spacing[2] + np.asarray(offsets)
        zz, yy, xx = np.meshgrid(depth, y, x, indexing="ij")
        return np.stack([xx, yy, zz]).astype(np.float32)

    def offsets(self) -> np.ndarray:
        """Depths across one slice, mm from its centre."""
        return ((np.arange(SUBSLICES) + 0.5) / SUBSLICES - 0.5) * self.thickness


def sensitivity(scan: Scan) -> np.ndarray:
    """Smooth coil profile (z, y, x), about one at the centre."""
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in scan.size[::-1])
    z, y, x = z[:, None, None], y[:, None], x
    c = scan.coil.astype(np.float32)
    return np.exp(c[0] * x + c[1] * y + c[2] * z + c[3] * x * x + c[4] * y * y + c[5] * x * y)


def reconstruct(dense: np.ndarray, scan: Scan) -> np.ndarray:
    """Dense slices (..., Y, X) to the scan's matrix: the low frequencies, softly filtered at the rim.

    The cosine basis stands for the Fourier basis: same truncation and ringing, no wrap-around at the border.
    """
    nx, ny = scan.size[:2]
    spectrum = fft.dctn(dense, axes=(-2, -1), norm="forward")[..., :ny, :nx]
    rim = [np.clip((1.0 - np.arange(n, dtype=np.float32) / n) / 0.35, 0.0, 1.0) for n in (ny, nx)]
    window = [0.25 + 0.75 * np.sin(0.5 * np.pi * r) ** 2 for r in rim]
    spectrum = spectrum * (window[0][:, None] * window[1]).astype(np.float32)
    return fft.idctn(spectrum, axes=(-2, -1), norm="forward")


def detect(image: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Magnitude of the complex signal (Rician noise), as int16."""
    real = image + noise * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.rint(np.hypot(real, imaginary)).clip(0, 32767).astype(np.int16)
