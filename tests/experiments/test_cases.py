"""Which hearts chapter 4 shows: none that its network has seen, of every group in turn, and whatever there is."""

from dataclasses import replace

import pytest
import torch

from regthesis.case import Case
from regthesis.datasets import Dataset
from regthesis.errors import UserError
from regthesis.experiments.deformation.cases import to_carry, unseen
from regthesis.geometry import Grid

CARD = {"trained": ["a"], "validated": ["b"], "identities": {"a": ["mark of a"], "b": ["mark of b"]}}


class Listed(Dataset):
    """Cases from a dictionary of name and group; the mark of each is its own."""

    name = networks = "listed"

    def __init__(self, groups, rank=3, **settings):
        super().__init__("nowhere")
        self.groups, self.rank = groups, rank
        vars(self).update(settings)

    @classmethod
    def lies_at(cls, root):
        return False

    def ids(self):
        return list(self.groups)

    def group(self, id):
        return self.groups[id]

    def identity(self, id):
        return frozenset({f"mark of {id}"})

    def read(self, id, grid="full", sequence=False):
        own = Grid((4,) * self.rank, (1.0,) * self.rank)
        return Case(id, torch.rand(2, 1, *own.shape), own, group=self.group(id), identity=self.identity(id))


class Own(Listed):
    """Own pairs: their names say nothing, and the networks are another data set's."""

    name = "folder"


def names(cases):
    return [case.id for case in cases]


def test_whom_the_network_has_seen_is_not_shown():
    hearts = Listed(dict.fromkeys("abcdef", "NOR"))
    assert names(unseen(hearts, CARD, 2, "quick")) == ["c", "d"]
    assert names(unseen(hearts, CARD, 99, "quick")) == ["c", "d", "e", "f"]  # as many as there are


def test_own_pairs_are_known_by_their_images_and_not_by_their_names():
    pairs = Own(dict.fromkeys("abc", ""))
    assert names(unseen(pairs, CARD, 9, "quick")) == ["c"]
    strangers = CARD | {"identities": {"a": ["another"], "b": ["another one"]}}
    assert names(unseen(pairs, strangers, 9, "quick")) == ["a", "b", "c"]


def test_flat_pairs_are_left_out_in_one_line():
    with pytest.raises(UserError, match="nowhere: no pair in 3-D .* has not seen; give others"):
        unseen(Own({"c": "", "d": ""}, rank=2), CARD, 9, "quick")


def test_a_thick_and_a_weak_heart_are_carried_to_two_healthy_ones():
    hearts = Listed({"c": "NOR", "d": "DCM", "e": "NOR", "f": "HCM", "g": "HCM", "h": "NOR"})
    sick, healthy = to_carry([hearts.read(id) for id in hearts.ids()])
    assert (names(sick), names(healthy)) == (["f", "d"], ["c", "e"])


def test_without_these_groups_the_first_goes_to_the_last():
    cases = [replace(case, group="") for case in unseen(Own(dict.fromkeys("cde", "")), CARD, 9, "quick")]
    sick, healthy = to_carry(cases)
    assert (names(sick), names(healthy)) == (["c"], ["e"])
