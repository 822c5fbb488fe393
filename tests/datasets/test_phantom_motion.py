"""The phantom's motion as a map: diffeomorphic, incompressible in the wall, at rest far away."""

from dataclasses import replace

import numpy as np
import pytest

from regthesis.datasets.phantom.heart import population
from regthesis.datasets.phantom.heart.motion import activation, pull_back
from regthesis.datasets.phantom.heart.shape import ventricles
from regthesis.datasets.phantom.heart.tissue import MYOCARDIUM, labels

SUBJECTS = [population.draw(3, k, "quick") for k in range(10)]


def scatter(n: int = 6000) -> np.ndarray:
    """Points (3, n) all over the chest, heart frame, mm."""
    return np.random.default_rng(0).uniform([[-120], [-120], [-130]], [[120], [120], [60]], (3, n))


def determinant(heart, a: float, points: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """By central differences."""
    columns = []
    for axis in range(3):
        step = np.zeros((3, 1))
        step[axis] = h
        columns.append((pull_back(heart, a, points + step)[0] - pull_back(heart, a, points - step)[0]) / (2 * h))
    return np.linalg.det(np.stack(columns, 1).T)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.group)
@pytest.mark.parametrize("a", [0.3, 1.0])
def test_determinant_is_positive_everywhere(subject, a):
    assert determinant(subject.heart, a, scatter()).min() > 0.05


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.group)
def test_wall_is_incompressible(subject):
    points = scatter(20000) * [[0.4], [0.4], [0.7]]
    at_ed, det = pull_back(subject.heart, 1.0, points)
    wall = (labels(subject.heart, at_ed) == MYOCARDIUM) & (at_ed[2] > -0.95 * subject.heart.length)
    assert wall.sum() > 200
    np.testing.assert_allclose(determinant(subject.heart, 1.0, points[:, wall]), 1.0, atol=0.03)
    np.testing.assert_allclose(det[wall], 1.0, atol=0.03)


@pytest.mark.parametrize("subject", SUBJECTS[:5], ids=lambda s: s.group)
def test_nothing_moves_at_end_diastole_nor_far_away(subject):
    points = scatter()
    np.testing.assert_array_equal(pull_back(subject.heart, 0.0, points)[0], points)
    nearly, _ = pull_back(subject.heart, 1e-6, points)
    assert np.abs(nearly - points).max() < 1e-3
    far = points[:, np.hypot(points[0], points[1]) > 115.0]
    assert np.abs(pull_back(subject.heart, 1.0, far)[0] - far).max() < 0.5


@pytest.mark.parametrize("subject", SUBJECTS[:5], ids=lambda s: s.group)
def test_pose_is_inverted_exactly_and_keeps_volume(subject):
    points = scatter()
    pose = subject.pose
    np.testing.assert_allclose(pose.to_scanner(pose.to_heart(points)), points, atol=1e-9)
    h = 1e-4
    columns = [(pose.to_heart(points + h * e) - pose.to_heart(points - h * e)) / (2 * h) for e in np.eye(3)[..., None]]
    np.testing.assert_allclose(np.abs(np.linalg.det(np.stack(columns, 1).T)), 1.0, atol=1e-6)


def test_a_scar_stands_still_while_the_remote_wall_moves_inwards_and_thickens():
    heart = replace(next(s.heart for s in SUBJECTS if s.group == "MINF"), sway=(0.0, 0.0))
    level = -heart.scar_level * heart.length

    def borders(a: float, angle: float) -> tuple[float, float]:
        """Endocardial radius and thickness of the wall (mm) along one ray, at the level of the scar."""
        r = np.linspace(1.0, 70.0, 7000)
        ray = np.stack([r * np.cos(angle), r * np.sin(angle), np.full_like(r, level)])
        wall = r[labels(heart, pull_back(heart, a, ray)[0]) == MYOCARDIUM]
        return wall[0], np.ptp(wall)

    (scar, thin), (scar_es, thin_es) = (borders(a, heart.scar_angle) for a in (0.0, 1.0))
    (remote, thick), (remote_es, thick_es) = (borders(a, heart.scar_angle + np.pi) for a in (0.0, 1.0))
    assert abs(scar - scar_es) < 1.0 and remote - remote_es > 3.0
    assert thin < 0.8 * thick and thin_es / thin < 1.1 < thick_es / thick
    assert thin_es - thin < 0.5


def test_activation_peaks_at_end_systole_and_relaxes_in_order():
    for frames, es in ((13, 5), (30, 11), (35, 12)):
        beat = activation(frames, es)
        assert beat[0] == 0.0 and beat[es] == pytest.approx(1.0) and beat.argmax() == es
        assert (np.diff(beat[: es + 1]) > 0).all() and (np.diff(beat[es:]) < 0).all()


def test_volumes_are_those_asked_for():
    for subject in SUBJECTS:
        spans = population.CLINIC[subject.group]
        bsa = population.surface(subject.height, subject.weight)
        (lv, rv), (lv_es, rv_es) = (population.volumes(subject.heart, a) for a in (0.0, 1.0))
        for value, span in (
            (lv / bsa, "edv"),
            (rv / bsa, "rv"),
            (1 - lv_es / lv, "ef"),
            (1 - rv_es / rv, "rv_ef"),
        ):
            low, high = spans[span]
            assert low - 1e-2 <= value <= high + 1e-2


def test_surfaces_are_nested():
    for subject in SUBJECTS:
        angle, w = np.meshgrid(np.linspace(-np.pi, np.pi, 50), np.linspace(-0.95 * subject.heart.length, 0, 40))
        at = ventricles(subject.heart, np.cos(angle), np.sin(angle), w)
        assert (at.endo < at.epi).all() and (at.epi <= at.rv).all() and (at.rv <= at.outer).all()
