"""What every registration method is: a name, its parameters, and `register(case) -> Deformation`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor


class Method(ABC):
    """Base of all methods; subclasses are frozen dataclasses whose fields are their parameters.

    A pairwise method implements `pair`; a method that sees a whole sequence overrides `register`.
    """

    name: ClassVar[str]  # what it is called in code and tables of data
    label: ClassVar[str]  # what it is called in print
    peer: ClassVar[str] = ""  # the package behind it, as pip names it

    def register(self, case: Case) -> Deformation:
        """The deformations that take the moving image to each fixed image of `case`, and the seconds spent.

        Raises:
            MissingPeer: the package behind the method is not installed.
        """
        start = time.perf_counter()
        found = [self.pair(case.moving, fixed[None], case.grid) for fixed in case.fixed]
        return Deformation(
            u=torch.cat([d.u for d in found]),
            grid=case.grid,
            velocity=None if found[0].velocity is None else torch.cat([d.velocity for d in found]),
            seconds=seconds_since(start, case.images.device),
        )

    def check(self, case: Case) -> None:  # noqa: B027 (most methods take any case)
        """Raises Refused where the method will not register a case, so that a study can know before it begins."""

    def about(self, case: Case) -> dict:
        """What, beside the parameters, decides how `case` is registered, for its record: the weights of a network."""
        return {}

    @abstractmethod
    def pair(self, moving: Float[Tensor, "1 1 *space"], fixed: Float[Tensor, "1 1 *space"], grid: Grid) -> Deformation:
        """Register one pair."""


def seconds_since(start: float, device: torch.device) -> float:
    """Seconds since `start` of `time.perf_counter`, once the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
