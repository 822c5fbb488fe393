"""An operation in the hands of a library: the call that is measured, and whether two libraries computed the same."""

from collections.abc import Callable

import torch
from libraries import Library
from operations import FIELDS, Operation


def prepare(
    operation: Operation, library: Library, tensors: dict[str, torch.Tensor], direction: str
) -> Callable | None:
    """A call without arguments: forward without a graph, or the gradients of the wanted inputs, or a training step.

    None where the library has no such operation.
    """
    function = getattr(library, operation.call)(**operation.arguments)
    if function is None:
        return None
    own = {name: library.take(x.detach()) if name in FIELDS else x.detach() for name, x in tensors.items()}
    if direction == "step":
        return lambda: function(*own.values())
    if direction == "forward":
        return torch.no_grad()(lambda: function(*own.values()))
    leaves = [own[name].requires_grad_() for name in operation.wanted]
    seed = None if operation.loss else _seed(operation, library, tensors[operation.inputs[0]])
    return lambda: torch.autograd.grad(function(*own.values()), leaves, seed)


def _seed(operation: Operation, library: Library, like: torch.Tensor) -> torch.Tensor:
    """A gradient of the output, the same for every library; the output has the shape of the first input."""
    seed = torch.randn(like.shape, generator=torch.Generator().manual_seed(9)).to(like.device)
    return library.take_gradient(seed) if operation.field else seed


def outcome(operation: Operation, library: Library, call: Callable, direction: str) -> list[torch.Tensor]:
    """What a prepared call gives, in our layout: the value, or the gradients."""
    given = call()
    if direction == "step":
        return []
    if direction == "forward":
        return [library.give(given) if operation.field else given]
    named = zip(operation.wanted, given, strict=True)
    return [library.give_gradient(gradient) if name in FIELDS else gradient for name, gradient in named]


def difference(operation: Operation, ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float | None:
    """Largest ||a - b|| / ||a|| away from the border; for labels the share that differs.

    None for training steps, for the value of a loss, in which the border has its part (there gradients are compared),
    and where nothing lies away from the border.
    """
    differences = []
    for a, b in zip(ours, theirs, strict=True):
        inside = (..., *[slice(operation.margin, n - operation.margin) for n in a.shape[2:]])
        if not a.ndim or not a[inside].numel():
            continue
        if a.dtype == torch.uint8:
            differences.append((a[inside] != b[inside]).double().mean().item())
        else:
            differences.append(((a - b)[inside].double().norm() / a[inside].double().norm()).item())
    return max(differences, default=None)
