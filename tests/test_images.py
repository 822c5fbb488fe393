"""Files of images: read whole and right, or refused with the true reason in one line; by content, not by name."""

import gzip
import os
import shutil
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from regthesis import images
from regthesis.errors import UserError
from regthesis.images import read_displacement, read_image, read_labels, write_image

AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])
ARRAY = np.random.default_rng(0).normal(size=(6, 24, 24)).astype(np.float32)


def write(path, array=ARRAY, vector=False, compress=False):
    """The file of the voxels, whatever the format; for NIfTI by nibabel, which writes NaN and every type."""
    if path.name.lower().endswith((".nii", ".nii.gz", ".img")):
        kind = nib.Nifti1Pair if path.suffix == ".img" else nib.Nifti1Image
        plain = path.with_name(path.name.lower())
        nib.save(kind(array.T, AFFINE), plain)
        os.replace(plain, path)
        return path
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path), compress)
    return next((file for file in path.parent.glob(f"{path.stem}.*raw*")), path)


def refused(path, reader=read_image, **options) -> str:
    with pytest.raises(UserError) as caught:
        reader(path, **options)
    line = str(caught.value)
    assert line.startswith(str(path)) and "\n" not in line
    return line


FORMATS = ("a.nii", "a.nii.gz", "a.NII.GZ", "a.img", "a.mha", "a.mhd", "a.nrrd", "a.nhdr")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_voxel_that_is_no_number_is_refused_in_every_format(tmp_path, name, value):
    array = ARRAY.copy()
    array[3, 10, 9] = value
    write(tmp_path / name, array)
    assert "NaN or infinite" in refused(tmp_path / name)


def test_an_image_without_voxels_is_refused(tmp_path):
    write(tmp_path / "a.mha")
    whole = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(whole.replace(b"DimSize = 24 24 6", b"DimSize = 0 0 0"))
    assert "no voxels" in refused(tmp_path / "a.mha")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.95])
def test_a_cut_file_is_refused_in_every_format(tmp_path, name, compress, part):
    data = write(tmp_path / name, compress=compress)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_image(tmp_path / name)), ARRAY)
    whole = data.read_bytes()
    data.write_bytes(whole[: int(len(whole) * part)])
    assert "cannot be read" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.dcm"])
def test_cut_pictures_and_dicom_are_refused(tmp_path, name):
    write(tmp_path / name, (ARRAY[:1] if name == "a.dcm" else ARRAY[0] * 30 + 100).astype(np.uint8))
    rank = 3 if name == "a.dcm" else 2
    assert read_image(tmp_path / name, rank).GetSize()[:2] == (24, 24)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 6 // 10])
    assert "cannot be read" in refused(tmp_path / name, rank=rank)


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp", "a.vtk", "a.gipl"])
def test_formats_that_itk_reads_though_they_are_cut_are_refused(tmp_path, name):
    write(tmp_path / name, (ARRAY if name in ("a.vtk", "a.gipl") else ARRAY[0]).astype(np.uint8))
    assert "is not among NIfTI, MetaImage, NRRD, DICOM, PNG, TIFF" in refused(tmp_path / name)


def test_more_than_one_value_a_voxel_is_refused(tmp_path):
    rgb = np.zeros((6, 5, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, AFFINE), tmp_path / "rgb.nii.gz")
    write(tmp_path / "vectors.mha", np.zeros((4, 5, 6, 3), np.float32), vector=True)
    write(tmp_path / "colour.png", np.zeros((5, 6, 3), np.uint8), vector=True)
    for name in ("rgb.nii.gz", "vectors.mha", "colour.png"):
        assert "one value per voxel, found 3" in refused(tmp_path / name, rank=None)
    write(tmp_path / "complex.nii", np.ones((4, 5, 6), np.complex64))
    assert "found complex ones" in refused(tmp_path / "complex.nii")


