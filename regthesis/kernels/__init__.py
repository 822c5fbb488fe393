"""Registration kernels: pure functions on tensors `(batch, channel, *space)`, fields in voxels, torch only."""

from regthesis.kernels.bspline import bspline
from regthesis.kernels.energies import bending, diffusion
from regthesis.kernels.exp import exp
from regthesis.kernels.grid import identity_grid
from regthesis.kernels.intensity import ncc, sad, ssd, zscore
from regthesis.kernels.inverse import inverse
from regthesis.kernels.jacobian import gradient, jacobian, jacobian_matrix
from regthesis.kernels.lcc import lcc, local_cc, symmetric_lcc
from regthesis.kernels.log import log
from regthesis.kernels.mutual_information import mutual_information
from regthesis.kernels.regrid import regrid
from regthesis.kernels.smooth import smooth
from regthesis.kernels.warp import compose, resize, warp, warp_labels

__all__ = [
    "bending",
    "bspline",
    "compose",
    "diffusion",
    "exp",
    "gradient",
    "identity_grid",
    "inverse",
    "jacobian",
    "jacobian_matrix",
    "lcc",
    "local_cc",
    "log",
    "mutual_information",
    "ncc",
    "regrid",
    "resize",
    "sad",
    "smooth",
    "ssd",
    "symmetric_lcc",
    "warp",
    "warp_labels",
    "zscore",
]
