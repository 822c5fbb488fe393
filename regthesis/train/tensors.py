"""Named tensors with a JSON header in one safetensors file, written whole or not at all and never unpickled."""

import json
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError, safe_open

from regthesis.errors import UserError
from regthesis.files import whole
from regthesis.kernels.shapes import Tensor

KEY = "regthesis"  # of the header among the file's metadata


def write(path: Path, tensors: dict[str, Tensor], header: dict) -> None:
    """Write the tensors and the header; the file that was there stays until the other is complete.

    Raises UserError where the folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole(path) as sibling:
        sibling.write_bytes(safetensors.torch.save(tensors, {KEY: json.dumps(header)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """What `write` wrote.

    Raises UserError for a file that is missing, truncated, not safetensors, or not of this package.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})[KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118 (it has no __iter__)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train first, or fetch the weights") from None
    except (SafetensorError, OSError, ValueError):
        raise UserError(f"{path}: truncated, or not a safetensors file; fetch or train it again") from None
    except KeyError:
        raise UserError(f"{path}: a safetensors file without this package's header; it was made elsewhere") from None
