"""Several processes under `torchrun`, each with its own samples; on its own, a process is the only worker."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from regthesis.errors import UserError
from regthesis.kernels.shapes import Tensor


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this one is, and the device it computes on."""

    rank: int
    world: int
    device: torch.device

    @property
    def hardware(self) -> str:
        """What a result names as its device."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def wait(self) -> None:
        """Until all workers have come here."""
        if self.world > 1:
            distributed.barrier()


def check_device(name: str) -> None:
    """Raises UserError where `name` is not cpu, cuda or one of several as cuda:1, or no such GPU is here.

    PyTorch knows other names, but neither the kernels nor the training were ever tried there.
    """
    known = re.fullmatch(r"cpu|cuda(:(0|[1-9][0-9]{0,2}))?", name)
    if not known:
        raise UserError(f"device {name!r}: no such device; use cpu or cuda, or one of several as cuda:1")
    if name != "cpu" and int(known[2] or 0) >= torch.cuda.device_count():
        raise UserError(f"device {name}: PyTorch finds no GPU of that name here; use the device cpu")


@contextmanager
def workers(device: str) -> Iterator[Worker]:
    """Join the processes that `torchrun` started, each on its own GPU if `device` is "cuda".

    Whatever is drawn inside leaves the caller's random numbers as they were.

    Raises UserError as `check_device`.
    """
    check_device(device)
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    chosen = torch.device(device)
    with torch.random.fork_rng([chosen] if chosen.type == "cuda" else []):
        if world == 1:
            yield Worker(0, 1, chosen)
            return
        distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        try:
            yield Worker(distributed.get_rank(), world, chosen)
        finally:
            distributed.destroy_process_group()


class Objective(nn.Module):
    """A model's loss, with further `arguments`, as a module's `forward`: DistributedDataParallel looks for it there."""

    def __init__(self, model: nn.Module, arguments: dict):
        super().__init__()
        self.model, self.arguments = model, arguments

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.model.loss(*batch, **self.arguments)


def objective(model: nn.Module, worker: Worker, arguments: dict) -> nn.Module:
    """The model's loss with these `arguments` beside the batch, its gradients averaged over all workers."""
    loss = Objective(model, arguments)
    return DistributedDataParallel(loss) if worker.world > 1 else loss


def mean_over_workers(scalars: dict[str, Tensor]) -> dict[str, float]:
    """Each scalar's mean over the workers: the same numbers, and so the same decisions, in every process."""
    values = torch.stack([value.detach().float() for value in scalars.values()])
    if distributed.is_initialized():
        distributed.all_reduce(values)
        values /= distributed.get_world_size()
    return dict(zip(scalars, values.tolist(), strict=True))
