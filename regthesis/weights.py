"""Where trained weights lie, whom their cards say they have seen, and which of them may register a case.

The card of a network has `dataset`, the lists of names `trained`, `validated` and `held_out`, and `identities`, which
gives the identity (see `regthesis.identity`) of everybody in the folder that it was trained from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from torch import nn

from regthesis.errors import Refused, UserError
from regthesis.identity import is_exact
from regthesis.shipped import DATA
from regthesis.train import load_weights, read_card

__all__ = ["WEIGHTS", "Card", "card_of", "load", "networks", "refuse_stranger", "shipped", "unseen", "weight_files"]

WEIGHTS = DATA / "weights"
DEFAULT = "acdc"  # whose networks register images of no known data set: they were trained on patients, not phantoms


class Card:
    """Who is who to a network, from the `content` of its card.

    Raises:
        UserError: the card of `file` does not say whom the network has seen.
    """

    def __init__(self, content: dict, file: Path | str = "card"):
        if "identities" not in content:
            raise UserError(f"{file}: does not say whom the network has seen; train it again with this version")
        self.dataset: str = content.get("dataset", "")
        self.used = frozenset([*content.get("trained", ()), *content.get("validated", ())])
        self.names: dict[str, set[str]] = {}
        for name, marks in content["identities"].items():
            for mark in marks:
                self.names.setdefault(mark, set()).add(name)

    def names_of(self, identity: Collection[str]) -> set[str]:
        """The names under which the card knows a case; none for a stranger."""
        return set().union(*(self.names.get(mark, ()) for mark in identity))

    def has_seen(self, identity: Collection[str]) -> bool:
        """Whether the network was trained or validated on a case."""
        return not self.used.isdisjoint(self.names_of(identity))


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


def unseen(weights: Path, command: str, case_id: str, identity: Collection[str], dataset: str) -> Path:
    """The file of weights, of those in a folder, that may register a case: the first whose network has not seen it.

    A case read by the reader of the network's own `dataset` must be on its card: of a stranger nobody can say whether
    the network has seen it under another name.

    Raises:
        UserError: there are no weights.
        Refused: all have seen the case, or it is such a stranger.
    """
    cards = {file: card_of(file) for file in weight_files(weights, command)}
    usable = [file for file, card in cards.items() if not card.has_seen(identity)]
    if not usable:
        raise Refused(f"{case_id}: all networks in {weights} have seen this patient; leave the patient's fold out")
    refuse_stranger(cards.values(), weights, case_id, identity, dataset)
    return usable[0]


def refuse_stranger(
    cards: Iterable[Card], weights: Path, case_id: str, identity: Collection[str], dataset: str
) -> None:
    """Raises Refused for a case in the layout of the networks' own data set that is on none of their cards."""
    own = [card for card in cards if dataset and card.dataset == dataset]
    if own and not is_exact(identity) and not any(card.names_of(identity) for card in own):
        raise Refused(
            f"{case_id}: is no patient of {dataset} that the networks in {weights} know, so nobody can say whether "
            "they have seen it; leave it out, or hand own images over as a pair or a CSV"
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
    """The network of a file, read once; one that was trained again is another one."""
    return _load(file, file.stat().st_mtime_ns, network_class)


def card_of(file: Path) -> Card:
    """The card of a file, read once."""
    return _card(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(file: Path, written: int, network_class: type[nn.Module]) -> nn.Module:
    return load_weights(file, network_class)[0]


@lru_cache(maxsize=64)
def _card(file: Path, written: int) -> Card:
    return Card(read_card(file), file)
