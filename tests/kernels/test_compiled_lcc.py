"""Local cross-correlation on the compiled path: against plain torch in float64, whoever calls it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.kernels import local_cc, ops
from regthesis.kernels.compiled import memory
from regthesis.kernels.ops import centre as centre_ops
from regthesis.kernels.ops import lcc as lcc_ops
from regthesis.kernels.plain import centre as plain_centre
from regthesis.kernels.plain import lcc as plain_lcc

pytestmark = pytest.mark.skipif(not ops.supported(torch.zeros(1, 2, 3, 3)), reason="Numba is not installed")

shapes = st.lists(st.integers(1, 12), min_size=2, max_size=3).map(tuple)
property_test = settings(deadline=None, max_examples=40, derandomize=True)
TILED = [(70, 45), (35, 70, 9), (67, 33, 40)]  # larger than a tile, and not a multiple of it


def reference(a, b, window, tau=1e-6):
    a, b, eps, _ = plain_centre.centred(a, b, tau)
    return plain_lcc.local_cc(a, b, eps, window)


def run(function, images, window, grad):
    images = [x.clone().requires_grad_() for x in images]
    value = function(*images, window)
    return value.detach(), *torch.autograd.grad(value, images, grad)


def assert_agreement(images, window, grad):
    """Values to 1e-5, gradients to 1e-4 of the largest, float32 against float64."""
    value, *grads = run(local_cc, [x.float() for x in images], window, grad.float())
    expected, *expected_grads = run(reference, [x.float().double() for x in images], window, grad)
    torch.testing.assert_close(value.double(), expected, atol=1e-5, rtol=0)
    for ours, theirs in zip(grads, expected_grads, strict=True):
        assert (ours.double() - theirs).abs().max() <= 1e-4 * theirs.abs().max() + 1e-12


def pair(shape, seed=0, batch=1, channels=1):
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand(batch, channels, *shape, generator=generator, dtype=torch.float64)
    return a, 0.7 * a + 0.5 * torch.rand(a.shape, generator=generator, dtype=torch.float64), torch.randn_like(a)


cases = {
    "batch": st.integers(1, 2),
    "channels": st.integers(1, 2),
    "radius": st.integers(0, 9),
    "seed": st.integers(0, 99),
}


@given(shape=shapes, **cases)
@property_test
def test_agrees_with_plain_in_the_same_precision(shape, batch, channels, radius, seed):
    *images, grad = pair(shape, seed, batch, channels)
    found, expected = (run(function, images, 2 * radius + 1, grad) for function in (local_cc, reference))
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() <= 1e-9 * theirs.abs().max()


# two voxels always correlate perfectly: their gradient is the difference of large numbers that cancel
@given(shape=shapes.filter(lambda shape: min(shape) > 2), **cases)
@property_test
def test_float32_agrees_with_plain_float64(shape, batch, channels, radius, seed):
    *images, grad = pair(shape, seed, batch, channels)
    assert_agreement(images, 2 * radius + 1, grad)


@pytest.mark.parametrize("shape", TILED, ids=str)
@pytest.mark.parametrize("window", [1, 3, 9, 17, 81])
@pytest.mark.slow
def test_agrees_across_tiles(shape, window):
    *images, grad = pair(shape, batch=2)
    assert_agreement(images, window, grad)


@pytest.mark.parametrize("shape", TILED[1:], ids=str)
def test_agrees_on_constant_regions_beside_bright_ones(shape):
    a, b, grad = pair(shape)
    a[..., 10:30, :, :] = 0.3
    b[..., 20:, :20, :] = -1.0
    a[..., 5:8, 5:8, :] += 100
    assert_agreement((a, b), 5, grad)
    assert_agreement((a, a), 5, grad)


@pytest.mark.parametrize("shape", TILED, ids=str)
def test_agrees_far_from_zero(shape):
    # multiples of 2^-13 are kept exactly by float32 beside 1000
    a, b, grad = (torch.round(x * 2**13) / 2**13 for x in pair(shape))
    assert_agreement((a + 1000, b - 1000), 9, grad)
    assert all(
        torch.equal(x, y)
        for x, y in zip(
            run(local_cc, (a.float() + 1000, b.float()), 9, grad.float()),
            run(local_cc, (a.float(), b.float()), 9, grad.float()),
            strict=True,
        )
    )


def test_bright_regions_of_little_contrast_keep_the_accuracy_of_float64():
    a, b, grad = pair((40, 40))
    a[..., :20, :] = 10 + 0.01 * a[..., :20, :]
    assert_agreement((a, b), 5, grad)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)], ids=str)
def test_gradients_of_the_operator(shape):
    a, b, _ = pair(shape, batch=2)
    eps = torch.full((2, 1, *[1] * len(shape)), 1e-3, dtype=torch.float64)
    inputs = [x.requires_grad_() for x in (a - a.mean(), b - b.mean(), eps)]
    assert torch.autograd.gradcheck(lambda a, b, eps: lcc_ops.local_cc(a, b, eps, 3)[0], inputs)


def test_the_gradient_of_one_image_is_that_of_both_at_less_cost(monkeypatch):
    *images, grad = pair((35, 40, 9), batch=2)
    _, *both = run(local_cc, images, 5, grad)
    wanted, backward = [], lcc_ops.local_cc_backward
    monkeypatch.setattr(lcc_ops, "local_cc_backward", lambda *args: wanted.append(args[-2:]) or backward(*args))
    for i in (0, 1):
        inputs = [x.clone().requires_grad_(j == i) for j, x in enumerate(images)]
        (alone,) = torch.autograd.grad(local_cc(*inputs, 5), inputs[i], grad)
        assert torch.equal(alone, both[i])
    assert wanted == [(True, False), (False, True)]


def test_gradients_that_are_shared_by_some_voxels_only():
    *images, _ = pair((9, 10, 11), channels=2)
    for size in ([1, 2, 1, 1, 1], [1, 2, 9, 10, 1], [1, 1, 1, 1, 1]):
        grad = torch.rand(size, dtype=torch.float64).expand(images[0].shape)
        assert all(map(torch.equal, run(local_cc, images, 5, grad), run(local_cc, images, 5, grad.contiguous())))


def test_strided_images_and_gradients():
    *images, grad = pair((12, 13, 14), channels=3)
    expected = run(local_cc, images, 5, grad)
    strided = [x.to(memory_format=torch.channels_last_3d) for x in images]
    found = run(local_cc, strided, 5, grad.transpose(2, 4).contiguous().transpose(2, 4))
    assert all(map(torch.equal, found, expected))


@pytest.fixture
def threads():
    """Sets torch's threads, and sets them back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_same_bits_on_any_number_of_threads(threads):
    images = [x.float() for x in pair((67, 70, 20), batch=2)]
    runs = []
    for count in (1, 2, 5, 2):
        threads(count)
        runs.append(run(local_cc, images[:2], 9, images[2]))
    for other in runs[1:]:
        assert all(map(torch.equal, other, runs[0]))


