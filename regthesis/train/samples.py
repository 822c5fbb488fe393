"""Which samples a step takes: its number alone decides, so that a resumed run takes those it would have taken."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch.utils.data import Dataset

from regthesis.kernels.shapes import Tensor

Samples = Dataset  # with a length, such as `TensorDataset`; a sample is a tuple of tensors


def batch_of(data: Samples, places: Sequence[int], device: torch.device) -> tuple[Tensor, ...]:
    """The samples at `places`, stacked: one tensor `(b, ...)` for each entry of a sample."""
    return tuple(torch.stack(entries).to(device) for entries in zip(*(data[i] for i in places), strict=True))


def places(step: int, batch: int, length: int, seed: int, rank: int = 0, world: int = 1) -> list[int]:
    """Indices of the samples of a step: the set is gone through again and again, each time in another random order."""
    first = (step * world + rank) * batch
    return [_order(length, seed, k // length)[k % length] for k in range(first, first + batch)]


def seed_of(step: int, seed: int, rank: int = 0) -> int:
    """The seed of all random numbers of a step."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


@lru_cache(maxsize=2)
def _order(length: int, seed: int, epoch: int) -> list[int]:
    return np.random.default_rng([seed, epoch]).permutation(length).tolist()


def data_hash(data: Samples) -> str:
    """Eight hexadecimal digits that change with any voxel of any sample."""
    digest = hashlib.sha256()
    for i in range(len(data)):
        for tensor in data[i]:
            digest.update(tensor.cpu().contiguous().numpy())
    return digest.hexdigest()[:8]
