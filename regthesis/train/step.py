"""One step of training, and its optimiser."""

import math
import sys
from collections.abc import Callable, Sequence

import torch
from torch import nn

from regthesis.kernels.shapes import Number, Tensor
from regthesis.train.parallel import Worker, mean_over_workers


def adam(model: nn.Module, rate: Number = 1.5e-4, l2: Number = 1e-4) -> torch.optim.Adam:
    """Adam on the loss plus `l2` times the sum of squares of the weights of `model.regularised()` (section 4.3)."""
    regularised = model.regularised()
    chosen = {id(weight) for weight in regularised}
    others = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
    groups = [{"params": regularised, "weight_decay": 2 * l2}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.Adam(groups, lr=rate)


def set_rate(optimiser: torch.optim.Optimizer, rate: Number) -> None:
    """Adam's step size from here on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 itself: to emulate it takes several times as long as float32 does."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def mixed_where_it_pays(worker: Worker) -> bool:
    """Whether the devices of all workers have bfloat16; where they have not, the first worker says so in one line."""
    able = torch.tensor(float(has_bfloat16(worker.device)), device=worker.device)
    if mean_over_workers({"able": able})["able"] == 1:
        return True
    if worker.rank == 0:
        print(f"{worker.hardware}: no bfloat16 in hardware, so mixed is off: float32 is faster", file=sys.stderr)
    return False


def step(
    objective: Callable[..., tuple[Tensor, dict[str, Tensor]]],
    optimiser: torch.optim.Optimizer,
    batch: Sequence[Tensor],
    mixed: bool = False,
) -> dict[str, float]:
    """Bring the weights one step down the gradient of `objective(*batch)`: the loss, its parts, the gradient's norm.

    `objective` is a model's `loss`; with `mixed` the network computes in bfloat16.

    Raises FloatingPointError where loss or gradient are not finite; the weights are then as they were.
    """
    with torch.autocast(batch[0].device.type, torch.bfloat16, enabled=mixed):
        loss, parts = objective(*batch)
    optimiser.zero_grad()
    loss.backward()
    gradients = [p.grad for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
    scalars = mean_over_workers({"loss": loss, **parts, "gradient": torch.nn.utils.get_total_norm(gradients)})
    for name in ("loss", "gradient"):
        if not math.isfinite(scalars[name]):
            raise FloatingPointError(f"the {name} is {scalars[name]}")
    optimiser.step()
    return scalars
