"""Slices of cines: which there are, that they are cut where they say, and that they are their patient's."""

from pathlib import Path

import pytest
import torch
from small_cines import Beats

from regthesis.case import Case
from regthesis.datasets.cines import Stacks
from regthesis.datasets.slices import PLANES, Slices, slice_of
from regthesis.errors import UserError
from regthesis.experiments.folds import folds, selected
from regthesis.geometry import Grid


@pytest.fixture
def slices():
    return Slices(Beats(Path("beats")))


def test_slices_with_a_structure_in_both_frames_are_cases(slices):
    assert slices.ids() == ["a/slice02", "a/slice03", "b/slice02", "b/slice03"]


def test_a_slice_is_a_cine_of_its_plane(slices):
    case = slices.read("b/slice03", "quick")
    assert case.id == "b/slice03" and case.grid.shape == PLANES["quick"].shape and case.grid.spacing == (3.0, 3.0)
    assert case.images.shape == (4, 1, 64, 64) and case.times == (0.0, 0.25, 0.5, 0.75)
    assert case.images[:, 0, 0, 0].tolist() == [3, 13, 23, 33]
    assert set(case.masks) == {0, 2} and case.fixed_mask.sum() == 4
    assert slices.read("b/slice03", "quick", sequence=False).images.shape[0] == 2


def test_a_slice_is_its_patient_s(slices):
    for id in slices.ids():
        patient = id[0]
        assert slices.group(id) == slices.cines.group(patient) == slices.read(id).group
        assert slices.identity(id) == slices.cines.identity(patient) == slices.read(id).identity


def test_a_patient_is_read_once_for_all_its_slices(slices):
    ids = slices.ids()
    before = slices.cines.reads
    for id in ids:
        slices.read(id)
    assert slices.cines.reads == before + 2


def test_a_known_motion_is_cut_to_the_plane():
    truth = torch.arange(3.0).view(1, 3, 1, 1, 1).expand(1, 3, 2, 4, 4)
    case = Case("a", torch.zeros(2, 1, 2, 4, 4), Grid((2, 4, 4), (8.0, 1.0, 1.0)), truth=truth)
    assert slice_of(case, 1).truth[0, :, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("id", ["a", "a/slice", "a/slicex", "a/slice05", "/slice01"])
def test_what_is_no_slice_is_refused(slices, id):
    with pytest.raises(UserError, match="no such slice|has slices 0 to 4"):
        slices.read(id)


def test_a_stack_is_a_cine_of_its_own_slices():
    stacks = Stacks(Beats(Path("beats")))
    case = stacks.read("b", "quick")
    assert stacks.ids() == ["a", "b"] and case.id == "b" and case.times == (0.0, 0.25, 0.5, 0.75)
    assert case.grid.shape == (5, 64, 64) and case.grid.spacing == (8.0, 3.0, 3.0)
    assert case.images[:, 0, 2, 0, 0].tolist() == [2, 12, 22, 32]
    assert stacks.identity("b") == case.identity == stacks.cines.identity("b") and stacks.patient("b") == "b"


def test_data_without_cines_have_no_slices():
    class Pairs(Beats):
        stack = property()

    with pytest.raises(UserError, match="beats: has no cines"):
        Slices(Pairs(Path("beats")))


def test_the_middle_slices_are_one_of_each_patient():
    middle = Slices(Beats(Path("beats")), middle=True)
    assert middle.ids() == ["a/slice03", "b/slice03"]
    assert middle.patient("a/slice03") == "a"


def test_slices_of_a_patient_stay_together_where_patients_are_dealt_out(slices):
    assert folds(slices, 2) == [["b/slice02", "b/slice03"], ["a/slice02", "a/slice03"]]
    assert slices.balanced(1) == ["a/slice02", "a/slice03"]
    assert selected(slices, 2) == slices.ids()
    with pytest.raises(UserError, match="3 patients wanted, 2 there"):
        slices.balanced(3)
