"""Deformations of patients on healthy hearts, by the latent code and by the pole ladder (Table 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from tqdm import tqdm

from regthesis.case import CAVITY, Case
from regthesis.datasets import Dataset
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.evaluate.growing import add_rows, finished, read_rows
from regthesis.evaluate.volumes import ejection_fraction, volumes
from regthesis.experiments.description import describe
from regthesis.experiments.record import record
from regthesis.experiments.study import weights_for
from regthesis.methods import get
from regthesis.methods.transport import by_code, check_posed, pole_ladder
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE
from regthesis.weights import Card, networks

SICK, HEALTHY = ("HCM", "DCM"), "NOR"
WAYS = ("Our", "PL")
COLUMNS = ("fold", "patient", "group", "healthy", "way", "predicted", "transported")
PIECE, ROW = ("fold", "patient"), ("healthy", "way")  # all transports of a patient, and one of them


def ejection(deformation: Deformation, case: Case) -> float:
    """Ejection fraction in % that a deformation gives a heart, from its mask at end diastole."""
    masks = case.moving_mask, deformation.warp_labels(case.moving_mask)
    return ejection_fraction(*(float(volumes(mask, case.spacing, case.structures)[CAVITY]) for mask in masks))


class Fold(NamedTuple):
    """The network of one fold, and the hearts that it has not seen."""

    number: int
    network: DeformationCVAE
    sick: list[Case]
    healthy: list[Case]


def folds_left_out(data: Dataset, weights: Path, grid: str = "quick") -> list[Fold]:
    """Every fold's network with the patients of HCM and DCM and the healthy subjects that it has not seen.

    Raises:
        UserError: patients or weights are missing or broken, a mask lacks what hearts are aligned by, or there is
            nothing to carry.
    """
    if not data.has("cavity"):
        raise UserError(f"{data.root}: no masks of the left cavity, whose volumes tell how good a transport is")
    everyone, found = [data.read(id, grid) for id in tqdm(data.ids(), "patients", disable=None)], []
    for network, card in networks(weights, DeformationCVAE):
        known, left_out = Card(card), set(card["held_out"])
        hearts = [heart for heart in everyone if known.names_of(heart.identity) & left_out]
        sick = [heart for heart in hearts if heart.group in SICK]
        healthy = [heart for heart in hearts if heart.group == HEALTHY]
        for heart in [*sick, *healthy]:
            check_posed(heart)
        found.append(Fold(card["fold"][0], network, sick, healthy))
    if not any(fold.sick and fold.healthy for fold in found):
        groups = " or ".join(SICK)
        raise UserError(
            f"{data.root}: no network has left out a patient of {groups} and a healthy subject; give other patients"
        )
    return found


def transports(folds: Sequence[Fold], out: Path) -> pd.DataFrame:
    """Carry every patient to every healthy subject of his fold; a row a transport and way, `COLUMNS`.

    The way `Our` decodes the patient's code on the healthy heart, by the fold's network, which has seen neither; `PL`
    is the pole ladder over LCC-demons. Ejection fractions are in %. `out` is a CSV that grows by whole patients, so
    that a run that was stopped goes on.

    Raises:
        UserError: `out` cannot be written, or has other transports.
    """
    rows, demons = read_rows(out, COLUMNS), get("demons")
    for fold, network, sick, healthy in folds:
        carries = list(product([heart.id for heart in healthy], WAYS))
        done = finished(rows, PIECE, ROW, {(fold, heart.id): carries for heart in sick})
        left = [heart for heart in sick if healthy and (fold, heart.id) not in done]
        for patient in tqdm(left, f"fold {fold}", disable=None):
            with torch.no_grad():
                code, _ = network.encode(*on_network_grid(network, patient))
            own = {"Our": by_code(network, code, patient), "PL": demons.register(patient)}
            found = []
            for target, way in product(healthy, WAYS):
                if way == "Our":
                    carried = by_code(network, code, target)
                else:
                    carried = pole_ladder(patient, own["PL"], target, demons).carried
                fractions = ejection(own[way], patient), ejection(carried, target)
                found.append((fold, patient.id, patient.group, target.id, way, *fractions))
            rows = add_rows(rows, pd.DataFrame(found, columns=list(COLUMNS)), out, PIECE)
    return rows


def record_transports(data: Dataset, out: Path, grid: str = "quick", weights: Path | None = None) -> pd.DataFrame:
    """Keep the `transports` of all `folds_left_out`; `weights` as in `weights_for`.

    Raises:
        UserError: as `folds_left_out`, or `out` cannot be written or holds another run.
    """
    network = weights_for(data, weights) / "s3"
    about = describe(data, f"transport ROOT --out {out}", grid, weights=network)
    return record(out, about, lambda: folds_left_out(data, network, grid), transports, COLUMNS)
