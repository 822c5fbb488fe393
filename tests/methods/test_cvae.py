"""Registration by a trained network: by weights that never saw the case, and improved for the pair at hand."""

import os
from dataclasses import replace

import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.methods.cvae import CVAE
from regthesis.methods.learned import fingerprint
from regthesis.methods.refined import Refined
from regthesis.models.deformation import DeformationCVAE
from regthesis.train import save_weights

GRID = Grid((16, 24), (2.0, 1.5))


def make_case(seed=0) -> Case:
    noise = torch.randn(1, 1, *GRID.shape, generator=torch.Generator().manual_seed(seed))
    moving = kernels.zscore(kernels.smooth(noise, 2.0))
    return Case(f"case{seed}", torch.cat([moving, moving.roll((1, 1), (2, 3))]), GRID)


@pytest.fixture
def weights(tmp_path):
    """Makes a folder of networks, one for each list of cases that it has seen."""

    def make(*seen):
        for number, cases in enumerate(seen, 1):
            torch.manual_seed(number)
            folder = tmp_path / f"fold{number}"
            folder.mkdir()
            card = {"seen": [fingerprint(case) for case in cases]}
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
    save_weights(file, DeformationCVAE(GRID.shape, GRID.spacing, latent=4), {"seen": []})
    os.utime(file, ns=(1, 1))  # whatever the clock's step
    assert not torch.equal(CVAE(folder).register(case).u, before.u)
    save_weights(file, DeformationCVAE(GRID.shape, GRID.spacing, latent=4), {"seen": [fingerprint(case)]})
    with pytest.raises(UserError, match="have seen these images"):
        CVAE(folder).register(case)


def test_a_name_says_nothing_the_images_do(weights):
    case = make_case(1)
    method = CVAE(weights([case]))
    with pytest.raises(UserError, match="renamed: all networks in .* have seen these images; leave their fold out"):
        method.register(replace(case, id="renamed"))
    method.register(replace(make_case(2), id=case.id))


def test_without_weights_the_error_says_how_to_make_them(tmp_path):
    for path in (tmp_path, tmp_path / "weights.safetensors"):
        with pytest.raises(UserError, match="no weights; train some with `regthesis train deformation`"):
            CVAE(path).register(make_case())


def test_any_grid_is_brought_to_the_network_s(weights):
    """A crop of a finer image and the image that the network takes: the same velocity in mm where both are."""
    case, folder = make_case(), weights([])
    fine = Grid((64, 96), (0.5, 0.375))
    images = kernels.regrid(case.images, case.spacing, fine.shape, fine.spacing)
    found = CVAE(folder).register(Case("fine", images, fine)).velocity
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
    volume = Case("volume", torch.randn(2, 1, 8, 16, 24), Grid((8, 16, 24), (3.0, 2.0, 1.5)))
    with pytest.raises(UserError, match=r"volume: 3-D images, but .* is for 2-D ones"):
        CVAE(weights([])).register(volume)


def test_refinement_brings_the_images_closer_without_folding(weights):
    case, folder = make_case(), weights([])
    start = CVAE(folder).register(case)
    found = replace(Refined(folder), sigma=3.0, penalty=0.1).register(case)

    def match(deformation):
        return kernels.local_cc(case.fixed, deformation.warp(case.moving)).mean()

    assert match(found) > match(start) + 0.1
    assert found.jacobian().min() > 0
    assert torch.equal(Refined(folder, steps=0).register(case).u, start.u)


@pytest.mark.parametrize("gradients_off", [torch.no_grad, torch.inference_mode])
def test_refinement_does_not_need_gradients_to_be_on_outside(weights, gradients_off):
    method = Refined(weights([]), steps=2, code_steps=2)
    with gradients_off():
        found = method.register(make_case())
    expected = method.register(make_case())  # by the network that was read in inference mode
    assert torch.equal(found.u, expected.u) and torch.equal(found.code, expected.code)
    assert not torch.equal(found.u, CVAE(method.weights).register(make_case()).u)


def test_refinement_of_the_code_alone_stays_in_the_latent_space(weights):
    case, folder = make_case(), weights([])
    method = replace(Refined(folder), steps=0, code_steps=20, penalty=0.0)
    start, found = CVAE(folder).register(case), method.register(case)
    assert not torch.equal(found.code, start.code)
    network = method.network(case)
    with torch.no_grad():
        expected = network.decode(found.code, kernels.zscore(case.moving))
    torch.testing.assert_close(found.velocity, expected)
