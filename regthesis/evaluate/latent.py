"""What a latent code knows of the group a heart belongs to (section 4.3, Figure 4.7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def discriminant(components: int = 2) -> Pipeline:
    """Linear CCA of codes with the indicators of their groups, as a scikit-learn transformer.

    With indicators on one side the canonical directions are those of Fisher's discriminant analysis (Bartlett 1938),
    which is what computes them here. k groups have at most k - 1 of them: the indicators sum to one.
    """
    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(n_components=components))


def classifier(components: int = 4) -> Pipeline:
    """Canonical components, then a support vector machine with a Gaussian kernel."""
    return make_pipeline(*[step for _, step in discriminant(components).steps], StandardScaler(), SVC())


def accuracy(
    codes: ArrayLike, groups: ArrayLike, components: int = 4, folds: int = 10, inside: bool = True, seed: int = 0
) -> float:
    """Share of hearts, in %, whose group the `classifier` tells, cross-validated in stratified folds.

    `codes` is `(n, d)`. With `inside` the canonical directions are fitted anew in each fold. Without it they are
    fitted once, to all hearts with their labels, and only the machine is cross-validated: the labels of the test
    hearts have then leaked, and the figure is too high.

    Raises ValueError for more components than groups less one, or a group smaller than the number of folds.
    """
    codes, groups = np.asarray(codes, float), np.asarray(groups)
    smallest = min(np.unique(groups, return_counts=True)[1])
    if smallest < folds:
        raise ValueError(f"folds: expected at most {smallest}, the size of the smallest group, got {folds}")
    model = classifier(components)
    if not inside:
        codes = discriminant(components).fit_transform(codes, groups)
        model = make_pipeline(StandardScaler(), SVC())
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(codes, groups)
    right = [clone(model).fit(codes[a], groups[a]).predict(codes[b]) == groups[b] for a, b in splits]
    return 100 * float(np.concatenate(right).mean())


def accuracy_of_noise(groups: ArrayLike, length: int = 32, draws: int = 40, seed: int = 0) -> np.ndarray:
    """What a leak alone gives: the `accuracy`, not `inside`, of so many draws of codes that are random numbers, in %.

    `groups` are the labels of n hearts; each draw is (n, length) normal numbers, which know nothing of them.
    """
    groups, normal = np.asarray(groups), np.random.default_rng(seed)
    return np.array([accuracy(normal.normal(size=(len(groups), length)), groups, inside=False) for _ in range(draws)])


def components(codes: ArrayLike, groups: ArrayLike) -> int:
    """How many canonical components codes (n, d) have with the indicators of their groups: the rank of the covariance.

    One less than there are groups, however long the codes: the indicators of a heart sum to one.
    """
    codes, groups = np.asarray(codes, float), np.asarray(groups)
    indicators = (groups[:, None] == np.unique(groups)).astype(float)
    singular = np.linalg.svd((indicators - indicators.mean(0)).T @ (codes - codes.mean(0)), compute_uv=False)
    return int((singular > 1e-9 * singular[0]).sum())


def principal_plane(codes: ArrayLike, steps: Sequence[float]) -> np.ndarray:
    """Codes on the plane of the first two principal components of `codes` (n, d): an array (k, k, d).

    `steps` are k numbers of standard deviations from the mean; rows go along the second component, columns along the
    first (Figure 4.8).
    """
    pca = PCA(2).fit(np.asarray(codes, float))
    along_first, along_second = np.meshgrid(steps, steps)
    places = np.stack([along_first, along_second], -1) * np.sqrt(pca.explained_variance_)
    return pca.inverse_transform(places.reshape(-1, 2)).reshape(len(steps), len(steps), -1)
