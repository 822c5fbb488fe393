"""What moves on the pages: a picture belongs to its place of the sliders; ends and middles are where they must be."""

import numpy as np
import pandas as pd
import pytest
import torch

from regthesis import kernels
from regthesis.book.show.slices import window
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.experiments.background import players as background
from regthesis.experiments.background.planes import moved, plane
from regthesis.experiments.deformation import players as deformation
from regthesis.geometry import Grid
from regthesis.methods.transport import Rungs, ladder

GRID = Grid((3, 24, 24), (2.0, 1.0, 1.0))


@pytest.fixture
def case():
    """A cavity in a wall beside a right ventricle, bright on dark."""
    mask = torch.zeros(1, 1, *GRID.shape).long()
    mask[..., 7:17, 9:19] = 2
    mask[..., 10:14, 12:16] = 3
    mask[..., 7:17, 6:9] = 1
    return Case("a", (mask == 3).float().repeat(2, 1, 1, 1, 1), GRID, {0: mask, 1: mask}, "HCM")


@pytest.fixture
def shown(monkeypatch):
    """What the players drew: the images and the displacements, in the order of their frames."""
    drawn = {"images": [], "fields": []}
    for module in (background, deformation):
        monkeypatch.setattr(module, "draw", lambda ax, image, *args, **more: drawn["images"].append(image))
        monkeypatch.setattr(module, "draw_grid", lambda ax, u, *args, **more: drawn["fields"].append(u))
    return drawn


def along_x(amount):
    u = torch.zeros(1, 3, *GRID.shape)
    u[:, 2] = amount
    return u


def test_a_growing_field_is_drawn_as_displacement_and_as_velocity(shown):
    v = 0.01 * torch.randn(1, 2, 16, 16)
    lowest = pd.DataFrame({"id + v": [0.9, 0.5], "exp(v)": [0.9, 0.8]}, [1.0, 2.0])
    player = background.growing(v, lowest)
    assert player.sliders == {"largest |v|": ["1 px", "2 px"]} and player.start == (1,)
    assert torch.equal(shown["fields"][2], 2 * v) and torch.equal(shown["fields"][3], kernels.exp(2 * v))


def test_a_traversal_shows_each_direction_at_each_amplitude(case, shown):
    shifts = {"first": (-1.0, 0.0, 1.0), "random": (-2.0, 0.0, 2.0)}
    walks = {name: [plane(moved(case, along_x(x))) for x in those] for name, those in shifts.items()}
    player = background.traversal(walks, [-1.0, 0.0, 1.0])
    assert player.sliders == {"direction": ["first", "random"], "amplitude": ["-1 sd", "+0 sd", "+1 sd"]}
    assert [float(u[:, 1].mean()) for u in shown["fields"]] == [-1, 0, 1, -2, 0, 2]


def test_a_beat_follows_one_velocity_to_end_systole_and_back(shown):
    cine, outlines = (
        torch.arange(16.0) + torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 16, 1),
        torch.zeros(1, 1, 16, 16).long(),
    )
    v = torch.zeros(4, 2, 16, 16)
    v[1, 1] = 2.0  # that of end systole, frame 2
    tracked = Deformation(kernels.exp(v), Grid((16, 16), (1.0, 1.0)), v)
    roads = {"to the first": np.ones(4)}
    player = background.beat(cine, outlines, tracked, roads, {0: 2.0, 2: 1.0})
    assert player.cyclic and player.start == (2,)
    seen, carried = shown["images"][::2], shown["images"][1::2]
    assert all(torch.equal(a, b) for a, b in zip(seen, cine, strict=True))
    shift = [float((image - cine[0])[..., 4:10].mean()) for image in carried]
    assert shift == pytest.approx([0, 1, 2, 4 / 3, 2 / 3], abs=1e-5)


def test_a_sweep_has_the_mean_in_the_middle_and_a_picture_a_population(case, shown):
    codes = [[along_x(10.0 * k + j) for j in range(3)] for k in range(3)]
    player = deformation.sweep(case, {"a": codes, "b": codes}, [-2.5, 0.0, 2.5])
    assert player.start == (1, 1) and list(player.sliders) == ["second component", "first component"]
    assert player.sliders["first component"] == ["-2.5 sd", "+0 sd", "+2.5 sd"]
    assert [round(float(u[:, 1].mean())) for u in shown["fields"][::2]] == [0, 1, 2, 10, 11, 12, 20, 21, 22]


def test_a_transport_goes_from_rest_to_all_of_the_motion(case, shown):
    torch.manual_seed(0)
    motion, between = (kernels.smooth(torch.randn(1, 3, *GRID.shape), 3.0) for _ in range(2))
    rungs = Rungs(case.moving, motion, between, Deformation(ladder(motion, between), GRID))
    own = Deformation(kernels.exp(motion), GRID, motion)
    rows = [("HCM on itself", case, {"ladder": own, "code": own}), ("HCM on NOR", case, {"ladder": rungs, "code": own})]
    player = deformation.transported({"HCM": rows}, shares=3)
    assert player.sliders == {"patient": ["HCM"], "share of the motion": ["0%", "50%", "100%"]}
    assert player.start == (0, 2)
    fields = shown["fields"]
    assert all(u.abs().max() < 0.2 for u in fields[:4])  # at rest, up to what a way there and back misses
    whole = case.middle, *window(case)
    assert torch.equal(fields[-2], rungs.carried.u[:, 1:][(..., *whole)])
    assert torch.equal(fields[-1], own.u[:, 1:][(..., *whole)])
