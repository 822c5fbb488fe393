"""Training on the ACDC layout: folds are fair and closed, and what a card says of them holds."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from small_cines import TenBeats

from regthesis.datasets import CommonGrid, recognise
from regthesis.datasets.acdc import ACDC
from regthesis.datasets.phantom import heart
from regthesis.datasets.slices import Slices
from regthesis.errors import UserError
from regthesis.experiments import cross_validation as recipe
from regthesis.experiments.cross_validation import train
from regthesis.experiments.folds import folds
from regthesis.methods.cvae import CVAE
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import Schedule
from regthesis.weights import Card


def build(grid: CommonGrid) -> DeformationCVAE:
    return DeformationCVAE(grid.shape, grid.spacing, latent=4)


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """Fifteen phantoms, three a group."""
    root = tmp_path_factory.mktemp("hearts")
    heart.make(root, subjects=15, seed=1, size="quick")
    return recognise(root)


@pytest.mark.slow
def test_folds_have_all_patients_once_and_all_groups(hearts):
    parts = folds(hearts, 3)
    assert sorted(sum(parts, [])) == hearts.ids()
    for fold in parts:
        assert {hearts.group(patient) for patient in fold} == {"DCM", "HCM", "MINF", "NOR", "RV"}


@pytest.mark.slow
def test_a_fold_that_was_left_out_was_not_seen(hearts, tmp_path):
    parts = folds(hearts, 3)
    card = train(hearts, tmp_path, build, Schedule(2, every=1), fold=2, count=3, grid="quick", skip=parts[0][:1])
    assert card["held_out"] == parts[1] and len(card["validated"]) == 5 and len(card["trained"]) == 4
    assert not {*card["trained"], *card["validated"]} & {*parts[1], parts[0][0]}
    unseen, seen = (hearts.read(patient, "quick") for patient in (parts[1][0], card["trained"][0]))
    assert Card(card).has_seen(seen.identity) and not Card(card).has_seen(unseen.identity)
    assert card["identities"].keys() == set(hearts.ids())
    assert CVAE(tmp_path).register(unseen).u.shape == (1, 3, *hearts.grids["quick"].shape)
    with pytest.raises(UserError, match="have seen this patient"):
        CVAE(tmp_path).register(seen)
    with pytest.raises(UserError, match="have seen this patient"):  # nor on another grid
        CVAE(tmp_path).register(hearts.read(card["trained"][0], "full"))


@pytest.mark.parametrize(
    "wrong, message", [({"fold": 6}, "fold: expected 0"), ({"fold": 1, "grid": "huge"}, "grid 'huge'")]
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        train(ACDC(tmp_path), tmp_path, build, **wrong)


def test_a_cine_makes_a_pair_of_each_frame_with_its_first(tmp_path):
    """Two slices of four frames each for three patients; a left-out patient is left out with all slices."""
    data = Slices(TenBeats(tmp_path))
    card = train(data, tmp_path / "out", build, Schedule(2, every=1), fold=1, grid="quick")
    assert len(card["held_out"]) == 2 and len(card["validated"]) == 5 and len(card["trained"]) == 3
    assert card["pairs"] == 3 * 2 * 3 and card["identities"].keys() == set(data.cines.ids())


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Six phantoms: five to validate on and one to train with."""
    root = tmp_path_factory.mktemp("six")
    heart.make(root, subjects=6, progress=False)
    return recognise(root)


@pytest.mark.slow
def test_cines_make_more_pairs_of_those_who_are_trained_on(hearts, tmp_path):
    """The cines lie in a folder of other names, and are known by their outlines."""
    parts = folds(hearts, 3)
    elsewhere = tmp_path / "cines"
    for number, id in enumerate((parts[1][0], *parts[2])):  # one of the fold that is left out
        renamed = f"patient{900 + number}"
        for file in (hearts.root / id).iterdir():
            target = elsewhere / renamed / file.name.replace(id, renamed)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    cines = recognise(elsewhere)
    card = train(hearts, tmp_path / "out", build, Schedule(1), fold=2, count=3, grid="quick", cines=cines)
    known = set().union(*(card["identities"][id] for id in card["trained"]))
    beating = [id for id in cines.ids() if known & cines.identity(id)]
    assert 0 < len(beating) < len(cines.ids())
    assert card["pairs"] == len(card["trained"]) + recipe.FRAMES * len(beating)
    with pytest.raises(UserError, match="no cine of a patient to train with"):
        recipe.beats(cines, set(), hearts.grids["quick"])


