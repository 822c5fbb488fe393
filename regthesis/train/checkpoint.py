"""A training run on disk: weights, the optimiser's state, and how far it came."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from regthesis.errors import UserError
from regthesis.train.tensors import read, write


@dataclass
class Progress:
    """How far a run came, and the settings that make it this run rather than another."""

    settings: dict  # what a resumed run must share, as JSON
    step: int = 0
    seconds: float = 0.0
    best: float | None = None  # the smallest mean measure of the validation samples
    waited: int = 0  # regular measurements since then
    curve: list[dict] = field(default_factory=list)  # a point for each regular measurement
    recent: list[dict] = field(default_factory=list)  # the scalars of each step since the curve's last point
    end: dict | None = None  # the point of a last step that is no regular measurement; it goes when the run goes on

    def add(self, scalars: dict[str, float]) -> None:
        """Count a step."""
        self.step += 1
        self.recent.append(scalars)
        self.end = None

    def measured(self, measure: float | None, regular: bool) -> bool:
        """Put a point on the curve; whether the weights are now better than all before, or the first.

        The point has the means of the scalars since the last one, and `measure` of the validation samples. One that is
        not `regular` ends the run between two measurements of a longer run: it counts neither as best nor as waiting.
        """
        better = measure is None or self.best is None or (regular and measure < self.best)
        means = {name: sum(scalars[name] for scalars in self.recent) / len(self.recent) for name in self.recent[0]}
        point = {"step": self.step, **means, "validation": measure}
        if regular:
            self.curve.append(point)
            self.recent = []
            self.best, self.waited = (measure, 0) if better else (self.best, self.waited + 1)
        else:
            self.end = point
        return better

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
            if (its := before.get(name)) != value:  # a setting that came with a later version: None
                raise UserError(f"{path}: its {name} was {its}, now {value}; give another folder, or remove it")
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
