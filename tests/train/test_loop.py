"""The training loop: it learns, keeps the best weights, stops early, and says in one line what is wrong."""

import math
import os
import platform
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from regthesis import train
from regthesis.errors import UserError
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import Schedule
from regthesis.train.report import Report
from regthesis.train.step import adam, step
from regthesis.train.tensors import read


def one_line(error):
    return "\n" not in str(error.value)


def test_an_annealed_rate_rises_in_a_line_and_falls_to_zero_along_half_a_cosine():
    schedule, steps = Schedule(1000, rate=2.0, anneal=True), torch.arange(1000)
    rates = torch.tensor([schedule.rate_of(int(k)) for k in steps])
    torch.testing.assert_close(rates[50:], 1 + torch.cos(torch.pi * steps[50:] / 1000))
    assert rates[0] == pytest.approx(2 / 50) and rates[:40].diff().min() > 0 and rates[60:].diff().max() < 0
    assert {Schedule(1000, rate=2.0).rate_of(k) for k in (0, 500, 999)} == {2.0}


@pytest.mark.slow
def test_the_loss_falls(network, pairs, tmp_path):
    card = train.fit(network(), pairs(), tmp_path, Schedule(120, rate=3e-3, every=20))
    first, *_, last = [point["loss"] for point in card["curve"]]
    assert last < 0.5 * first


def test_a_step_is_adam_with_l2(network, pairs):
    """Against the loss with the penalty written out, and Adam without decay."""
    batch = [images[:1] for images in pairs().tensors]
    ours, theirs = network().eval(), network().eval()
    optimiser = adam(ours, rate=1e-3, l2=30.0)
    plain = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    for _ in range(3):
        scalars = step(ours.loss, optimiser, batch)
        loss, parts = theirs.loss(*batch)
        assert scalars["loss"] == pytest.approx(loss.item(), rel=1e-4)
        assert scalars["kl"] == pytest.approx(parts["kl"].item(), rel=1e-3, abs=1e-5)
        plain.zero_grad()
        (loss + 30.0 * sum(weight.square().sum() for weight in theirs.regularised())).backward()
        plain.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_arguments_of_the_loss_reach_training_and_validation_and_the_card(network, pairs, tmp_path):
    arguments, validation = dict(scale_weights=(1.0, 0.25), free_bits=4.0), pairs(1, seed=1)
    model = network()
    card = train.fit(model, pairs(1), tmp_path, Schedule(1), loss_arguments=arguments, validation=validation)
    assert card["loss"] == {"scale_weights": [1.0, 0.25], "free_bits": 4.0}
    (point,) = card["curve"]
    with torch.no_grad():
        assert point["validation"] == pytest.approx(
            model.loss(*(x[:1] for x in validation.tensors), **arguments)[0].item()
        )
    expected = 3 * 4.0 + 5000 * (1 - point["lcc1"] + 0.25 * (1 - point["lcc2"]))  # no number of z says as much at first
    assert point["kl"] < 3 * 4.0 and point["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_card_says_where_the_weights_come_from(network, pairs, tmp_path):
    settings = dict(seed=5, validation=pairs(2, seed=1), about={"commit": "abc1234"})
    returned = train.fit(network(), pairs(), tmp_path, Schedule(4, every=2), **settings)
    model, card = train.load_weights(tmp_path / "weights.safetensors", DeformationCVAE)
    assert card == train.read_card(tmp_path / "weights.safetensors") == returned
    assert card["model"] == "DeformationCVAE" and card["arguments"]["spacing"] == [2.0, 1.5]
    assert (card["commit"], card["seed"], card["rate"], card["device"]) == ("abc1234", 5, 1.5e-4, "cpu")
    assert card["data"] != card["validation"] and len(card["data"]) == 8 and card["hours"] > 0
    assert card["threads"] == torch.get_num_threads() and card["step"] in (2, 4)
    assert [point["step"] for point in card["curve"]] == [2, 4]
    assert {"loss", "kl", "lcc1", "lcc2", "gradient", "validation"} < card["curve"][0].keys()
    assert not model.training


def test_the_curve_holds_means_between_its_points(network, pairs, tmp_path):
    fine = train.fit(network(), pairs(), tmp_path / "a", Schedule(6, every=1))["curve"]
    coarse = train.fit(network(), pairs(), tmp_path / "b", Schedule(6, every=3))["curve"]
    assert coarse[1]["loss"] == pytest.approx(sum(point["loss"] for point in fine[3:]) / 3)


def test_the_best_weights_are_kept_and_training_stops_early(network, pairs, tmp_path):
    measured, states = iter([3.0, 1.0, 2.0, 1.5, 0.0]), []

    def measure(model, moving, fixed):
        assert not model.training and moving.shape == (1, 1, 16, 24)
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return next(measured)

    model = network()
    pace, measured_by = dict(rate=1e-2, every=3, patience=2), dict(validation=pairs(1, seed=1), measure=measure)
    card = train.fit(model, pairs(), tmp_path, Schedule(100, **pace), **measured_by)
    assert [point["validation"] for point in card["curve"]] == [3.0, 1.0, 2.0, 1.5] and card["step"] == 6
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in model.state_dict().items())
    assert not torch.equal(states[1]["mu.weight"], states[3]["mu.weight"])
    train.fit(network(), pairs(), tmp_path, Schedule(200, **pace), **measured_by)  # stopped is stopped
    assert len(states) == 4


