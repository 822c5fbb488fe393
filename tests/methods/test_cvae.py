"""Registration by a trained network: by weights that never saw the case, and improved for the pair at hand."""

import os
from dataclasses import replace

import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.errors import DomainWarning, UserError
from regthesis.geometry import Grid
from regthesis.identity import phantom_identity
from regthesis.methods.cvae import CVAE
from regthesis.methods.refined import Refined
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import save_weights

GRID = Grid((16, 24), (2.0, 1.5))


def make_case(seed=0) -> Case:
    noise = torch.randn(1, 1, *GRID.shape, generator=torch.Generator().manual_seed(seed))
    moving = kernels.zscore(kernels.smooth(noise, 2.0))
    images = torch.cat([moving, moving.roll((1, 1), (2, 3))])
    return Case(f"case{seed}", images, GRID, dataset="blobs", identity=frozenset({f"mask {seed}", f"image {seed}"}))


def card_of(seen, others=()) -> dict:
    """The card of a network that has seen some cases, of a folder with others."""
    everybody = {case.id: sorted(case.identity) for case in (*seen, *others)}
    return {"dataset": "blobs", "trained": [case.id for case in seen], "identities": everybody}


@pytest.fixture
def weights(tmp_path):
    """Makes a folder of networks, one for each list of cases that it has seen."""

    def make(*seen):
        for number, cases in enumerate(seen, 1):
            torch.manual_seed(number)
            folder = tmp_path / f"fold{number}"
            folder.mkdir()
            card = card_of(cases, [make_case(seed) for seed in range(3)])
            save_weights(folder / "weights.safetensors", DeformationCVAE(GRID.shape, GRID.spacing, latent=4), card)
        return tmp_path

    return make


def test_a_case_is_registered_by_the_network_that_never_saw_it(weights):
    first, second = make_case(1), make_case(2)
    method = CVAE(weights([second], [first]))
    found, other = method.register(first), method.register(second)
    assert torch.equal(found.u, CVAE(method.weights / "fold1").register(first).u)
    assert torch.equal(other.u, CVAE(method.weights / "fold2" / "weights.safetensors").register(second).u)
    torch.testing.assert_close(found.u, kernels.exp(found.velocity, 4))
    assert found.code.shape == (1, 4) and found.seconds > 0


def test_a_network_that_was_trained_again_is_read_again(weights):
    case = make_case(1)
    folder = weights([])
    file = folder / "fold1" / "weights.safetensors"
    before = CVAE(folder).register(case)
    save_weights(file, DeformationCVAE(GRID.shape, GRID.spacing, latent=4), card_of([], [case]))
    os.utime(file, ns=(1, 1))  # whatever the clock's step
    assert not torch.equal(CVAE(folder).register(case).u, before.u)
    save_weights(file, DeformationCVAE(GRID.shape, GRID.spacing, latent=4), card_of([case]))
    with pytest.raises(UserError, match="have seen this patient"):
        CVAE(folder).register(case)


def test_a_name_says_nothing_the_identity_does(weights):
    case = make_case(1)
    method = CVAE(weights([case]))
    message = "renamed: all networks in .* have seen this patient; leave the patient's fold out"
    for change in ({}, {"images": case.images + 1e-6}, {"images": case.images.flip(0)}, {"dataset": ""}):
        with pytest.raises(UserError, match=message):
            method.register(replace(case, id="renamed", **change))
    method.register(replace(make_case(2), id=case.id))


def test_one_shared_hash_is_enough(weights):
    """An image that was rescaled keeps the outlines of its masks."""
    case = make_case(1)
    with pytest.raises(UserError, match="have seen this patient"):
        CVAE(weights([case])).register(replace(case, identity=frozenset({"mask 1", "image rescaled"})))


def test_a_stranger_in_the_networks_own_layout_is_refused(weights):
    stranger = make_case(7)
    with pytest.raises(UserError, match="case7: is no patient of blobs that the networks in .* know"):
        CVAE(weights([])).register(stranger)


def test_images_of_another_kind_are_served_with_a_warning(weights):
    own = replace(make_case(7), dataset="")
    with pytest.warns(DomainWarning, match="s3 was trained on blobs alone"):
        CVAE(weights([])).register(own)


