"""`regthesis track`: a cine file in, fields, labels and volumes of every frame out, on the cine's own grid."""

import json
import locale

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner

from regthesis.cli import main
from regthesis.datasets.own_cine import own_cine
from regthesis.datasets.phantom import heart
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.images import read_cine
from regthesis.track import track

RADII = (8.0, 7.0, 6.0, 7.0)  # voxels, of a ball of blood over a beat
DIRECTION = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, -1.0)


def ball(radius, slices):
    y, x = np.mgrid[:32, :40]
    disc = 1 / (1 + np.exp((np.hypot(y - 15, x - 20) - radius) * 1.5))
    return np.stack([100 + 500 * disc] * slices).astype(np.float32)


def placed(array):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 8.0))
    image.SetOrigin((10.0, -20.0, 5.0))
    image.SetDirection(DIRECTION)
    return image


def beat(folder, slices=2, radii=RADII):
    """A cine of a ball that shrinks and grows again, and its mask at the first frame."""
    frames = [placed(ball(radius, slices)) for radius in radii]
    sitk.WriteImage(sitk.JoinSeries(frames), str(folder / "beat.nii.gz"))
    mask = sitk.GetImageFromArray((ball(radii[0], slices) > 350).astype(np.uint8) * 3)
    mask.CopyInformation(frames[0])
    sitk.WriteImage(mask, str(folder / "mask.nii.gz"))
    return folder / "beat.nii.gz", folder / "mask.nii.gz"


def read(path):
    return sitk.ReadImage(str(path))


def words(result):
    return " ".join(result.output.split())


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize("stack", [False, True])
def test_every_frame_is_reached_on_the_cine_s_own_grid(tmp_path, slices, stack):
    cine, mask = beat(tmp_path, slices)
    record = track(cine, tmp_path / "out", mask, method="demons", stack=stack)
    own, out = read(cine)[..., 0], tmp_path / "out"
    for number in (2, 3, 4):
        assert not Deformation.load(out / f"displacement_{number:02d}.nii.gz").grid.difference(Grid.of(own))
    labels = sitk.GetArrayFromImage(read(out / "labels.nii.gz"))
    truth = np.stack([ball(radius, slices) > 350 for radius in RADII])
    overlap = 2 * ((labels == 3) & truth).sum((1, 2, 3)) / ((labels == 3).sum((1, 2, 3)) + truth.sum((1, 2, 3)))
    assert overlap.min() > 0.95
    ml = pd.read_csv(out / "volumes.csv")
    np.testing.assert_allclose(ml["label 3"], (labels == 3).sum((1, 2, 3)) * 2 * 2 * 8 / 1000)
    assert ml["frame"].tolist() == [1, 2, 3, 4] and ml["time"].tolist() == [0, 0.25, 0.5, 0.75]
    assert record["labels"]["3"]["frame_of_least"] == 3
    assert record["labels"]["3"]["lost_per_cent"] == pytest.approx(100 * (1 - 36 / 64), abs=6)
    assert json.loads(json.dumps(record)) == json.loads((out / "result.json").read_text())
    assert (out / "player.html").read_text().count("data:image") == 5  # four frames, and the one that is shown first


def test_the_field_in_mm_moves_the_first_frame(tmp_path):
    cine, mask = beat(tmp_path)
    track(cine, tmp_path / "out", mask, method="demons", stack=True)
    first, moved = read(cine)[..., 0], read(tmp_path / "out" / "moved.nii.gz")
    field = sitk.Cast(read(tmp_path / "out" / "displacement_03.nii.gz"), sitk.sitkVectorFloat64)
    by_itk = sitk.Resample(first, first, sitk.DisplacementFieldTransform(field), sitk.sitkLinear)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    ours, theirs = (sitk.GetArrayFromImage(image)[inside] for image in (moved[..., 2], by_itk))
    np.testing.assert_allclose(ours, theirs, atol=0.5)
    np.testing.assert_allclose(sitk.GetArrayFromImage(moved[..., 0]), sitk.GetArrayFromImage(first), rtol=1e-5)


