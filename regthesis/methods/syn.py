"""SyN, symmetric normalisation with local cross-correlation (Avants et al. 2008), by antspyx."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from regthesis.errors import MissingPeer
from regthesis.geometry import Grid
from regthesis.images import read_displacement
from regthesis.methods.peer import PeerMethod


@dataclass(frozen=True)
class SyN(PeerMethod):
    """Greedy symmetric diffeomorphic registration.

    `radius` of the correlation window in mm, turned into voxels of the finest axis; `iterations` a level,
    coarse to fine; `step` is the gradient step in voxels, `fluid` and `elastic` the variances (voxels^2) that
    smooth the update and the total field.
    """

    name = "syn"
    label = "SyN"
    peer = "antspyx"
    radius: float = 6.0  # 4 voxels of the thesis's frame
    iterations: tuple[int, ...] = (40, 20, 10)
    step: float = 0.2
    fluid: float = 3.0
    elastic: float = 0.0

    def displacement(self, moving, fixed, grid):
        try:
            import ants
        except ModuleNotFoundError:
            raise MissingPeer(self.peer) from None
        with TemporaryDirectory() as folder:
            found = ants.registration(
                fixed=_to_ants(ants, fixed, grid),
                moving=_to_ants(ants, moving, grid),
                type_of_transform="SyNOnly",
                initial_transform="Identity",
                syn_metric="CC",
                syn_sampling=max(1, round(self.radius / min(grid.spacing))),
                reg_iterations=self.iterations,
                grad_step=self.step,
                flow_sigma=self.fluid,
                total_sigma=self.elastic,
                outprefix=f"{folder}/syn_",
                random_seed=1,
            )
            warp = next(path for path in found["fwdtransforms"] if path.endswith("Warp.nii.gz"))
            return grid.displacement_from_mm(read_displacement(Path(warp)))


def _to_ants(ants, image, grid: Grid):
    return ants.from_numpy(
        image[0, 0].double().numpy().T,  # ANTs indexes x first
        origin=list(grid.origin),
        spacing=[float(s) for s in grid.spacing[::-1]],
        direction=np.array(grid.direction).reshape(grid.rank, grid.rank),
    )


METHODS = [SyN()]
