"""What every registration method is: a name, its parameters, and `register(case) -> Deformation`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.geometry import Grid
from regthesis.kernels.shapes import Float, Tensor


class Method(ABC):
    """Base of all methods; subclasses are frozen dataclasses whose fields are their parameters.

    A method that sees a whole sequence, or more of a case than its images, implements `register`; one that sees a pair
    of images at a time is `Pairwise`.
    """

    name: ClassVar[str]  # what it is called in code and tables of data
    label: ClassVar[str]  # what it is called in print
    peer: ClassVar[str] = ""  # the package behind it, as pip names it

    @abstractmethod
    def register(self, case: Case) -> Deformation:
        """The deformations that take the moving image to each fixed image of `case`, and the seconds spent.

        Computed on the device of the images (see `Case.to`), or on the CPU where a package cannot do otherwise; the
        result is on that device.

        Raises:
            MissingPeer: the package behind the method is not installed.
            UserError: the method cannot register this case.
        """

    def check(self, case: Case) -> None:  # noqa: B027 (most methods take any case)
        """Raises Refused where the method will not register a case, so that a study can know before it begins."""

    def about(self, case: Case) -> dict:
        """What, beside the parameters, decides how `case` is registered, for its record: the weights of a network."""
        return {}


class Pairwise(Method):
    """A method that registers one fixed image at a time, and needs nothing but the images."""

    @abstractmethod
    def pair(self, moving: Float[Tensor, "1 1 *space"], fixed: Float[Tensor, "1 1 *space"], grid: Grid) -> Deformation:
        """Register one pair."""

    def register(self, case: Case) -> Deformation:
        start = time.perf_counter()
        found = Deformation.stack([self.pair(case.moving, fixed[None], case.grid) for fixed in case.fixed])
        return replace(found, seconds=seconds_since(start, case.images.device))


def seconds_since(start: float, device: torch.device) -> float:
    """Seconds since `start` of `time.perf_counter`, once the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
