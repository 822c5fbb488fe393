"""Where the voxels of a network's coarser grids lie among those of the finer ones: two conventions.

Along an axis a grid has n voxels and a coarser one m = n / f, f being a power of two. Neither convention applies a
low-pass filter: images are sampled linearly, as the thesis down-samples its scales (section 4.2.3).
"""

from collections.abc import Sequence

from torch.nn.functional import interpolate, pad

from regthesis import kernels
from regthesis.kernels.shapes import Float, Number, Tensor


class AlignedCorners:
    """The first and the last voxels of all grids lie on each other: coarse voxel i lies at i (n - 1) / (m - 1).

    That is `kernels.resize`. The features of a convolution with stride f, and those that a deconvolution takes, lie
    elsewhere: at f i.
    """

    def coarser(self, image: Float[Tensor, "b c *fine"], shape: Sequence[int]) -> Float[Tensor, "b c *coarse"]:
        """An image on a coarser grid, or on its own."""
        return kernels.resize(image, shape)

    def finer(self, v: Float[Tensor, "b d *coarse"], shape: Sequence[int]) -> Float[Tensor, "b d *fine"]:
        """A velocity, in voxels of its grid, on a finer grid and in voxels of that."""
        return kernels.resize(v, shape, field=True)

    def spacing(self, spacing: Sequence[Number], fine: Sequence[int], coarse: Sequence[int]) -> list[float]:
        """The spacing in mm of the grid of shape `coarse`, from that of the grid of shape `fine`; m is 2 or more."""
        return [h * (n - 1) / (m - 1) for h, n, m in zip(spacing, fine, coarse, strict=True)]


class AlignedFeatures:
    """Coarse voxel i lies at voxel f i, where strided convolutions and deconvolutions put the features of a network.

    The last coarse voxel lies at n - f; beyond it a velocity keeps its border value.
    """

    def coarser(self, image: Float[Tensor, "b c *fine"], shape: Sequence[int]) -> Float[Tensor, "b c *coarse"]:
        """An image on a coarser grid, or on its own."""
        strides = [n // m for n, m in zip(image.shape[2:], shape, strict=True)]
        return image[(..., *(slice(None, None, f) for f in strides))]

    def finer(self, v: Float[Tensor, "b d *coarse"], shape: Sequence[int]) -> Float[Tensor, "b d *fine"]:
        """A velocity, in voxels of its grid, on a finer grid and in voxels of that."""
        coarse = v.shape[2:]
        factors = [n // m for n, m in zip(shape, coarse, strict=True)]
        between = [f * (m - 1) + 1 for f, m in zip(factors, coarse, strict=True)]  # from the first voxel to the last
        v = interpolate(v, between, mode="bilinear" if len(coarse) == 2 else "trilinear", align_corners=True)
        beyond = [size for f in reversed(factors) for size in (0, f - 1)]
        return pad(v, beyond, "replicate") * v.new_tensor(factors).view(-1, *[1] * len(coarse))

    def spacing(self, spacing: Sequence[Number], fine: Sequence[int], coarse: Sequence[int]) -> list[float]:
        """The spacing in mm of the grid of shape `coarse`, from that of the grid of shape `fine`."""
        return [h * (n // m) for h, n, m in zip(spacing, fine, coarse, strict=True)]
