"""Codes and groups: canonical directions against a plain computation, and labels that must not leak."""

import numpy as np
import pytest

from regthesis.evaluate.latent import accuracy, accuracy_of_noise, components, discriminant, principal_plane

GROUPS = np.repeat(list("abcde"), 16)


def hearts(distance, d=32, seed=0):
    """Normal codes whose groups have means that far apart."""
    rng = np.random.default_rng(seed)
    means = dict(zip("abcde", rng.normal(size=(5, d)), strict=True))
    return np.stack([distance * means[group] + rng.normal(size=d) for group in GROUPS])


def test_directions_are_those_of_cca_with_indicators():
    """Largest correlation that a plain computation finds between codes and indicators, by whitening and SVD."""
    codes = hearts(0.5, d=6)
    indicators = (GROUPS[:, None] == np.unique(GROUPS)).astype(float)
    x, y = (m - m.mean(0) for m in (codes, indicators))
    q, r = (np.linalg.svd(m, full_matrices=False)[0][:, : np.linalg.matrix_rank(m)] for m in (x, y))
    left, correlations, _ = np.linalg.svd(q.T @ r)
    expected = (q @ left)[:, :2]
    found = discriminant(2).fit_transform(codes, GROUPS)
    for a, b in zip(found.T, expected.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) == pytest.approx(1, abs=1e-6)
    assert correlations[3] > 1e-3 and len(correlations) == 4  # five groups, four directions


def test_groups_far_apart_are_told_and_codes_without_groups_are_not():
    assert accuracy(hearts(3.0), GROUPS) == 100
    rng = np.random.default_rng(1)
    chance = np.mean([accuracy(hearts(0.0, seed=s), rng.permutation(GROUPS)) for s in range(5)])
    assert chance < 35


def test_directions_fitted_to_all_labels_leak_them():
    """Codes that know nothing of the groups seem to tell them as soon as CCA has seen the labels of the test."""
    codes = hearts(0.0)
    assert accuracy(codes, GROUPS, inside=False) > accuracy(codes, GROUPS) + 25


def test_the_leak_alone_lifts_random_codes_far_above_chance():
    found = accuracy_of_noise(GROUPS, draws=5)
    assert len(found) == 5 and len(set(found)) > 1
    assert found.min() > 100 / 5 + 15
    assert (found == accuracy_of_noise(GROUPS, draws=5)).all()


@pytest.mark.parametrize(
    ("groups", "length", "count"), [(GROUPS, 32, 4), (GROUPS, 2, 2), (np.repeat(["a", "b"], 9), 8, 1)]
)
def test_components_are_one_fewer_than_groups_or_as_many_as_numbers(groups, length, count):
    """However the codes are shifted and scaled."""
    codes = np.random.default_rng(0).normal(size=(len(groups), length))
    assert components(codes, groups) == components(1e3 * codes + 7, groups) == count


def test_too_many_components_or_folds():
    with pytest.raises(ValueError, match="n_components"):
        accuracy(hearts(1.0), GROUPS, components=8)
    with pytest.raises(ValueError, match="folds: expected at most 16"):
        accuracy(hearts(1.0), GROUPS, folds=17)


def test_the_principal_plane_holds_the_mean_and_goes_so_many_deviations():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(4000, 6)) * [3, 1, 2, 0.1, 0.1, 0.1] + 5
    plane = principal_plane(codes, (-2.0, 0.0, 2.0))
    assert np.allclose(plane[1, 1], codes.mean(0))
    first, second = plane[1, 2] - plane[1, 0], plane[2, 1] - plane[0, 1]
    assert np.allclose(np.abs(first), [12, 0, 0, 0, 0, 0], atol=0.5) and np.allclose(
        np.abs(second), [0, 0, 8, 0, 0, 0], atol=0.5
    )
