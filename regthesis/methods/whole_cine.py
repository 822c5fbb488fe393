"""A cine on its own grid, whatever a method sees of it: slice by slice or as a stack, in a square round the heart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from tqdm import tqdm

from regthesis.case import Case
from regthesis.datasets.slices import slice_of
from regthesis.deformation import Deformation
from regthesis.geometry import Grid

__all__ = ["SEEN", "cut", "follow", "square"]

SEEN = 192.0  # mm, the side of the square that the shipped networks see


def follow(case: Case, stack: bool, register: Callable[[Case], Deformation]) -> Deformation:
    """The deformations of a stack, found in its `square`; outside of that nothing moves.

    `register` gets the whole stack with `stack`, else one slice after the other, which then move in their planes.
    """
    rows, columns = square(case)
    seen = cut(case, rows, columns)
    if stack:
        part = register(seen)
        inside, seconds = part.u, part.seconds
    else:
        parts = [register(slice_of(seen, k)) for k in tqdm(range(case.grid.shape[0]), "slices", disable=None)]
        in_plane = torch.stack([part.u for part in parts], 2)
        inside = torch.cat([torch.zeros_like(in_plane[:, :1]), in_plane], 1)
        seconds = sum(part.seconds for part in parts)
    u = inside.new_zeros(len(inside), 3, *case.grid.shape)
    u[..., rows, columns] = inside
    return Deformation(u, case.grid, seconds=seconds)


def square(case: Case) -> tuple[slice, slice]:
    """Rows and columns of `SEEN` mm round the labels of frame 0, or without any round the middle of the image."""
    labelled = case.masks[0][0, 0].amax(0) > 0 if case.masks else torch.zeros(case.grid.shape[1:], dtype=torch.bool)
    sides = []
    for axis, (size, step) in enumerate(zip(case.grid.shape[1:], case.spacing[1:], strict=True)):
        inside = labelled.any(1 - axis).nonzero().float()
        middle = float(inside.min() + inside.max()) / 2 if len(inside) else (size - 1) / 2
        wide = min(size, math.ceil(SEEN / step))
        start = min(max(round(middle - (wide - 1) / 2), 0), size - wide)
        sides.append(slice(start, start + wide))
    return sides[0], sides[1]


def cut(case: Case, rows: slice, columns: slice) -> Case:
    """A stack in some rows and columns; where it then lies in the world no method asks."""
    images = case.images[..., rows, columns]
    masks = {frame: mask[..., rows, columns] for frame, mask in case.masks.items()}
    return replace(case, images=images, masks=masks, grid=Grid(tuple(images.shape[2:]), case.spacing))
