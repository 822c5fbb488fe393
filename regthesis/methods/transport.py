"""Carrying a deformation from one heart to another: along a path between the two (pole ladder), or by its code.

All displacements are in voxels and in the resampling direction: `warp(moving, u)` shows a patient's end diastole as
the same patient's end systole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from regthesis import kernels
from regthesis.case import CAVITY, RIGHT, Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.base import Pairwise
from regthesis.methods.velocity import on_case_grid, on_network_grid
from regthesis.models.deformation import DeformationCVAE

POSE = {RIGHT: "right ventricle", CAVITY: "left cavity"}  # the structures that tell how a heart lies


def ladder(
    u: Float[Tensor, "b d *space"], v: Float[Tensor, "b d *space"], share: float = 0.5
) -> Float[Tensor, "b d *space"]:
    """Pole ladder on stationary velocities: the displacement exp(-v/2) o exp(u) o exp(v/2) (Lorenzi & Pennec 2014).

    `u` is the velocity of the deformation to carry, `v` that of the way there: `warp(source, exp(v))` looks like the
    target. Half of `v` makes it the parallel transport of the symmetric connection on the group of diffeomorphisms;
    `share` 1 is the plain change of coordinates, which moves the deformation all the way to the target's anatomy.
    """
    there, back = kernels.exp(share * v), kernels.exp(-share * v)
    return kernels.compose(back, kernels.compose(kernels.exp(u), there))


def alignment(source: Case, target: Case) -> Float[Tensor, "1 3 *space"]:
    """Rigid displacement in voxels that lays one heart's moving mask over another's, both on one grid.

    The centres of the left cavities meet, and in the plane of the slices the line from the left to the right
    ventricle points the same way. The thesis rotated by hand.

    Raises:
        UserError: a mask lacks the left cavity or the right ventricle.
    """
    grid = target.grid
    (centre, angle), (goal, wanted) = _pose(source), _pose(target)
    turn = angle - wanted
    rotation = torch.eye(3)
    rotation[1:, 1:] = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    mm = torch.tensor(grid.spacing)
    x = kernels.identity_grid(grid.shape)
    reached = torch.einsum("ij,j...->i...", rotation * mm / mm[:, None], x - goal.view(-1, 1, 1, 1))
    return (reached + centre.view(-1, 1, 1, 1) - x)[None]


def check_posed(case: Case) -> None:
    """Raises UserError where a heart's moving mask does not tell how it lies."""
    for name, words in POSE.items():
        labels = case.structures.get(name, ())
        if not _where(case, name).any():
            which = f" (label {' or '.join(map(str, labels))})" if labels else ""
            raise UserError(f"{case.id}: no {words}{which} in the mask, by which hearts are aligned; segment it")


def _where(case: Case, name: str) -> Tensor:
    """True where the moving mask has a structure, `(z, y, x)`."""
    mask = case.moving_mask[0, 0]
    return torch.isin(mask, mask.new_tensor(case.structures.get(name, ())))


def _pose(case: Case) -> tuple[Tensor, float]:
    """Centre of the left cavity in voxels, and the direction of the right ventricle from it, in mm in the plane."""
    check_posed(case)
    left, right = (torch.nonzero(_where(case, name)).float().mean(0) for name in (CAVITY, RIGHT))
    dy, dx = ((right - left)[1:] * torch.tensor(case.spacing[1:])).tolist()
    return left, math.atan2(dx, dy)


def pulled_back(v: Float[Tensor, "1 3 *space"], affine: Float[Tensor, "1 3 *space"]) -> Float[Tensor, "1 3 *space"]:
    """A velocity seen through an affine displacement x + a(x) = A x + b: A^-1 v(A x + b)."""
    centre = (..., *[n // 2 for n in affine.shape[2:]])
    linear = kernels.jacobian_matrix(affine)[centre][0]
    return torch.einsum("ij,bj...->bi...", torch.linalg.inv(linear), kernels.warp(v, affine))


class Rungs(NamedTuple):
    """The steps of one transport over a pole ladder, all on the healthy heart's grid (Fig. 4.14)."""

    aligned: Float[Tensor, "1 1 *space"]  # the patient's end diastole
    motion: Float[Tensor, "1 d *space"]  # the patient's motion, a velocity
    between: Float[Tensor, "1 d *space"]  # the way from the patient to the healthy heart, a velocity
    carried: Deformation


def pole_ladder(patient: Case, own: Deformation, healthy: Case, method: Pairwise) -> Rungs:
    """A patient's `own` deformation carried to a healthy heart, along a registration of the two hearts by `method`.

    The patient is first aligned rigidly by the masks at end diastole. Both `own` and what `method` finds must have a
    velocity.

    Raises:
        UserError: a mask lacks the left cavity or the right ventricle.
    """
    affine = alignment(patient, healthy)
    aligned, motion = kernels.warp(patient.moving, affine), pulled_back(own.velocity, affine)
    between = method.pair(aligned, healthy.moving, healthy.grid).velocity
    return Rungs(aligned, motion, between, Deformation(ladder(motion, between), healthy.grid))


def by_code(network: DeformationCVAE, code: Float[Tensor, "1 z"], case: Case) -> Deformation:
    """The deformation that a code decodes to on a case's moving image (Fig. 4.2b).

    It takes no registration between hearts, no alignment and no mask.
    """
    moving, _ = on_network_grid(network, case)
    with torch.no_grad():
        v = on_case_grid(network, network.decode(code, moving[:1]), case)
        return Deformation.exp(v, case.grid, network.steps, code=code)
