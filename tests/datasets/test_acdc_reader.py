"""The reader of the ACDC layout: what it makes of good folders, and one clear line for each bad one."""

import gzip
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regthesis.datasets.acdc import ACDC
from regthesis.datasets.acdc_files import read_info
from regthesis.errors import UserError

SIZE, SPACING = (40, 44, 6), (3.0, 3.0, 9.0)  # x, y, z


def write(path, array, spacing=SPACING):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def blob(radius):
    z, y, x = np.indices(SIZE[::-1])
    return np.hypot(y - 22, x - 20) + 0 * z < radius


@pytest.fixture
def patient(tmp_path):
    """One synthetic patient: a bright disc whose cavity shrinks from ED to ES."""
    folder = tmp_path / "patient001"
    folder.mkdir()
    (folder / "Info.cfg").write_text("ED: 1\nES: 3\nGroup: NOR\nHeight: 170.0\nNbFrame: 3\nWeight: 70.0\n")
    noise = np.random.default_rng(0).normal(0, 5, (3, *SIZE[::-1]))
    frames = []
    for number, radius in ((1, 9), (2, 8), (3, 6)):
        labels = (2 * blob(12) + 1 * blob(radius)).astype(np.uint8)
        labels[:, :, :6] = 1
        frames.append((100 * labels + noise[number - 1]).astype(np.float32))
        if number != 2:
            write(folder / f"patient001_frame{number:02d}.nii.gz", frames[-1])
            write(folder / f"patient001_frame{number:02d}_gt.nii.gz", labels)
    volumes = [sitk.GetImageFromArray(frame) for frame in frames]
    for volume in volumes:
        volume.SetSpacing(SPACING)
    sitk.WriteImage(sitk.JoinSeries(volumes), str(folder / "patient001_4d.nii.gz"))
    return folder


def read(folder, **options):
    return ACDC(folder.parent).read(folder.name, "quick", **options)


def test_a_pair(patient):
    case = read(patient)
    assert case.images.shape == (2, 1, 32, 64, 64)
    assert case.grid.spacing == (3.15, 3.0, 3.0) and case.group == "NOR" and case.truth is None
    torch.testing.assert_close(case.images.mean((1, 2, 3, 4)), torch.zeros(2), atol=1e-5, rtol=0)
    assert case.moving_mask.unique().tolist() == [0, 1, 2, 3]
    assert (case.moving_mask == 3).sum() > (case.fixed_mask == 3).sum()


def test_a_cine_starts_at_end_diastole_and_runs_round(patient):
    (patient / "Info.cfg").write_text("ED: 3\nES: 1\nGroup: NOR\n")
    case, pair = read(patient, sequence=True), read(patient)
    assert len(case.images) == 3 and sorted(case.masks) == [0, 1]
    torch.testing.assert_close(case.images[:2], pair.images)
    torch.testing.assert_close(case.masks[1], pair.fixed_mask)
    assert case.times == (0.0, 1 / 3, 2 / 3) and pair.times is None


def test_balanced_takes_groups_in_turn(patient):
    root = patient.parent
    for number, group in ((2, "NOR"), (3, "DCM"), (4, "DCM")):
        copy = root / f"patient{number:03d}"
        copy.mkdir()
        (copy / "Info.cfg").write_text(f"ED: 1\nES: 3\nGroup: {group}\n")
    assert ACDC(root).balanced(2) == ["patient001", "patient003"]
    assert ACDC(root).balanced(2, skip=("patient001",)) == ["patient002", "patient003"]
    with pytest.raises(UserError, match="5 patients wanted, 4 there"):
        ACDC(root).balanced(5)


def test_check_counts_and_lists_faults(patient):
    shutil.copytree(patient, patient.parent / "patient002")
    broken = patient.parent / "patient002" / "patient002_frame01.nii.gz"
    groups, cines, faults = ACDC(patient.parent).check()
    assert groups == {"NOR": 1} and cines == 1
    assert len(faults) == 1 and str(broken) in faults[0] and "no such file" in faults[0]


def change(folder, name, edit):
    path = folder / name
    image = sitk.ReadImage(str(path))
    write(path, edit(sitk.GetArrayFromImage(image)), image.GetSpacing())


