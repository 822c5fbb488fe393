"""The networks of a cross-validation, each with the patients that it never saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from regthesis.errors import UserError
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import load_weights


def networks(weights: Path) -> Iterator[tuple[DeformationCVAE, dict]]:
    """The network of each fold in the folder `weights`, and its card.

    Raises:
        UserError: there is none, or one is broken.
    """
    files = sorted(Path(weights).rglob("weights.safetensors"))
    if not files:
        raise UserError(f"{weights}: no weights; train some with `regthesis train deformation`")
    for file in files:
        yield load_weights(file, DeformationCVAE)