@pytest.mark.parametrize("value", [-3.4e38, 1e30, -np.finfo(np.float64).max])
def test_padding_by_extreme_values_is_refused(tmp_path, value):
    array = ARRAY.astype(np.float64)
    array[:, :3] = value
    write(tmp_path / "a.mha", array)
    assert "what marks padding" in refused(tmp_path / "a.mha")


@pytest.mark.parametrize("offset, value", [(116, np.nan), (108, 351.0), (84, 0.0), (268, np.nan), (280, np.inf)])
def test_a_broken_header_is_one_line(tmp_path, offset, value):
    """Intercept, place of the voxels in the file, spacing, origin, direction."""
    write(tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<f", raw, 112, 1.0)
    struct.pack_into("<f", raw, offset, value)
    struct.pack_into("<h", raw, 252, 1)
    (tmp_path / "a.nii").write_bytes(raw)
    refused(tmp_path / "a.nii")


def test_a_name_that_lies_about_compression_is_said_to(tmp_path):
    write(tmp_path / "a.nii")
    (tmp_path / "plain.nii.gz").write_bytes((tmp_path / "a.nii").read_bytes())
    (tmp_path / "zip.nii").write_bytes(gzip.compress((tmp_path / "a.nii").read_bytes()))
    assert "take .gz off its name" in refused(tmp_path / "plain.nii.gz")
    assert "add .gz to its name" in refused(tmp_path / "zip.nii")


def test_names_that_are_no_utf8_are_refused_and_can_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"M\xfcller.nii.gz")
    for call in (lambda: read_image(path), lambda: write_image(sitk.GetImageFromArray(ARRAY), path)):
        with pytest.raises(UserError, match="no UTF-8") as caught:
            call()
        str(caught.value).encode()
    assert not list(tmp_path.iterdir())


def test_missing_files_and_folders(tmp_path):
    assert "no such file" in refused(tmp_path / "a.nii")
    assert "a folder without DICOM" in refused(tmp_path)
    assert "cannot be read" in refused(tmp_path / ("n" * 1000))


@pytest.mark.parametrize("value", [-5, 540, 2**31 + 7, 2**53 - 1])
@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_labels_keep_their_value(tmp_path, value, kind):
    array = np.zeros((3, 4, 5), kind)
    array[1, 2, 3] = value
    write(tmp_path / "a.nrrd", array)
    labels = sitk.GetArrayFromImage(read_labels(tmp_path / "a.nrrd"))
    assert labels.dtype == np.int64 and labels[1, 2, 3] == value and np.count_nonzero(labels) == 1


def test_labels_that_are_nearly_whole_are_rounded_and_others_refused(tmp_path):
    array = np.full((3, 4, 5), 2.9999999, np.float32)
    write(tmp_path / "a.nii.gz", array)
    assert (sitk.GetArrayFromImage(read_labels(tmp_path / "a.nii.gz")) == 3).all()
    write(tmp_path / "a.nii.gz", array - 0.4)
    assert "whole numbers, found 2.6" in refused(tmp_path / "a.nii.gz", read_labels)
    for kind, value in ((np.uint64, 2**63 + 5), (np.int64, -(2**53)), (np.float32, 1e20)):
        write(tmp_path / "a.nrrd", np.full((3, 4, 5), value, kind))
        assert "too large" in refused(tmp_path / "a.nrrd", read_labels)