@pytest.mark.slow
def test_both_directions_are_twice_the_pairs_and_images_move_as_told(hearts, tmp_path):
    gentle = dict(degrees=5, mirror=False)
    arguments = dict(fold=2, count=3, grid="quick", both_directions=True, augmentation=gentle)
    card = train(hearts, tmp_path, build, Schedule(1), **arguments)
    assert card["pairs"] == 2 * len(card["trained"])
    assert "degrees=5, zoom=0.15, shift=0.05, mirror=False" in card["augment"]
    case = hearts.read(card["trained"][0], "quick")
    turned = recipe.turned_round(case)
    assert torch.equal(turned.moving, case.fixed) and torch.equal(turned.fixed, case.moving)


@pytest.mark.parametrize("skip, left", [(1, 5), (3, 3), (6, 0)])
@pytest.mark.slow
def test_too_few_patients_are_counted(six, tmp_path, skip, left):
    with pytest.raises(UserError, match=f"{left} patients to train with; it takes 6 or more, 5 of them for") as error:
        train(six, tmp_path / "out", build, fold=0, grid="quick", skip=six.ids()[:skip])
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def write_group(root, patient, group):
    info = root / patient / "Info.cfg"
    lines = [line for line in info.read_text().splitlines() if not line.startswith("Group")]
    info.write_text("\n".join([*lines, *([] if group is None else [f"Group: {group}"])]) + "\n")


@pytest.mark.slow
def test_groups_of_any_kind_are_split(six, tmp_path):
    root = shutil.copytree(six.root, tmp_path / "hearts")
    data = recognise(root)
    for patient, group in zip(data.ids(), ("", "1", "NO", "nan", None, "2020-01-01"), strict=True):
        write_group(root, patient, group)
    assert sorted(sum(folds(data, 3), [])) == data.ids()
    assert len(data.balanced(5)) == 5
    for patient in data.ids():
        write_group(root, patient, "7")
    assert folds(data, 2) == [data.ids()[0::2], data.ids()[1::2]]


@pytest.mark.slow
def test_validation_leaves_out_who_has_nothing_to_overlap(six, tmp_path, monkeypatch):
    """An ES mask that is empty, one that shares no structure with that of ED, and none at all."""
    read, spoilt = six.read, dict(zip(six.balanced(5), ("empty", "other", "none"), strict=False))

    def broken(patient, grid, sequence=False):
        case = read(patient, grid, sequence)
        ed, es = case.masks[0], case.masks[1]
        other = {0: (ed == 1).long(), 1: 2 * (es == 2).long()}
        masks = {"empty": {0: ed, 1: 0 * es}, "other": other, "none": {}}
        return replace(case, masks=masks.get(spoilt.get(patient), case.masks))

    measured = []
    monkeypatch.setattr(six, "read", broken)
    monkeypatch.setattr(recipe, "lost_overlap", lambda model, *sample: measured.append(sample) or 0.25)
    card = train(six, tmp_path / "a", build, Schedule(1), fold=0, grid="quick")
    assert len(card["validated"]) == 5 and len(measured) == 2
    assert card["curve"][-1]["validation"] == 0.25
    spoilt |= dict.fromkeys(six.balanced(5), "none")
    with pytest.raises(UserError, match="no validation patient .* has a structure in both masks"):
        train(six, tmp_path / "b", build, Schedule(1), fold=0, grid="quick")
    assert not (tmp_path / "b").exists()


def test_overlap_is_lost_only_where_both_masks_have_the_structure():
    empty = torch.zeros(1, 1, 2, 4, 4).long()
    right, both = empty.clone(), empty.clone()
    right[..., :2], both[..., :2], both[..., 2:] = 1, 1, 3

    class Still(torch.nn.Module):
        steps = 4

        def forward(self, moving, fixed):
            return SimpleNamespace(velocities=[torch.zeros(1, 3, 2, 4, 4)])

    assert recipe.lost_overlap(Still(), empty.float(), empty.float(), right, both) == 0
