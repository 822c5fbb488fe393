"""Weights that carry their card: how to build the network, and where its numbers come from."""

import hashlib
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from regthesis.errors import UserError
from regthesis.train.tensors import read, write

Network = TypeVar("Network", bound=nn.Module)


def save_weights(path: Path | str, model: nn.Module, card: dict) -> None:
    """Write a model's weights with a card, to which its class and `model.arguments`, which build it, are added.

    Raises UserError where the folder cannot be written.
    """
    write(Path(path), model.state_dict(), {**card, "model": type(model).__name__, "arguments": model.arguments})


@torch.inference_mode(False)  # else a network first read in inference mode could never be refined or trained
def load_weights(path: Path | str, network_class: type[Network]) -> tuple[Network, dict]:
    """The network of class `network_class` that a file holds, in evaluation mode, and its card.

    Raises UserError for a file that is missing, truncated or made elsewhere, for another architecture, and what
    building the network raises: MissingPeer for a class whose package is not installed.
    """
    tensors, card = read(Path(path))
    if card.get("model") != network_class.__name__:
        raise UserError(
            f"{path}: holds {card.get('model', 'a checkpoint')}, not {network_class.__name__}; give the other file"
        )
    try:
        model = network_class(**card["arguments"])
        model.load_state_dict(tensors)
    except UserError:  # of the class itself: a package that it needs is missing
        raise
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise UserError(f"{path}: does not fit this version's {network_class.__name__}; train it again") from None
    return model.eval(), card


def read_card(path: Path | str) -> dict:
    """The card alone.

    Raises UserError for a file that is missing, truncated or made elsewhere.
    """
    return read(Path(path))[1]


def weights_hash(path: Path | str) -> str:
    """Sixteen hexadecimal digits of the tensors in a file of weights, or in all files of a folder.

    They change with a name, a type, a shape or a number of a tensor and with the place of a file in the folder, but
    neither with what a card says nor with the order in which a file has its tensors.

    Raises UserError where there are no weights, or some are broken.
    """
    path = Path(path)
    files = sorted(path.rglob("weights.safetensors")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        for name, tensor in sorted(read(file)[0].items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    if not files:
        raise UserError(f"{path}: no weights; train some with `regthesis train`")
    return digest.hexdigest()[:16]
