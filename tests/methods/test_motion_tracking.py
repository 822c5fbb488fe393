"""Tracking a cine by a motion model: each frame at its own time, on the cine's own grid."""

from dataclasses import replace

import pytest
import torch

from regthesis import kernels
from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.geometry import Grid
from regthesis.methods.motion import MotionTracking, MotionTrackingWithoutGP, as_model_sees
from regthesis.methods.motion_refined import MotionRefined
from regthesis.models.motion import MotionModel
from regthesis.train import save_weights

GRID = Grid((16, 24), (2.0, 1.5))


@pytest.fixture
def beat():
    images = kernels.smooth(torch.randn(5, 1, *GRID.shape, generator=torch.Generator().manual_seed(0)), 2.0)
    return Case("beat", 300 * images + 1000, GRID, times=(0.0, 0.2, 0.4, 0.6, 0.8), identity=frozenset({"image 1"}))


def tracking(kind, folder, **form):
    torch.manual_seed(0)
    network = kind.network_class(GRID.shape, GRID.spacing, length=9, latent=3, **form)
    torch.nn.init.normal_(network.decoder.head.weight, std=0.3)
    save_weights(folder / "weights.safetensors", network, {"identities": {}})
    return kind(folder)


@pytest.mark.parametrize("kind", [MotionTracking, MotionTrackingWithoutGP])
def test_every_frame_has_the_motion_of_its_time(kind, beat, tmp_path):
    method = tracking(kind, tmp_path)
    found = method.register(beat)
    assert found.u.shape == (4, 2, *GRID.shape) and found.code.shape == (4, 3) and found.seconds > 0
    network = method.network(beat)
    images, places = as_model_sees(network, beat)
    assert places.tolist() == [1, 3, 5, 7]
    with torch.no_grad():
        motion = network(images[None], places[None])
    torch.testing.assert_close(found.velocity, motion.velocities[0, places])
    torch.testing.assert_close(found.u, kernels.exp(found.velocity, 6))
    torch.testing.assert_close(found.code[1], motion.z[0, :, 3])


def test_brightness_and_contrast_do_not_count(beat, tmp_path):
    method = tracking(MotionTracking, tmp_path)
    brighter = Case("beat", 7 * beat.images - 50, GRID, times=beat.times)
    torch.testing.assert_close(method.register(brighter).u, method.register(beat).u, atol=1e-4, rtol=1e-3)


def test_more_frames_than_the_model_has_steps_are_one_line(beat):
    with pytest.raises(UserError, match="beat: times: expected 2 to 4 frames, got 5; leave some out"):
        as_model_sees(MotionModel(GRID.shape, GRID.spacing, length=4), beat)


def test_images_without_contrast_are_no_division_by_zero(beat):
    still = Case("still", torch.full_like(beat.images, 5.0), GRID)
    images, places = as_model_sees(MotionModel(GRID.shape, GRID.spacing, length=5), still)
    assert torch.isfinite(images).all() and places.tolist() == [0, 1, 2, 3]


def test_refinement_finds_a_motion_that_the_decoder_can_say(beat, tmp_path):
    """A beat that was drawn from the prior; without steps the answer is that of the mean."""
    method = tracking(MotionRefined, tmp_path, noise=1e-5)
    network = method.network(beat)
    with torch.no_grad():
        v = network.sample(beat.moving / beat.moving.max(), torch.Generator().manual_seed(1))[0, [1, 3, 5, 7]]
    frames = kernels.warp(beat.moving.expand(4, -1, -1, -1), kernels.exp(v, 6))
    drawn = replace(beat, images=torch.cat([beat.moving, frames]))
    mean, refined = (replace(method, steps=steps, rest_steps=0).register(drawn) for steps in (0, 40))
    torch.testing.assert_close(mean.u, MotionTracking(tmp_path).register(drawn).u)
    before, after = ((drawn.fixed - it.warp(drawn.moving)).square().mean() for it in (mean, refined))
    assert after < 0.8 * before


