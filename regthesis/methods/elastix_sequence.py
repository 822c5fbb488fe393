"""A B-spline over space and time that fits a whole sequence at once (Metz et al. 2011), by itk-elastix."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import MissingPeer, UserError
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.base import Method, seconds_since
from regthesis.methods.elastix import reason
from regthesis.methods.peer import one_line

__all__ = ["METHODS", "ElastixSequence"]


STEP_ESTIMATION = {2: "Original", 3: "DisplacementDistribution"}  # by axes of space: the first takes minutes in 3-D


@dataclass(frozen=True)
class ElastixSequence(Method):
    """All frames are mapped to their common mean: the variance over time of the warped frames is smallest.

    The transform is one cubic B-spline over space and time, cyclic in time, with control points every `spacing` voxels
    and every `spacing_time` frames; its mean over time is kept at zero. So it maps the mean space to every frame. What
    is returned leads from each frame back to that space, and on to frame 0. `iterations` are those of each of
    `resolutions` levels.
    """

    name = "elastix4d"
    label = "4D-Elastix"
    peer = "itk-elastix"
    spacing: int = 8
    spacing_time: int = 2
    iterations: int = 100
    resolutions: int = 3
    samples: int = 2048  # of space, drawn anew in each iteration

    def register(self, case: Case) -> Deformation:
        """Raises MissingPeer without the package, and UserError where it fails or there are fewer than four frames."""
        if len(case.images) < 4:
            raise UserError(f"{case.id}: {self.label} needs 4 frames or more, given {len(case.images)}; take elastix8")
        start = time.perf_counter()
        try:
            from_mean = self._from_mean(case)
        except (UserError, MissingPeer):
            raise
        except Exception as error:  # each peer has its own kinds
            raise UserError(f"{case.id}: {self.label} failed: {one_line(error)}") from error
        to_mean = kernels.inverse(from_mean[1:])
        u = kernels.compose(from_mean[:1].expand_as(to_mean), to_mean).to(case.images.device)
        return replace(Deformation(u, case.grid), seconds=seconds_since(start, case.images.device))

    def _from_mean(self, case: Case) -> Float[Tensor, "t d *space"]:
        """The displacement in voxels from the mean space to every frame."""
        try:
            import itk
        except ModuleNotFoundError:
            raise MissingPeer(self.peer) from None
        if not hasattr(itk, "ParameterObject"):
            raise MissingPeer(self.peer)
        stack = itk.image_from_array(np.ascontiguousarray(case.images[:, 0].cpu().float().numpy()))
        stack.SetSpacing([*(float(h) for h in case.spacing[::-1]), 1.0])
        parameters = itk.ParameterObject.New()
        parameters.AddParameterMap({name: [*map(str, values)] for name, values in self._settings(case).items()})
        with TemporaryDirectory() as folder:
            log = dict(log_to_console=False, log_to_file=True, log_file_name="log", output_directory=folder)
            try:
                _, found = itk.elastix_registration_method(stack, stack, parameter_object=parameters, **log)
            except RuntimeError as error:
                raise RuntimeError(reason(Path(folder, "log")) or str(error)) from None
            field = itk.transformix_deformation_field(stack, found, output_directory=folder, log_to_console=False)
        mm = torch.from_numpy(itk.array_from_image(field).astype(np.float32))  # (t, *space, x y z and time)
        voxels = mm[..., : case.grid.rank].flip(-1) / torch.tensor(case.spacing)
        return voxels.movedim(-1, 1).contiguous()

    def _settings(self, case: Case) -> dict[str, list]:
        """The parameter map of elastix."""
        rank = case.grid.rank
        halvings = [2**k for k in reversed(range(self.resolutions))]
        return {
            "FixedInternalImagePixelType": ["float"],
            "MovingInternalImagePixelType": ["float"],
            "FixedImageDimension": [rank + 1],
            "MovingImageDimension": [rank + 1],
            "UseDirectionCosines": ["true"],
            "Registration": ["MultiResolutionRegistration"],
            "Metric": ["VarianceOverLastDimensionMetric"],
            "SampleLastDimensionRandomly": ["false"],
            "NumSamplesLastDimension": [len(case.images)],
            "SubtractMean": ["true"],
            "MovingImageDerivativeScales": [*[1] * rank, 0],
            "Transform": ["BSplineTransform"],
            "UseCyclicTransform": ["true"],
            "BSplineTransformSplineOrder": [3],
            "FinalGridSpacingInVoxels": [*[self.spacing] * rank, self.spacing_time],
            "GridSpacingSchedule": [factor for half in halvings for factor in [*[half] * rank, 1]],
            "HowToCombineTransforms": ["Compose"],
            "FixedImagePyramid": ["FixedSmoothingImagePyramid"],
            "MovingImagePyramid": ["MovingSmoothingImagePyramid"],
            "NumberOfResolutions": [self.resolutions],
            "ImagePyramidSchedule": [factor for half in halvings for factor in [*[half] * rank, 0]],
            "Optimizer": ["AdaptiveStochasticGradientDescent"],
            "MaximumNumberOfIterations": [self.iterations],
            "AutomaticParameterEstimation": ["true"],
            "ASGDParameterEstimationMethod": [STEP_ESTIMATION[rank]],
            "NumberOfSamplesForExactGradient": [self.samples],
            "ImageSampler": ["RandomCoordinate"],
            "NumberOfSpatialSamples": [self.samples],
            "NewSamplesEveryIteration": ["true"],
            "Interpolator": ["ReducedDimensionBSplineInterpolator"],
            "BSplineInterpolationOrder": [1],
            "ResampleInterpolator": ["FinalReducedDimensionBSplineInterpolator"],
            "FinalBSplineInterpolationOrder": [1],
            "Resampler": ["DefaultResampler"],
            "WriteResultImage": ["false"],
            "DefaultPixelValue": [0],
            "RandomSeed": [1],
        }


METHODS = [ElastixSequence()]
