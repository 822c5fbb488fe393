"""Training on cines: a left-out patient is left out with all slices, and all frames of a cine are moved together."""

import pytest
import torch
from small_cines import TenBeats

from regthesis.datasets.cines import Stacks
from regthesis.datasets.dataset import CommonGrid
from regthesis.datasets.slices import Slices, patient_of
from regthesis.errors import UserError
from regthesis.experiments.motion.training import MovedCine, train
from regthesis.models.motion import MotionModel
from regthesis.train import Schedule
from regthesis.weights import Card


def build(grid):
    return MotionModel(grid.shape, grid.spacing, length=6, latent=3)


def test_a_left_out_patient_is_seen_in_no_slice(tmp_path):
    data = Slices(TenBeats(tmp_path))
    card = train(data, tmp_path / "out", build, Schedule(2, every=1), fold=1, grid="quick")
    assert len(card["held_out"]) == 2 and len(card["validated"]) == 5 and len(card["trained"]) == 3
    assert card["cines"] == 2 * 3  # two slices each
    for id in data.ids():
        seen = patient_of(id) in {*card["trained"], *card["validated"]}
        assert Card(card).has_seen(data.read(id, "quick").identity) == seen


def test_a_fold_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="fold: expected 0"):
        train(Slices(TenBeats(tmp_path)), tmp_path / "out", build, Schedule(1), fold=6, grid="quick")


def test_a_left_out_patient_is_seen_in_no_stack(tmp_path):
    data = Stacks(TenBeats(tmp_path))
    small = CommonGrid((8, 16, 16), (10.0, 12.0, 12.0))
    data.grids = {"quick": small}
    card = train(data, tmp_path / "out", build, Schedule(2, every=1), fold=1, grid="quick")
    assert card["cines"] == len(card["trained"]) == 3 and card["arguments"]["shape"] == [*small.shape]


@pytest.mark.parametrize("space", [(16, 16), (3, 16, 16)])
def test_all_frames_of_a_cine_are_moved_by_one_map(space):
    """Those of a stack in their planes alone: slices that are alike stay so."""
    torch.manual_seed(0)
    image = torch.rand(1, 1, 1, *[1] * (len(space) - 2), 16, 16).expand(1, 1, 1, *space)
    images, places = MovedCine((1.0, 1.0))((image.expand(1, 4, 1, *space), torch.tensor([[0, 1, 2]])))
    assert images.shape == (1, 4, 1, *space) and places.tolist() == [[0, 1, 2]]
    if len(space) == 3:
        assert all(torch.equal(images[..., 0, :, :], images[..., k, :, :]) for k in range(3))
    assert all(torch.equal(images[:, 0], images[:, k]) for k in range(4)) and not torch.equal(images[:, :1], image)
