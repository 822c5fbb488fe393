"""Training: one loop for all models, from tensors in memory; torch, the kernels and safetensors suffice."""

from regthesis.train.augment import RandomAffine
from regthesis.train.loop import fit
from regthesis.train.schedule import Schedule
from regthesis.train.step import adam, step
from regthesis.train.weights import load_weights, read_card, save_weights, weights_hash

__all__ = [
    "RandomAffine",
    "Schedule",
    "adam",
    "fit",
    "load_weights",
    "read_card",
    "save_weights",
    "step",
    "weights_hash",
]
