"""What each change of the network or of its training is worth: its code, its match and its scores on unseen patients.

While networks are chosen, nobody of the fold that they leave out is asked, but those whom their training skipped
(`--skip`). Of networks that are chosen that fold is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from regthesis import kernels
from regthesis.book.show.prose import interval
from regthesis.case import Case
from regthesis.datasets import Dataset
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate import case_means, dice
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.evaluate.records import evaluate
from regthesis.experiments.description import describe
from regthesis.experiments.record import record
from regthesis.kernels.shapes import Float, Tensor
from regthesis.methods.velocity import on_case_grid, on_network_grid
from regthesis.models.deformation import DeformationCVAE, Prediction
from regthesis.models.kl import kl_to_prior
from regthesis.models.voxelmorph import VoxelMorphNetwork
from regthesis.train import load_weights, read_card, weights_hash
from regthesis.weights import weight_files

__all__ = ["COLUMNS", "METRICS", "compared", "gained", "levers", "lost", "record_levers"]

Network = DeformationCVAE | VoxelMorphNetwork
SCORES = ("DICE", "HD95", "Grad Det-Jac", "min Det-Jac")
WITHOUT = {f"DICE without M at 1/{2**s}": (s,) for s in range(4)}
"""What is scored -> the sizes, as powers of 1/2, at which the decoder does not see the moving image."""
SCALES = {"DICE of the coarsest scale": 2, "DICE of two scales": 1}
"""What is scored -> up to which scale velocities are added, 0 being the finest."""
METRICS = ("nats", "LCC", *SCORES, "DICE LV-Myo", *WITHOUT, *SCALES)
SHOWN = {
    "nats": ("nats", "{:.1f}"),
    "LCC": ("LCC", "{:.3f}"),
    "DICE": ("DICE", "{:.3f}"),
    "DICE LV-Myo": ("myocardium", "{:.3f}"),
    "HD95": ("HD95", "{:.2f}"),
    "roughness": ("Grad Det-Jac", "{:.2f}"),
}
"""What a table shows: metric -> its head and its form."""
COLUMNS = ("network", "case", "metric", "value")
PIECE = ("network", "case")


def levers(trained: Sequence[tuple[str, Network, Sequence[Case]]], out: Path | None = None) -> pd.DataFrame:
    """What named networks say of cases that they have not seen: columns `COLUMNS`, a row a case and metric.

    The metrics are `METRICS`; nan is what a network cannot have, such as a code. `nats` is the divergence of a code
    from the prior; `LCC` the symmetric correlation of Eq. 4.7 on the network's grid, in windows of 9 voxels whatever it
    was trained with. The scores are those of the network's own velocity on the case's grid. `out` is a CSV that grows
    by cases, so that a run that was stopped goes on.

    Raises:
        UserError: `out` cannot be written or has other scores of these networks.
    """
    pieces = {(name, case.id): (network, case) for name, network, cases in trained for case in cases}
    rows = read_rows(out, COLUMNS)
    done = finished(rows, PIECE, ("metric",), {key: [(metric,) for metric in METRICS] for key in pieces})
    for name, id in tqdm([key for key in pieces if key not in done], "cases", disable=None):
        found = _measured(*pieces[name, id])
        new = pd.DataFrame([(name, id, metric, value) for metric, value in found.items()], columns=list(COLUMNS))
        rows = add_rows(rows, new, out, PIECE)
    return rows


@torch.no_grad()
def _measured(network: Network, case: Case) -> dict[str, float]:
    """The `METRICS` of one network and case."""
    moving, fixed = on_network_grid(network, case)
    said = network.eval()(moving, fixed)
    scores = evaluate(case, _deformation(network, said.velocities[0], case), "")
    means = case_means(scores).set_index("metric")["value"]
    overlap = scores[scores["metric"] == "DICE"].set_index("structure")["value"]
    found = dict.fromkeys(METRICS, float("nan"))
    found |= {
        "LCC": float(kernels.symmetric_lcc(fixed, moving, said.velocities[0], steps=network.steps)),
        **{metric: float(means[metric]) for metric in SCORES},
        "DICE LV-Myo": float(overlap["LV-Myo"]),
    }
    return found | _of_its_code(network, said, case, moving) if isinstance(network, DeformationCVAE) else found


def _of_its_code(network: DeformationCVAE, said: Prediction, case: Case, moving: Tensor) -> dict[str, float]:
    """The metrics of a network with a code: how much it says, and what is lost without the image or finer scales."""
    found = {"nats": float(kl_to_prior(said.mu, said.log_variance))}
    for metric, sizes in WITHOUT.items():
        found[metric] = _overlap(network, network.decode(said.mu, moving, blank=sizes), case)
    for metric, scale in SCALES.items():
        if scale < network.scales:
            found[metric] = _overlap(network, network.grids.finer(said.velocities[scale], network.shape), case)
    return found


def _deformation(network: Network, v: Float[Tensor, "1 d *space"], case: Case) -> Deformation:
    return Deformation.exp(on_case_grid(network, v, case), case.grid, network.steps)


def _overlap(network: DeformationCVAE, v: Float[Tensor, "1 d *space"], case: Case) -> float:
    """DICE, the mean over the structures."""
    moved = _deformation(network, v, case).warp_labels(case.moving_mask)
    scores = pd.Series([dice(case.fixed_mask, moved, labels) for labels in case.structures.values()])
    return float(scores.mean())


def skipped(ids: Sequence[str], card: dict) -> list[str]:
    """Those patients that a network was not trained on although they are not of the fold that it leaves out.

    Raises:
        UserError: there is none.
    """
    others = {*card["trained"], *card["validated"], *card["held_out"]}
    found = [id for id in ids if id not in others]
    if not found:
        raise UserError("levers: training skipped nobody, so there is no unseen patient outside the fold; use --skip")
    return found


def record_levers(data: Dataset, out: Path, folder: Path, grid: str = "full", fold: int = 0) -> pd.DataFrame:
    """Keep the `levers` of every network in a folder, under the name of its own folder there.

    Asked are those whom training skipped; or with a `fold` the networks in the folders `fold1` and so on of each, about
    the patients whom that fold left out. What its card says of each network stands in `run.json` among the methods,
    without its curve and its patients. Other networks may be added later.

    Raises:
        UserError: there are no weights, the card of one does not tell whom it skipped, or as `levers` and `record`.
    """
    places = {
        place.name: place / f"fold{fold}" if fold else place for place in sorted(folder.iterdir()) if place.is_dir()
    }
    found = {name: _network(place) for name, place in places.items()}
    if not found:
        raise UserError(f"{folder}: no folder with weights; train some with `regthesis train deformation`")
    asked = lambda card: card["held_out"] if fold else skipped(data.ids(), card)  # noqa: E731
    ids = {name: asked(card) for name, (_, card) in found.items()}
    chosen = f" --fold {fold}" if fold else ""
    about = describe(data, f"levers ROOT --networks {folder.name}{chosen} --out {out}", grid)
    about["methods"] = {name: settings(card, places[name]) for name, (_, card) in found.items()}

    def read():
        cases = {id: data.read(id, grid) for id in sorted({id for some in ids.values() for id in some})}
        return [(name, network, [cases[id] for id in ids[name]]) for name, (network, _) in found.items()]

    return record(out, about, read, levers, COLUMNS)


def _network(folder: Path) -> tuple[Network, dict]:
    """The first network in a folder, and its card."""
    file = weight_files(folder, "deformation")[0]
    classes = {kind.__name__: kind for kind in (DeformationCVAE, VoxelMorphNetwork)}
    return load_weights(file, classes.get(read_card(file).get("model"), DeformationCVAE))


def settings(card: dict, weights: Path) -> dict:
    """What a card says of a training, with the last point of its curve but without the patients, and of its weights."""
    long = ("curve", "identities", "trained", "validated", "held_out")
    kept = {name: value for name, value in card.items() if name not in long}
    return kept | {"last": card["curve"][-1], "weights": weights_hash(weights)}


def compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Means of recorded `levers` as text, a row a network, and by how much DICE differs from that of the first one.

    The difference is taken patient by patient and has its 95 % interval. Roughness is in hundredths per mm.
    """
    means = _means(rows).assign(roughness=lambda them: 100 * them["Grad Det-Jac"])
    found = pd.DataFrame(
        {head: means[name].map(form.format, na_action="ignore") for name, (head, form) in SHOWN.items()}
    )
    first, *others = found.index
    return found.fillna("–").assign(**{"DICE, gained": ["", *(gained(rows, name, first) for name in others)]})


def gained(rows: pd.DataFrame, name: str, other: str, metric: str = "DICE") -> str:
    """What one network scores less what another does, patient by patient, with its 95 % interval."""
    scores = rows[rows["metric"] == metric].pivot(index="case", columns="network", values="value")
    return interval(scores[name] - scores[other])


def lost(rows: pd.DataFrame) -> pd.DataFrame:
    """DICE that a network loses without the moving image at one size, and without its finer scales: recorded means.

    Networks without a code, which have neither, are left out.
    """
    means = _means(rows).dropna(subset=[*WITHOUT])
    found = means[[*WITHOUT, *SCALES]].rsub(means["DICE"], axis=0)
    return found.rename(columns=lambda name: name.removeprefix("DICE ").replace("of ", "only "))


def _means(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a network, in the order of the recorded run, and a column a metric."""
    order = list(dict.fromkeys(rows["network"]))
    return rows.groupby(["network", "metric"])["value"].mean().unstack().loc[order]
