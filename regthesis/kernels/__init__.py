"""Registration kernels: pure functions on tensors `(batch, channel, *space)`, fields in voxels, torch only."""

from regthesis.kernels.exp import exp, inverse
from regthesis.kernels.grid import identity_grid
from regthesis.kernels.intensity import ncc, sad, ssd
from regthesis.kernels.jacobian import gradient, jacobian
from regthesis.kernels.lcc import lcc, local_cc, symmetric_lcc
from regthesis.kernels.smooth import smooth
from regthesis.kernels.warp import compose, resize, warp, warp_labels

__all__ = [
    "compose",
    "exp",
    "gradient",
    "identity_grid",
    "inverse",
    "jacobian",
    "lcc",
    "local_cc",
    "ncc",
    "resize",
    "sad",
    "smooth",
    "ssd",
    "symmetric_lcc",
    "warp",
    "warp_labels",
]
