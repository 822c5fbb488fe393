"""What the pictures of registered hearts and of codes claim: rows, names, places; not how they look."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from regthesis.book.show import registrations, slices, style
from regthesis.case import Case
from regthesis.datasets.acdc import ACDC
from regthesis.deformation import Deformation
from regthesis.experiments.background.schemes import learning
from regthesis.experiments.deformation import figures, schemes
from regthesis.geometry import Grid
from regthesis.methods import transport
from regthesis.models.grids import AlignedCorners, AlignedFeatures

GRID = Grid((4, 32, 40), (2.0, 1.0, 1.0))


@pytest.fixture
def case():
    """A cavity in a wall beside a right ventricle, all over four slices."""
    mask = torch.zeros(1, 1, *GRID.shape).long()
    mask[..., 12:22, 15:25] = 2
    mask[..., 15:19, 18:22] = 3
    mask[..., 12:22, 12:15] = 1
    return Case("a", torch.rand(2, 1, *GRID.shape), GRID, {0: mask, 1: mask}, "HCM", structures=ACDC.structures)


@pytest.fixture
def still():
    return Deformation(torch.zeros(1, 3, *GRID.shape), GRID)


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def words(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def test_the_window_holds_the_heart_and_stays_in_the_image(case):
    ys, xs = slices.window(case)
    assert (ys.start, ys.stop, xs.start, xs.stop) == (2, 32, 2, 35)
    assert case.moving_mask[..., ys, xs].sum() == case.moving_mask.sum()


def test_without_masks_pictures_show_the_middle_of_the_image_and_no_outline(case, still):
    bare = Case("a", case.images, GRID)
    assert bare.middle == 2 and slices.window(bare) == (slice(None), slice(None))
    assert slices.masks_of(bare) is None and slices.masks_of(bare, still) is None
    figures_of = [registrations.side_by_side(bare, {"s3": still}, 2), registrations.gallery([bare], {"s3": [still]})]
    assert not [ax.collections for figure in figures_of for ax in (figure.axes[0],) if ax.collections]
    assert words(figures_of[1]) == ["pair 1"]


def test_masks_of_other_labels_are_outlined_and_say_where_to_look(case, still):
    mask = torch.zeros_like(case.moving_mask)
    mask[:, :, 1, 12:20, 15:20], mask[:, :, 1, 12:15, 15:20] = 7, 500
    own = Case("a", case.images, GRID, {0: mask, 1: mask})
    assert own.middle == 1
    row = registrations.gallery([own], {"s3": [still]}).axes
    assert len(row[0].collections) == len(row[1].collections) == 2  # an outline a label


def test_gallery_names_groups_and_methods(case, still):
    figure = registrations.gallery([case, case], {"demons": [still, still], "s3": [still, still]})
    assert words(figure) == ["HCM", "HCM"] and titles(figure) == ["fixed", "demons", "Jacobian", "s3", "Jacobian"]
    assert len(figure.axes) == 2 * 5 + 1  # and a bar


def test_scales_name_their_voxels_and_keep_them(case):
    fine, coarse = torch.zeros(1, 3, 4, 32, 40), torch.zeros(1, 3, 2, 16, 20)
    figure = figures.scales(case, [fine, coarse], AlignedCorners())
    assert words(figure) == ["1.0 mm", "2.1 mm", "18 mm"]  # outermost voxels keep their centres
    assert words(figures.scales(case, [fine, coarse], AlignedFeatures())) == ["1.0 mm", "2.0 mm", "18 mm"]
    assert figure.axes[5].images[0].get_array().shape == (16, 20)


def test_scores_show_every_heart_of_every_structure_and_overall_metrics_that_are_there(case):
    rows = [
        (m, s, metric, c, 0.5 + c / 10)
        for m in ("s3", "demons") for metric in ("DICE", "HD95") for s in ACDC.structures for c in range(3)
    ]  # fmt: skip
    rows += [
        (m, "image", metric, c, 0.1 * c)
        for m in ("s3", "demons")
        for metric in ("RMSE", "Grad Det-Jac")
        for c in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["method", "structure", "metric", "case", "value"])
    figure = figures.scores(frame, case)
    assert titles(figure) == list(ACDC.structures)
    labels = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
    assert labels == ["DICE", "HD95 (mm)", "RMSE", "Grad Det-Jac (1/mm)"]
    dots = [v for ax in figure.axes for line in ax.lines if line.get_marker() == "." for v in line.get_ydata()]
    assert len(dots) == len(frame)
    other = replace(case, structures={"gland": (1,)})
    assert titles(figures.scores(frame, other)) == []  # pictures of what the scores are not about


def test_trade_off_marks_defaults_and_the_print():
    table = pd.DataFrame({"Grad Det-Jac": [0.01, 0.02], "DICE": [0.7, 0.8], "default": [False, True]})
    printed = pd.DataFrame({"GradDetJac": [1.4], "DICE": [0.812]}, index=["s3"])
    ax = registrations.trade_off({"s3": table}, printed).axes[0]
    large = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    square = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "s" and len(line.get_xydata())]
    assert large == [[[0.02, 0.8]]] and np.allclose(square, [[0.014, 0.812]])


def test_planes_tell_the_held_out_from_the_fitted():
    table = pd.DataFrame({"x": [0, 1], "y": [0, 1], "group": ["DCM", "RV"], "held_out": [True, False]})
    figure = figures.planes({"a": table}, {"told": (45.0, 33.0, 55.0)}, printed=(83.0, 74.0, 90.0))
    assert [line.get_fillstyle() for line in figure.axes[0].lines] == ["full", "none"]
    assert words(figure) == ["45"]
    assert [line.get_xdata()[0] for line in figure.axes[-1].lines] == [20, 83]
    (range_of_told,) = figure.axes[-1].collections[0].get_segments()
    assert range_of_told[:, 0].tolist() == [33, 55]


def test_sizes_draw_the_mean_over_structures():
    rows = [(d, "DICE", s, v) for d, base in ((2, 0.5), (8, 0.7)) for s, v in (("LV", base), ("RV", base + 0.1))]
    rows += [(d, "HD95", s, 10 * v) for d, _, s, v in rows]
    frame = pd.DataFrame(rows, columns=["d", "metric", "structure", "value"])
    ax = figures.sizes(frame, frame[frame["d"] == 8]).axes[0]
    mean, reference = (next(line for line in ax.lines if line.get_label() == name) for name in ("mean", "demons, mean"))
    assert np.allclose(mean.get_ydata(), [0.55, 0.75]) and np.allclose(reference.get_ydata(), 0.75)


def test_calibration_has_one_scale_and_keeps_the_line_of_the_calibrated():
    tables = {"draws": pd.DataFrame({"spread": [0.05, 0.1], "error": [2.0, 4.0]})}
    tables["whole"] = pd.DataFrame({"spread": [2.1, 3.9], "error": [2.0, 4.0]})
    ax = figures.calibration(torch.rand(1, 1, 5, 5), torch.rand(1, 1, 5, 5), tables).axes[2]
    assert ax.get_xlim() == ax.get_ylim() and 4 < ax.get_ylim()[1] < 4.8
    assert {line.get_label() for line in ax.lines} == {"calibrated", "draws", "whole"}
    calibrated = next(line for line in ax.lines if line.get_label() == "calibrated")
    assert np.array_equal(*calibrated.get_xydata().T)


def test_training_draws_what_was_noted_and_no_more():
    own = [{"step": 250, "kl": 40.0, "lcc1": 0.7, "lcc2": 0.8}, {"step": 500, "kl": 25.0, "lcc1": 0.75, "lcc2": 0.85}]
    other = [{"step": 250, "kl": 33.0, "lcc1": 0.71}]
    divergence, match = figures.training(own, [other]).axes
    assert [line.get_xydata().tolist() for line in divergence.lines] == [[[250, 40], [500, 25]], [[250, 33]]]
    assert [line.get_ydata().tolist() for line in match.lines] == [[0.7, 0.75], [0.8, 0.85], [0.71]]
    assert [line.get_marker() for line in match.lines] == ["o", "o", "None"]


@pytest.mark.parametrize("draw", [learning, schemes.deformation_model])
def test_no_two_boxes_of_a_scheme_overlap(draw):
    figure = draw()
    figure.draw_without_rendering()
    for ax in figure.axes:
        boxes = [patch.get_window_extent() for patch in ax.patches]
        assert boxes and not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_words_of_a_scheme_stay_in_their_boxes():
    with plt.rc_context(style.STYLE):
        figure = schemes.deformation_model()
        figure.draw_without_rendering()
    for ax in figure.axes[:2]:
        for box, text in zip(ax.patches, [t for t in ax.texts if t.get_text()], strict=True):
            inner, outer = text.get_window_extent(), box.get_window_extent()
            assert inner.x0 >= outer.x0 - 1 and inner.x1 <= outer.x1 + 1, text.get_text()


def test_the_ladder_shows_all_its_steps(case, still):
    v = torch.zeros(1, 3, *GRID.shape)
    figure = schemes.pole_ladder(case, case, transport.Rungs(case.moving, v, v, still))
    assert len(figure.axes[0].child_axes) == 8
