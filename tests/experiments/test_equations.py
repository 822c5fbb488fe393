"""The printed equations of chapter 4 against the package, and what must make them differ."""

import pytest
import torch
from torch.distributions import Normal

from regthesis import kernels
from regthesis.experiments.deformation import equations
from regthesis.experiments.deformation.equations import OneNumber, symmetric_lcc
from regthesis.models.deformation import DeformationCVAE


def pair(seed=0, shape=(6, 9, 11)):
    generator = torch.Generator().manual_seed(seed)
    images = (torch.randn(1, 1, *shape, generator=generator, dtype=torch.float64) for _ in "FM")
    return *images, kernels.smooth(torch.randn(1, 3, *shape, generator=generator, dtype=torch.float64), 2.0) * 4


@pytest.mark.parametrize("window", [3, 9])
def test_windows_taken_apart_give_the_kernels_value_and_swapping_changes_nothing(window):
    fixed, moving, v = pair()
    printed = symmetric_lcc(fixed, moving, v, window).item()
    assert printed + 1 == pytest.approx(kernels.symmetric_lcc(fixed, moving, v, window, tau=0, steps=4).item())
    assert printed == pytest.approx(symmetric_lcc(moving, fixed, -v, window).item())
    assert printed != pytest.approx(symmetric_lcc(fixed, moving, -v, window).item(), rel=1e-3)


def test_the_bound_is_the_evidence_less_the_gap_and_touches_it_at_the_posterior():
    draws = Normal(0.0, 1.0).icdf((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    model = OneNumber()
    width = model.slope**2 + model.noise**2
    best = torch.tensor([model.slope * model.seen / width, model.noise / width**0.5], dtype=torch.float64)
    log_evidence = Normal(0.0, width**0.5).log_prob(torch.tensor(model.seen, dtype=torch.float64))
    assert model.bound(*best, draws).item() == pytest.approx(log_evidence.item(), abs=1e-3)
    away = best + 0.2
    assert model.bound(*away, draws).item() == pytest.approx(model.evidence(*away).item(), abs=1e-3)
    assert model.bound(*away, draws) < log_evidence - 0.05


def test_slopes_are_those_of_the_match():
    mu, sigma = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.3, 0.8))
    draws = Normal(0.0, 1.0).icdf((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    found = torch.autograd.grad(OneNumber().match(mu, sigma, draws), (mu, sigma))
    assert [float(slope) for slope in found] == pytest.approx(OneNumber().slopes(0.3, 0.8), rel=1e-3)


def network_and_pair():
    torch.manual_seed(0)
    shape = (16, 24, 32)
    network = DeformationCVAE(shape, (3.15, 3.0, 3.0), latent=4).eval()
    for head in network.heads:  # velocities of some voxels
        torch.nn.init.normal_(head[-1].weight, std=0.2)
    return network, *(kernels.smooth(torch.randn(1, 1, *shape), 2.0) for _ in "MF")


def verdicts():
    return {verdict.id: verdict.verdict for verdict in equations.judge(*network_and_pair())}


def test_all_five_equations_are_reproduced():
    assert verdicts() == dict.fromkeys(("E4.1", "E4.3", "E4.7", "E4.8", "E4.9"), "reproduced")


def without_square(mu, log_variance):
    return 0.5 * (log_variance.exp() + mu.abs() - 1 - log_variance).sum()


def noise_left_alone(self, mu, sigma, draws):
    return Normal(self.slope * mu + draws, self.noise).log_prob(mu.new_tensor(self.seen)).mean() + 0 * sigma


BROKEN = {
    "E4.1": ("kl_to_prior", without_square),
    "E4.3": ("kernels.exp", lambda v, steps: -v),
    "E4.7": ("kernels.symmetric_lcc", lambda f, m, v, **more: kernels.local_cc(f, m).mean()),
    "E4.8": ("OneNumber.bound", OneNumber.match),
    "E4.9": ("OneNumber.match", noise_left_alone),
}


@pytest.mark.parametrize("id", BROKEN)
def test_a_broken_step_is_seen(monkeypatch, id):
    name, other = BROKEN[id]
    monkeypatch.setattr(f"regthesis.experiments.deformation.equations.{name}", other)
    assert verdicts()[id] == "fails"
