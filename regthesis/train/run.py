"""A training run and what it leaves in its folder."""

import json
import re
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regthesis.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from regthesis.train.tensors import read
from regthesis.train.weights import save_weights


class Run:
    """How far a model in training came, in `checkpoint.safetensors`, and its best or last, in `weights.safetensors`.

    A run whose folder has a checkpoint goes on from there. `settings` must then be the same. Only a process that
    `writes` touches the folder.

    Raises UserError for a checkpoint that is broken or of another run.
    """

    def __init__(
        self, out: Path, model: nn.Module, optimiser: torch.optim.Optimizer, settings: dict, writes: bool = True
    ):
        self.checkpoint, self.weights = out / "checkpoint.safetensors", out / "weights.safetensors"
        self.model, self.optimiser, self.writes = model, optimiser, writes
        self.progress = Progress(json.loads(json.dumps(settings)))  # lists for tuples, as a checkpoint has them
        if self.checkpoint.is_file():
            self.progress = load_checkpoint(self.checkpoint, model, optimiser, self.progress.settings)
        self.since = time.perf_counter()

    def keep(self, measure: float | None, card: dict, last: bool, regular: bool = True) -> None:
        """Put a point on the curve (see `Progress.measured`), and write the checkpoint and the weights.

        The weights are written if they are the best so far, with `last` always.
        """
        now = time.perf_counter()
        self.progress.seconds += now - self.since
        self.since = now
        better = self.progress.measured(measure, regular)
        if not self.writes:
            return
        if better or last:  # before the checkpoint: a run killed in between repeats these steps
            facts = {"hours": self.progress.seconds / 3600, "curve": self.progress.shown}
            save_weights(self.weights, self.model, {**card, "step": self.progress.step, **facts})
        save_checkpoint(self.checkpoint, self.model, self.optimiser, self.progress)

    def finish(self) -> dict:
        """Give the model the weights that were kept, in evaluation mode, and their card the whole curve; the card."""
        tensors, card = read(self.weights)
        self.model.load_state_dict(tensors)
        self.model.eval()
        card |= {"curve": self.progress.shown, "hours": self.progress.seconds / 3600}
        if self.writes:
            save_weights(self.weights, self.model, card)
        return card


def name_of(it: Any) -> str:
    """What a checkpoint calls a function or an object that a resumed run must share, the same in every process.

    Functions, lambdas and classes go by module and qualified name. All else goes by its `repr`, without addresses in
    memory; that of a dataclass has its parameters. Two lambdas of one place therefore share a name, as do two objects
    whose `repr` does not show their parameters: who changes one of these trains in another folder.
    """
    if hasattr(it, "__qualname__") and not hasattr(it, "__self__"):
        return f"{it.__module__}.{it.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(it))
