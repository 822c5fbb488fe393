"""B-spline free-form deformation with mutual information (Rueckert 1999; Klein 2010), by itk-elastix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from regthesis.errors import MissingPeer
from regthesis.geometry import Grid
from regthesis.methods.peer import PeerMethod


@dataclass(frozen=True)
class Elastix(PeerMethod):
    """The stock B-spline parameter map of elastix; `spacing` of the finest control grid in voxels."""

    spacing: int = 8
    iterations: int = 256  # a level; stock
    resolutions: int = 4  # stock
    peer = "itk-elastix"

    @property
    def name(self) -> str:
        return f"elastix{self.spacing}"

    @property
    def label(self) -> str:
        return f"elastix e{self.spacing}"

    def displacement(self, moving, fixed, grid):
        try:
            import itk
        except ModuleNotFoundError:
            raise MissingPeer(self.peer) from None
        if not hasattr(itk, "ParameterObject"):
            raise MissingPeer(self.peer)
        parameters = itk.ParameterObject.New()
        stock = parameters.GetDefaultParameterMap("bspline", self.resolutions)
        del stock["FinalGridSpacingInPhysicalUnits"]
        stock["FinalGridSpacingInVoxels"] = [str(self.spacing)] * grid.rank
        stock["MaximumNumberOfIterations"] = [str(self.iterations)]
        stock["RandomSeed"] = ["1"]
        parameters.AddParameterMap(stock)
        images = [_to_itk(itk, image, grid) for image in (fixed, moving)]
        with TemporaryDirectory() as folder:  # transformix writes the field to disk whether asked or not
            log = dict(log_to_console=False, log_to_file=True, log_file_name="log", output_directory=folder)
            try:
                _, found = itk.elastix_registration_method(*images, parameter_object=parameters, **log)
            except RuntimeError as error:  # says no more than that there is a log
                raise RuntimeError(reason(Path(folder, "log")) or str(error)) from None
            field = itk.transformix_deformation_field(images[1], found, output_directory=folder, log_to_console=False)
        vectors = sitk.GetImageFromArray(itk.array_from_image(field).astype(np.float64), isVector=True)
        return grid.displacement_from_mm(vectors)


def _to_itk(itk, image, grid: Grid):
    converted = itk.image_from_array(np.ascontiguousarray(image[0, 0].float().numpy()))
    converted.SetSpacing([float(s) for s in grid.spacing[::-1]])
    converted.SetOrigin([float(o) for o in grid.origin])
    converted.SetDirection(itk.matrix_from_array(np.array(grid.direction).reshape(grid.rank, grid.rank)))
    return converted


def reason(log: Path) -> str:
    """The last error that elastix describes in its log."""
    described = re.findall(
        r"^Description: (.+)", log.read_text("utf-8", "replace") if log.is_file() else "", re.MULTILINE
    )
    return described[-1] if described else ""


METHODS = [Elastix(8), Elastix(16)]
