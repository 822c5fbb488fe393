"""Own images as cases: on the fixed image's grid, from two files or from a CSV."""

import numpy as np
import pytest
import SimpleITK as sitk

from regthesis.datasets import folder
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
    for name in ("fixed", "moving"):
        write(tmp_path / f"{name}_seg.nii.gz", (ramp > 10).astype(np.uint8))
    (tmp_path / "pairs.csv").write_text(
        "moving,fixed,moving_seg,fixed_seg,group\n"
        "moving.mha,fixed.nii.gz,moving_seg.nii.gz,fixed_seg.nii.gz,A\n"
        "moving.mha,fixed.nii.gz,,,\n"
    )
    return tmp_path


def test_the_moving_image_lands_where_it_lies_in_the_world(files):
    case = folder.pair(files / "moving.mha", files / "fixed.nii.gz")
    assert case.grid.spacing == (4.0, 2.0, 2.0) and case.images.shape == (2, 1, 6, 10, 12) and not case.masks
    moving, fixed = case.images[:, 0, 2:4, 3:8, 4:10]
    slope = [float((image[..., 1:] - image[..., :-1]).mean()) for image in (moving, fixed)]
    assert np.allclose((moving / slope[0]).diff(), (fixed / slope[1]).diff(), atol=1e-4)


def test_a_csv_lists_pairs_with_and_without_masks(files):
    first, second = folder.cases(files / "pairs.csv")
    assert (first.id, first.group, sorted(first.masks)) == ("fixed", "A", [0, 1])
    assert first.fixed_mask.unique().tolist() == [0, 1]
    assert (second.group, second.masks) == ("", {})


def test_2d_images_do_too(tmp_path):
    for name in ("a.png", "b.png"):
        sitk.WriteImage(sitk.GetImageFromArray(np.eye(16, dtype=np.uint8) * 200), str(tmp_path / name))
    assert folder.pair(tmp_path / "a.png", tmp_path / "b.png").images.shape == (2, 1, 16, 16)


def test_bad_tables_and_pairs_are_one_clear_line(files):
    with pytest.raises(UserError, match="masks come in pairs"):
        folder.pair(files / "moving.mha", files / "fixed.nii.gz", moving_mask=files / "moving_seg.nii.gz")
    write(files / "flat.nii.gz", np.zeros((10, 12), np.float32))
    with pytest.raises(UserError, match="expected a 3-D image, found 2-D"):
        folder.pair(files / "flat.nii.gz", files / "fixed.nii.gz")
    (files / "pairs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="needs the columns moving and fixed"):
        list(folder.cases(files / "pairs.csv"))
    with pytest.raises(UserError, match="cannot be read as a CSV"):
        list(folder.cases(files / "none.csv"))
    (files / "pairs.csv").write_text("moving,fixed\nnone.nii,fixed.nii.gz\n")
    with pytest.raises(UserError, match="none.nii: no such file"):
        list(folder.cases(files / "pairs.csv"))
