"""The training loop of all models."""

import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from regthesis.errors import UserError
from regthesis.kernels.shapes import Number, Tensor
from regthesis.train.augment import name_of
from regthesis.train.parallel import Worker, mean_over_workers, objective, workers
from regthesis.train.report import Report
from regthesis.train.run import Run
from regthesis.train.samples import Samples, batch_of, data_hash, places, seed_of
from regthesis.train.step import adam, annealed, mixed_where_it_pays, set_rate, step


def fit(
    model: nn.Module,
    data: Samples,
    out: Path | str,
    steps: int,
    *,
    rate: Number = 1.5e-4,
    l2: Number = 1e-4,
    anneal: bool = False,
    batch: int = 1,
    augment: Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]] | None = None,
    validation: Samples | None = None,
    measure: Callable[..., Number] | None = None,
    patience: int | None = None,
    every: int = 500,
    seed: int = 0,
    device: str = "cpu",
    mixed: bool = False,
    about: dict | None = None,
) -> dict:
    """Train `model` on `data` for so many `steps` of Adam; the card of the weights it leaves in the folder `out`.

    A model has `loss(*batch) -> (loss, parts)`, `regularised()` and `arguments`. A sample is a tuple of tensors
    without a batch axis, held in memory; `augment` changes a batch of them. Every `every` steps the curve gets a
    point, the `validation` samples are measured and `out` gets a checkpoint. A call with the same arguments, or with
    more `steps`, goes on from it, and ends with the weights of an uninterrupted run: on a CPU with as many threads, to
    the bit. `augment` and `measure` are then known by `augment.name_of`.

    `measure(model, *sample)`, each tensor with a batch axis of 1, is the smaller the better; None takes the loss in
    evaluation mode. With `patience` training ends after so many measurements without a smaller mean, and the weights
    of the smallest are kept. Without it the last weights are, and the measurements only tell how it went: the least of
    many noisy ones is a choice by noise. In the end `model` holds the kept weights.

    The last step is measured even if it is no multiple of `every`. As a longer run would not have measured there, this
    point never counts for `patience`, and goes when the run goes on; its weights are kept if no others were.

    With `anneal` the rate rises over the first 50 steps and falls to zero along half a cosine; `steps` is then part of
    what a resumed run must share.

    `device` is "cpu" or "cuda"; `mixed` computes the network in bfloat16, but on a processor without it in float32:
    then a line says so, and the card that mixed was off. Under `torchrun` each process takes `batch` samples a step.
    `about` goes into the card: the commit, the data's name.

    Raises UserError for data that are empty, a folder with another run's checkpoint or a broken one, a device that
    is not there, or a loss that is not finite; the last checkpoint stays.
    """
    for name, samples in {"data": data, "validation": validation}.items():
        if samples is not None and not len(samples):
            raise UserError(f"{name}: no sample; check the folder and the fold")
    if min(steps, batch, every) < 1:
        raise UserError(f"steps, batch and every: expected 1 or more, got {steps}, {batch} and {every}")
    with workers(device) as worker:
        model.to(worker.device)
        mixed = mixed and mixed_where_it_pays(worker)
        optimiser = adam(model, rate, l2)
        settings = dict(rate=rate, l2=l2, batch=batch, every=every, seed=seed, mixed=mixed)
        settings |= {
            "model": type(model).__name__,
            "arguments": model.arguments,
            "data": data_hash(data),
            "validation": None if validation is None else data_hash(validation),
            "augment": None if augment is None else name_of(augment),
            "measure": None if measure is None else name_of(measure),
            "patience": patience,
            "workers": worker.world,
            "anneal": steps if anneal else None,
        }
        card = {**settings, "device": worker.hardware, "threads": torch.get_num_threads(), **(about or {})}
        run = Run(Path(out), model, optimiser, settings, writes=worker.rank == 0)
        loss = objective(model, worker)
        with Report(Path(out), steps, run.progress.step, quiet=worker.rank > 0) as report:
            while not run.is_over(steps, patience):
                k = run.progress.step
                torch.manual_seed(seed_of(k, seed, worker.rank))  # for augmentation and model: told by k alone
                chosen = places(k, batch, len(data), seed, worker.rank, worker.world)
                images = batch_of(data, chosen, worker.device)
                model.train()
                set_rate(optimiser, rate * (annealed(k, steps) if anneal else 1.0))
                try:
                    scalars = step(loss, optimiser, augment(images) if augment else images, mixed)
                except FloatingPointError as error:
                    raise UserError(f"step {k + 1}: {error}; lower the rate or check the images") from None
                run.add(scalars)
                report.step(k + 1, scalars)
                if (regular := (k + 1) % every == 0) or k + 1 == steps:
                    found = None if validation is None else _validate(model, validation, measure, worker)
                    report.point(k + 1, found)
                    run.keep(found, card, last=patience is None, regular=regular)
        worker.wait()
        return run.finish()


def _validate(model: nn.Module, samples: Samples, measure: Callable[..., Number] | None, worker: Worker) -> float:
    """Mean of the measure over the samples."""
    measure = measure or (lambda network, *images: network.loss(*images)[0])
    model.eval()
    with torch.no_grad():
        values = [float(measure(model, *batch_of(samples, [i], worker.device))) for i in range(len(samples))]
    mean = mean_over_workers({"mean": torch.tensor(values, device=worker.device).mean()})["mean"]
    if not math.isfinite(mean):
        raise UserError(f"the measure of the validation samples is {mean}; check their images")
    return mean