def test_the_beat_goes_round_from_the_frame_that_is_named(tmp_path):
    cine, _ = beat(tmp_path)
    record = track(cine, tmp_path / "out", first=3, method="identity")
    assert record["frames"] == [3, 4, 1, 2]
    names = {path.name for path in (tmp_path / "out").glob("displacement*")}
    assert names == {f"displacement_0{number}.nii.gz" for number in (1, 2, 4)}
    case = own_cine(cine, first=3, times=[0, 1, 3, 6])
    assert case.times == pytest.approx((0, 3 / 8, 5 / 8, 6 / 8))


def test_what_lies_outside_of_the_square_round_the_labels_stays(tmp_path):
    """A long image: the square is cut round the mask, at its end, and nothing else moves."""
    wide = [np.pad(ball(radius, 1), ((0, 0), (0, 0), (200, 0))) for radius in RADII]
    sitk.WriteImage(sitk.JoinSeries([placed(frame) for frame in wide]), str(tmp_path / "wide.nii.gz"))
    sitk.WriteImage(placed((wide[0] > 350).astype(np.uint8)), str(tmp_path / "mask.nii.gz"))
    track(tmp_path / "wide.nii.gz", tmp_path / "out", tmp_path / "mask.nii.gz", method="demons")
    moves = Deformation.load(tmp_path / "out" / "displacement_03.nii.gz").u.abs().amax((0, 1, 2, 3)) > 0
    assert moves.any() and not moves[: 240 - 96].any()


def test_the_motion_model_follows_a_phantom_heart(tmp_path):
    """By the networks that are shipped, every slice in its plane."""
    heart.make(tmp_path / "phantom", subjects=1, progress=False)
    folder = tmp_path / "phantom" / "patient001"
    es = max(folder.glob("*_frame*_gt.nii.gz"))
    cine, mask = folder / "patient001_4d.nii.gz", folder / "patient001_frame01_gt.nii.gz"
    heard = []
    record = track(cine, tmp_path / "out", mask, method="motion", warn=heard.append)
    assert "trained on acdc alone" in heard[0] and heard == record["warnings"]
    truth, first = (sitk.GetArrayFromImage(read(path)) == 3 for path in (es, mask))
    carried = sitk.GetArrayFromImage(read(tmp_path / "out" / "labels.nii.gz"))[int(es.name[16:18]) - 1] == 3
    overlap = lambda a, b: 2 * (a & b).sum() / (a.sum() + b.sum())  # noqa: E731
    assert overlap(truth, carried) > overlap(truth, first) + 0.03


def test_the_command_says_what_it_did(tmp_path):
    cine, mask = beat(tmp_path)
    call = ["track", str(cine), "--mask", str(mask), "--method", "identity", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 0, result.output
    assert "4 frames tracked" in words(result) and "label 3 loses 0 %" in words(result)
    again = CliRunner().invoke(main, call)
    assert again.exit_code == 2 and "already; choose another folder, or add --overwrite" in words(again)
    assert CliRunner().invoke(main, [*call, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--first", "5"], "has frames 1 to 4, and no frame 5"),
        (["--first", "0"], "has frames 1 to 4, and no frame 0"),
        (["--times", "0,1,2"], "has 4 frames, but 3 times were given"),
        (["--times", "0,1,1,2"], "each time must be later than the one before"),
        (["--times", "0,2,1,3"], "each time must be later than the one before"),
        (["--times", "0,1,2,nan"], "each time must be later than the one before"),
        (["--times", "0,a"], "--times '0,a': expected numbers with commas"),
        (["--method", "nothing"], "method"),
        (["--mask", "other.nii.gz"], "does not lie on the grid of the cine"),
    ],
)
def test_what_cannot_be_tracked_is_one_line(tmp_path, monkeypatch, more, message):
    beat(tmp_path)
    monkeypatch.chdir(tmp_path)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 30, 40), np.uint8)), "other.nii.gz")
    result = CliRunner().invoke(main, ["track", "beat.nii.gz", "--method", "identity", "--out", "out", *more])
    assert result.exit_code == 2 and message in words(result) and result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_cine_are_one_line(tmp_path):
    cine, _ = beat(tmp_path)
    frames = read(cine)
    sitk.WriteImage(frames[..., 0], str(tmp_path / "volume.nii.gz"))
    with pytest.raises(UserError, match="expected a 4-D image, found a 3-D|expected a 4-D image, found 3-D"):
        own_cine(tmp_path / "volume.nii.gz")
    sitk.WriteImage(frames[..., :1], str(tmp_path / "one.mha"))
    with pytest.raises(UserError, match="one frame alone"):
        own_cine(tmp_path / "one.mha")
    broken = sitk.GetArrayFromImage(frames)
    broken[2, 0, 3, 3] = np.nan
    sitk.WriteImage(sitk.JoinSeries([placed(frame) for frame in broken]), str(tmp_path / "nan.mha"))
    with pytest.raises(UserError, match="NaN or infinite"):
        own_cine(tmp_path / "nan.mha")


