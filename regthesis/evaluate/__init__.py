"""Metrics, statistics and tables: what every chapter measures with."""

from regthesis.evaluate.error import endpoint_error
from regthesis.evaluate.overlap import dice
from regthesis.evaluate.records import evaluate
from regthesis.evaluate.regularity import (
    JacobianStatistics,
    grad_det_jac,
    jacobian_statistics,
    spatial_gradient,
    temporal_gradient,
)
from regthesis.evaluate.similarity import rmse
from regthesis.evaluate.statistics import Interval, PairedTest, mean_interval, share_interval, wilcoxon
from regthesis.evaluate.study import deformations, scores, study
from regthesis.evaluate.surface import hausdorff, surface_distances
from regthesis.evaluate.table import case_means, compare, printed_style, summary, table
from regthesis.evaluate.volumes import ejection_fraction, volumes

__all__ = [
    "Interval",
    "JacobianStatistics",
    "PairedTest",
    "case_means",
    "compare",
    "deformations",
    "dice",
    "ejection_fraction",
    "endpoint_error",
    "evaluate",
    "grad_det_jac",
    "hausdorff",
    "jacobian_statistics",
    "mean_interval",
    "printed_style",
    "rmse",
    "scores",
    "share_interval",
    "spatial_gradient",
    "study",
    "summary",
    "surface_distances",
    "table",
    "temporal_gradient",
    "volumes",
    "wilcoxon",
]
