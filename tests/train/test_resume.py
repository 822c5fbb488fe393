"""A run that is stopped at any moment goes on and ends with the same weights to the bit."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from regthesis import train
from regthesis.errors import UserError
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import Schedule
from regthesis.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from regthesis.train.run import name_of
from regthesis.train.step import adam, step
from regthesis.train.tensors import read, write

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
@pytest.mark.slow
def test_an_interrupted_run_ends_as_an_uninterrupted_one(network, pairs, tmp_path, at, patience):
    schedule, validation = Schedule(30, rate=1e-2, every=7, patience=patience), pairs(2, seed=1)
    affine = train.RandomAffine((2.0, 1.5))
    straight = network()
    card = train.fit(straight, pairs(), tmp_path / "a", schedule, augment=affine, validation=validation)

    class Stopping(train.RandomAffine):
        calls = 0

        def __call__(self, images):
            Stopping.calls += 1
            if Stopping.calls == at:
                raise Stop
            return super().__call__(images)

        __repr__ = lambda self: repr(train.RandomAffine(self.spacing))  # noqa: E731

    with pytest.raises(Stop):
        train.fit(network(), pairs(), tmp_path / "b", schedule, augment=Stopping((2.0, 1.5)), validation=validation)
    again = network()
    torch.rand(7)  # whatever the caller drew meanwhile
    resumed = train.fit(again, pairs(), tmp_path / "b", schedule, augment=affine, validation=validation)
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))
    assert same(straight.state_dict(), again.state_dict())
    assert card["curve"] == resumed["curve"]


def test_a_longer_run_goes_on_from_a_finished_one(network, pairs, tmp_path):
    train.fit(network(), pairs(), tmp_path / "a", Schedule(12, every=4))
    train.fit(network(), pairs(), tmp_path / "b", Schedule(8, every=4))
    train.fit(network(), pairs(), tmp_path / "b", Schedule(12, every=4))
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))


@pytest.mark.parametrize("patience, stops", [(None, [10]), (99, [3, 10, 11, 22])])
@pytest.mark.slow
def test_a_run_that_is_made_longer_measures_where_it_would_have(network, pairs, tmp_path, stops, patience):
    pace, validation = dict(every=4, rate=1e-2, patience=patience), pairs(2, seed=1)
    straight, longer = network(), network()
    card = train.fit(straight, pairs(), tmp_path / "a", Schedule(25, **pace), validation=validation)
    for steps in stops:
        other = train.fit(network(), pairs(), tmp_path / "b", Schedule(steps, **pace), validation=validation)
        assert other["curve"][-1]["step"] == steps
    resumed = train.fit(longer, pairs(), tmp_path / "b", Schedule(25, **pace), validation=validation)
    assert [point["step"] for point in card["curve"]] == [4, 8, 12, 16, 20, 24, 25]
    assert card["curve"] == resumed["curve"] and card["step"] == resumed["step"]
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b")) and same(straight.state_dict(), longer.state_dict())


@pytest.mark.parametrize("stops", [[], [6, 9]])
def test_patience_stops_a_longer_run_where_it_would_have(network, pairs, tmp_path, stops):
    """The measure is least at the second regular measurement, of step 8, but for what the odd ends would say."""
    by_step = {4: 3.0, 8: 2.0, 12: 2.5, 16: 2.5}

    class Counted(train.RandomAffine):
        step = 0  # made so far, as the images of this step are asked for

        def __call__(self, images):
            Counted.step += 1
            return super().__call__(images)

        __repr__ = lambda self: "Counted"  # noqa: E731

    def measure(model, *images):
        return by_step.get(Counted.step, -1.0)

    pace, measured_by = dict(every=4, rate=1e-2, patience=2), dict(validation=pairs(1, seed=1), measure=measure)
    for steps in [*stops, 25]:
        model = network()
        card = train.fit(model, pairs(), tmp_path, Schedule(steps, **pace), augment=Counted((2.0, 1.5)), **measured_by)
    assert [point["step"] for point in card["curve"]] == [4, 8, 12, 16] and card["step"] == 8
    plain = network()
    train.fit(
        plain, pairs(), tmp_path / "plain", Schedule(8, rate=1e-2, every=4), augment=train.RandomAffine((2.0, 1.5))
    )
    assert same(model.state_dict(), plain.state_dict())


def shifted(images):
    return tuple(image.roll(1, -1) for image in images)


class Shift:
    """An object whose `repr` is an address, with a method."""

    def __call__(self, images):
        return shifted(images)

    def rolled(self, images):
        return shifted(images)


AUGMENTS = {
    "function": lambda: shifted,
    "lambda": lambda: lambda images: shifted(images),
    "method": lambda: Shift().rolled,
    "object": Shift,
    "partial": lambda: functools.partial(shifted),
}


@pytest.mark.parametrize("kind", AUGMENTS)
@pytest.mark.slow
def test_a_run_is_known_again_whatever_augments_it(network, pairs, tmp_path, kind):
    train.fit(network(), pairs(), tmp_path / "a", Schedule(6, every=3), augment=AUGMENTS[kind]())
    held = [AUGMENTS[kind]() for _ in range(9)]  # so that the next one lies elsewhere
    train.fit(network(), pairs(), tmp_path / "b", Schedule(3, every=3), augment=held[0])
    train.fit(network(), pairs(), tmp_path / "b", Schedule(6, every=3), augment=AUGMENTS[kind]())
    assert same(tensors(tmp_path / "a"), tensors(tmp_path / "b"))
    with pytest.raises(UserError, match="its augment was"):
        train.fit(network(), pairs(), tmp_path / "b", Schedule(9, every=3), augment=train.RandomAffine((2.0, 1.5)))


def test_augmentations_of_other_names_or_parameters_are_told_apart():
    others = [shifted, Shift(), Shift().rolled, AUGMENTS["lambda"](), train.RandomAffine((2.0, 1.5))]
    others += [train.RandomAffine((2.0, 1.0)), functools.partial(shifted), functools.partial(shifted, 1)]
    names = [name_of(it) for it in others]
    assert len(set(names)) == len(names) and "0x" not in " ".join(names)


def test_a_run_measured_otherwise_is_another(network, pairs, tmp_path):
    pace, validation = dict(every=2, patience=3), pairs(1, seed=1)
    train.fit(network(), pairs(), tmp_path, Schedule(2, **pace), validation=validation)
    with pytest.raises(UserError, match="its measure was None"):
        train.fit(network(), pairs(), tmp_path, Schedule(4, **pace), measure=lambda *_: 0.0, validation=validation)


def test_a_run_with_another_loss_is_another(network, pairs, tmp_path):
    arguments = dict(loss_arguments={"free_bits": 0.1})
    train.fit(network(), pairs(), tmp_path, Schedule(2), **arguments)
    train.fit(network(), pairs(), tmp_path, Schedule(3), **arguments)
    with pytest.raises(UserError, match="its loss was {'free_bits': 0.1}, now None"):
        train.fit(network(), pairs(), tmp_path, Schedule(4))


def test_a_run_from_before_a_setting_was_known_goes_on(network, pairs, tmp_path):
    train.fit(network(), pairs(), tmp_path / "a", Schedule(4))
    train.fit(network(), pairs(), tmp_path / "b", Schedule(2))
    tensors_of_it, header = read(file := tmp_path / "b" / "checkpoint.safetensors")
    del header["progress"]["settings"]["loss"]
    write(file, tensors_of_it, header)
    with pytest.raises(UserError, match="its loss was None, now"):
        train.fit(network(), pairs(), tmp_path / "b", Schedule(4), loss_arguments={"weight": 1})
    train.fit(network(), pairs(), tmp_path / "b", Schedule(4))
    assert same(read(tmp_path / "a" / "weights.safetensors")[0], read(tmp_path / "b" / "weights.safetensors")[0])


def test_a_finished_run_is_not_trained_again(network, pairs, tmp_path):
    train.fit(network(), pairs(), tmp_path, Schedule(4))
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    model = network()
    card = train.fit(model, pairs(), tmp_path, Schedule(4))
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
