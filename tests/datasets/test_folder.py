"""Own images as cases: on the fixed image's grid, from two files or from a CSV."""

import warnings

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regthesis.datasets import pairs
from regthesis.datasets.folder import Folder, cases
from regthesis.deformation import Deformation
from regthesis.errors import UserError


def write(path, array, spacing=(2.0, 2.0, 4.0), origin=(0.0, 0.0, 0.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[: image.GetDimension()])
    image.SetOrigin(origin[: image.GetDimension()])
    sitk.WriteImage(image, str(path))


@pytest.fixture
def files(tmp_path):
    ramp = np.indices((6, 10, 12)).sum(0).astype(np.float32)
    write(tmp_path / "fixed.nii.gz", ramp)
    write(tmp_path / "moving.mha", ramp[:, 1:, 2:], origin=(4.0, 2.0, 0.0))  # the same world, cut
    write(tmp_path / "fixed_seg.nii.gz", (ramp > 10).astype(np.uint8))
    write(tmp_path / "moving_seg.nii.gz", (ramp[:, 1:, 2:] > 10).astype(np.uint8), origin=(4.0, 2.0, 0.0))
    (tmp_path / "pairs.csv").write_text(
        "moving,fixed,moving_seg,fixed_seg,group\n"
        "moving.mha,fixed.nii.gz,moving_seg.nii.gz,fixed_seg.nii.gz,A\n"
        "fixed.nii.gz,moving.mha,,,\n"
    )
    return tmp_path


def test_the_moving_image_lands_where_it_lies_in_the_world(files):
    case = pairs.pair(files / "moving.mha", files / "fixed.nii.gz")
    assert case.grid.spacing == (4.0, 2.0, 2.0) and case.images.shape == (2, 1, 6, 10, 12) and not case.masks
    moving, fixed = case.images[:, 0, 2:4, 3:8, 4:10]
    slope = [float((image[..., 1:] - image[..., :-1]).mean()) for image in (moving, fixed)]
    assert np.allclose((moving / slope[0]).diff(), (fixed / slope[1]).diff(), atol=1e-4)


def test_a_csv_lists_pairs_with_and_without_masks(files):
    first, second = cases(files / "pairs.csv")
    assert (first.id, first.group, sorted(first.masks)) == ("fixed", "A", [0, 1])
    assert first.fixed_mask.unique().tolist() == [0, 1]
    torch.testing.assert_close(first.moving_mask[..., 1:, 2:], first.fixed_mask[..., 1:, 2:])  # the same world
    assert (second.id, second.group, second.masks) == ("moving", "", {})


def table(path, text):
    (path / "pairs.csv").write_text(text)
    return Folder(path / "pairs.csv").ids()


def test_two_subjects_whose_files_share_a_name_are_two_cases(files):
    for subject in ("p1", "p2"):
        (files / subject).mkdir()
        for name in ("ES.nii.gz", "ED.nii.gz"):
            write(files / subject / name, np.random.default_rng(0).normal(size=(4, 5, 6)))
    two = "p1/ED.nii.gz,p1/ES.nii.gz\np2/ED.nii.gz,./p2/ES.nii.gz\n"
    assert table(files, f"moving,fixed\n{two}") == ["p1/ES", "p2/ES"]
    one_target = "p1/ED.nii.gz,p1/ES.nii.gz\np2/ED.nii.gz,p1/ES.nii.gz\n"
    assert table(files, f"moving,fixed\n{one_target}") == ["p1/ED", "p2/ED"]
    every = one_target + "p1/ED.nii.gz,p2/ES.nii.gz\n"
    assert table(files, f"moving,fixed\n{every}") == ["p1/ED to p1/ES", "p2/ED to p1/ES", "p1/ED to p2/ES"]
    named = "p1/ED.nii.gz,p1/ES.nii.gz,one\np2/ED.nii.gz,p2/ES.nii.gz,007\n"
    assert table(files, f"moving,fixed,id\n{named}") == ["one", "007"]


def test_one_case_twice_is_refused(files):
    line = "moving.mha,fixed.nii.gz"
    for text, rows in (
        (f"moving,fixed\n{line}\n{line}\n", "rows 1 and 2 are both 'moving to fixed'"),
        (f"moving,fixed\n{line}\n../{files.name}/moving.mha,fixed.nii.gz\n{line}\n", "rows 1 and 3"),
        (f"moving,fixed,id\n{line},a\nfixed.nii.gz,moving.mha,a\n", "rows 1 and 2 are both 'a'"),
    ):
        with pytest.raises(UserError, match=rows) as caught:
            table(files, text)
        assert "\n" not in str(caught.value)


def test_names_keep_what_tells_them_apart(files):
    for name in ("scan.1.nii.gz", "scan.2.nii.gz"):
        write(files / name, np.eye(8, dtype=np.float32))
    assert pairs.pair(files / "scan.1.nii.gz", files / "scan.2.nii.gz").id == "scan.2"
    assert pairs.pair(files / "scan.1.nii.gz", files / "scan.2.nii.gz", id="me").id == "me"


def test_a_table_is_read_as_it_is_written(files):
    """`NA` is a group, spaces are none, a byte order mark is no column; a shifted line is refused, not shifted."""
    (files / "pairs.csv").write_bytes(b"\xef\xbb\xbfmoving, fixed ,group\r\nmoving.mha, fixed.nii.gz ,NA\r\n")
    (case,) = cases(files / "pairs.csv")
    assert case.group == "NA"
    for text, message in (
        ("moving,fixed\nmoving.mha,fixed.nii.gz,extra\n", "row 1 has more fields"),
        ("moving,fixed\nmoving.mha\n", "row 1 has no fixed"),
        ("moving,fixed\n,fixed.nii.gz\n", "row 1 has no moving"),
        ("moving,fixed,id\nmoving.mha,fixed.nii.gz,\n", "row 1 has no id"),
        ("moving,fixed,moving\nmoving.mha,fixed.nii.gz,moving.mha\n", "names a column twice"),
        ("", "needs the columns moving and fixed"),
    ):
        with pytest.raises(UserError, match=message):
            table(files, text)


def test_a_mask_that_lies_elsewhere_is_refused(files):
    masks = files / "moving_seg.nii.gz", files / "fixed_seg.nii.gz"
    ones = np.ones((6, 10, 12), np.uint8)
    for wrong, message in ((ones[:, 1:, 2:], "lies 10"), (ones[:, 1:], "size")):
        write(files / "moving_seg.nii.gz", wrong, origin=(104.0, 2.0, 0.0))
        with pytest.raises(UserError, match=message):
            pairs.pair(files / "moving.mha", files / "fixed.nii.gz", *masks)


def test_images_without_overlap_are_refused_and_with_little_warned_of(files):
    far = np.random.default_rng(0).normal(size=(6, 10, 12))
    write(files / "far.nii.gz", far, origin=(5000.0, 0.0, 0.0))
    with pytest.raises(UserError, match="does not overlap"):
        pairs.pair(files / "far.nii.gz", files / "fixed.nii.gz")
    write(files / "edge.nii.gz", far, origin=(22.0, 0.0, 0.0))  # one of twelve columns
    with pytest.warns(UserWarning, match="only 8% overlaps"):
        pairs.pair(files / "edge.nii.gz", files / "fixed.nii.gz")
    write(files / "small.nii.gz", far[:2, :2, :2], origin=(4.0, 4.0, 4.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a small image inside of a large one overlaps wholly
        pairs.pair(files / "small.nii.gz", files / "fixed.nii.gz")


@pytest.mark.parametrize("dark, bright", [(-1000, 40), (0, 1000), (900, 1100)])
def test_outside_of_the_moving_image_is_its_background(files, dark, bright):
    body = np.full((6, 10, 12), dark, np.int16)
    body[2:4, 3:7, 4:8] = bright
    write(files / "body.nii.gz", body)
    write(files / "cut.nii.gz", body[1:-1, 2:-2, 2:-2], origin=(4.0, 4.0, 4.0))
    case = pairs.pair(files / "cut.nii.gz", files / "body.nii.gz")
    torch.testing.assert_close(case.moving, case.fixed)
    identity = Deformation(torch.zeros(1, 3, 6, 10, 12), case.grid)
    moved = pairs.moved(files / "cut.nii.gz", files / "body.nii.gz", identity)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(moved), body)
    filled = pairs.moved(files / "cut.nii.gz", files / "body.nii.gz", identity, fill=7.0)
    assert sitk.GetArrayFromImage(filled)[0, 0, 0] == 7.0
    told = pairs.pair(files / "cut.nii.gz", files / "body.nii.gz", fill=10.0 * bright)
    assert told.moving[0, 0, 0, 0, 0] == told.moving.max()


def test_labels_are_kept_whatever_they_are(files):
    labels = np.zeros((6, 10, 12), np.int64)
    labels[2, 3, 4:8] = -3, 300, 2**31 + 9, 2**52 + 1
    write(files / "fixed_seg.nrrd", labels)
    write(files / "float.nrrd", labels.astype(np.float64))
    case = pairs.pair(files / "fixed.nii.gz", files / "fixed.nii.gz", files / "float.nrrd", files / "fixed_seg.nrrd")
    assert torch.equal(case.fixed_mask[0, 0], torch.from_numpy(labels))
    assert torch.equal(case.moving_mask, case.fixed_mask)


def test_2d_images_do_too(tmp_path):
    for name in ("a.png", "b.png"):
        sitk.WriteImage(sitk.GetImageFromArray(np.eye(16, dtype=np.uint8) * 200), str(tmp_path / name))
    assert pairs.pair(tmp_path / "a.png", tmp_path / "b.png").images.shape == (2, 1, 16, 16)


def test_bad_tables_and_pairs_are_one_clear_line(files):
    with pytest.raises(UserError, match="masks come in pairs"):
        pairs.pair(files / "moving.mha", files / "fixed.nii.gz", moving_mask=files / "moving_seg.nii.gz")
    write(files / "flat.nii.gz", np.zeros((10, 12), np.float32))
    with pytest.raises(UserError, match="expected a 3-D image, found 2-D"):
        pairs.pair(files / "flat.nii.gz", files / "fixed.nii.gz")
    (files / "pairs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="needs the columns moving and fixed"):
        list(cases(files / "pairs.csv"))
    with pytest.raises(UserError, match="cannot be read as a CSV"):
        list(cases(files / "none.csv"))
    (files / "pairs.csv").write_text("moving,fixed\nnone.nii,fixed.nii.gz\n")
    with pytest.raises(UserError, match="none.nii: no such file"):
        list(cases(files / "pairs.csv"))
