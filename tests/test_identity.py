"""Whose images these are: the same answer on any machine, whatever was done to names, intensities and frames."""

import hashlib
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from regthesis.identity import identity_of, is_exact, phantom_identity


def image(array: np.ndarray) -> sitk.Image:
    return sitk.GetImageFromArray(np.ascontiguousarray(array))


def outlines(seed: int = 0) -> np.ndarray:
    """Four slices of ragged labels, uint8."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((4, 40, 50), np.uint8)
    for z in range(4):
        labels[z, 8 : 20 + z, 10:30] = rng.integers(1, 4, (12 + z, 20))
    return labels


def test_the_same_voxels_in_another_type_or_byte_order_are_the_same():
    voxels = np.random.default_rng(0).integers(0, 200, (3, 8, 9))
    same = [identity_of([image(voxels.astype(t))]) for t in (np.uint8, np.int16, np.float32, np.float64)]
    assert len(set(same)) == 1 and len(same[0]) == 3


def test_a_hash_is_the_same_on_every_machine():
    """Shape, kind and eight little-endian bytes a value: identities are kept in files."""
    digest = hashlib.sha256(b"(2, 3) i" + struct.pack("<6q", *range(6))).hexdigest()
    assert identity_of([image(np.arange(6).reshape(1, 2, 3))]) == {f"image {digest[:12]}"}


def test_another_patient_shares_nothing():
    assert not identity_of([], [image(outlines(0))]) & identity_of([], [image(outlines(1))])


@pytest.mark.parametrize("change", [
    lambda a: a[:, ::-1], lambda a: a[:, :, ::-1], lambda a: a.transpose(0, 2, 1), lambda a: a[::-1],
    lambda a: a[1:3], lambda a: a[:, 4:, 6:44], lambda a: np.pad(a, ((0, 0), (5, 3), (2, 9))),
    lambda a: a.astype(np.float64), lambda a: a[2],
])  # fmt: skip
def test_outlines_are_known_again_after(change):
    whole = identity_of([], [image(outlines())])
    found = identity_of([], [image(change(outlines()))])
    assert found and found <= whole


def test_slices_that_anybody_may_have_tell_nothing():
    assert not identity_of([image(np.zeros((3, 8, 8)))], [image(np.pad(np.ones((1, 7, 9), np.uint8), 3))])


def test_an_image_moved_by_rounding_errors_is_known_by_its_outlines():
    voxels = np.random.default_rng(0).random((4, 40, 50)).astype(np.float32)
    moved = np.nextafter(voxels, np.float32(np.inf))
    before, after = (identity_of([image(v)], [image(outlines())]) for v in (voxels, moved))
    assert before & after and before != after


def test_phantoms_are_told_exactly():
    assert phantom_identity(0, "patient001") != phantom_identity(1, "patient001")
    assert is_exact(phantom_identity(0, "patient001")) and not is_exact(identity_of([], [image(outlines())]))
