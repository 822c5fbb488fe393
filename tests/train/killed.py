"""A training run for `test_resume.py` to kill: `python killed.py FOLDER THREADS`."""

import sys

import torch
from torch.utils.data import TensorDataset

from regthesis import train
from regthesis.models.deformation import DeformationCVAE

GRID, SPACING, STEPS = (8, 16, 24), (3.15, 2.0, 1.5), 150


def run(out):
    """Three-dimensional, because its weights lie in memory in another order than in a file."""
    torch.manual_seed(0)
    model = DeformationCVAE(GRID, SPACING, latent=3)
    images = torch.randn(2, 7, 1, *GRID)
    data, validation = TensorDataset(*images[:, :5]), TensorDataset(*images[:, 5:])
    augment = train.RandomAffine(SPACING)
    schedule = train.Schedule(STEPS, rate=1e-3, every=9)
    card = train.fit(model, data, out, schedule, augment=augment, validation=validation, seed=3)
    return model, card


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    run(sys.argv[1])
