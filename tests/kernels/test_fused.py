"""Warp and exp on the compiled path: against plain torch in float64, whoever calls them and on however many threads."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.kernels import exp, ops, warp, warp_labels
from regthesis.kernels.compiled import exp as compiled_exp
from regthesis.kernels.compiled import warp as compiled_warp
from regthesis.kernels.compiled.threads import SOURCES, stamp
from regthesis.kernels.ops import exp as exp_ops
from regthesis.kernels.ops import warp as warp_ops
from regthesis.kernels.plain import exp as plain_exp
from regthesis.kernels.plain import warp as plain_warp

pytestmark = pytest.mark.skipif(not ops.supported(torch.zeros(1, 2, 3, 3)), reason="Numba is not installed")

shapes = st.lists(st.integers(1, 9), min_size=2, max_size=3).map(tuple)
batches = st.sampled_from([(1, 1), (3, 1), (1, 3), (2, 2)])
property_test = settings(deadline=None, max_examples=25, derandomize=True)


def off_the_grid(u):
    """The field moved to where no sample is closer than 1e-3 to a voxel, so that float32 finds the same slopes."""
    beyond = u - u.floor()
    return u.floor() + beyond.clamp(0.001, 0.999)


def gradients(function, inputs, grad):
    inputs = [x.clone().requires_grad_() for x in inputs]
    return torch.autograd.grad(function(*inputs), inputs, grad)


def assert_close(result, expected, tolerance):
    assert (result.double() - expected).norm() <= tolerance * expected.norm() + 1e-12


@given(shape=shapes, batch=batches, channels=st.integers(1, 3), size=st.floats(0, 20), seed=st.integers(0, 99))
@property_test
def test_warp_in_float32_agrees_with_plain_float64(shape, batch, channels, size, seed):
    torch.manual_seed(seed)
    image = torch.rand(batch[0], channels, *shape, dtype=torch.float64)
    u = off_the_grid(size * torch.randn(batch[1], len(shape), *shape, dtype=torch.float64))
    expected, single = plain_warp.warp(image, u), (image.float(), u.float())
    torch.testing.assert_close(warp(*single).double(), expected, atol=1e-5, rtol=0)
    grad = torch.randn_like(expected)
    for ours, theirs in zip(
        gradients(warp, single, grad.float()), gradients(plain_warp.warp, (image, u), grad), strict=True
    ):
        assert_close(ours, theirs, 1e-4)


@given(shape=shapes, batch=st.integers(1, 2), steps=st.integers(0, 6), size=st.floats(0, 4), seed=st.integers(0, 99))
@property_test
def test_exp_agrees_with_plain_in_the_same_precision(shape, batch, steps, size, seed):
    torch.manual_seed(seed)
    v = size * torch.randn(batch, len(shape), *shape, dtype=torch.float64)
    v = off_the_grid(v / 2**steps) * 2**steps
    expected, grad = plain_exp.exp(v, steps), torch.randn_like(v)
    torch.testing.assert_close(exp(v, steps), expected, atol=1e-10, rtol=0)
    for ours, theirs in zip(
        gradients(lambda v: exp(v, steps), [v], grad),
        gradients(lambda v: plain_exp.exp(v, steps), [v], grad),
        strict=True,
    ):
        assert_close(ours, theirs, 1e-8)


def test_exp_in_float32_agrees_with_plain_float64(grid, field):
    v = field(grid, size=3.0, batch=2)
    torch.testing.assert_close(exp(v.float(), 6).double(), plain_exp.exp(v, 6), atol=1e-5, rtol=0)
    grad = field(grid, seed=5, batch=2)
    (ours,) = gradients(lambda v: exp(v, 6), [v.float()], grad.float())
    (theirs,) = gradients(lambda v: plain_exp.exp(v, 6), [v], grad)
    assert_close(ours, theirs, 1e-4)


@given(shape=shapes, batch=batches, dtype=st.sampled_from([torch.uint8, torch.int16, torch.int64]))
@property_test
def test_warped_labels_are_those_of_the_largest_share(shape, batch, dtype):
    torch.manual_seed(sum(shape))
    labels = torch.randint(0, 5, (batch[0], 2, *shape)).to(dtype)
    u = 2 * torch.randn(batch[1], len(shape), *shape, dtype=torch.float64)
    assert torch.equal(warp_labels(labels, u), plain_warp.warp_labels(labels, u))


def test_a_tie_goes_to_the_smaller_label():
    labels = torch.tensor([[[[3, 1], [3, 1]]]])
    assert (warp_labels(labels, torch.full((1, 2, 2, 2), 0.5)) == torch.tensor([[1, 1], [1, 1]])).all()


def test_recomputed_gradients_have_the_same_bits(grid, field):
    v = field(grid, size=3.0, dtype=torch.float32)
    grad = field(grid, seed=1, dtype=torch.float32)
    kept, again = (gradients(lambda v, r=r: exp(v, 4, recompute=r), [v], grad)[0] for r in (False, True))
    assert torch.equal(kept, again)


@pytest.fixture(scope="module")
def large_run():
    """A function that gives values and gradients of fields large enough to be shared among threads."""
    v = 3 * torch.randn(2, 3, 12, 40, 30, generator=torch.Generator().manual_seed(0))
    image = v[:1, :2].sin()

    def run():
        inputs = [x.clone().requires_grad_() for x in (v, image)]
        y = warp(inputs[1], exp(inputs[0], 3))
        return y.detach(), *torch.autograd.grad(y.square().sum(), inputs)

    return run


@pytest.fixture
def threads():
    """Sets torch's threads, and sets them back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_same_bits_on_any_number_of_threads(threads, large_run):
    runs = []
    for count in (1, 2, 5, 2):
        threads(count)
        runs.append(large_run())
    for run in runs[1:]:
        assert all(torch.equal(x, y) for x, y in zip(run, runs[0], strict=True))


