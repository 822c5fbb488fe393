"""Whose images these are: hashes of what files store, which no name, processor, scaling or crop changes.

A network must not be tested on a patient whom it has seen, and names say little: folders are renamed and hearts are
copied. An identity is a set of hashes, one a slice: of the intensities of an image, and of the labels of a manual
segmentation within their bounding box, however the slice is turned or mirrored. Two cases show the same patient where
they share a hash. Outlines drawn by hand do not repeat, so that a segmentation is known again after its image was
rescaled, cropped or moved by a rounding error. Nothing here is computed in floating point.

A phantom is known by the seed and the number that it was drawn from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import SimpleITK as sitk

__all__ = ["identity_of", "is_exact", "phantom_identity"]

SMALLEST = 64  # labelled pixels; fewer make outlines that two patients may share by chance
DIGITS = 12
DRAWN = "phantom "


def identity_of(images: Iterable[sitk.Image], masks: Iterable[sitk.Image] = ()) -> frozenset[str]:
    """The identity of a case from its files as they were read, 2-D or 3-D: a hash for each slice that tells anything.

    Slices of constant intensity and slices with few labels are left out.
    """
    shown = {f"image {_hash(s)}" for image in images for s in _slices(image) if s.min() != s.max()}
    drawn = {f"mask {_outline(s)}" for mask in masks for s in _slices(mask) if np.count_nonzero(s) >= SMALLEST}
    return frozenset(shown | drawn)


def phantom_identity(seed: int, name: str) -> frozenset[str]:
    """The identity of a phantom, whatever the size of its images and the version of the generator."""
    return frozenset({f"{DRAWN}{seed} {name}"})


def is_exact(identity: Iterable[str]) -> bool:
    """Whether a case that no list of identities has is certainly none of those listed, as holds for phantoms."""
    return any(mark.startswith(DRAWN) for mark in identity)


def _slices(image: sitk.Image) -> Iterator[np.ndarray]:
    array = sitk.GetArrayViewFromImage(image)
    yield from array.reshape(-1, *array.shape[-2:])


def _outline(labels: np.ndarray) -> str:
    """The hash of a slice of labels within their bounding box, the same for its eight turned and mirrored versions."""
    rows, columns = (np.flatnonzero(labels.any(axis)) for axis in (1, 0))
    box = labels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return min(_hash(np.rot90(side, turns)) for side in (box, box.T) for turns in range(4))


def _hash(slice_: np.ndarray) -> str:
    """Hash of shape and values; whole numbers count as such, whatever type they are stored in."""
    whole = np.array_equal(slice_, np.round(slice_)) and np.abs(slice_.astype(np.float64)).max() < 2**53
    little = np.ascontiguousarray(slice_).astype("<i8" if whole else "<f8")
    return hashlib.sha256(f"{little.shape} {little.dtype.kind}".encode() + little.tobytes()).hexdigest()[:DIGITS]
