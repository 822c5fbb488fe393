"""B-spline free-form deformation with mutual information (Rueckert 1999; Klein 2010), by itk-elastix."""

from __future__ import annotations

from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from regthesis.deformation import Deformation
from regthesis.geometry import Grid
from regthesis.methods.base import Method, MissingPeer


@dataclass(frozen=True)
class Elastix(Method):
    """The stock B-spline parameter map of elastix; `spacing` of the finest control grid in voxels."""

    spacing: int = 8
    iterations: int = 256  # a level; stock
    resolutions: int = 4  # stock

    @property
    def name(self) -> str:
        return f"elastix{self.spacing}"

    @property
    def label(self) -> str:
        return f"elastix e{self.spacing}"

    def pair(self, moving, fixed, grid):
        try:
            import itk
        except ModuleNotFoundError:
            raise MissingPeer("itk-elastix") from None
        if not hasattr(itk, "ParameterObject"):
            raise MissingPeer("itk-elastix")
        parameters = itk.ParameterObject.New()
        stock = parameters.GetDefaultParameterMap("bspline", self.resolutions)
        del stock["FinalGridSpacingInPhysicalUnits"]
        stock["FinalGridSpacingInVoxels"] = [str(self.spacing)] * grid.rank
        stock["MaximumNumberOfIterations"] = [str(self.iterations)]
        stock["RandomSeed"] = ["1"]
        parameters.AddParameterMap(stock)
        images = [_to_itk(itk, image, grid) for image in (fixed, moving)]
        _, found = itk.elastix_registration_method(*images, parameter_object=parameters, log_to_console=False)
        with TemporaryDirectory() as folder:  # transformix writes the field to disk whether asked or not
            field = itk.transformix_deformation_field(images[1], found, output_directory=folder, log_to_console=False)
        vectors = sitk.GetImageFromArray(itk.array_from_image(field).astype(np.float64), isVector=True)
        return Deformation(grid.displacement_from_mm(vectors)[None], grid)


def _to_itk(itk, image, grid: Grid):
    converted = itk.image_from_array(np.ascontiguousarray(image[0, 0].cpu().float().numpy()))
    converted.SetSpacing([float(s) for s in grid.spacing[::-1]])
    converted.SetOrigin([float(o) for o in grid.origin])
    converted.SetDirection(itk.matrix_from_array(np.array(grid.direction).reshape(grid.rank, grid.rank)))
    return converted


METHODS = [Elastix(8), Elastix(16)]