def test_what_no_matrix_can_say_is_a_rest_that_is_smooth_and_has_a_price(beat, tmp_path):
    """A blob that moves under a decoder that says nothing: the rest moves it, less so the dearer it is."""
    network = MotionModel(GRID.shape, GRID.spacing, length=9, latent=3, noise=1e-4)
    torch.nn.init.zeros_(network.decoder.head.weight)
    save_weights(tmp_path / "weights.safetensors", network, {"identities": {}})
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(24.0), indexing="ij")
    frames = [torch.exp(-((y - 8) ** 2 + (x - 12 - 0.4 * t) ** 2) / 18)[None] for t in range(5)]
    moving = replace(beat, images=torch.stack(frames))
    found = {rest: MotionRefined(tmp_path, steps=0, rest=rest).register(moving) for rest in (1e-4, 0.01, 0.3)}
    left = [float((moving.fixed - it.warp(moving.moving)).square().mean()) for it in found.values()]
    still = float((moving.fixed - moving.moving).square().mean())
    assert left[0] == pytest.approx(still, rel=0.01) and left[2] < 0.2 * still and left[2] < left[1] < 0.9 * still
    assert found[0.3].u[-1, 1, 8, 12] == pytest.approx(-1.6, abs=0.4)
    bends = found[0.3].velocity.diff(n=2, dim=0).abs().amax() / found[0.3].velocity.abs().amax()
    assert bends < 0.1


def test_the_motion_of_one_heart_moves_another(beat, tmp_path):
    method = tracking(MotionTracking, tmp_path)
    network = method.network(beat)
    other = Case("other", beat.images.flip(-1), GRID)
    carried = method.transport(network, beat, other)
    torch.testing.assert_close(carried.code, method.predict(network, beat).code)
    assert not torch.allclose(carried.u, method.predict(network, beat).u)
    torch.testing.assert_close(method.transport(network, beat, beat).u, method.predict(network, beat).u)


def test_frames_that_are_hidden_do_not_count(beat, tmp_path):
    method = tracking(MotionTracking, tmp_path)
    network = method.network(beat)
    changed = replace(beat, images=torch.cat([beat.images[:2], beat.images[:1], beat.images[3:]]))
    one, other = (method.predict(network, it, [1, 3, 4]) for it in (beat, changed))
    torch.testing.assert_close(one.u, other.u, atol=1e-5, rtol=1e-4)
    assert one.u.shape == (4, 2, *GRID.shape)
    simulated = method.predict(network, beat, [])
    assert simulated.u.shape == (4, 2, *GRID.shape) and not torch.allclose(simulated.u, one.u)


STACK = Grid((4, 16, 24), (9.0, 2.0, 1.5))


@pytest.fixture
def stack():
    images = kernels.smooth(torch.randn(5, 1, *STACK.shape, generator=torch.Generator().manual_seed(0)), 2.0)
    return Case("stack", images, STACK, times=(0.0, 0.2, 0.4, 0.6, 0.8), identity=frozenset({"image 1"}))


def test_a_stack_is_seen_slice_by_slice_with_empty_ones_beside(stack):
    images, _ = as_model_sees(MotionModel((9, 16, 24), (10.0, 2.0, 1.5), length=9), stack)
    assert images.shape == (5, 1, 9, 16, 24) and (images[:, :, [0, 1, 6, 7, 8]] == 0).all()
    seen, own = images[:, 0, 2:6].flatten(), stack.images.flatten()
    inside = (seen > 0) & (seen < 1)
    assert torch.corrcoef(torch.stack([seen[inside], own[inside]]))[0, 1] > 0.9999


def test_a_stack_has_the_motion_of_its_own_slices(stack, tmp_path):
    torch.manual_seed(0)
    network = MotionModel((9, 16, 24), (10.0, 2.0, 1.5), length=9, latent=3)
    torch.nn.init.normal_(network.decoder.head.weight, std=0.3)
    save_weights(tmp_path / "stacks" / "motion" / "weights.safetensors", network, {"identities": {}})
    found = MotionTracking(tmp_path / "motion").register(stack)
    images, places = as_model_sees(network, stack)
    with torch.no_grad():
        v = network.eval()(images[None], places[None]).velocities[0, places]
    torch.testing.assert_close(found.velocity, v[:, :, 2:6])
    assert found.u.shape == (4, 3, *STACK.shape)


def test_more_slices_than_the_model_has_are_one_line(stack):
    with pytest.raises(UserError, match="stack: has 4 slices, but the model takes 3; leave some out"):
        network = MotionModel((8, 16, 24), (10.0, 2.0, 1.5), length=9)
        network.shape = (3, 16, 24)
        as_model_sees(network, stack)
