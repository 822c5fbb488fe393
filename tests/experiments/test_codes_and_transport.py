"""Codes and transports of a cross-validation of phantoms: whom they compare, and that they go on where they stopped."""

import numpy as np
import pandas as pd
import pytest
import torch

from regthesis.datasets import recognise
from regthesis.datasets.phantom import heart
from regthesis.errors import UserError
from regthesis.experiments.deformation.codes import codes, recognised
from regthesis.experiments.deformation.transports import ejection, folds_left_out, transports
from regthesis.experiments.folds import folds
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import save_weights


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    """Ten phantoms, two a group."""
    root = tmp_path_factory.mktemp("hearts")
    heart.make(root, subjects=10, seed=2, size="quick")
    return recognise(root)


@pytest.fixture(scope="module")
def weights(hearts, tmp_path_factory):
    """Untrained networks of two folds."""
    folder = tmp_path_factory.mktemp("weights")
    for number, fold in enumerate(folds(hearts, 2), 1):
        torch.manual_seed(number)
        rest = [patient for patient in hearts.ids() if patient not in fold]
        card = {"fold": [number, 2], "held_out": fold, "identities": hearts.identities()}
        card |= {"trained": rest[1:], "validated": rest[:1]}
        network = DeformationCVAE(hearts.grids["quick"].shape, hearts.grids["quick"].spacing, latent=6)
        save_weights(folder / f"fold{number}" / "weights.safetensors", network, card)
    return folder


@pytest.mark.slow
def test_codes_of_every_patient_by_every_network(hearts, weights):
    rows = codes(hearts, weights)
    assert len(rows) == 20 and list(rows)[-1] == "z6"
    assert rows.groupby("case")["held_out"].sum().eq(1).all()
    first, second = (rows[rows["fold"] == fold].filter(regex=r"^z\d").to_numpy() for fold in (1, 2))
    assert np.abs(first - second).max() > 1e-3
    with pytest.raises(UserError, match="no weights"):
        codes(hearts, hearts.root)


def test_a_group_is_told_only_from_others_codes():
    """Codes whose groups are far apart in a fold's training are told; shuffled labels of the held-out are not."""
    rng = np.random.default_rng(0)
    groups = np.repeat(list("abc"), 20)
    rows = []
    for fold in (1, 2):
        z = rng.normal(size=(60, 3)) + 8 * np.eye(3)[[list("abc").index(g) for g in groups]]
        out = (np.arange(60) % 2 == 0) == (fold == 1)
        about = {"fold": fold, "case": [f"p{k}" for k in range(60)], "group": groups, "held_out": out}
        rows.append(pd.DataFrame(about | {f"z{k + 1}": z[:, k] for k in range(3)}))
    rows = pd.concat(rows)
    assert recognised(rows, 2).mean() == 1 and len(recognised(rows, 2)) == 60
    wrong = rows.copy()
    wrong.loc[wrong["held_out"], "group"] = wrong.loc[wrong["held_out"], "group"].map({"a": "b", "b": "c", "c": "a"})
    assert recognised(wrong, 2).mean() == 0
    pd.testing.assert_series_equal(recognised(rows, 4), recognised(rows, 2))  # three groups have two components
    with pytest.raises(UserError, match="networks that left patients out"):
        recognised(rows.assign(held_out=False))
    with pytest.raises(UserError, match="two of them"):
        recognised(rows.assign(group="a"))


@pytest.mark.slow
def test_transports_stay_within_a_fold_and_go_on(hearts, weights, tmp_path):
    out = tmp_path / "records.csv"
    left_out = folds_left_out(hearts, weights)
    rows = transports(left_out, out)
    parts = folds(hearts, 2)
    for row in rows.itertuples():
        assert {row.patient, row.healthy} <= set(parts[row.fold - 1])
        assert row.group in ("HCM", "DCM") and hearts.group(row.healthy) == "NOR"
    assert set(rows["way"]) == {"Our", "PL"} and len(rows) == 2 * 2 * 2  # two patients a fold, one healthy, two ways
    marked = rows.assign(predicted=1.0)
    marked[marked["patient"] != rows["patient"].iloc[0]].to_csv(out, index=False)
    again = transports(left_out, out)
    assert len(again) == len(rows) and (again["predicted"] == 1.0).sum() == len(rows) - 2
    pl = rows[rows["way"] == "PL"].iloc[0]
    case = hearts.read(pl["patient"], "quick")
    from regthesis.methods import get

    assert pl["predicted"] == pytest.approx(ejection(get("demons").register(case), case), abs=1e-3)


@pytest.mark.slow
def test_without_anybody_to_carry_there_is_one_line_and_no_run(hearts, weights, monkeypatch):
    monkeypatch.setattr("regthesis.experiments.deformation.transports.HEALTHY", "nobody")
    with pytest.raises(UserError, match="no network has left out a patient of HCM or DCM and a healthy subject"):
        folds_left_out(hearts, weights)
