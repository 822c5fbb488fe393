"""How alike two images are once their intensities are on one scale."""

from regthesis.kernels.checks import check_pair
from regthesis.kernels.shapes import Float, Tensor


def rmse(fixed: Float[Tensor, "b c *space"], moved: Float[Tensor, "b c *space"]) -> float:
    """Root mean square difference of intensities over all voxels of an image, averaged over the batch.

    The thesis's column (Tables 4.1 and 5.2) is that of z-scored images: scale both before warping, so that a warp
    that blurs is not rewarded with more contrast.

    Raises ValueError for different shapes or integer images.
    """
    check_pair("moved", moved, "fixed", fixed)
    return float((fixed.double() - moved.double()).square().flatten(1).mean(1).sqrt().mean())
