"""The phantom's files: ACDC's layout, same bits from same seed, whole or not at all, clinical groups."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regthesis.datasets.phantom import fill, heart, texture
from regthesis.datasets.phantom.heart import population, write
from regthesis.datasets.phantom.heart.tissue import labels
from regthesis.errors import UserError

GROUPS = ("DCM", "HCM", "MINF", "NOR", "RV")


def info(folder: Path) -> dict[str, str]:
    return dict(line.split(": ") for line in (folder / "Info.cfg").read_text().splitlines())


def image(folder: Path, ending: str) -> sitk.Image:
    return sitk.ReadImage(str(folder / f"{folder.name}_{ending}.nii.gz"))


def frames(folder: Path) -> tuple[str, str]:
    cfg = info(folder)
    return f"frame{int(cfg['ED']):02d}", f"frame{int(cfg['ES']):02d}"


def bits(folder: Path) -> dict[str, bytes]:
    """File contents by name, images decoded (gzip headers may carry a time)."""
    out = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".nii.gz"):
            decoded = sitk.ReadImage(str(path))
            out[path.name] = sitk.GetArrayFromImage(decoded).tobytes() + repr(decoded.GetSpacing()).encode()
        else:
            out[path.name] = path.read_bytes()
    return out


@pytest.fixture(scope="session")
def population_folder(tmp_path_factory) -> Path:
    """One quick subject of each group."""
    out = tmp_path_factory.mktemp("phantom") / "acdc"
    heart.make(out, subjects=5, seed=0, size="quick", progress=False)
    return out


def patients(out: Path) -> list[Path]:
    return sorted(p for p in out.iterdir() if p.is_dir())


@pytest.mark.slow
def test_layout_is_that_of_acdc(population_folder):
    folders = patients(population_folder)
    assert [f.name for f in folders] == [f"patient{i:03d}" for i in range(1, 6)]
    for folder in folders:
        cfg = info(folder)
        assert list(cfg) == ["ED", "ES", "Group", "Height", "NbFrame", "Weight"]
        ed, es = frames(folder)
        endings = ["4d", ed, f"{ed}_gt", es, f"{es}_gt", f"{es}_motion"]
        expected = {f"{folder.name}_{e}.nii.gz" for e in endings} | {"Info.cfg"}
        assert {p.name for p in folder.iterdir()} == expected
        sequence = image(folder, "4d")
        assert sequence.GetSize()[3] == int(cfg["NbFrame"]) >= 13
        for frame in (ed, es):
            volume, mask = image(folder, frame), image(folder, f"{frame}_gt")
            assert volume.GetSize() == mask.GetSize() == sequence.GetSize()[:3]
            assert volume.GetSpacing() == mask.GetSpacing() == sequence.GetSpacing()[:3]
            assert set(np.unique(sitk.GetArrayViewFromImage(mask))) == {0, 1, 2, 3}
            at = int(frame[-2:]) - 1
            same = sitk.GetArrayFromImage(sequence)[at] == sitk.GetArrayFromImage(volume)
            assert same.all()


def test_the_motion_survives_the_file_in_sign_and_order(population_folder):
    subject = population.draw(0, 3, "quick")
    _, es = frames(population_folder / "patient004")
    motion = image(population_folder / "patient004", f"{es}_motion")
    assert motion.GetNumberOfComponentsPerPixel() == 3
    _, expected = write.truth(subject, subject.es)
    np.testing.assert_allclose(sitk.GetArrayFromImage(motion), expected, atol=1e-4)


def test_truth_carries_the_end_diastolic_mask_onto_the_end_systolic_one(population_folder):
    # Breath-hold shifts (about 1 mm) and 8 to 10 mm slices bound the agreement.
    gains = []
    for folder in patients(population_folder):
        ed, es = frames(folder)
        moving, fixed, u = image(folder, f"{ed}_gt"), image(folder, f"{es}_gt"), image(folder, f"{es}_motion")
        field = sitk.DisplacementFieldTransform(sitk.Cast(u, sitk.sitkVectorFloat64))
        warped = sitk.GetArrayFromImage(sitk.Resample(moving, fixed, field, sitk.sitkNearestNeighbor))
        target, still = sitk.GetArrayFromImage(fixed), sitk.GetArrayFromImage(moving)
        for label in (1, 2, 3):
            after, before = dice(warped == label, target == label), dice(still == label, target == label)
            assert after > 0.78
            gains.append(after - before)
    assert np.mean(gains) > 0.15


def dice(a, b) -> float:
    return 2.0 * (a & b).sum() / (a.sum() + b.sum())


def test_truth_points_to_the_same_tissue():
    subject = population.draw(0, 1, "quick")
    mask, u = write.truth(subject, subject.es)
    points = np.stack([subject.scan.points(z, subject.scan.size[:2], [0.0])[:, 0] for z in range(len(mask))], 1)
    at_ed = subject.pose.to_heart(points.astype(np.float64) + np.moveaxis(u, -1, 0))
    assert (labels(subject.heart, at_ed.reshape(3, -1)) == mask.ravel()).mean() > 0.9999


def clinic(folder: Path) -> dict[str, float]:
    """From the written masks: volumes (ml/m²), ejection fractions, volume of muscle (ml)."""
    cfg = info(folder)
    bsa = population.surface(float(cfg["Height"]), float(cfg["Weight"]))
    masks = [image(folder, f"{f}_gt") for f in frames(folder)]
    voxel = np.prod(masks[0].GetSpacing()) / 1000.0
    ed, es = (np.bincount(sitk.GetArrayFromImage(m).ravel(), minlength=4) * voxel for m in masks)
    return {
        "edv": ed[3] / bsa,
        "ef": 1.0 - es[3] / ed[3],
        "rv": ed[1] / bsa,
        "rv_ef": 1.0 - es[1] / ed[1],
        "muscle_ed": ed[2],
        "muscle_es": es[2],
    }


def wall(folder: Path) -> np.ndarray:
    """Thickness (mm) along the epicardium at end-diastole, in slices that cut the cavity well."""
    mask = image(folder, f"{frames(folder)[0]}_gt")
    pixel = mask.GetSpacing()[0]
    out = []
    for slab in sitk.GetArrayFromImage(mask):
        if (slab == 3).sum() * pixel**2 < 400.0:
            continue
        cavity = sitk.GetImageFromArray((slab == 3).astype(np.uint8))
        cavity.SetSpacing((pixel, pixel))
        distance = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(cavity, False, False, True))
        muscle = sitk.GetImageFromArray((slab >= 2).astype(np.uint8))
        rim = sitk.GetArrayFromImage(sitk.BinaryContour(muscle)) > 0
        out.append(distance[rim])
    return np.concatenate(out)


def check_group(folder: Path) -> None:
    """Bernard et al. 2018, Section III.A."""
    c, group, thick = clinic(folder), info(folder)["Group"], wall(folder)
    if group == "NOR":
        assert c["ef"] > 0.5 and c["edv"] < 80 and c["rv"] < 110 and c["rv_ef"] > 0.4
        assert np.quantile(thick, 0.95) < 12
    elif group == "DCM":
        assert c["ef"] < 0.4 and c["edv"] > 100
        assert np.quantile(thick, 0.95) < 12
    elif group == "HCM":
        assert c["ef"] > 0.55 and c["edv"] < 90
        assert (thick >= 15).mean() > 0.08
    elif group == "MINF":
        assert c["ef"] < 0.4
        assert np.quantile(thick, 0.95) < 15
    else:
        assert c["rv"] > 110 or c["rv_ef"] < 0.4
        assert c["ef"] > 0.5


def test_groups_meet_their_clinical_definitions(population_folder):
    folders = patients(population_folder)
    assert tuple(info(f)["Group"] for f in folders) == GROUPS
    for folder in folders:
        check_group(folder)


@pytest.mark.slow
def test_groups_meet_their_clinical_definitions_in_another_population(tmp_path):
    heart.make(tmp_path / "acdc", subjects=20, seed=11, progress=False)
    for folder in patients(tmp_path / "acdc"):
        check_group(folder)


def test_muscle_keeps_its_volume(population_folder):
    for folder in patients(population_folder):
        c = clinic(folder)
        assert c["muscle_es"] == pytest.approx(c["muscle_ed"], rel=0.1)


@pytest.mark.slow
def test_subject_depends_on_seed_and_number_alone(population_folder, tmp_path):
    write.patient(tmp_path, 0, 3, "quick")
    assert bits(tmp_path / "patient004") == bits(population_folder / "patient004")
    ours, other = population.draw(0, 3, "quick"), population.draw(1, 3, "quick")
    assert ours.heart != other.heart


def test_no_two_subjects_share_a_texture(population_folder):
    fields = [population.draw(0, k, "quick") for k in range(4)]
    blocks = [texture.block(np.random.default_rng(s.seed.spawn(1)[0])).fine.ravel() for s in fields]
    correlation = np.corrcoef(blocks)
    assert np.abs(correlation - np.eye(4)).max() < 0.05


@pytest.mark.slow
def test_resumes_and_keeps_what_is_there(tmp_path):
    out = tmp_path / "acdc"
    heart.make(out, subjects=1, seed=5, progress=False)
    stamp = (out / "patient001" / "Info.cfg").stat().st_mtime_ns
    heart.make(out, subjects=2, seed=5, progress=False)
    assert (out / "patient001" / "Info.cfg").stat().st_mtime_ns == stamp
    assert (out / "patient002" / "Info.cfg").is_file()
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []


def test_other_parameters_in_the_same_folder_are_refused(population_folder):
    with pytest.raises(UserError, match="other parameters"):
        heart.make(population_folder, subjects=5, seed=1, progress=False)


@pytest.mark.parametrize("wrong", [{"size": "huge"}, {"subjects": 0}])
def test_bad_parameters_leave_nothing(tmp_path, wrong):
    with pytest.raises(UserError):
        heart.make(tmp_path / "acdc", progress=False, **wrong)
    assert not (tmp_path / "acdc").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not a phantom"):
        heart.make(tmp_path, subjects=1, progress=False)
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_patient_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(write, "cine", lambda s: np.zeros((s.frames, *s.scan.size[::-1]), np.int16))
    monkeypatch.setattr(write, "truth", fail)  # after the sequence is on disk
    with pytest.raises(RuntimeError, match="disk full"):
        write.patient(tmp_path, 0, 0, "quick")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, where):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot be written") as caught:
        heart.make(tmp_path / where, subjects=1, progress=False)
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == ["file"]


def test_a_patient_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    """A full disk is met in the middle, by a worker of its own."""

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heart, "patient", full)
    monkeypatch.setattr(fill, "ProcessPoolExecutor", ThreadPoolExecutor)
    with pytest.raises(UserError, match="No space left"):
        heart.make(tmp_path / "acdc", subjects=3, progress=False)


@pytest.mark.slow
def test_another_maker_on_its_way_is_no_stranger(tmp_path):
    out = tmp_path / "acdc"
    out.mkdir()
    (out / ".123.phantom.json").write_text("half")
    (out / ".patient001-abc").mkdir()
    heart.make(out, subjects=1, progress=False)
    assert (out / "patient001" / "Info.cfg").is_file()


def test_a_patient_that_another_maker_finished_first_stays(tmp_path, monkeypatch):
    def meanwhile(folder, subject, index):
        (folder / "Info.cfg").write_text("second")
        (tmp_path / folder.name).mkdir()
        (tmp_path / folder.name / "Info.cfg").write_text("first")

    monkeypatch.setattr(write, "_write", meanwhile)
    write.patient(tmp_path, 0, 0, "quick")
    assert os.listdir(tmp_path) == ["patient001"]
    assert (tmp_path / "patient001" / "Info.cfg").read_text() == "first"
