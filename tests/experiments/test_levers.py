"""Levers: who is asked is unseen, each measure is what it says, and a run goes on."""

import shutil

import pandas as pd
import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.datasets import recognise
from regthesis.datasets.phantom import heart
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate import evaluate
from regthesis.experiments.deformation import levers
from regthesis.geometry import Grid
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE
from regthesis.models.voxelmorph import VoxelMorphNetwork
from regthesis.train import save_weights

GRID = Grid((8, 16, 16), (2.0, 1.0, 1.0))
STRUCTURES = {"LV-Myo": (2,), "LV-BP": (3,)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = DeformationCVAE((8, 16, 16), (2.0, 1.0, 1.0), latent=4).eval()
    for head in network.heads:
        torch.nn.init.normal_(head[-1].weight, std=0.3)
    return network


@pytest.fixture
def case():
    mask = torch.zeros(1, 1, *GRID.shape).long()
    mask[..., 4:12, 4:12], mask[..., 6:10, 6:10] = 2, 3
    images = kernels.smooth(torch.randn(2, 1, *GRID.shape, generator=torch.Generator().manual_seed(1)), 1.0)
    return Case("a", images, GRID, {0: mask, 1: mask.roll(1, -1)}, "NOR", structures=STRUCTURES)


def overlap(network, v, case):
    """DICE of a velocity that lies on the case's own grid, by all structures."""
    scores = evaluate(case, Deformation.exp(v, case.grid, network.steps), "")
    return scores.loc[scores["metric"] == "DICE", "value"].mean()


def test_each_measure_is_what_it_says(network, case):
    rows = levers.levers([("net", network, [case])])
    assert list(rows) == list(levers.COLUMNS) and tuple(rows["metric"]) == levers.METRICS
    found = rows.set_index("metric")["value"]
    moving, fixed = on_network_grid(network, case)
    with torch.no_grad():
        mu, log_variance = network.encode(moving, fixed)
        blind = network.decode(mu, moving, blank=(1,))
        coarsest = network.grids.finer(network(moving, fixed).velocities[2], network.shape)
        assert found["DICE"] == pytest.approx(overlap(network, network.decode(mu, moving), case))
        assert found["DICE without M at 1/2"] == pytest.approx(overlap(network, blind, case))
        assert found["DICE of the coarsest scale"] == pytest.approx(overlap(network, coarsest, case))
    prior = torch.distributions.Normal(torch.zeros(4), torch.ones(4))
    posterior = torch.distributions.Normal(mu[0], (0.5 * log_variance[0]).exp())
    nats = torch.distributions.kl_divergence(posterior, prior).sum()
    assert found["nats"] == pytest.approx(float(nats), rel=1e-4)
    assert 0 < found["LCC"] < 1


def test_a_network_of_one_scale_has_no_coarser_ones(case):
    single = DeformationCVAE((8, 16, 16), (2.0, 1.0, 1.0), latent=4, scales=1).eval()
    found = levers.levers([("net", single, [case])]).set_index("metric")["value"]
    assert found[list(levers.SCALES)].isna().all() and found.drop(list(levers.SCALES)).notna().all()


def test_a_network_without_a_code_has_a_match_and_scores_alone(case):
    pytest.importorskip("voxelmorph")
    network = VoxelMorphNetwork((16, 32, 32), (1.0, 0.5, 0.5))  # as many voxels as its halvings need
    found = levers.levers([("vm", network, [case])]).set_index("metric")["value"]
    assert found[["LCC", *levers.SCORES, "DICE LV-Myo"]].notna().all()
    assert found[["nats", *levers.WITHOUT, *levers.SCALES]].isna().all()


@pytest.mark.slow
def test_with_a_fold_its_networks_are_asked_about_those_it_left_out(network, tmp_path):
    heart.make(tmp_path / "hearts", subjects=3, seed=1, size="quick")
    for name, (fold, held_out) in {"one": (1, ["patient001"]), "two": (2, ["patient002"])}.items():
        card = dict(trained=["patient003"], validated=[], held_out=held_out, curve=[{"step": 1}])
        save_weights(tmp_path / "nets" / name / f"fold{fold}" / "weights.safetensors", network, card)
    ask = lambda fold: levers.record_levers(  # noqa: E731
        recognise(tmp_path / "hearts"), tmp_path / "out", tmp_path / "nets", "quick", fold
    )
    with pytest.raises(UserError, match="one.fold2: no weights"):
        ask(2)
    shutil.copytree(tmp_path / "nets" / "two" / "fold2", tmp_path / "nets" / "one" / "fold2")
    assert ask(2)[["network", "case"]].drop_duplicates().to_numpy().tolist() == [
        ["one", "patient002"], ["two", "patient002"]
    ]  # fmt: skip


def test_what_was_measured_is_kept(network, case, tmp_path):
    out = tmp_path / "records.csv"
    rows = levers.levers([("net", network, [case])], out)
    pd.read_csv(out).assign(value=-1.0).to_csv(out, index=False)
    more = levers.levers([("net", network, [case]), ("other", network, [case])], out)
    assert len(more) == 2 * len(rows)
    assert (more.query("network == 'net'")["value"] == -1).all()
    assert more.query("network == 'other'")["value"].tolist() == pytest.approx(rows["value"].tolist())


def test_asked_are_those_whom_training_skipped():
    card = dict(trained=["a"], validated=["b"], held_out=["c"])
    assert levers.skipped(list("abcd"), card) == ["d"]
    with pytest.raises(UserError, match="skipped nobody"):
        levers.skipped(list("abcd"), card | {"held_out": ["c", "d"]})


def test_tables_compare_with_the_first_network_patient_by_patient():
    values = {"first": (0.70, 0.80), "again": (0.75, 0.83)}  # DICE of two patients
    rows = [
        (name, case, metric, dice - 0.01 * metric.startswith("DICE ") if metric.startswith("DICE") else 0.02)
        for name, scores in values.items()
        for case, dice in zip("ab", scores, strict=True)
        for metric in levers.METRICS
    ]
    rows = pd.DataFrame(rows, columns=list(levers.COLUMNS))
    table = levers.compared(rows)
    assert list(table.index) == ["first", "again"]
    assert table["DICE"].tolist() == ["0.750", "0.790"] and table["Grad Det-Jac"].tolist() == ["2.00", "2.00"]
    assert table["DICE, gained"].iloc[1].startswith("+0.040 [")
    assert levers.gained(rows, "first", "again").startswith("-0.040 [")
    without = levers.lost(rows)
    assert list(without)[-2:] == ["only the coarsest scale", "only two scales"]
    assert without.to_numpy() == pytest.approx(0.01)
