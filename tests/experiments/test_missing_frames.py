"""Frames that are not there: which are given, that interpolations are exact where they can be, and the verdicts."""

import numpy as np
import pandas as pd
import pytest
import torch

from regthesis.book import ledger
from regthesis.case import CAVITY, Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.experiments.motion import missing
from regthesis.experiments.motion.missing import COLUMNS, GIVEN, areas, given_frames, interpolated
from regthesis.geometry import Grid


def test_frames_are_given_as_the_thesis_gives_them():
    assert [given_frames(name, 13) for name in GIVEN] == [[2, 4, 6, 8, 10, 12], [5, 10], [1, 2, 3, 4], [10], []]


@pytest.mark.parametrize(("name", "count"), [("0th and 10th", 10), ("every 5th", 5), ("first 5", 4)])
def test_a_cine_that_is_too_short_cannot_give_them(name, count):
    with pytest.raises(UserError, match=f"a cine of {count} frames"):
        given_frames(name, count)


TIMES = [k / 8 for k in range(8)]


@pytest.mark.parametrize("way", ["linear", "cubic"])
def test_what_is_given_stays(way):
    u = torch.randn(7, 2, 4, 5, generator=torch.manual_seed(0))
    found = interpolated(u, TIMES, [2, 5], way)
    torch.testing.assert_close(found[[1, 4]], u[[1, 4]])
    torch.testing.assert_close(interpolated(u, TIMES, list(range(1, 8)), way), u)


def test_linear_interpolation_is_exact_for_a_motion_that_goes_and_comes_back_evenly():
    there = torch.tensor([min(t, 8 - t) for t in range(1, 8)]).float().view(-1, 1, 1, 1) * torch.ones(7, 2, 3, 3)
    torch.testing.assert_close(interpolated(there, TIMES, [4], "linear"), there)


def test_cubic_interpolation_is_nearly_exact_for_a_smooth_beat():
    beat = torch.tensor([1 - np.cos(2 * np.pi * t) for t in TIMES[1:]]).float().view(-1, 1, 1, 1).expand(7, 2, 3, 3)
    found = interpolated(beat, TIMES, [2, 4, 6], "cubic")
    assert (found - beat).abs().max() < 0.05
    assert (interpolated(beat, TIMES, [2, 4, 6], "linear") - beat).abs().max() > 0.1


def test_an_area_is_that_of_the_cavity_as_it_is_carried():
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.long)
    mask[..., 4:12, 4:12] = 3
    case = Case("a", torch.zeros(3, 1, 16, 16), Grid((16, 16), (2.0, 5.0)), {0: mask}, structures={CAVITY: (3,)})
    still = Deformation(torch.zeros(2, 2, 16, 16), case.grid)
    assert areas(case, still).tolist() == pytest.approx([6.4] * 3)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    half = torch.stack([y - 7.5, x - 7.5])[None]  # the moving image is seen at half its size
    assert areas(case, Deformation(half, Grid((16, 16), (2.0, 5.0))))[1] == pytest.approx(1.6)


def errors(model, linear, cubic, patients=20):
    rng = np.random.default_rng(0)
    rows = [
        (f"p{k}/slice{z:02d}", "NOR", given, way, mean * (1 + 0.1 * rng.normal()))
        for k in range(patients)
        for z in (1, 2)
        for given in GIVEN
        for way, mean in {"model": model, "linear": linear, "cubic": cubic}.items()
        if given != "only the 0th" or way == "model"
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ((1.0, 2.0, 2.0), ("holds", "holds")),
        ((2.0, 1.0, 3.0), ("fails", "fails")),
        ((1.0, 1.0, 2.0), ("holds", "undecided")),
    ],
)
def test_the_model_is_judged_by_patient(means, expected):
    found = {it.id: it for it in missing.judge(errors(*means), "acdc")}
    assert (found["C5.37"].verdict, found["C5.38"].verdict) == expected
    assert ledger.entry("C5.38").kind == "statement"
