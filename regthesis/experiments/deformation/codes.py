"""The latent codes of a population, and whether they tell its groups apart (section 4.3, Figure 4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from regthesis.case import Case
from regthesis.datasets import Dataset
from regthesis.errors import UserError
from regthesis.evaluate.latent import accuracy, accuracy_of_noise, classifier
from regthesis.evaluate.statistics import share_interval
from regthesis.experiments.description import describe
from regthesis.experiments.record import record
from regthesis.experiments.study import weights_for
from regthesis.files import whole
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE
from regthesis.weights import Card, networks, refuse_stranger

ABOUT = ["fold", "case", "group", "held_out"]


def encoded(network: DeformationCVAE, cases: Sequence[Case]) -> pd.DataFrame:
    """A row a case: id, group, and the mean of its posterior in columns z1, z2, ..."""
    with torch.no_grad():
        means = [network.encode(*on_network_grid(network, case))[0][0].numpy() for case in cases]
    numbers = pd.DataFrame(np.stack(means), columns=[f"z{k + 1}" for k in range(network.latent)])
    return pd.concat(
        [pd.DataFrame({"case": [c.id for c in cases], "group": [c.group for c in cases]}), numbers], axis=1
    )


def codes(data: Dataset, weights: Path, grid: str = "quick") -> pd.DataFrame:
    """Codes of all patients by each fold's network: columns `ABOUT`, then z1, z2, ...

    Two networks have two latent spaces: compare codes of one fold only.

    Raises:
        UserError: patients or weights are missing or broken, or a patient is on no network's card.
    """
    cases = [data.read(id, grid) for id in tqdm(data.ids(), disable=None)]
    found, trained = [], [(network, card, Card(card)) for network, card in networks(weights, DeformationCVAE)]
    for case in cases:
        refuse_stranger([who for *_, who in trained], weights, case)
    for network, card, who in trained:
        seen = [who.has_seen(case.identity) for case in cases]
        found.append(encoded(network, cases).assign(fold=card["fold"][0], held_out=np.logical_not(seen)))
    rows = pd.concat(found, ignore_index=True)
    return rows[[*ABOUT, *(name for name in rows if name not in ABOUT)]]


def recognised(rows: pd.DataFrame, components: int = 4) -> pd.Series:
    """For each patient, whether a classifier recognised the group from the code.

    In each fold directions and machine are fitted to the codes of the patients that its network was trained or
    validated on, and asked about those that were left out. There are at most as many `components` as groups less one.

    Raises:
        UserError: no network left a patient out, there is one group only, or too few patients that a network has seen.
    """
    components = min(components, rows["group"].nunique() - 1)
    if not components or not rows["held_out"].any():
        raise UserError("codes: telling groups apart needs two of them, and networks that left patients out")
    right = {}
    for _, fold in rows.groupby("fold"):
        numbers = fold.filter(regex=r"^z\d").to_numpy()
        out = fold["held_out"].to_numpy()
        if fold["group"][~out].nunique() <= components:
            raise UserError("codes: each network must have seen patients of every group to tell them apart; add some")
        model = classifier(components).fit(numbers[~out], fold["group"][~out])
        right |= dict(zip(fold["case"][out], model.predict(numbers[out]) == fold["group"][out], strict=True))
    return pd.Series(right).sort_index()


def record_codes(data: Dataset, out: Path, grid: str = "quick", weights: Path | None = None) -> pd.Series:
    """Keep the `codes` of all cases by each fold's S3; for each case whether its group was `recognised`.

    `weights` is as in `weights_for`.

    Raises:
        UserError: as `codes` and `recognised`, or `out` cannot be written or holds another run.
    """
    network = weights_for(data, weights) / "s3"
    about = describe(data, f"codes ROOT --out {out}", grid, weights=network)

    def read():
        rows = codes(data, network, grid)
        return rows, recognised(rows)  # or it says why not, before anything is written

    def keep(found, kept):
        with whole(kept) as sibling:
            found[0].to_csv(sibling, index=False, float_format="%.5g")
        return pd.DataFrame({"right": found[1]})

    return record(out, about, read, keep)["right"]


def accuracies(rows: pd.DataFrame, fold: int = 1) -> dict[str, tuple[float, float, float]]:
    """Shares of patients, in %, whose group is recognised from the codes of `codes`: a value and its bounds each.

    `new patients` as `recognised`, of all folds; then the codes of one fold's network, seen and unseen patients
    together, in ten folds, without and with a leak (see `evaluate.latent.accuracy`), with binomial intervals; last,
    with the leak, the mean and the range of forty draws of random numbers in their place.

    Raises as `recognised` and `accuracy`.
    """
    right, one = recognised(rows), rows[rows["fold"] == fold]
    numbers, groups = one.filter(regex=r"^z\d").to_numpy(), one["group"].to_numpy()
    hits = {"new patients": (int(right.sum()), len(right))}
    for name, inside in {"ten folds": True, "ten folds, leak": False}.items():
        hits[name] = round(accuracy(numbers, groups, inside=inside) / 100 * len(groups)), len(groups)
    found = {name: tuple(100 * part for part in share_interval(*of)[:3]) for name, of in hits.items()}
    noise = accuracy_of_noise(groups, numbers.shape[1])
    return found | {"noise, leak": (float(noise.mean()), float(noise.min()), float(noise.max()))}
