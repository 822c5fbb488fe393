"""Global similarities against NumPy, SciPy and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from regthesis.kernels import mutual_information, ncc, sad, ssd, zscore

quick = settings(deadline=None, max_examples=20, derandomize=True)
shapes = st.lists(st.integers(2, 6), min_size=2, max_size=3).map(tuple)


def pair(shape, seed=0, correlation=0.6):
    x, noise = np.random.default_rng(seed).normal(size=(2, 2, 1, *shape))
    return x, correlation * x + np.sqrt(1 - correlation**2) * noise


def tensors(*arrays):
    return [torch.from_numpy(x).requires_grad_() for x in arrays]


def naive_mutual_information(a, b, bins):
    """One sample after the other into a joint histogram through SciPy's cubic basis."""
    basis = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)

    def weights(x):
        position = 1 + (x - x.min()) / np.ptp(x) * (bins - 3)
        return [np.nan_to_num(basis(p - np.arange(bins))) for p in position.ravel()]

    joint = np.zeros((bins, bins))
    for p, q in zip(weights(a), weights(b), strict=True):
        joint += np.outer(p, q) / a.size
    independent = np.outer(joint.sum(1), joint.sum(0))
    filled = joint > 0
    return (joint[filled] * np.log(joint[filled] / independent[filled])).sum()


@given(shape=shapes, seed=st.integers(0, 9))
@quick
def test_differences_and_correlation_agree_with_numpy(shape, seed):
    x, y = pair(shape, seed)
    a, b = tensors(x, y)
    assert ssd(a, b).item() == pytest.approx(((x - y) ** 2).mean())
    assert sad(a, b).item() == pytest.approx(np.abs(x - y).mean())
    expected = np.mean([np.corrcoef(p.ravel(), q.ravel())[0, 1] for p, q in zip(x, y, strict=True)])
    assert ncc(a, b).item() == pytest.approx(expected)


def test_correlation_ignores_offset_and_gain(image):
    a, b = image((9, 8), dtype=torch.float32), image((9, 8), 1, dtype=torch.float32)
    a, b = (torch.round(x * 2**13) / 2**13 for x in (a, b))
    assert torch.equal(ncc(a + 1000, b), ncc(a, b))
    torch.testing.assert_close(ncc(-3 * a, b), -ncc(a, b))
    torch.testing.assert_close(ncc(a, 2 * a + 7), torch.tensor(1.0))


@pytest.mark.parametrize("similarity", [ncc, mutual_information])
@pytest.mark.parametrize("level", [0.0, 1000.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_image_says_nothing(similarity, level, dtype, image):
    constant = torch.full((1, 1, 6, 7), level, dtype=dtype, requires_grad=True)
    other = image((6, 7), dtype=dtype).requires_grad_()
    for x, y in ((constant, other), (other, constant), (constant, constant)):
        value = similarity(x, y)
        gradients = torch.autograd.grad(value, {x, y})
        assert abs(value.item()) < 1e-6
        assert all(g.abs().max() < 1e-6 for g in gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zscores_have_mean_0_and_deviation_1_and_those_of_a_constant_channel_are_0(dtype, image):
    x = image((6, 7), channels=2, dtype=dtype) * 50 + 1000
    x[:, 1] = 1000.1
    x.requires_grad_()
    z = zscore(x)
    assert z[0, 0].mean().item() == pytest.approx(0, abs=1e-6)
    assert z[0, 0].std(correction=0).item() == pytest.approx(1)
    (gradient,) = torch.autograd.grad((z * image((6, 7), 1, 2, dtype=dtype)).sum(), x)
    assert gradient[0, 0].any() and gradient.isfinite().all()
    assert not z[0, 1].any() and not gradient[0, 1].any()


@given(shape=shapes, seed=st.integers(0, 9), bins=st.integers(4, 20))
@quick
def test_mutual_information_agrees_with_a_histogram_by_loops(shape, seed, bins):
    x, y = pair(shape, seed)
    expected = np.mean([naive_mutual_information(p, q, bins) for p, q in zip(x, y, strict=True)])
    assert mutual_information(*tensors(x, y), bins).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("rho", [0.0, 0.5, -0.8])
def test_mutual_information_of_gaussians_has_its_closed_form(rho):
    x, y = pair((160, 160), correlation=rho)
    bins = 32
    # the Parzen window adds its variance, a third of a squared bin width, to either image's
    blur = [1 + (np.ptp(p) / (bins - 3)) ** 2 / 3 for p in (x[0], y[0])]
    expected = -0.5 * np.log(1 - rho**2 / (blur[0] * blur[1]))
    assert mutual_information(*tensors(x[:1], y[:1]), bins).item() == pytest.approx(expected, abs=0.02)


def test_mutual_information_is_largest_with_itself_symmetric_and_free_of_gain(image):
    a, b = image((20, 22)), image((20, 22), seed=1)
    itself = mutual_information(a, a)
    noisy = a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(0), dtype=a.dtype)
    assert itself > mutual_information(a, noisy) > mutual_information(a, b) >= 0
    torch.testing.assert_close(mutual_information(a, b), mutual_information(b, a))
    torch.testing.assert_close(mutual_information(a, 1000 + 7 * b), mutual_information(a, b))
    torch.testing.assert_close(mutual_information(a, 1 - a), itself)
    order = torch.randperm(a.numel(), generator=torch.Generator().manual_seed(0))
    shuffled = [x.flatten()[order].view_as(x) for x in (a, b)]
    torch.testing.assert_close(mutual_information(*shuffled), mutual_information(a, b))


def test_gradients(image):
    a, b = image((4, 5), channels=2).requires_grad_(), image((4, 5), seed=1, channels=2).requires_grad_()
    for similarity in (ssd, sad, ncc, lambda x, y: mutual_information(x, y, 8)):
        assert torch.autograd.gradcheck(similarity, (a, b))
