"""Trained weights: where they lie, whom their networks have seen, and which of them may register a case.

Beside what builds the network, its card has the name of its `dataset`, the names of the cases that it was `trained` on,
`validated` on, and that were `held_out`, and for all of these `identities`, by which a case is known whatever its name
(see `regthesis.identity`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from torch import nn

from regthesis.case import Case
from regthesis.errors import Refused, UserError
from regthesis.identity import is_exact
from regthesis.shipped import DATA
from regthesis.train import load_weights, read_card

__all__ = ["WEIGHTS", "Card", "card_of", "load", "networks", "refuse_stranger", "shipped", "unseen", "weight_files"]

WEIGHTS = DATA / "weights"
DEFAULT = "acdc"  # the data set whose networks register own images: patients are nearer to them than phantoms are


class Card:
    """Which cases a network knows, from the `content` of its card.

    Raises:
        UserError: the card of `file` does not say whom the network has seen.
    """

    def __init__(self, content: dict, file: Path | str = "card"):
        if "identities" not in content:
            raise UserError(f"{file}: does not say whom the network has seen; train it again with this version")
        self.dataset: str = content.get("dataset", "")
        self.training_names = frozenset([*content.get("trained", ()), *content.get("validated", ())])
        self.names_by_mark: dict[str, set[str]] = {}  # a mark is one of the hashes that make an identity
        for name, marks in content["identities"].items():
            for mark in marks:
                self.names_by_mark.setdefault(mark, set()).add(name)

    def names_of(self, identity: Collection[str]) -> set[str]:
        """The names that the card has for a case; none where it does not know the case."""
        return set().union(*(self.names_by_mark.get(mark, ()) for mark in identity))

    def has_seen(self, identity: Collection[str]) -> bool:
        """Whether the network was trained or validated on a case."""
        return not self.training_names.isdisjoint(self.names_of(identity))


def shipped(name: str, dataset: str = DEFAULT) -> Path:
    """The folder of the shipped weights called `name`, "s3" for instance, that were trained on a data set."""
    return WEIGHTS / dataset / name


def weight_files(weights: Path, command: str) -> list[Path]:
    """The files of weights in a folder, one for each fold, or the one file that `weights` is.

    `command` is what `regthesis train` calls such networks, for the message.

    Raises:
        UserError: there are none.
    """
    files = sorted(weights.rglob("weights.safetensors")) if weights.is_dir() else [weights]
    if not any(file.is_file() for file in files):
        raise UserError(f"{weights}: no weights; train some with `regthesis train {command}`")
    return files


def unseen(weights: Path, command: str, case: Case) -> Path:
    """The file of weights that may register a case: the first in the folder whose network has not seen the patient.

    Raises:
        UserError: there are no weights.
        Refused: all networks have seen the patient, or may have (see `refuse_stranger`).
    """
    cards = {file: card_of(file) for file in weight_files(weights, command)}
    usable = [file for file, card in cards.items() if not card.has_seen(case.identity)]
    if not usable:
        raise Refused(f"{case.id}: all networks in {weights} have seen this patient; leave the patient's fold out")
    refuse_stranger(cards.values(), weights, case)
    return usable[0]


def refuse_stranger(cards: Iterable[Card], weights: Path, case: Case) -> None:
    """Raises Refused for a case of the networks' own data set that none of their cards knows.

    The cards list everybody whom the networks might have been trained on. A case in the same layout that is on none may
    come from elsewhere; or its files were changed, and a network has seen the original. Nobody can say. A phantom is
    known by its seed, which no change hides, so one that is on no card was not seen.
    """
    own = [card for card in cards if case.dataset and card.dataset == case.dataset]
    if own and not is_exact(case.identity) and not any(card.names_of(case.identity) for card in own):
        raise Refused(
            f"{case.id}: is no patient of {case.dataset} that the networks in {weights} know, so nobody can say "
            "whether they have seen it; leave it out, or hand own images over as a pair or a CSV"
        )


def networks(
    weights: Path, network_class: type[nn.Module], command: str = "deformation"
) -> Iterator[tuple[nn.Module, dict]]:
    """The network of each fold in the folder `weights`, and its card.

    Raises:
        UserError: there is none, or one is broken.
    """
    for file in weight_files(Path(weights), command):
        yield load_weights(file, network_class)


def load(file: Path, network_class: type[nn.Module]) -> nn.Module:
    """The network of a file, read once, and again where the file was written anew."""
    return _load(file, file.stat().st_mtime_ns, network_class)


def card_of(file: Path) -> Card:
    """The card of a file, read once, and again where the file was written anew."""
    return _card(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(file: Path, written: int, network_class: type[nn.Module]) -> nn.Module:
    return load_weights(file, network_class)[0]


@lru_cache(maxsize=64)
def _card(file: Path, written: int) -> Card:
    return Card(read_card(file), file)
