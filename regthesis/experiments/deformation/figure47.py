"""Figure 4.7, codes and groups of patients, and the verdicts on what is said of it."""

from __future__ import annotations

import pandas as pd

from regthesis.book import ledger
from regthesis.evaluate import latent
from regthesis.evaluate.statistics import share_interval
from regthesis.experiments.deformation.codes import recognised

__all__ = ["UNLIKE", "judge", "planes", "recognised_from_two"]

UNLIKE = "the thesis does not say to whom its components were fitted, and its network had learned from more patients"


def planes(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The codes of one fold's network in two canonical components, fitted to all patients, and to those it has seen.

    Columns `x`, `y`, `group`, and `held_out`: the patient had no part in the fit. The picture draws the others open.
    """
    codes, groups, new = rows.filter(regex=r"^z\d").to_numpy(), rows["group"].to_numpy(), rows["held_out"].to_numpy()
    found = {}
    for title, fitted in {"fitted to all": new | ~new, "fitted to seen patients": ~new}.items():
        x, y = latent.discriminant().fit(codes[fitted], groups[fitted]).transform(codes).T
        found[title] = pd.DataFrame({"x": x, "y": y, "group": groups, "held_out": ~fitted})
    return found


def recognised_from_two(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each group and of `all`: new patients told from two components, `hits` of `n`, and the binomial interval."""
    right = recognised(rows, components=2)
    groups = right.groupby(rows.drop_duplicates("case").set_index("case")["group"])
    hits = {name: (int(those.sum()), len(those)) for name, those in groups} | {"all": (int(right.sum()), len(right))}
    lines = {name: (*of, *share_interval(*of)[:3]) for name, of in hits.items()}
    return pd.DataFrame.from_dict(lines, "index", columns=["hits", "n", "share", "low", "high"])


def judge(rows: pd.DataFrame, dataset: str, grid=None, **about) -> list[ledger.Verdict]:
    """Hand to the ledger what the long table `rows` of `codes.codes` says of groups: claims C4.42 to C4.44.

    Groups are clusters where new patients of every one are told from two components more often than by chance, and
    none where all together are not; between the two nothing is decided.
    """
    two, one = recognised_from_two(rows), rows[rows["fold"] == rows["fold"].min()]
    groups = two.drop("all")
    clear = groups["low"] > 1 / len(groups)
    shown = True if clear.all() else None if two.loc["all", "low"] > 1 / len(groups) else False
    why = ", ".join(f"{name} {line.hits:.0f} of {line.n:.0f}" for name, line in groups.iterrows())
    why = f"new patients told from two components: {why}; clear of chance: {', '.join(groups.index[clear]) or 'none'}"
    components = latent.components(one.filter(regex=r"^z\d"), one["group"])
    return [
        ledger.claim("C4.42", shown, why, dataset=dataset, **about),
        ledger.check("C4.43", 100.0 * recognised(rows), dataset=dataset, grid=grid, unlike=UNLIKE, **about),
        ledger.check("C4.44", components, dataset="any", **about),
    ]