def test_constant_frames_move_nothing_that_is_not_finite(tmp_path):
    sitk.WriteImage(sitk.JoinSeries([placed(np.full((1, 32, 40), 7, np.float32))] * 3), str(tmp_path / "still.mha"))
    record = track(tmp_path / "still.mha", tmp_path / "out", method="motion", warn=lambda text: None)
    assert record["folding"]["voxels"] == 0


def dicom(folder, slices, instants, left_out=(), trigger=True):
    """One series; files are numbered against the order of time, and each voxel says its slice and instant."""
    folder.mkdir()
    before = locale.setlocale(locale.LC_ALL)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(slices):
        for t in range(instants):
            if (k, t) in left_out:
                continue
            image = sitk.GetImageFromArray(np.full((1, 8, 9), 10 * k + t, np.uint16))
            image.SetSpacing((1.5, 1.5, 8.0))
            image.SetOrigin((0.0, 0.0, 8.0 * k))
            tags = {"0020|000e": "1.2.3", "0020|0013": str(100 * k + instants - t), "0008|0060": "MR"}
            tags |= {"0018|1060": str(40.0 * t)} if trigger else {}
            tags |= {"0020|0032": f"0\\0\\{8.0 * k}", "0020|0037": "1\\0\\0\\0\\1\\0", "0018|0088": "8"}
            tags |= {"0008|0018": f"1.2.3.{k}.{t}"}
            for tag, value in tags.items():
                image.SetMetaData(tag, value)
            writer.SetFileName(str(folder / f"{k}_{instants - t}.dcm"))
            writer.Execute(image)
    locale.setlocale(locale.LC_ALL, before)  # ITK's writer of DICOM leaves another one
    return folder


@pytest.mark.parametrize("slices", [1, 3])
def test_a_folder_of_dicom_is_sorted_by_slice_and_time(tmp_path, slices):
    found = sitk.GetArrayFromImage(read_cine(dicom(tmp_path / "series", slices, 4)))
    assert found[..., 0, 0].tolist() == [[10 * k + t for k in range(slices)] for t in range(4)]
    plain = sitk.GetArrayFromImage(read_cine(dicom(tmp_path / "numbered", slices, 4, trigger=False)))
    assert plain[..., 0, 0].tolist() == found[::-1, :, 0, 0].tolist()


def test_a_folder_that_lacks_a_frame_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no cine: has 3 or 4 files of a slice; each needs as many"):
        read_cine(dicom(tmp_path / "lacks", 2, 4, left_out=[(1, 2)]))
    with pytest.raises(UserError, match="no cine: has 1 files of a slice"):
        read_cine(dicom(tmp_path / "stack", 3, 1))


def test_a_cine_is_a_tensor_of_all_frames(tmp_path):
    case = own_cine(*beat(tmp_path))
    assert case.images.shape == (4, 1, 2, 32, 40) and case.masks[0].unique().tolist() == [0, 3]
    assert torch.isfinite(case.images).all() and case.id == "beat"
