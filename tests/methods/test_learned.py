"""Networks of any kind fit the base of learned methods: of velocities, of parameters, of whole sequences."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import DomainWarning
from regthesis.geometry import Grid
from regthesis.methods import Method, Pairwise, get
from regthesis.methods.learned import Learned, with_weights
from regthesis.methods.velocity import on_case_grid, on_network_grid
from regthesis.train import save_weights

GRID = Grid((16, 24), (2.0, 1.5))
CARD = {"dataset": "blobs", "trained": [], "identities": {}}


class Shifts(nn.Module):
    """A translation in voxels for each pair: two parameters, no velocity."""

    def __init__(self, shape, spacing):
        super().__init__()
        self.arguments = dict(shape=shape, spacing=spacing)
        self.shape, self.spacing = tuple(shape), tuple(spacing)
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, moving, fixed):
        return self.scale * torch.tanh((fixed - moving).flatten(1)[:, :2])


class Beat(Shifts):
    """One velocity for a whole sequence, times the share of the cycle that has passed."""

    steps = 2

    def forward(self, images, times):
        pattern = kernels.smooth(images.mean(0, keepdim=True), 3.0).expand(1, 2, *self.shape)
        return self.scale * times.view(-1, 1, 1, 1) * pattern


@dataclass(frozen=True)
class Translation(Learned):
    name = label = "translation"
    network_class, command = Shifts, "translation"
    weights: Path

    def predict(self, network, case):
        moving, fixed = on_network_grid(network, case)
        with torch.no_grad():
            shift = network(moving, fixed)
        u = shift[..., None, None].expand(*shift.shape, *case.grid.shape)
        return Deformation(u, case.grid, code=shift)


@dataclass(frozen=True)
class Motion(Learned):
    name = label = "motion"
    network_class, command = Beat, "motion"
    weights: Path

    def predict(self, network, case):
        _, fixed = on_network_grid(network, case)
        with torch.no_grad():
            v = network(fixed, torch.tensor(case.times[1:]))
            return Deformation.exp(on_case_grid(network, v, case), case.grid, network.steps)


@pytest.fixture
def sequence():
    images = kernels.smooth(torch.randn(5, 1, *GRID.shape, generator=torch.Generator().manual_seed(0)), 2.0)
    return Case("beat", images, GRID, times=(0.0, 0.2, 0.4, 0.6, 0.8))


@pytest.fixture
def weights(tmp_path):
    def make(network_class):
        save_weights(tmp_path / "weights.safetensors", network_class([16, 24], [2.0, 1.5]), CARD)
        return tmp_path

    return make


def test_a_network_of_parameters_needs_no_velocity(weights, sequence):
    with pytest.warns(DomainWarning, match="translation was trained on blobs alone"):
        found = Translation(weights(Shifts)).register(sequence)
    assert found.velocity is None and found.code.shape == (4, 2) and found.seconds > 0
    assert torch.equal(found.u[:, :, 3, 4], found.code)
    assert found.inverse().compose(found).u.abs().max() < 1e-3 < found.u.abs().max()


def test_a_network_of_sequences_sees_all_frames_at_their_times(weights, sequence):
    method = Motion(weights(Beat))
    with pytest.warns(DomainWarning):
        found = method.register(sequence)
    torch.testing.assert_close(found.velocity[3], 4 * found.velocity[0])
    assert torch.equal(found.u, kernels.exp(found.velocity, Beat.steps)) and found.u.any()
    with pytest.warns(DomainWarning):
        other = method.register(replace(sequence, images=sequence.images.roll(1, 0)))
    assert not torch.allclose(other.u[0], found.u[0])


def test_neither_is_a_method_of_single_pairs():
    assert issubclass(Translation, Method) and not issubclass(Translation, Pairwise)


def test_weights_of_another_folder_have_the_same_name():
    method, demons = Translation(Path("blobs") / "translation"), get("demons")
    assert with_weights(method, Path("others")).weights == Path("others") / "translation"
    assert with_weights(demons, Path("others")) is demons