def test_a_phantom_that_no_card_lists_was_not_drawn(weights, recwarn):
    CVAE(weights([])).register(replace(make_case(7), identity=phantom_identity(1, "patient001")))
    assert not recwarn.list


def test_a_card_that_does_not_say_whom_the_network_has_seen_is_refused(weights):
    folder = weights([])
    file = folder / "fold1" / "weights.safetensors"
    save_weights(file, DeformationCVAE(GRID.shape, GRID.spacing, latent=4), {"trained": ["case1"]})
    with pytest.raises(UserError, match="does not say whom the network has seen; train it again"):
        CVAE(folder).register(make_case(1))


def test_without_weights_the_error_says_how_to_make_them(tmp_path):
    for path in (tmp_path, tmp_path / "weights.safetensors"):
        with pytest.raises(UserError, match="no weights; train some with `regthesis train deformation`"):
            CVAE(path).register(make_case())


def test_any_grid_is_brought_to_the_network_s(weights):
    """A crop of a finer image and the image that the network takes: the same velocity in mm where both are."""
    case, folder = make_case(), weights([])
    fine = Grid((64, 96), (0.5, 0.375))
    images = kernels.regrid(case.images, case.spacing, fine.shape, fine.spacing)
    found = CVAE(folder).register(replace(case, images=images, grid=fine)).velocity
    known = CVAE(folder).register(case).velocity
    back = kernels.regrid(found, fine.spacing, GRID.shape, GRID.spacing, field=True)
    inner = (..., slice(2, -2), slice(2, -2))
    assert found.shape[2:] == fine.shape
    assert (back - known)[inner].abs().max() < 0.25 * known.abs().max()


def test_brightness_and_contrast_do_not_count(weights):
    case, folder = make_case(), weights([])
    brighter = replace(case, images=300 * case.images + 1000)
    torch.testing.assert_close(CVAE(folder).register(brighter).u, CVAE(folder).register(case).u, atol=1e-3, rtol=1e-3)


def test_another_number_of_dimensions_is_refused(weights):
    grid = Grid((8, 16, 24), (3.0, 2.0, 1.5))
    volume = replace(make_case(), id="volume", images=torch.randn(2, 1, *grid.shape), grid=grid)
    with pytest.raises(UserError, match=r"volume: 3-D images, but .* is for 2-D ones"):
        CVAE(weights([])).register(volume)


def test_refinement_brings_the_images_closer_without_folding(weights):
    case, folder = make_case(), weights([])
    start = CVAE(folder).register(case)
    found = replace(Refined(folder), sigma=3.0, steps=40).register(case)

    def match(deformation):
        return kernels.local_cc(case.fixed, deformation.warp(case.moving)).mean()

    assert match(found) > match(start) + 0.1
    assert found.jacobian().min() > 0
    assert torch.equal(Refined(folder, steps=0).register(case).u, start.u)


@pytest.mark.parametrize("gradients_off", [torch.no_grad, torch.inference_mode])
def test_refinement_does_not_need_gradients_to_be_on_outside(weights, gradients_off):
    method = Refined(weights([]), steps=2)
    with gradients_off():
        found = method.register(make_case())
    expected = method.register(make_case())  # by the network that was read in inference mode
    assert torch.equal(found.u, expected.u) and torch.equal(found.code, expected.code)
    assert not torch.equal(found.u, CVAE(method.weights).register(make_case()).u)


def test_a_dearer_bend_is_a_smoother_velocity(weights):
    case, folder = make_case(), weights([])
    velocities = [Refined(folder, sigma=1.0, penalty=penalty).register(case).velocity for penalty in (0.1, 10.0)]
    rough, even = (kernels.bending(v - CVAE(folder).register(case).velocity) for v in velocities)
    assert even < 0.5 * rough


def test_refinement_under_autocast_moves_no_further_than_rounding(weights):
    case, method = make_case(), Refined(weights([]), steps=5)
    with torch.autocast("cpu", torch.bfloat16):
        found = method.register(case)
    expected, start = method.register(case), CVAE(method.weights).register(case)
    assert found.u.dtype == found.code.dtype == torch.float32
    assert (found.u - expected.u).abs().max() < 0.1 * (start.u - expected.u).abs().max()
