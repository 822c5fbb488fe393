"""The order of samples follows from the step's number alone."""

import pytest
import torch
from torch.utils.data import TensorDataset

from regthesis.train.samples import batch_of, data_hash, places, seed_of


@pytest.mark.parametrize("batch, world", [(1, 1), (3, 1), (2, 2), (1, 5)])
def test_every_sample_comes_once_in_each_pass(batch, world):
    length, passes = 10, 6
    steps = passes * length // (batch * world)
    seen = [i for step in range(steps) for rank in range(world) for i in places(step, batch, length, 0, rank, world)]
    orders = [seen[k * length : (k + 1) * length] for k in range(passes)]
    assert all(sorted(order) == list(range(length)) for order in orders)
    assert len(set(map(tuple, orders))) == passes


def test_a_seed_changes_the_order_and_the_draws():
    assert [places(0, 9, 9, seed)[:3] for seed in (0, 0)] == [places(0, 9, 9, 0)[:3]] * 2
    assert places(0, 9, 9, 0) != places(0, 9, 9, 1)
    assert len({seed_of(step, seed, rank) for step in range(20) for seed in range(3) for rank in range(3)}) == 180


def test_a_batch_stacks_each_entry():
    data = TensorDataset(torch.arange(12.0).view(4, 1, 3), torch.arange(4))
    images, numbers = batch_of(data, [2, 0], torch.device("cpu"))
    assert images.shape == (2, 1, 3) and images[0, 0, 0] == 6 and numbers.tolist() == [2, 0]


def test_the_hash_sees_every_voxel_and_the_order():
    images = torch.randn(4, 1, 5, 5)
    changed = images.clone()
    changed[3, 0, 4, 4] += 1e-6
    hashes = {data_hash(TensorDataset(x)) for x in (images, changed, images.flip(0), images[:3])}
    assert len(hashes) == 4 and data_hash(TensorDataset(images.clone())) in hashes
