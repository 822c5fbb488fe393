"""No patient is scored by a network that has seen that patient: the shipped weights, held against real patients."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner

from regthesis import methods, weights
from regthesis.case import Case
from regthesis.cli import main
from regthesis.datasets.acdc import ACDC
from regthesis.datasets.slices import Slices
from regthesis.errors import DomainWarning, UserError
from regthesis.geometry import Grid
from regthesis.methods.learned import Learned
from regthesis.train import read_card

LEARNED = [name for name in methods.names() if isinstance(methods.get(name), Learned)]
TRACKING = [name for name in LEARNED if methods.get(name).command == "motion" or name == "lpr"]  # trained on cines
LEARNED = [name for name in LEARNED if name not in TRACKING]


def check_unseen(case, patient):
    """Every method with weights takes a network that was neither trained nor validated on the patient."""
    for name in LEARNED:
        card = read_card(methods.get(name).weights_for(case))
        assert patient in card["held_out"], (name, patient)
        assert patient not in [*card["trained"], *card["validated"]], (name, patient)


def write_again(source: Path, folder: Path, change) -> Path:
    """A patient's folder written once more under `folder`, under another name, its images changed; masks stay."""
    target = folder / "renamed"
    target.mkdir(parents=True)
    for path in source.glob("*.nii.gz"):
        image = sitk.ReadImage(str(path))
        if not path.name.endswith("_gt.nii.gz"):
            changed = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)))
            changed.CopyInformation(image)
            image = changed
        sitk.WriteImage(image, str(target / path.name.replace(source.name, "renamed")))
    (target / "Info.cfg").write_text((source / "Info.cfg").read_text())
    return folder


@pytest.mark.slow
def test_every_patient_is_registered_out_of_fold(real_data):
    """As read; with images swapped; with every voxel moved by one unit in the last place, under another name."""
    root = real_data / "acdc"
    for patient in ACDC(root).ids():
        case = ACDC(root).read(patient, "quick")
        check_unseen(case, patient)
        check_unseen(replace(case, images=case.images.flip(0)), patient)
        moved = torch.nextafter(case.images, torch.tensor(torch.inf))
        check_unseen(replace(case, images=moved, id="renamed"), patient)


@pytest.mark.slow
def test_so_is_every_patient_whose_files_have_other_intensities_and_another_name(real_data, tmp_path):
    def next_float(voxels):
        return np.nextafter(voxels.astype(np.float32), np.float32(np.inf))

    root = real_data / "acdc"
    for patient in ACDC(root).ids()[::8]:
        folder = write_again(root / patient, tmp_path / patient, next_float)
        check_unseen(ACDC(folder).read("renamed", "quick"), patient)


@pytest.mark.slow
def test_whole_cines_are_registered_out_of_fold(real_data):
    """Crops of other files with other intensities; not all of their patients are on the cards."""
    root, known = real_data / "acdc_cine", set(ACDC(real_data / "acdc").ids())
    for patient in ACDC(root).ids():
        case = ACDC(root).read(patient, "quick", sequence=True)
        if patient in known:
            check_unseen(case, patient)
        else:
            for name in LEARNED:
                with pytest.raises(UserError, match=f"{patient}: is no patient of acdc that"):
                    methods.get(name).weights_for(case)


@pytest.mark.slow
def test_slices_of_cines_are_tracked_out_of_fold(real_data):
    """By the identity of their patient. Where no fold has left a patient out yet, the patient is refused."""
    slices = Slices(ACDC(real_data / "acdc_cine"), middle=True)
    left_out = {
        name: {
            id
            for file in weights.weight_files(methods.get(name).weights, "motion")
            for id in read_card(file)["held_out"]
        }
        for name in TRACKING
    }
    assert left_out["motion"] == set(slices.cines.ids())
    for id in slices.ids():
        case, patient = slices.read(id, "quick"), slices.patient(id)
        for name in TRACKING:
            method = methods.get(name)
            if patient in left_out[name]:
                card = read_card(method.weights_for(case))
                assert patient in card["held_out"] and patient not in [*card["trained"], *card["validated"]]
            else:
                with pytest.raises(UserError, match=patient):
                    method.weights_for(case)


def test_a_stranger_in_acdc_layout_is_refused(real_data):
    root = real_data / "sunnybrook"
    for name in LEARNED:
        with pytest.raises(UserError, match="is no patient of acdc that the networks in .* know"):
            methods.get(name).weights_for(ACDC(root).read(ACDC(root).ids()[0], "quick"))


def test_a_study_leaves_strangers_to_the_methods_that_may_register_them(real_data, tmp_path):
    command = ["study", str(real_data / "sunnybrook"), "--grid", "quick", "--methods", "identity,s3"]
    result = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and len(result.stderr.strip().splitlines()) == 1
    assert "SCD0000101: is no patient of acdc" in result.stderr and "so it is with SCD0000201" in result.stderr
    rows = pd.read_csv(tmp_path / "out" / "records.csv")
    assert set(rows["method"]) == {"identity"} and rows["case"].nunique() == 3


def test_the_same_data_are_known_by_their_outlines_not_by_layout_or_number(real_data, tmp_path):
    assert ACDC(real_data / "acdc").origin == "acdc"
    hearts = real_data / "sunnybrook"
    copies = tmp_path / "copies"
    copies.mkdir()
    for number in range(1, 82):
        source = hearts / ACDC(hearts).ids()[number % 3]
        target = copies / f"patient{number:03d}"
        target.mkdir()
        for path in source.iterdir():
            (target / path.name.replace(source.name, target.name)).symlink_to(path)
    assert ACDC(copies).origin == "own"


def test_all_shipped_cards_say_who_is_who():
    files = sorted(weights.WEIGHTS.rglob("weights.safetensors"))
    assert files
    for file in files:
        card = read_card(file)
        assert {*card["trained"], *card["validated"], *card["held_out"]} == card["identities"].keys(), file
        assert not {*card["trained"], *card["validated"]} & {*card["held_out"]}, file
        assert all(card["identities"].values()), file


def test_own_images_are_served_with_a_warning():
    own = Case("own", torch.rand(2, 1, 8, 16, 16), Grid((8, 16, 16), (3.0, 3.0, 3.0)))
    with pytest.warns(DomainWarning, match="s3 was trained on acdc alone"):
        methods.get("s3").weights_for(own)