def test_validation_without_a_measure_takes_the_loss_at_the_mean_code(network, pairs, tmp_path):
    model, validation = network(), pairs(3, seed=1)
    card = train.fit(model, pairs(), tmp_path, Schedule(2), validation=validation)
    with torch.no_grad():
        losses = [model.loss(moving[None], fixed[None])[0].item() for moving, fixed in validation]
    assert card["curve"][-1]["validation"] == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_the_caller_s_random_numbers_stay(network, pairs, tmp_path):
    model, data = network(), pairs()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    train.fit(model, data, tmp_path, Schedule(2), augment=train.RandomAffine((2.0, 1.5)))
    assert torch.equal(torch.rand(3), expected)


def test_seeds_make_runs_that_differ(network, pairs, tmp_path):
    a, b = network(), network()
    train.fit(a, pairs(), tmp_path / "a", Schedule(3), seed=0)
    train.fit(b, pairs(), tmp_path / "b", Schedule(3), seed=1)
    assert not torch.equal(a.mu.weight, b.mu.weight)


def test_mixed_precision_trains_close_to_float32(network, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(import_module("regthesis.train.step"), "has_bfloat16", lambda device: True)  # at worst emulated
    exact = train.fit(network(), pairs(), tmp_path / "a", Schedule(20, rate=1e-3))["curve"][-1]
    card = train.fit(network(), pairs(), tmp_path / "b", Schedule(20, rate=1e-3), mixed=True)
    mixed = card["curve"][-1]
    assert card["mixed"] is True
    assert mixed["loss"] == pytest.approx(exact["loss"], rel=0.02) and mixed["loss"] != exact["loss"]


def test_where_bfloat16_would_be_emulated_mixed_is_off_and_card_and_one_line_say_so(
    network, pairs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(import_module("regthesis.train.step"), "has_bfloat16", lambda device: False)
    exact = train.fit(network(), pairs(), tmp_path / "a", Schedule(2))
    assert not capsys.readouterr().err
    card = train.fit(network(), pairs(), tmp_path / "b", Schedule(2), mixed=True)
    assert capsys.readouterr().err == "cpu: no bfloat16 in hardware, so mixed is off: float32 is faster\n"
    assert card["mixed"] is False and card["curve"][-1]["loss"] == exact["curve"][-1]["loss"]


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the variable names x86 processors")
def test_the_processor_s_own_word_on_bfloat16_is_taken():
    """Also where oneDNN is told to make do with an older processor."""
    ask = "import torch; from regthesis.train.step import has_bfloat16; print(has_bfloat16(torch.device('cpu')))"
    older = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    run = subprocess.run([sys.executable, "-c", ask], env=older, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint(network, pairs, tmp_path, wrong):
    class Failing(DeformationCVAE):
        def loss(self, moving, fixed):
            Failing.calls += 1
            loss, parts = super().loss(moving, fixed)
            return (loss * wrong if Failing.calls > 6 else loss), parts

    Failing.calls = 0
    model = Failing(**network().arguments)
    with pytest.raises(UserError, match="step 7: the .* is (nan|inf)") as error:
        train.fit(model, pairs(), tmp_path, Schedule(20, every=2))
    assert one_line(error)
    assert read(tmp_path / "checkpoint.safetensors")[1]["progress"]["step"] == 6
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(network):
    model = network()
    objective = lambda x: ((x * model.mu.weight.sum() * 0).sqrt(), {})  # noqa: E731 (sqrt has no slope at 0)
    with pytest.raises(FloatingPointError, match="gradient"):
        step(objective, adam(model), [torch.ones(())])
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_measure_that_is_not_finite_is_refused(network, pairs, tmp_path):
    with pytest.raises(UserError, match="validation samples is nan") as error:
        train.fit(network(), pairs(), tmp_path, Schedule(2), validation=pairs(1), measure=lambda *_: math.nan)
    assert one_line(error)


@pytest.mark.parametrize("fold", ["data", "validation"])
def test_an_empty_fold_is_refused(network, pairs, tmp_path, fold):
    empty = TensorDataset(*(images[:0] for images in pairs().tensors))
    with pytest.raises(UserError, match=f"{fold}: no sample") as error:
        train.fit(network(), **{"data": pairs(), fold: empty}, out=tmp_path, schedule=Schedule(2))
    assert one_line(error) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("numbers", [{"steps": 0}, {"steps": 2, "batch": 0}, {"steps": 2, "every": 0}])
def test_numbers_below_one_are_refused(numbers):
    with pytest.raises(UserError, match="expected 1 or more"):
        Schedule(**numbers)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(network, pairs, tmp_path):
    with pytest.raises(UserError, match="no GPU"):
        train.fit(network(), pairs(), tmp_path, Schedule(2), device="cuda")


@pytest.mark.parametrize(
    "change, named",
    [
        (dict(schedule=Schedule(2, rate=1e-3)), "rate was 0.00015"),
        (dict(schedule=Schedule(2, anneal=True)), "anneal was None"),
        (dict(schedule=Schedule(2, patience=3)), "patience was None"),
        (dict(seed=1), "seed was 0"),
        (dict(data=3), "data was"),
        (dict(arguments=dict(latent=4)), "arguments was"),
    ],
)
def test_a_folder_of_another_run_is_left_alone(network, pairs, tmp_path, change, named):
    train.fit(network(), pairs(), tmp_path, Schedule(2))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=named) as error:
        data, arguments = pairs(change.pop("data", 5)), change.pop("arguments", {})
        train.fit(network(**arguments), data, tmp_path, change.pop("schedule", Schedule(2)), **change)
    assert one_line(error)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", ["half", "weights", "noise"])
def test_a_broken_checkpoint_is_named_and_left_alone(network, pairs, tmp_path, content):
    train.fit(network(), pairs(), tmp_path, Schedule(2))
    checkpoint = tmp_path / "checkpoint.safetensors"
    whole = checkpoint.read_bytes()
    broken = {"half": whole[: len(whole) // 2], "noise": b"\x80\x04noise" * 99}
    checkpoint.write_bytes(broken.get(content) or (tmp_path / "weights.safetensors").read_bytes())
    before = checkpoint.read_bytes()
    with pytest.raises(UserError, match="checkpoint.safetensors: ") as error:
        train.fit(network(), pairs(), tmp_path, Schedule(2))
    assert one_line(error) and checkpoint.read_bytes() == before


def test_scalars_go_to_tensorboard_and_follow_a_resumed_run(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", types.SimpleNamespace(SummaryWriter=Writer))
    with Report(tmp_path, steps=9, start=4) as report:
        report.step(5, {"loss": 2.0, "kl": 1.0})
        report.point(5, 0.5)
        report.point(5, None)
    scalars = [("train/loss", 2.0, 5), ("train/kl", 1.0, 5), ("validation/measure", 0.5, 5)]
    assert written == [(str(tmp_path), 5), *scalars, "closed"]


def test_training_needs_no_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if it were not installed
    with Report(tmp_path, 2, 0) as report:
        report.step(1, {"loss": 2.0})


PARALLEL = """
import sys, torch
from torch.utils.data import TensorDataset
from regthesis import train
from regthesis.models.deformation import DeformationCVAE

class Quiet(DeformationCVAE):
    def loss(self, moving, fixed):
        return self.eval()._calm(moving, fixed)
    _calm = DeformationCVAE.loss

torch.manual_seed(0)
model = Quiet((16, 24), (2.0, 1.5), latent=3, scales=2)
images = torch.randn(2, 6, 1, 16, 24)
data, validation = TensorDataset(*images[:, :4]), TensorDataset(*images[:, 4:])
schedule = train.Schedule(6, rate=1e-3, batch=int(sys.argv[2]), every=2)
train.fit(model, data, sys.argv[1], schedule, validation=validation)
"""


@pytest.mark.slow
def test_two_workers_with_one_sample_are_one_worker_with_two(tmp_path):
    (tmp_path / "run.py").write_text(PARALLEL)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    one = [sys.executable, "run.py", "one", "2"]
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "run.py", "two", "1"]
    for command in (one, two):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=120)
    (a, card), (b, other) = (read(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    assert (card["workers"], other["workers"]) == (1, 2)
    for name in a:  # as a whole: where a gradient is all but zero, Adam makes a step of its rounding's sign
        assert (a[name] - b[name]).norm() <= 1e-3 * a[name].norm()
    for point, twin in zip(card["curve"], other["curve"], strict=True):
        assert point["loss"] == pytest.approx(twin["loss"], rel=1e-4)
        assert point["validation"] == pytest.approx(twin["validation"], rel=1e-4)


def test_without_patience_the_last_weights_are_kept_whatever_was_measured(network, pairs, tmp_path):
    measured = iter([1.0, 2.0, 3.0])
    schedule = Schedule(6, rate=1e-2, every=2)
    measured_by = dict(validation=pairs(1, seed=1), measure=lambda *_: next(measured))
    model = network()
    card = train.fit(model, pairs(), tmp_path / "a", schedule, **measured_by)
    plain = network()
    train.fit(plain, pairs(), tmp_path / "b", schedule)
    assert card["step"] == 6 and [point["validation"] for point in card["curve"]] == [1.0, 2.0, 3.0]
    assert all(torch.equal(tensor, plain.state_dict()[name]) for name, tensor in model.state_dict().items())
