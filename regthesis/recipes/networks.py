"""The networks of a cross-validation, each with the patients that it never saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from regthesis.methods.learned import weight_files
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import load_weights


def networks(weights: Path) -> Iterator[tuple[DeformationCVAE, dict]]:
    """The network of each fold in the folder `weights`, and its card.

    Raises:
        UserError: there is none, or one is broken.
    """
    for file in weight_files(Path(weights), "deformation"):
        yield load_weights(file, DeformationCVAE)
