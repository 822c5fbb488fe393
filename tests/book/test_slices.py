"""What pictures claim: colours, places of folds and arrows, curves and tables; not how they look."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from regthesis import methods
from regthesis.book.show import registrations, slices, style
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.experiments.background import figures
from regthesis.geometry import Grid


@pytest.fixture
def folded():
    """A field on 12 x 10 voxels that turns round between two columns."""
    u = torch.zeros(1, 2, 12, 10)
    u[:, 1, :, 5:] = -3
    return u


def test_every_method_has_its_own_colour():
    assert set(methods.names()) <= set(style.COLOURS)
    assert len(set(style.COLOURS.values())) == len(style.COLOURS)


def test_grid_passes_through_the_displaced_points_and_marks_folds(folded):
    _, ax = plt.subplots()
    slices.draw_grid(ax, folded, every=1)
    lines, marks = ax.collections
    ends = {tuple(map(float, points[-1])) for points in lines.get_segments()}
    assert ends == {(6.0, float(y)) for y in range(12)} | {(x - 3.0 * (x >= 5), 11.0) for x in range(10)}
    assert set(np.asarray(marks.get_offsets())[:, 0]) == {4.0, 2.0}  # both sides of the turn


def test_smooth_grid_has_no_mark():
    _, ax = plt.subplots()
    slices.draw_grid(ax, torch.zeros(1, 2, 6, 7))
    assert not len(ax.collections[1].get_offsets())


def test_colours_of_motion_tell_direction_and_length():
    u = torch.zeros(1, 2, 1, 3)
    u[0, :, 0] = torch.tensor([[0.0, 0.0, 0.0], [0.0, 2.0, -4.0]])
    colours = slices.motion_colours(u, longest=4.0)[0]
    assert np.allclose(colours[0], 1)  # no motion is white
    assert np.allclose(colours[1], [1, 0.5, 0.5])  # to the right, half-way: pale red
    assert np.allclose(colours[2], [0, 1, 1])  # to the left, at full length: cyan


def test_the_wheel_says_what_the_colours_of_motion_mean():
    _, ax = plt.subplots()
    slices.draw_wheel(ax, 5.0)
    wheel = ax.images[0].get_array()
    assert ax.images[0].get_extent() == [-5, 5, 5, -5]
    for x, y in ((3.0, 0.0), (0.0, 3.0), (-2.0, 1.0)):  # y downwards, as in a picture
        row, column = (round((len(wheel) - 1) * (mm + 5) / 10) for mm in (y, x))
        expected = slices.motion_colours(torch.tensor([y, x]).view(1, 2, 1, 1), 5.0)[0, 0]
        assert np.allclose(wheel[row, column], expected, atol=0.05)
    assert np.allclose(wheel[0, 0], 1) and "5 mm" in [text.get_text() for text in ax.texts]


def test_curves_mark_the_highest_place():
    table = pd.DataFrame({"SSD": [-4.0, -1.0, -2.0], "MI": [0.1, 0.2, 0.9]}, [-1.0, 0.0, 1.0])
    ax = figures.curves({"same": table}, "shift").axes[0]
    dots = [tuple(map(float, line.get_xydata()[0])) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [(0.0, 1.0), (1.0, 1.0)]


def test_pull_points_to_where_a_pixel_reads_and_not_over_the_edge():
    row, shift = torch.zeros(1, 1, 1, 6), torch.zeros(1, 2, 1, 6)
    row[..., 4], shift[:, 1] = 1, 2
    ax = figures.pull(row, shift).axes[0]
    arrows = [(text.xyann[0], text.xy[0], to_hex(text.arrow_patch.get_edgecolor())) for text in ax.texts]
    assert [(x, float(to)) for x, to, _ in arrows] == [
        (0, 2.0),
        (1, 3.0),
        (2, 4.0),
        (3, 5.0),
        (4, 5.0),
        (5, 5.0),
    ]
    assert [x for x, _, colour in arrows if colour.upper() == style.PALETTE["red"]] == [2]


@pytest.mark.parametrize("n", [4, 10])
def test_boxes_show_every_case_and_a_handful_has_its_median_instead(n):
    rows = [("identity", s, c / 10) for s in ("LV", "RV") for c in range(n)]
    rows += [("demons", s, v + 0.1) for _, s, v in rows]
    frame = pd.DataFrame(rows, columns=["method", "structure", "value"])
    ax = registrations.boxes(frame, "structure", "DICE").axes[0]
    dots = [value for line in ax.lines if line.get_marker() == "." for value in line.get_ydata()]
    assert sorted(dots) == sorted(frame["value"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["LV", "RV"]
    assert bool(ax.patches) == (n == 10)
    bars = [segment[0, 1] for bars in ax.collections for segment in bars.get_segments()]
    assert bars == pytest.approx([] if ax.patches else [0.15, 0.15, 0.25, 0.25])
    assert ax.get_legend_handles_labels()[1][0] == "identity"


def test_side_by_side_has_a_row_a_method(folded):
    grid = Grid((3, 12, 10), (2.0, 1.0, 1.0))
    case = Case("a", torch.rand(2, 1, 3, 12, 10), grid, {t: torch.ones(1, 1, 3, 12, 10).long() for t in (0, 1)})
    u = torch.zeros(1, 3, 3, 12, 10)
    found = {name: Deformation(u, grid) for name in ("identity", "demons")}
    axes = registrations.side_by_side(case, found, z=1).axes
    assert [ax.texts[0].get_text() for ax in axes if ax.texts][:3] == ["target", "identity", "demons"]


def test_a_pair_in_2d_is_shown_whole_and_with_masks_round_them():
    grid, u = Grid((40, 50), (1.0, 1.0)), torch.zeros(1, 2, 40, 50)
    u[:, 1] = torch.linspace(0, 3, 50)
    mask = torch.zeros(1, 1, 40, 50).long()
    mask[..., 18:22, 20:30] = 500
    for masks, shape in ({}, (40, 50)), ({0: mask, 1: mask}, (24, 30)):
        case = Case("a", torch.rand(2, 1, 40, 50), grid, masks)
        axes = registrations.side_by_side(case, {"demons": Deformation(u, grid)}, case.middle).axes
        assert axes[0].images[0].get_array().shape == axes[10].images[0].get_array().shape == shape


def test_middle_is_half_way_along_the_cavity():
    masks = {t: torch.zeros(1, 1, 9, 4, 4).long() for t in (0, 1)}
    masks[0][:], masks[1][:, :, 2:7] = 3, 3
    case = Case("a", torch.zeros(2, 1, 9, 4, 4), Grid((9, 4, 4), (1.0, 1.0, 1.0)), masks)
    assert case.middle == 4


def test_area_in_square_centimetres():
    labels = torch.zeros(2, 1, 8, 10).long()
    labels[1, :, :4, :5] = 3
    assert figures.area(labels, 3, (2.0, 5.0)).tolist() == [0.0, 2.0]