def test_several_python_threads_may_call_at_once(threads):
    threads(2)
    images = [x.float() for x in pair((40, 40, 20))]
    expected = run(local_cc, images[:2], 5, images[2])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: run(local_cc, images[:2], 5, images[2]), range(12)):
            assert all(map(torch.equal, found, expected))


def test_nan_is_not_hidden_and_stays_in_its_channel():
    a, b, _ = pair((9, 10, 11), channels=2)
    expected = local_cc(a, b, 5)
    a[0, 0, 4, 4, 4] = torch.nan
    found = local_cc(a, b, 5)
    assert found[:, 0].isnan().all()
    assert torch.equal(found[:, 1], expected[:, 1])


def test_without_numba_the_plain_path_serves(monkeypatch):
    *images, grad = pair((9, 10, 11))
    fused = run(local_cc, images, 5, grad)
    monkeypatch.setattr(ops, "_installed", lambda package: False)
    monkeypatch.setattr(lcc_ops, "local_cc", None)
    for ours, plain in zip(fused, run(local_cc, images, 5, grad), strict=True):
        torch.testing.assert_close(ours, plain)


def moments_of(a, b, eps, window):
    """What `ops.lcc` says the second result of the operator is, in float64."""
    mean_a, mean_b, variance_a, variance_b, cross, m = plain_lcc.window_moments(a, b, window)
    s = cross / (variance_a * variance_b + eps)
    maps = [mean_a, mean_b, 2 * s / m, -2 * s * s * variance_b / m, -2 * s * s * variance_a / m]
    return torch.stack(maps, 2).flatten(1, 2)


@pytest.mark.parametrize("shape", [(40, 45), (6, 7, 40)])
def test_the_second_result_is_what_every_backend_gives(shape):
    a, b, _ = pair(shape, batch=2)
    images = [x.detach() for x in plain_centre.centred(a.double(), b.double(), 1e-3)[:3]]
    torch.testing.assert_close(lcc_ops.local_cc(*images, 5)[1], moments_of(*images, 5))


@pytest.mark.slow
def test_operators_keep_pytorchs_contract():
    a, b, _ = (x.requires_grad_() for x in pair((6, 7), batch=2))
    a_centred, b_centred, eps, _ = (x.detach() for x in plain_centre.centred(a, b, 1e-3))
    torch.library.opcheck(lcc_ops.local_cc, (a_centred.requires_grad_(), b_centred, eps.requires_grad_(), 5))
    torch.library.opcheck(centre_ops.centred, (a, b, 1e-3))


def test_half_precision_is_compared_in_float32():
    a, b, _ = pair((12, 13))
    found = local_cc(a.bfloat16(), b.bfloat16(), 5)
    assert found.dtype == torch.float32
    assert torch.equal(found, local_cc(a.bfloat16().float(), b.bfloat16().float(), 5))


class TestMemory:
    like = torch.zeros(1)
    shape = (2, memory.LARGE)

    def test_what_is_freed_is_used_again(self):
        first = memory.empty(self.shape, self.like)
        address = first.data_ptr()
        del first
        assert memory.empty((memory.LARGE, 2), self.like).data_ptr() == address

    def test_what_is_in_use_is_not(self):
        first = memory.empty(self.shape, self.like)
        row, array = first[1], first.numpy()
        address = first.data_ptr()
        del first
        others = [memory.empty(self.shape, self.like) for _ in range(3)]
        assert address not in [other.data_ptr() for other in others]
        del row
        assert memory.empty(self.shape, self.like).data_ptr() != address
        assert array.shape == self.shape

    def test_no_more_lies_idle_than_allowed(self, monkeypatch):
        monkeypatch.setattr(memory, "_idle", {})
        monkeypatch.setattr(memory, "IDLE", 3 * 4 * 2 * memory.LARGE)
        blocks = [memory.empty(self.shape, self.like) for _ in range(5)]
        del blocks
        assert len(memory._idle) == 3
