"""The training loop of all models."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from regthesis.errors import UserError
from regthesis.kernels.shapes import Number, Tensor
from regthesis.train.parallel import Worker, mean_over_workers, objective, workers
from regthesis.train.report import Report
from regthesis.train.run import Run, name_of
from regthesis.train.samples import Samples, batch_of, data_hash, places, seed_of
from regthesis.train.schedule import Schedule
from regthesis.train.step import adam, mixed_where_it_pays, set_rate, step


def fit(
    model: nn.Module,
    data: Samples,
    out: Path | str,
    schedule: Schedule,
    *,
    augment: Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]] | None = None,
    validation: Samples | None = None,
    measure: Callable[..., Number] | None = None,
    loss_arguments: dict | None = None,
    seed: int = 0,
    device: str = "cpu",
    mixed: bool = False,
    about: dict | None = None,
) -> dict:
    """Train `model` on `data` by a `schedule`; the card of the weights that it leaves in the folder `out`.

    A model has `loss(*batch, **loss_arguments) -> (loss, parts)`, `regularised()` and `arguments`. A sample is a tuple
    of tensors without a batch axis, held in memory; `augment` changes a batch of them. The arguments of the loss are
    what JSON has, for the card, where they are called `loss`.

    `validation` samples are measured on the way: `measure(model, *sample)`, each tensor with a batch axis of 1, is the
    smaller the better; None takes the loss in evaluation mode. The weights that are kept, and that `model` holds in the
    end, are the last ones; with a schedule's `patience` they are those of the smallest mean measure. (The smallest of
    many noisy measurements is otherwise a choice by noise.)

    A call with the same arguments, or with more steps, goes on from the checkpoint in `out`, and ends with the weights
    of an uninterrupted run: on a CPU with as many threads, to the bit. The last step is measured even where a longer
    run would not have stopped to measure. That point never counts for `patience`, goes when the run goes on, and its
    weights are kept only if there are no others.

    `device` is "cpu" or "cuda"; `mixed` computes the network in bfloat16, but on a processor without it in float32:
    then a line says so, and the card that mixed was off. Under `torchrun` each process takes a batch of its own.
    `about` goes into the card: the commit, the data's name.

    Raises UserError for data that are empty, a folder with another run's checkpoint or a broken one, a device that
    is not there, or a loss that is not finite; the last checkpoint stays.
    """
    for name, samples in {"data": data, "validation": validation}.items():
        if samples is not None and not len(samples):
            raise UserError(f"{name}: no sample; check the folder and the fold")
    with workers(device) as worker:
        model.to(worker.device)
        mixed = mixed and mixed_where_it_pays(worker)
        optimiser = adam(model, schedule.rate, schedule.l2)
        settings = schedule.settings() | {
            "seed": seed,
            "mixed": mixed,
            "model": type(model).__name__,
            "arguments": model.arguments,
            "data": data_hash(data),
            "validation": None if validation is None else data_hash(validation),
            "augment": None if augment is None else name_of(augment),
            "measure": None if measure is None else name_of(measure),
            "loss": loss_arguments or None,
            "workers": worker.world,
        }
        card = {**settings, "device": worker.hardware, "threads": torch.get_num_threads(), **(about or {})}
        run = Run(Path(out), model, optimiser, settings, writes=worker.rank == 0)
        arguments = loss_arguments or {}
        loss = objective(model, worker, arguments)
        measure = measure or (lambda network, *images: network.loss(*images, **arguments)[0])
        with Report(Path(out), schedule.steps, run.progress.step, quiet=worker.rank > 0) as report:
            while not schedule.is_over(run.progress.step, run.progress.waited):
                k = run.progress.step
                torch.manual_seed(seed_of(k, seed, worker.rank))  # for augmentation and model: depends on k alone
                chosen = places(k, schedule.batch, len(data), seed, worker.rank, worker.world)
                images = batch_of(data, chosen, worker.device)
                model.train()
                set_rate(optimiser, schedule.rate_of(k))
                try:
                    scalars = step(loss, optimiser, augment(images) if augment else images, mixed)
                except FloatingPointError as error:
                    raise UserError(f"step {k + 1}: {error}; lower the rate or check the images") from None
                run.progress.add(scalars)
                report.step(k + 1, scalars)
                if (regular := schedule.measures(k + 1)) or k + 1 == schedule.steps:
                    found = None if validation is None else _validate(model, validation, measure, worker)
                    report.point(k + 1, found)
                    run.keep(found, card, last=schedule.patience is None, regular=regular)
        worker.wait()
        return run.finish()


def _validate(model: nn.Module, samples: Samples, measure: Callable[..., Number], worker: Worker) -> float:
    """Mean of the measure over the samples."""
    model.eval()
    with torch.no_grad():
        values = [float(measure(model, *batch_of(samples, [i], worker.device))) for i in range(len(samples))]
    mean = mean_over_workers({"mean": torch.tensor(values, device=worker.device).mean()})["mean"]
    if not math.isfinite(mean):
        raise UserError(f"the measure of the validation samples is {mean}; check their images")
    return mean
