"""The loop under the tables: with and without the deformations kept, a missing package or not."""

from dataclasses import dataclass, replace

import pandas as pd
import pytest
import torch

from regthesis import evaluate
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate.structures import structures_named
from regthesis.geometry import Grid
from regthesis.methods import MissingPeer, Pairwise, get

GRID = Grid((3, 8, 8), (2.0, 1.0, 1.0))


@dataclass(frozen=True)
class Absent(Pairwise):
    """A method whose package is not there."""

    name = "absent"
    label = "absent"

    def pair(self, moving, fixed, grid):
        raise MissingPeer("antspyx")


def hearts():
    torch.manual_seed(0)
    mask = torch.zeros(1, 1, *GRID.shape).long()
    mask[..., 2:6, 2:6] = 3
    return [Case(id, torch.rand(2, 1, *GRID.shape), GRID, {0: mask, 1: mask}, "NOR") for id in "ab"]


def test_scores_of_kept_deformations_are_those_of_a_study():
    cases, methods = hearts(), [get("identity"), Absent()]
    found = evaluate.deformations(cases, methods)
    assert {name: len(some) for name, some in found.items()} == {"identity": 2}
    kept, run = evaluate.scores(cases, found), evaluate.study(cases, methods)
    assert "antspyx" in run.attrs["missing"]["absent"]
    timed = lambda rows: rows[rows["metric"] != "seconds"].reset_index(drop=True)  # noqa: E731
    pd.testing.assert_frame_equal(timed(kept), timed(run))


def test_a_study_goes_on_where_it_stopped(tmp_path):
    out = tmp_path / "records.csv"
    first = evaluate.study(hearts()[:1], [get("identity")], out)
    kept = pd.read_csv(out).assign(value=-1.0)
    kept.to_csv(out, index=False)
    both = evaluate.study(hearts(), [get("identity")], out)
    assert len(both) == 2 * len(first) and (both[both["case"] == "a"]["value"] == -1).all()
    assert not (both[both["case"] == "b"]["value"] == -1).all()


def test_names_of_cases_are_text_and_other_tables_are_refused(tmp_path):
    out = tmp_path / "records.csv"
    cases = [replace(case, id=f"00{case.id}", group="") for case in hearts()] + [replace(hearts()[0], id="007")]
    first = evaluate.study(cases, [get("identity")], out)
    again = evaluate.study(cases, [get("identity")], out)
    pd.testing.assert_frame_equal(again, first)  # nothing was registered twice: the seconds are the same
    for text in ("\n", "case,value\na,1.0\n", "\0" * 99, first.to_csv(index=False).replace("0.", "O.")):
        out.write_text(text)
        with pytest.raises(UserError, match="not a table of case, group, method"):
            evaluate.study(cases, [get("identity")], out)
        assert out.read_text() == text


def test_names_must_tell_cases_and_methods_apart(tmp_path):
    cases = hearts()
    for wrong, methods in (([*cases, cases[0]], [get("identity")]), (cases, [get("identity"), get("identity")])):
        with pytest.raises(UserError, match="(a: 2 cases|identity: 2 methods) have this name"):
            evaluate.study(wrong, methods, tmp_path / "records.csv")
        with pytest.raises(UserError, match="have this name"):
            evaluate.deformations(wrong, methods)
    with pytest.raises(UserError, match="a: 2 cases have this name"):
        evaluate.scores([cases[0], cases[0]], {"identity": evaluate.deformations(cases, [get("identity")])["identity"]})
    assert not list(tmp_path.iterdir())


def test_a_table_of_other_structures_is_not_gone_on_with(tmp_path):
    out = tmp_path / "records.csv"
    evaluate.study(hearts(), [get("identity")], out, {"heart": (3,)})
    kept = out.read_bytes()
    for other in ({"ventricle": (3,)}, None, {}):
        with pytest.raises(UserError, match="identity, a: computed before with other structures"):
            evaluate.study(hearts(), [get("identity")], out, other)
    assert out.read_bytes() == kept
    same = evaluate.study(hearts(), [get("identity")], out, {"heart": (3,)})
    assert set(same["structure"]) == {"image", "heart"} and out.read_bytes() == kept


@pytest.mark.parametrize(
    "text", ["gland", "gland=", "=1", "gland=0", "gland=a", "a=1+1", "a=1,a=2", "a=1+", "a=-1", "a=1.5"]
)
def test_structures_that_are_none_are_one_line(text):
    with pytest.raises(UserError, match="is not one name and its labels") as error:
        structures_named(text)
    assert "\n" not in str(error.value)


def test_structures_are_named_in_a_text():
    assert structures_named("gland=1, tumour = 2+3,") == {"gland": (1,), "tumour": (2, 3)}
    assert structures_named("") == {}


def test_methods_compute_on_the_device_and_scores_are_made_on_the_cpu():
    class Elsewhere(Pairwise):
        name = label = "elsewhere"

        def pair(self, moving, fixed, grid):
            assert {moving.device.type, fixed.device.type} == {"meta"}
            return Deformation(torch.zeros(1, grid.rank, *grid.shape), grid)

    case = hearts()[0]
    there, here = evaluate.study([case], [Elsewhere()], device="meta"), evaluate.study([case], [get("identity")])
    scores = there["metric"] != "seconds"
    assert scores.any() and there["value"][scores].tolist() == here["value"][scores].tolist()
