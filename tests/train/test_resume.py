"""A run that is stopped at any moment goes on and ends with the same weights to the bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from regthesis import train
from regthesis.models.deformation import DeformationCVAE
from regthesis.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from regthesis.train.step import adam, step
from regthesis.train.tensors import read

sys.path.insert(0, str(Path(__file__).parent))
import killed


class Stop(Exception):
    pass


def tensors(folder):
    """All numbers that a run leaves: its weights, its last weights and its optimiser's state."""
    return read(folder / "weights.safetensors")[0] | read(folder / "checkpoint.safetensors")[0]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("patience", [None, 99], ids=["last weights", "best weights"])
@pytest.mark.parametrize("at", [1, 7, 8, 23, 30])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(network, pairs, tmp_path, at, patience):
    settings = {"rate": 1e-2, "validation": pairs(2, seed=1), "every": 7, "patience": patience}
    straight = network()
    card = train.fit(straight, pairs(), tmp_path / "a", 30, augment=train.RandomAffine((2.0, 1.5)), **settings)

    class Stopping(train.RandomAffine):
        calls = 0

        def __call__(self, images):
            Stopping.calls += 1
            if Stopping.calls == at:
                raise Stop
            return super().__call__(images)

        __repr__ = lambda self: repr(train.RandomAffine(self.spacing))  # noqa: E731

    with pytest.raises(Stop):
        train.fit(network(), pairs(), tmp_path / "b", 30, augment=Stopping((2.0, 1.5)), **settings)
    again = network()
    torch.rand(7)  # whatever the caller drew meanwhile
    resumed = train.fit(again, pairs(), tmp_path / "b", 30, augment=train.RandomAffine((2.0, 1.5)), **settings)
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))
    assert same(straight.state_dict(), again.state_dict())
    assert card["curve"] == resumed["curve"]


def test_a_longer_run_goes_on_from_a_finished_one(network, pairs, tmp_path):
    train.fit(network(), pairs(), tmp_path / "a", 12, every=4)
    train.fit(network(), pairs(), tmp_path / "b", 8, every=4)
    train.fit(network(), pairs(), tmp_path / "b", 12, every=4)
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))


def test_a_finished_run_is_not_trained_again(network, pairs, tmp_path):
    train.fit(network(), pairs(), tmp_path, 4)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    model = network()
    card = train.fit(model, pairs(), tmp_path, 4)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before and len(card["curve"]) == 1
    assert same(model.state_dict(), read(tmp_path / "weights.safetensors")[0])


def test_a_loaded_state_lies_in_memory_as_the_weights_do(tmp_path):
    """In another order the same update might round differently, and takes longer."""
    model = DeformationCVAE(killed.GRID, killed.SPACING, latent=3)
    optimiser, loaded = adam(model), adam(model)
    step(model.loss, optimiser, list(torch.randn(2, 1, 1, *killed.GRID)))
    save_checkpoint(tmp_path / "c.safetensors", model, optimiser, Progress({}))
    load_checkpoint(tmp_path / "c.safetensors", model, loaded, {})
    for weight in model.parameters():
        for name in ("exp_avg", "exp_avg_sq"):
            assert loaded.state[weight][name].stride() == weight.stride()
            assert torch.equal(loaded.state[weight][name], optimiser.state[weight][name])


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_left_alone(tmp_path):
    straight, _ = killed.run(tmp_path / "a")
    folder, checkpoint = tmp_path / "b", tmp_path / "b" / "checkpoint.safetensors"
    command = [sys.executable, killed.__file__, str(folder), str(torch.get_num_threads())]
    moment = 0.3 * int.from_bytes(os.urandom(1)) / 255  # seconds after the first checkpoint
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not checkpoint.is_file() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "the run was over before it was killed"
    assert 0 < read(checkpoint)[1]["progress"]["step"] < killed.STEPS
    model, _ = killed.run(folder)
    assert same(tensors(tmp_path / "a"), tensors(folder)), f"killed {moment:.3f} s after its first checkpoint"
    assert same(straight.state_dict(), model.state_dict())
