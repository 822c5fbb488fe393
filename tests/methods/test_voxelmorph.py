"""VoxelMorph's prior and posterior against torch's own distributions; that it learns a shift; its errors."""

import sys
from importlib.util import find_spec

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from regthesis.case import Case
from regthesis.datasets.acdc import ACDC
from regthesis.evaluate import deformations
from regthesis.geometry import Grid
from regthesis.methods import MissingPeer, get, voxelmorph
from regthesis.methods.voxelmorph import VoxelMorph
from regthesis.models.voxelmorph import VoxelMorphNetwork, kl_to_smooth_prior
from regthesis.train import adam, load_weights, save_weights, step


def laplacian(shape):
    """Degrees minus neighbours of the grid's graph, dense."""
    index = torch.arange(torch.Size(shape).numel()).view(shape)
    matrix = torch.zeros(index.numel(), index.numel(), dtype=torch.float64)
    for axis in range(len(shape)):
        n = shape[axis]
        for a, b in zip(index.narrow(axis, 0, n - 1).flatten(), index.narrow(axis, 1, n - 1).flatten(), strict=True):
            matrix[a, a] += 1
            matrix[b, b] += 1
            matrix[a, b] -= 1
            matrix[b, a] -= 1
    return matrix


@pytest.mark.parametrize("shape", [(4, 5), (3, 2, 4), (1, 6)])
def test_the_divergence_differs_from_the_exact_one_by_a_constant(shape):
    """The prior is improper along the mean, so a little is added to L; what it adds cancels in differences."""
    torch.manual_seed(0)
    rank, voxels, precision, tiny = len(shape), torch.Size(shape).numel(), 7.0, 1e-7
    prior = torch.linalg.inv(precision * (laplacian(shape) + tiny * torch.eye(voxels)))
    gaps = []
    for _ in range(3):
        mu = torch.randn(1, rank, *shape, dtype=torch.float64)
        mu -= mu.flatten(2).mean(2).view(1, rank, *[1] * rank)
        log_variance = torch.randn_like(mu) - 3
        exact = sum(
            kl_divergence(
                MultivariateNormal(m.flatten(), torch.diag(s.exp().flatten())),
                MultivariateNormal(torch.zeros(voxels, dtype=torch.float64), (prior + prior.T) / 2),
            )
            for m, s in zip(mu[0], log_variance[0], strict=True)
        )
        gaps.append(float(kl_to_smooth_prior(mu, log_variance, precision) - exact / voxels))
    assert gaps == pytest.approx([gaps[0]] * 3, abs=1e-4)


needs_unet = pytest.mark.skipif(not find_spec("neurite"), reason="neurite is not installed")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return VoxelMorphNetwork((16, 32, 32), (3.15, 3.0, 3.0))


@needs_unet
def test_it_starts_where_its_divergence_is_least(network):
    moving, fixed = torch.rand(2, 1, 1, 16, 32, 32)
    posterior = network.eval()(moving, fixed)
    assert posterior.mu.abs().max() < 0.5 and posterior.velocities[0] is posterior.mu
    here = kl_to_smooth_prior(posterior.mu, posterior.log_variance, network.precision)
    for other in (-1.0, 1.0):
        assert kl_to_smooth_prior(posterior.mu, posterior.log_variance + other, network.precision) > here


@needs_unet
@pytest.mark.slow
def test_it_learns_to_move_one_pair(network):
    x = torch.linspace(-2, 2, 32)
    blob = lambda a: torch.exp(-(x[:, None] ** 2 + (x - a) ** 2)).expand(1, 1, 16, 32, 32)  # noqa: E731
    moving, fixed = blob(0.0), blob(0.4)
    adam_, first = adam(network, 1e-3), None
    for _ in range(60):
        network.train()
        parts = step(network.loss, adam_, (moving, fixed), False)
        first = first or parts["misfit"]
    assert parts["misfit"] < 0.4 * first
    v = network.eval()(moving, fixed).velocities[0]
    assert v[0, 2, 8, 16, 16] < -1, "the bright spot of the fixed image is found further left in the moving one"


@needs_unet
def test_it_registers_by_its_mean_and_its_weights_return(network, tmp_path):
    file = tmp_path / "weights.safetensors"
    save_weights(file, network, {})
    again, _ = load_weights(file, VoxelMorphNetwork)
    moving, fixed = torch.rand(2, 1, 1, 16, 32, 32)
    torch.testing.assert_close(again.eval()(moving, fixed).mu, network.eval()(moving, fixed).mu)
    code, v = VoxelMorph(file).velocity(network, moving, fixed)
    assert code is None and v.shape == (1, 3, 16, 32, 32)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "neurite.nn.models", None)
    with pytest.raises(MissingPeer, match="neurite|voxelmorph"):
        voxelmorph.VoxelMorphNetwork(ACDC.grids["quick"].shape, ACDC.grids["quick"].spacing)


@needs_unet
def test_a_study_without_the_package_says_so_and_goes_on(network, tmp_path, monkeypatch):
    """Weights that ship with the book are there; what builds their network is not."""
    save_weights(tmp_path / "weights.safetensors", network, {"identities": {}})
    monkeypatch.setitem(sys.modules, "neurite.nn.models", None)
    case = Case("a", torch.rand(2, 1, 16, 32, 32), Grid((16, 32, 32), (3.15, 3.0, 3.0)))
    with pytest.raises(MissingPeer, match="pip install"):
        VoxelMorph(tmp_path).register(case)
    assert set(deformations([case], [get("identity"), VoxelMorph(tmp_path)])) == {"identity"}
