"""A training run on disk: weights, the optimiser's state, and how far it came."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from regthesis.errors import UserError
from regthesis.train.tensors import read, write


@dataclass
class Progress:
    """How far a run came, and what makes it this run rather than another."""

    settings: dict  # what a resumed run must share, as JSON
    step: int = 0
    seconds: float = 0.0
    best: float | None = None  # the smallest mean measure of the validation samples
    waited: int = 0  # measurements since
    curve: list[dict] = field(default_factory=list)
    recent: list[dict] = field(default_factory=list)  # the scalars of each step since the curve's last point
    end: dict | None = None  # the point of a last step between two measurements; it goes when the run goes on

    @property
    def shown(self) -> list[dict]:
        """The curve as a card has it, with its end."""
        return [*self.curve, *([self.end] if self.end else [])]


def save_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
    """Write a model, its optimiser and its progress in one file, whole or not at all.

    Raises UserError where the folder cannot be written.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    write(path, tensors, {"progress": asdict(progress)})


def load_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, settings: dict) -> Progress:
    """Put a checkpoint into a model and its optimiser, both as at the start of the run; its progress.

    Raises UserError for a file that is truncated or made elsewhere, or that other settings made.
    """
    tensors, header = read(path)
    try:
        progress = Progress(**header["progress"])
        before = progress.settings
        for name, value in settings.items():
            if before[name] != value:
                raise UserError(
                    f"{path}: its {name} was {before[name]}, now {value}; give another folder, or remove it"
                )
        model.load_state_dict({name.removeprefix("model."): t for name, t in tensors.items() if name[:6] == "model."})
        _load_optimiser(optimiser, {name: t for name, t in tensors.items() if name[:10] == "optimiser."})
    except (KeyError, TypeError, IndexError, RuntimeError):
        raise UserError(f"{path}: not a checkpoint of this version's training; give another folder") from None
    return progress


def _load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state = {}
    for name, tensor in tensors.items():
        _, index, key = name.split(".", 2)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:  # in another order of memory the same update might round differently
            tensor = torch.empty_like(parameter).copy_(tensor)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
