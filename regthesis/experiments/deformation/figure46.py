"""Figure 4.6, accuracy against the length of the code, and the verdicts on what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from regthesis.book import ledger
from regthesis.case import Case
from regthesis.evaluate.statistics import Interval, mean_interval
from regthesis.evaluate.table import case_means
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE

__all__ = ["by_length", "judge", "judge_idle", "of_lengths"]

ENOUGH = 8  # numbers, which the thesis calls competitive
IDLE = 0.01  # nats
NAME = "latent-"  # before the length, of networks that differ in nothing else


def of_lengths(rows: pd.DataFrame) -> pd.DataFrame:
    """Of recorded `levers` those of networks that are called `latent-8` and so on, with their length as a column `d`.

    The lengths are in rising order.
    """
    found = rows[rows["network"].str.startswith(NAME)]
    return found.assign(d=found["network"].str.removeprefix(NAME).astype(int)).sort_values("d", kind="stable")


def by_length(sizes: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a case and a column a length `d`, from the long table of `evaluate` with a column `d`."""
    return case_means(sizes[sizes["metric"] == metric], ("d",)).pivot(index="case", columns="d", values="value")


def judge(sizes: pd.DataFrame, chosen: int, dataset: str, **about) -> list[ledger.Verdict]:
    """Claims C4.41, a plateau from d = 8 on, and C4.57, better scores beyond the `chosen` length, in pairs of hearts.

    A change counts where its 95 % interval is clear of zero. A plateau is what rises up to 8 and no more up to the
    longest code; it is refuted by what still rises. Lengths that are not there leave their claim out.
    """
    dice, distance = (by_length(sizes, metric) for metric in ("DICE", "HD95"))
    least, most, found = min(dice), max(dice), []
    if ENOUGH in dice and least < ENOUGH < most:
        first, then = _change(dice, least, ENOUGH), _change(dice, ENOUGH, most)
        shown = False if then.low > 0 else True if first.low > 0 else None
        why = f"DICE {_text(first)} from d = {least} to {ENOUGH}, {_text(then)} from there to {most}"
        found.append(ledger.claim("C4.41", shown, f"{why}, {first.n} hearts, {dataset}", dataset=dataset, **about))
    if chosen in dice and chosen < most:
        overlap, far = _change(dice, chosen, most), _change(distance, chosen, most)
        worse = overlap.high < 0 or far.low > 0
        shown = True if overlap.low > 0 and far.high < 0 else False if worse else None
        why = f"from d = {chosen} to {most} DICE {_text(overlap)} and {_text(far)} mm, {overlap.n} hearts, {dataset}"
        found.append(ledger.claim("C4.57", shown, why, dataset=dataset, **about))
    return found


def judge_idle(network: DeformationCVAE, cases: Sequence[Case], dataset: str, **about) -> ledger.Verdict:
    """Claim C4.60: some numbers of a long code say less than `IDLE` of a heart, so that the network ignores them."""
    with torch.no_grad():
        codes = [network.encode(*on_network_grid(network, case)) for case in cases]
    mu, log_variance = (torch.cat(part) for part in zip(*codes, strict=True))
    nats = 0.5 * (log_variance.exp() + mu.square() - 1 - log_variance).mean(0)
    idle = int((nats < IDLE).sum())
    why = f"{idle} of {len(nats)} numbers say less than {IDLE} nats, the least of all {nats.min():.2f}"
    return ledger.claim("C4.60", idle > 0, f"{why}, {len(cases)} hearts, {dataset}", dataset=dataset, **about)


def _change(scores: pd.DataFrame, d: int, other: int) -> Interval:
    return mean_interval(scores[other] - scores[d])


def _text(change: Interval) -> str:
    return f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
