"""Carrying deformations between hearts: what must hold for any field, and for hearts that were turned and shifted."""

import math
from dataclasses import replace

import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.methods import get, transport
from regthesis.methods.velocity import on_network_grid
from regthesis.models.deformation import DeformationCVAE

GRID = Grid((12, 48, 48), (3.0, 1.5, 1.5))


def field(seed=0, size=1.5):
    noise = torch.randn(1, 3, *GRID.shape, generator=torch.Generator().manual_seed(seed))
    v = kernels.smooth(noise, 4.0)
    return size * v / v.abs().max()


def heart(centre=(6.0, 22.0, 23.0), degrees=0.0) -> Case:
    """A left cavity in its wall with a right ventricle `degrees` from the y axis, in mm; it contracts."""
    x = (kernels.identity_grid(GRID.shape) - torch.tensor(centre).view(3, 1, 1, 1)) * torch.tensor(GRID.spacing).view(
        3, 1, 1, 1
    )
    angle = math.radians(degrees)
    side = 12 * torch.tensor([0.0, math.cos(angle), math.sin(angle)]).view(3, 1, 1, 1)

    def frame(radius):
        left, right = x.square().sum(0).sqrt(), (x - side).square().sum(0).sqrt()
        mask = torch.zeros(GRID.shape, dtype=torch.long)
        mask[right < radius] = 1
        mask[left < radius + 3] = 2
        mask[left < radius] = 3
        image = kernels.smooth((mask.float() + 0.3 * torch.sin(x[1] / 3) + 0.3 * torch.cos(x[2] / 3))[None, None], 1.0)
        return kernels.zscore(image), mask[None, None]

    (ed, ed_mask), (es, es_mask) = frame(9.0), frame(7.0)
    return Case("heart", torch.cat([ed, es]), GRID, {0: ed_mask, 1: es_mask}, structures={"LV-BP": (3,), "RV": (1,)})


def test_nothing_between_two_hearts_changes_nothing():
    u = field()
    torch.testing.assert_close(transport.ladder(u, torch.zeros_like(u)), kernels.exp(u))


def test_no_motion_stays_no_motion():
    carried = transport.ladder(torch.zeros(1, 3, *GRID.shape), field())
    assert carried[..., 4:-4, 8:-8, 8:-8].abs().max() < 0.05


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_shift_moves_the_deformation_by_its_share(share):
    u, shift = field(), torch.zeros(1, 3, *GRID.shape)
    shift[:, 2] = 4.0  # the target's heart lies 4 voxels before the source's
    carried = transport.ladder(u, shift, share)
    expected = kernels.exp(u).roll(-int(4 * share), 4)
    inner = (..., slice(3, -3), slice(6, -6), slice(8, -8))
    torch.testing.assert_close(carried[inner], expected[inner], atol=0.02, rtol=0)


def test_the_ladder_can_be_climbed_back():
    u, v = field(0), field(1, 3.0)
    carried = transport.ladder(u, v, 1.0)
    back = kernels.compose(kernels.exp(v), kernels.compose(carried, kernels.exp(-v)))
    inner = (..., slice(3, -3), slice(6, -6), slice(6, -6))
    torch.testing.assert_close(back[inner], kernels.exp(u)[inner], atol=0.1, rtol=0)


@pytest.mark.parametrize("degrees", [-100.0, 20.0, 75.0])
def test_alignment_undoes_a_turn_and_a_shift(degrees):
    source, target = heart((5.0, 25.0, 26.0), 10.0), heart(degrees=degrees)
    affine = transport.alignment(source, target)
    moved = kernels.warp_labels(source.moving_mask, affine)
    for label in (1, 3):
        both = ((moved == label) & (target.moving_mask == label)).sum()
        either = ((moved == label) | (target.moving_mask == label)).sum()
        assert both / either > 0.75


@pytest.mark.parametrize("label, name", [(1, "right ventricle"), (3, "left cavity")])
@pytest.mark.parametrize("whose", ["source", "target"])
def test_hearts_that_cannot_be_aligned_are_refused(label, name, whose):
    hearts = {"source": replace(heart(), id="source"), "target": replace(heart(degrees=20.0), id="target")}
    lacking = hearts[whose].moving_mask.masked_fill(hearts[whose].moving_mask == label, 0)
    hearts[whose] = replace(hearts[whose], masks={0: lacking})
    with pytest.raises(UserError, match=f"{whose}: no {name}") as error:
        transport.alignment(hearts["source"], hearts["target"])
    assert "\n" not in str(error.value)


def test_a_velocity_turns_with_its_heart():
    """Deforming first and turning then is turning first and deforming by the turned velocity."""
    source, target = heart((6.0, 24.0, 23.0), 0.0), heart((6.0, 24.0, 23.0), 90.0)
    affine = transport.alignment(source, target)
    v = field()
    turned = kernels.exp(transport.pulled_back(v, affine))
    one = kernels.warp(kernels.warp(source.moving, kernels.exp(v)), affine)
    other = kernels.warp(kernels.warp(source.moving, affine), turned)
    inner = (..., slice(3, -3), slice(10, -10), slice(12, -12))
    assert (one - other)[inner].abs().mean() < 0.15 * (one - kernels.warp(source.moving, affine))[inner].abs().mean()


@pytest.mark.slow
def test_a_contraction_arrives_by_the_pole_ladder():
    patient, healthy = heart((6.0, 25.0, 26.0), 30.0), heart()
    demons = replace(get("demons"), iterations=(40, 20, 5))
    own = demons.register(patient)
    carried = transport.pole_ladder(patient, own, healthy, demons).carried
    cavity = lambda mask: float((mask == 3).sum())  # noqa: E731
    alone = cavity(own.warp_labels(patient.moving_mask)) / cavity(patient.moving_mask)
    there = cavity(carried.warp_labels(healthy.moving_mask)) / cavity(healthy.moving_mask)
    assert alone < 0.75 and there == pytest.approx(alone, abs=0.1)


def test_a_code_means_something_on_any_heart():
    torch.manual_seed(0)
    network = DeformationCVAE((8, 16, 24), (4.0, 3.0, 2.5), latent=4).eval()
    for head in network.heads:
        torch.nn.init.normal_(head[-1].weight, std=0.3)
    patient, healthy = heart((6.0, 25.0, 26.0)), heart()
    with torch.no_grad():
        code, _ = network.encode(*on_network_grid(network, patient))
    carried = transport.by_code(network, code, healthy)
    assert isinstance(carried, Deformation) and carried.u.shape == (1, 3, *GRID.shape)
    torch.testing.assert_close(carried.u, kernels.exp(carried.velocity, 4))
    assert not torch.allclose(carried.u, transport.by_code(network, code, patient).u, atol=1e-2)


def test_data_that_do_not_name_their_structures_are_refused():
    with pytest.raises(UserError, match="heart: no right ventricle in the mask"):
        transport.check_posed(replace(heart(), structures={}))