def truncate(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def truncate_inside(path):
    """A valid gzip stream that holds half an image."""
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[: len(whole) // 2]))


def one_label_nine(array):
    array[0, 0, 0] = 9
    return array


def one_nan(array):
    array = array.astype(np.float32)
    array[2, 3, 4] = np.nan
    return array


def place(folder, name, spacing=SPACING, origin=(0.0, 0.0, 0.0), direction=(1.0, 0, 0, 0, 1, 0, 0, 0, 1)):
    """The same voxels, said to lie elsewhere."""
    image = sitk.ReadImage(str(folder / name))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    sitk.WriteImage(image, str(folder / name))


def truth(folder, name="patient001_frame03_motion.nii.gz", **where):
    field = sitk.GetImageFromArray(np.zeros((*SIZE[::-1], 3), np.float32), isVector=True)
    sitk.WriteImage(field, str(folder / name))
    place(folder, name, **where)


ED, ES, MASK = "patient001_frame01.nii.gz", "patient001_frame03.nii.gz", "patient001_frame03_gt.nii.gz"
MIRROR = (-1.0, 0, 0, 0, 1, 0, 0, 0, 1)
BAD = {
    "missing mask": (lambda f: (f / MASK).unlink(), "frame03_gt.nii.gz: no such file"),
    "missing info": (lambda f: (f / "Info.cfg").write_text("Group: NOR\n"), "Info.cfg: needs lines like 'ED: 1'"),
    "info is infinite": (lambda f: (f / "Info.cfg").write_text("ED: .inf\nES: 3\n"), "Info.cfg: needs lines"),
    "info is tagged": (lambda f: (f / "Info.cfg").write_text("ED: 1\nES: !!int\n"), "Info.cfg: needs lines"),
    "info is deep": (lambda f: (f / "Info.cfg").write_text("ED: 1\nES: 3\nx: " + "[" * 1200), "Info.cfg: needs lines"),
    "info is a fraction": (lambda f: (f / "Info.cfg").write_text("ED: 1.9\nES: 3\n"), "Info.cfg: needs lines"),
    "info is a truth": (lambda f: (f / "Info.cfg").write_text("ED: yes\nES: 3\n"), "Info.cfg: needs lines"),
    "info is a clock": (lambda f: (f / "Info.cfg").write_text("ED: 0:01\nES: 3\n"), "Info.cfg: needs lines"),
    "info is a list": (lambda f: (f / "Info.cfg").write_text("- ED: 1\n- ES: 3\n"), "Info.cfg: needs lines"),
    "info is huge": (lambda f: (f / "Info.cfg").write_text(f"ED: 1\nES: {'9' * 5000}\n"), "Info.cfg: needs lines"),
    "group is a list": (lambda f: (f / "Info.cfg").write_text("ED: 1\nES: 3\nGroup: [a]\n"), "Group must be a word"),
    "group is a table": (lambda f: (f / "Info.cfg").write_text("ED: 1\nES: 3\nGroup: {a: b}\n"), "must be a word"),
    "ES mirrored": (lambda f: place(f, ES, direction=MIRROR), "frame03.nii.gz: does not lie .*frame01.* direction"),
    "ES moved": (lambda f: place(f, ES, origin=(30.0, 0.0, 0.0)), "frame03.nii.gz: does not lie .* 30 mm away"),
    "ES rescaled": (lambda f: place(f, ES, spacing=(3.1, 3.0, 9.0)), "frame03.nii.gz: does not lie .* spacing"),
    "mask mirrored": (lambda f: place(f, MASK, direction=MIRROR), "frame03_gt.nii.gz: does not lie .* direction"),
    "mask moved": (lambda f: place(f, MASK, origin=(0.0, 0.0, 100.0)), "frame03_gt.nii.gz: does not lie .* 100 mm"),
    "truth moved": (lambda f: truth(f, origin=(0.0, 0.0, 50.0)), "frame03_motion.nii.gz: does not lie .* 50 mm"),
    "truth is an image": (lambda f: shutil.copy(f / ED, f / "patient001_frame03_motion.nii.gz"), "no displacement"),
    "broken labels": (lambda f: change(f, MASK, lambda a: a + np.float32(0.4)), "must be whole numbers, found"),
    "colour": (lambda f: truth(f, ED), "frame01.nii.gz: expected one value per voxel, found 3"),
    "padding": (lambda f: change(f, ED, lambda a: a - np.float32(3e38)), "what marks padding"),
    "info is noise": (lambda f: (f / "Info.cfg").write_bytes(b"\x00\xff: ["), "Info.cfg: needs lines"),
    "truncated": (lambda f: truncate(f / ED), "frame01.nii.gz: cannot be read"),
    "truncated inside": (lambda f: truncate_inside(f / ED), "frame01.nii.gz: cannot be read"),
    "not an image": (lambda f: (f / ED).write_text("hello"), "frame01.nii.gz: cannot be read"),
    "2-D": (lambda f: write(f / ED, np.zeros((44, 40), np.float32), (3.0, 3.0)), "expected a 3-D image, found 2-D"),
    "ED = ES": (lambda f: (f / "Info.cfg").write_text("ED: 3\nES: 3\n"), "must be two different"),
    "foreign label": (lambda f: change(f, MASK, one_label_nine), "label 9 is none of"),
    "NaN": (lambda f: change(f, ED, one_nan), "holds NaN or infinite"),
    "other size": (lambda f: change(f, ED, lambda a: a[:, :-1]), "size"),
    "mask of other size": (lambda f: change(f, MASK, lambda a: a[:-1]), "size"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_line(patient, name):
    spoil, message = BAD[name]
    spoil(patient)
    with pytest.raises(UserError, match=message) as caught:
        read(patient)
    assert "patient001" in str(caught.value) and "\n" not in str(caught.value)


def test_info_is_read_as_text(patient):
    """What YAML makes of it otherwise: an octal number, a falsehood, nothing."""
    for text, group in (("NO", "NO"), ("1", "1"), ("", ""), ("  # none", ""), ("'RV'", "RV")):
        (patient / "Info.cfg").write_text(f"ED: 010\nES: '4'\nGroup: {text}\n")
        info = read_info(patient)
        assert (info["ED"], info["ES"], info["Group"]) == (10, 4, group)
    (patient / "Info.cfg").write_bytes(b"\xef\xbb\xbfED: 01\rES: 3 # last\r")
    assert read_info(patient) == {"ED": 1, "ES": 3, "Group": ""}


def test_groups_of_all_kinds_are_taken_in_turn(patient):
    for number, group in enumerate(("", "1", "NO"), 2):
        copy = patient.parent / f"patient{number:03d}"
        shutil.copytree(patient, copy)
        for file in copy.glob("patient001*"):
            file.rename(copy / file.name.replace("patient001", copy.name))
        (copy / "Info.cfg").write_text(f"ED: 1\nES: 3\nGroup: {group}\n")
    assert len(ACDC(patient.parent).balanced(4)) == 4
    assert ACDC(patient.parent).check()[0] == {"1": 1, "NO": 1, "NOR": 1, "unknown": 1}


def test_an_unknown_patient_is_called_so(patient):
    with pytest.raises(UserError, match="patient999: no such patient"):
        ACDC(patient.parent).read("patient999")


def test_headers_that_differ_by_rounding_are_one_grid(patient):
    place(patient, ES, spacing=(3.0001, 3.0, 9.002), origin=(0.3, -0.4, 1.0))
    reference, case = read(patient).images, read(patient)
    assert torch.equal(case.images, reference)


def test_masks_nearly_of_whole_numbers_are_read(patient):
    before = read(patient).fixed_mask
    change(patient, MASK, lambda array: array * np.float32(0.9999999))
    assert torch.equal(read(patient).fixed_mask, before)


def test_a_cine_that_lies_elsewhere_is_a_fault(patient):
    cine = sitk.ReadImage(str(patient / "patient001_4d.nii.gz"))
    assert ACDC(patient.parent).check()[1:] == (1, [])
    cine.SetOrigin((40.0, 0.0, 0.0, 0.0))
    sitk.WriteImage(cine, str(patient / "patient001_4d.nii.gz"))
    (fault,) = ACDC(patient.parent).check()[2]
    assert "patient001_4d.nii.gz: does not lie on the grid of patient001_frame01.nii.gz: it lies 40 mm away" in fault
    with pytest.raises(UserError, match="_gt.nii.gz: does not lie"):
        read(patient, sequence=True)
    truncate(patient / "patient001_4d.nii.gz")
    (fault,) = ACDC(patient.parent).check()[2]
    assert "patient001_4d.nii.gz: cannot be read" in fault


@pytest.mark.parametrize("low, fill", [(0, 0), (50, 0), (-1000, -1000)])
def test_outside_of_the_field_of_view_is_0_or_below(patient, low, fill):
    """As in the thesis, which pads with zeros; unless 0 is tissue."""
    for name in (ED, ES):
        change(patient, name, lambda array: np.where(blob(15), 40, low).astype(np.float32))
    image = read(patient).moving[0, 0]
    inside, corner = image[16, 32 - 18, 32], image[0, 0, 0]  # background of the image, and padding
    heart = image[16, 32, 31]
    assert (inside - heart) * (fill - 40) == pytest.approx(float((corner - heart) * (low - 40)), rel=1e-4, abs=1e-4)


def test_values_in_any_unit_are_the_same_patient(patient):
    before = read(patient).images
    for name in (ED, ES):
        change(patient, name, lambda array: array * np.float32(2.0**66))
    assert torch.equal(read(patient).images, before)


def test_a_folder_without_patients_is_refused(tmp_path):
    with pytest.raises(UserError, match="no patient folder"):
        ACDC(tmp_path).ids()


def test_a_frame_beyond_the_cine_is_refused(patient):
    (patient / "Info.cfg").write_text("ED: 1\nES: 9\n")
    with pytest.raises(UserError, match="ES"):
        read(patient, sequence=True)


def test_sunnybrook_cines_read_as_acdc(real_data):
    case = ACDC(real_data / "sunnybrook").read("SCD0000101", "quick", sequence=True)
    assert case.images.shape == (20, 1, 32, 64, 64) and sorted(case.masks) == [0, 9]


@pytest.mark.slow
@pytest.mark.parametrize("name, count", [("acdc_cine", 40), ("sunnybrook", 3)])
def test_the_cines_at_hand_lie_on_the_grids_of_their_frames(real_data, name, count):
    groups, cines, faults = ACDC(real_data / name).check()
    assert (sum(groups.values()), cines, faults) == (count, count, [])


@pytest.mark.slow
def test_the_patients_at_hand(real_data):
    groups, _, faults = ACDC(real_data / "acdc").check()
    assert groups == dict.fromkeys(("DCM", "HCM", "MINF", "NOR", "RV"), 16) and not faults
