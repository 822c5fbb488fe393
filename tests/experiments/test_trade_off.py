"""Settings that are varied exist, are told apart, and are not run twice."""

from dataclasses import dataclass, fields, replace

import pandas as pd
import pytest
import torch

from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import MissingPeer, Refused
from regthesis.experiments.deformation import trade_off as recipe
from regthesis.geometry import Grid
from regthesis.methods import get
from regthesis.methods.base import Pairwise

GRID = Grid((4, 8, 8), (2.0, 1.0, 1.0))


@dataclass(frozen=True)
class Stretch(Pairwise):
    """Stretches along the last axis by a share."""

    name = "stretch"
    label = "stretch"
    share: float = 0.1

    def pair(self, moving, fixed, grid):
        u = torch.zeros(1, 3, *grid.shape)
        u[:, 2] = self.share * (torch.arange(8.0) - 3.5) ** 2 / 8
        return Deformation(u, grid)


@pytest.mark.parametrize("name", recipe.SETTINGS)
def test_every_method_has_the_setting_and_its_default_is_among_the_values(name):
    method, (field, values) = get(name), recipe.SETTINGS[name]
    assert field in {f.name for f in fields(method)}
    assert getattr(method, field) in values and len(set(values)) == len(values)


def test_a_row_a_setting_and_what_was_done_is_kept(monkeypatch, tmp_path):
    monkeypatch.setitem(recipe.SETTINGS, "stretch", ("share", (0.0, 0.1, 0.2)))
    mask = torch.zeros(1, 1, *GRID.shape).long()
    mask[..., 2:6, 2:6] = 3
    case = Case("a", torch.rand(2, 1, *GRID.shape), GRID, {0: mask, 1: mask}, "NOR")
    out = tmp_path / "records.csv"
    rows = recipe.trade_off([case], [Stretch(), get("identity")], out)
    rough = rows[rows["metric"] == "Grad Det-Jac"].set_index("setting")
    assert list(rough.index) == [0.0, 0.1, 0.2] and rough["default"].tolist() == [False, True, False]
    assert rough["value"].iloc[0] == 0 and rough["value"].iloc[2] == pytest.approx(2 * rough["value"].iloc[1])
    kept = pd.read_csv(out)
    kept[kept["setting"] < 0.15].assign(value=-1.0).to_csv(out, index=False)
    again = recipe.trade_off([case], [Stretch()], out)
    assert len(again) == len(rows) and (again["value"] == -1).sum() == 2 * len(rows) // 3
    more = recipe.trade_off([case, replace(case, id="b")], [Stretch()], out)
    assert len(more) == 2 * len(rows) and (more.groupby("case")["value"].count() == len(rows)).all()


@dataclass(frozen=True)
class Absent(Stretch):
    """A method whose package is not there."""

    name = "stretch"

    def pair(self, moving, fixed, grid):
        raise MissingPeer("antspyx")


def test_a_method_without_its_package_is_named(monkeypatch):
    monkeypatch.setitem(recipe.SETTINGS, "stretch", ("share", (0.0, 0.1)))
    rows = recipe.trade_off([Case("a", torch.rand(2, 1, *GRID.shape), GRID)], [Absent()])
    assert rows.empty and "antspyx" in rows.attrs["missing"]["stretch"]


def test_where_every_case_is_refused_there_is_an_empty_table_and_one_line(monkeypatch, tmp_path):
    def refuse(self, case):
        raise Refused(f"{case.id}: a stranger")

    monkeypatch.setitem(recipe.SETTINGS, "stretch", ("share", (0.0, 0.1)))
    monkeypatch.setattr(Stretch, "check", refuse)
    cases = [Case(name, torch.rand(2, 1, *GRID.shape), GRID) for name in "ab"]
    rows = recipe.trade_off(cases, [Stretch()], tmp_path / "records.csv")
    assert rows.attrs["refused"] == "a: a stranger; so it is with b" and not len(rows)
    assert (tmp_path / "records.csv").read_text() == ",".join(recipe.COLUMNS) + "\n"
