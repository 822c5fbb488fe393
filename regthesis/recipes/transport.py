"""Deformations of patients on healthy hearts, by the latent code and by the pole ladder (Table 4.2)."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from regthesis.case import Case
from regthesis.datasets import acdc
from regthesis.deformation import Deformation
from regthesis.evaluate.growing import begun, grown
from regthesis.evaluate.volumes import ejection_fraction, volumes
from regthesis.methods import get
from regthesis.methods.learned import on_network_grid
from regthesis.models.deformation import DeformationCVAE
from regthesis.transport import by_code, pole_ladder
from regthesis.weights import Card, networks

SICK, HEALTHY = ("HCM", "DCM"), "NOR"
COLUMNS = ("fold", "patient", "group", "healthy", "way", "predicted", "transported")


def ejection(deformation: Deformation, case: Case) -> float:
    """Ejection fraction in % that a deformation gives a heart, from its mask at end diastole."""
    masks = case.moving_mask, deformation.warp_labels(case.moving_mask)
    return ejection_fraction(*(float(volumes(mask, case.spacing)["LV-BP"]) for mask in masks))


def transports(root: Path | str, weights: Path, out: Path, frame: str = "quick") -> pd.DataFrame:
    """Carry every HCM and DCM patient to every healthy subject of his fold; a row a transport and way, `COLUMNS`.

    The way `Our` decodes the patient's code on the healthy heart, by the fold's network, which has seen neither; `PL`
    is the pole ladder over LCC-demons. Ejection fractions are in %. `out` is a CSV that grows by whole patients, so
    that a run that was stopped goes on.

    Raises:
        UserError: patients or weights are missing or broken, or `out` cannot be written.
    """
    rows = begun(out, COLUMNS)
    demons = get("demons")
    everyone = acdc.identities(root)
    for network, card in networks(weights, DeformationCVAE):
        new = [name for name, marks in everyone.items() if Card(card).names_of(marks) & set(card["held_out"])]
        hearts = [acdc.read(root, patient, acdc.frame_named(frame)) for patient in new]
        sick = [heart for heart in hearts if heart.group in SICK and heart.id not in set(rows["patient"])]
        healthy = [heart for heart in hearts if heart.group == HEALTHY]
        for patient in tqdm(sick, f"fold {card['fold'][0]}", disable=None):
            with torch.no_grad():
                code, _ = network.encode(*on_network_grid(network, patient))
            own = {"Our": by_code(network, code, patient), "PL": demons.register(patient)}
            found = []
            for target, way in product(healthy, own):
                if way == "Our":
                    carried = by_code(network, code, target)
                else:
                    carried = pole_ladder(patient, own["PL"], target, demons).carried
                fractions = ejection(own[way], patient), ejection(carried, target)
                found.append((card["fold"][0], patient.id, patient.group, target.id, way, *fractions))
            rows = grown(rows, pd.DataFrame(found, columns=list(COLUMNS)), out)
    return rows