def test_several_python_threads_may_call_at_once(threads, large_run):
    threads(2)
    expected = large_run()
    with ThreadPoolExecutor(4) as pool:
        for run in pool.map(lambda _: large_run(), range(8)):
            assert all(torch.equal(x, y) for x, y in zip(run, expected, strict=True))


def _warp_in_child(image, u, queue):
    queue.put(float(compiled_warp.warp(image, u).numpy().sum()))  # torch's own threads do not survive a fork


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_worker_may_call_after_its_parent(threads):
    threads(2)
    image, u = torch.rand(1, 1, 12, 40, 30), torch.randn(1, 3, 12, 40, 30)
    expected = float(warp(image, u).sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_warp_in_child, args=(image, u, queue), daemon=True)
    child.start()
    assert queue.get(timeout=20) == pytest.approx(expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_wild_fields_stay_inside_the_image(grid, image, field, value):
    a, u = image(grid, dtype=torch.float32), field(grid, dtype=torch.float32)
    u[0, :, 3] = value
    gradients(warp, (a, u), torch.ones_like(a))
    gradients(lambda u: exp(u, 3), [u], torch.ones_like(u))
    labels = (a > 0.5).long()
    assert set(warp_labels(labels, u).unique().tolist()) <= {0, 1}
    assert torch.equal(warp(a, u)[:, :, 0], warp(a, u.nan_to_num(0, 0, 0))[:, :, 0])


def test_without_numba_the_plain_path_serves(grid, image, field, monkeypatch):
    a, u = image(grid, dtype=torch.float32), field(grid, dtype=torch.float32)
    fused = warp(a, u), exp(u, 4), exp(u, 4, recompute=True)
    monkeypatch.setattr(ops, "_installed", lambda package: False)
    assert not ops.supported(u)
    for ours, plain in zip(fused, (warp(a, u), exp(u, 4), exp(u, 4, recompute=True)), strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-5, rtol=0)


def test_operators_keep_pytorchs_contract(grid, image, field):
    a, u = image(grid).requires_grad_(), field(grid).requires_grad_()
    torch.library.opcheck(warp_ops.warp, (a, u))
    torch.library.opcheck(warp_ops.warp_labels, ((a > 0.5).long(), u.detach()))
    for keep in (True, False):
        torch.library.opcheck(exp_ops.exp, (u, 3, keep))


def test_half_precision_images_and_velocities(grid, image, field):
    a, u = image(grid, dtype=torch.float32), field(grid, dtype=torch.float32)
    moved = warp(a.bfloat16(), u)
    assert moved.dtype == torch.bfloat16
    torch.testing.assert_close(moved.float(), warp(a, u), atol=0.01, rtol=0)
    assert exp(u.bfloat16(), 4).dtype == torch.float32


GRAPH = """
import torch
from regthesis.kernels import exp, warp

def move(image, v):
    return warp(image.square(), exp(v * 2, 4)).sin()

torch.manual_seed(0)
inputs = [torch.rand(1, 1, 9, 10, 13).requires_grad_(), torch.randn(1, 3, 9, 10, 13).requires_grad_()]
whole = torch.compile(move, fullgraph=True, backend="aot_eager")
results = [torch.autograd.grad(f(*inputs).sum(), inputs) for f in (move, whole)]
for eager, compiled in zip(*results):
    torch.testing.assert_close(eager, compiled)
"""


@pytest.mark.slow
def test_compiled_graphs_hold_the_operators_whole():
    subprocess.run(
        [sys.executable, "-c", GRAPH], check=True
    )  # apart from the tests' shape checks, which cannot be traced


def test_kept_machine_code_ends_with_any_source_it_was_made_from(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(f"{name} = 1\n")
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    (tmp_path / "b.py").write_text("b = 2\n")
    assert stamp(tmp_path) != before
    for kernel in (compiled_warp._warp, compiled_exp._square):
        assert kernel._cache._cache_file._source_stamp == SOURCES