def series(folder, places=(0.0, 4.0, 8.0, 12.0), uid="1.2.3", name="axial", turn=0.0):
    """One DICOM file a slice, tilted by 30 degrees; slice k holds the value k, files are named against their order."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k, place in enumerate(places):
        angle = np.pi / 6 + turn * k
        rows, columns = (1.0, 0.0, 0.0), (0.0, np.cos(angle), np.sin(angle))
        origin = np.array([5.0, 6.0, 7.0]) + place * np.cross(rows, columns)
        image = sitk.GetImageFromArray(np.full((1, 5, 6), k, np.int16))
        image.SetSpacing((1.5, 2.0, 3.0))
        for key, value in {
            "0008|0060": "MR",
            "0008|103e": name,
            "0020|000e": uid,
            "0008|0018": f"{uid}.{k}",
            "0020|0032": "\\".join(f"{x:.6f}" for x in origin),
            "0020|0037": "\\".join(f"{x:.9f}" for x in (*rows, *columns)),
        }.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{uid}-{90 - k}.dcm"))
        writer.Execute(image)
    return folder


def test_a_folder_of_one_dicom_series_is_an_image(tmp_path):
    image = read_image(series(tmp_path / "mr", places=(0.0, 4.01, 7.99, 12.0)))
    array = sitk.GetArrayFromImage(image)
    assert array.shape == (4, 5, 6) and array[:, 2, 2].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(image.GetSpacing(), (1.5, 2.0, 4.0))
    for k, place in enumerate((0.0, 4.0, 8.0, 12.0)):
        normal = np.array([0.0, -np.sin(np.pi / 6), np.cos(np.pi / 6)])
        found = image.TransformIndexToPhysicalPoint((0, 0, k))
        np.testing.assert_allclose(found, np.array([5.0, 6.0, 7.0]) + place * normal, atol=1e-3)
    assert read_image(series(tmp_path / "one", places=(0.0,))).GetSize() == (6, 5, 1)


def test_dicom_that_is_no_single_even_stack_is_refused(tmp_path):
    two = series(series(tmp_path / "two"), uid="4.5.6", name="coronal", places=(0.0, 4.0))
    assert "2 DICOM series: axial (4 files), coronal (2 files)" in refused(two)
    for name, bad in {
        "missing": {"places": (0.0, 4.0, 12.0, 16.0)},
        "instants": {"places": (0.0, 0.0, 0.0)},
        "twice": {"places": (0.0, 0.0, 4.0, 4.0)},
        "turned": {"turn": 0.1},
    }.items():
        assert "form no even stack" in refused(series(tmp_path / name, **bad))
    cut = series(tmp_path / "cut") / "1.2.3-89.dcm"
    cut.write_bytes(cut.read_bytes()[:-30])
    assert "truncated" in refused(tmp_path / "cut")
    cut.write_bytes(cut.read_bytes()[:300])
    with pytest.raises(UserError, match="truncated"):
        read_image(tmp_path / "cut")


def test_instants_of_one_real_slice_are_no_stack(real_data):
    assert "several instants" in refused(real_data / "sunnybrook" / "dicom_SCD0000101_slice")


def test_what_is_no_displacement_is_refused(tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((6, 5, 4, 3), np.float32), AFFINE), tmp_path / "xyz3.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((6, 5, 4, 1, 3), np.float32), AFFINE), tmp_path / "nointent.nii.gz")
    write(tmp_path / "scalar.nii.gz")
    write(tmp_path / "colour.png", np.zeros((5, 6, 3), np.uint8), vector=True)
    write(tmp_path / "rgb.mha", np.zeros((4, 5, 6, 3), np.uint8), vector=True)
    write(tmp_path / "two.mha", np.zeros((4, 5, 6, 2), np.float32), vector=True)
    for path in tmp_path.iterdir():
        assert "no displacement" in refused(path, read_displacement)


def test_an_image_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    image = sitk.GetImageFromArray(ARRAY)
    for name in ("a.mhd", "a.hdr", "a.img", "a.nhdr", "a.xyz"):
        refused(tmp_path / "new" / name, lambda path: write_image(image, path))
    assert not list(tmp_path.iterdir())
    shutil.copy(write(tmp_path / "a.mha"), tmp_path / "b.mha")
    before = (tmp_path / "b.mha").read_bytes()

    def half(image, name, **_):
        with open(name, "wb") as file:
            file.write(b"half")
        raise RuntimeError("sitk::ERROR: \n disk full")

    monkeypatch.setattr(images.sitk, "WriteImage", half)
    assert "cannot be written (disk full)" in refused(tmp_path / "b.mha", lambda path: write_image(image, path))
    assert (tmp_path / "b.mha").read_bytes() == before and len(list(tmp_path.iterdir())) == 2
