"""Every method improves a pair whose motion is known, the same way twice, and says plainly what it lacks."""

import math
import sys
from dataclasses import replace

import pytest
import torch

from regthesis import kernels, methods
from regthesis.case import Case
from regthesis.errors import UserError
from regthesis.evaluate import endpoint_error
from regthesis.geometry import Grid
from regthesis.methods.demons import Demons, coarsen

PEERS = {"syn": "ants", "elastix8": "itk", "elastix16": "itk"}
QUICK = {
    "demons": {"levels": (6.0, 3.0), "iterations": (30, 20)},
    "syn": {"iterations": (40, 20), "radius": 10.0},
    "elastix8": {"iterations": 100, "resolutions": 3},
    "elastix16": {"iterations": 100, "resolutions": 3},
}
SEQUENCES = ["elastix4d", "lpr", "motion", "motion-no-gp", "motion-refined"]  # methods that want a cine of slices
LEFT = {"syn": (0.75, 0.85)}  # share of error and of mismatch that may be left: SyN moves little on fine texture


def moving_blobs(shape=(16, 36, 40), spacing=(4.0, 2.5, 2.5), size=1.6) -> Case:
    """A textured image, the same carried by a known smooth diffeomorphism, and the truth."""
    generator = torch.Generator().manual_seed(4)
    rank = len(shape)
    texture = kernels.smooth(torch.randn(1, 1, *shape, generator=generator), 1.5)
    v = kernels.smooth(torch.randn(1, rank, *shape, generator=generator), 7.0)
    u = kernels.exp(size * v / v.abs().max())
    images = torch.cat([texture, kernels.warp(texture, u)])
    return Case("blobs", images / images.std(), Grid(shape, spacing), truth=u)


@pytest.fixture(scope="module")
def case() -> Case:
    return moving_blobs()


@pytest.fixture(scope="module")
def beat() -> Case:
    """A slice that is carried away and back again in eight frames, and the truth."""
    pair = moving_blobs((64, 64), (2.0, 2.0), 3.0)
    share = torch.tensor([1 - math.cos(2 * math.pi * t / 8) for t in range(1, 8)]).view(-1, 1, 1, 1) / 2
    u = share * pair.truth
    images = torch.cat([pair.moving, kernels.warp(pair.moving.expand(7, -1, -1, -1), u)])
    return Case("beat", images, pair.grid, truth=u)


def tried(name: str) -> methods.Method:
    if name in PEERS:
        pytest.importorskip(PEERS[name], reason=f"{name} needs the extra `peers`")
    return replace(methods.get(name), **QUICK.get(name, {}))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({"demons", *PEERS}))
def test_recovers_a_known_motion(name, case):
    found = tried(name).register(case)
    before = endpoint_error(torch.zeros_like(case.truth), case.truth, case.spacing)
    after = endpoint_error(found.u, case.truth, case.spacing)
    error, mismatch = LEFT.get(name, (0.5, 0.2))
    assert after < error * before
    assert kernels.ssd(case.fixed, found.warp(case.moving)) < mismatch * kernels.ssd(case.fixed, case.moving)
    assert found.u.shape == case.truth.shape and found.seconds > 0


@pytest.mark.slow
def test_demons_of_swapped_images_is_the_inverse(case):
    """The force is symmetric, so swapping the images negates the velocity."""
    method = tried("demons")
    there = method.pair(case.moving, case.fixed, case.grid)
    back = method.pair(case.fixed, case.moving, case.grid)
    torch.testing.assert_close(there.velocity, -back.velocity, atol=0.02 * float(there.velocity.abs().max()), rtol=0)


@pytest.mark.slow
def test_demons_gives_the_same_bits_twice_and_never_folds(case):
    method = tried("demons")
    first, second = (method.register(case) for _ in range(2))
    assert torch.equal(first.u, second.u)
    assert first.jacobian().min() > 0
    torch.testing.assert_close(kernels.exp(first.velocity), first.u)


@pytest.mark.slow
def test_demons_is_indifferent_to_brightness_and_works_in_2d():
    case = moving_blobs((48, 40), (2.0, 2.0))
    method = Demons(levels=(4.0, 2.0), iterations=(20, 10))
    plain = method.register(case)
    altered = method.pair(case.moving, 3 * case.fixed + 100, case.grid)
    torch.testing.assert_close(altered.u, plain.u, atol=0.05, rtol=0)
    before, after = (endpoint_error(u, case.truth, case.spacing) for u in (0 * plain.u, plain.u))
    assert after < 0.6 * before


def test_identity_does_nothing(case):
    found = methods.get("identity").register(case)
    assert not found.u.any()
    torch.testing.assert_close(found.warp(case.moving), case.moving, atol=1e-4, rtol=0)


def test_a_sequence_gives_one_deformation_a_frame(case):
    sequence = Case("three", torch.cat([case.images, case.images[1:]]), case.grid)
    found = replace(methods.get("demons"), levels=(12.0,), iterations=(2,)).register(sequence)
    assert found.u.shape == (2, 3, *case.grid.shape)
    assert torch.equal(found.u[0], found.u[1]) and found.u.any()


def test_coarsening_keeps_the_field_of_view():
    grid = Grid((32, 128, 128), (3.15, 1.5, 1.5))
    for size in (1.0, 1.5, 3.0, 6.0, 500.0):
        shape, spacing = coarsen(grid, size)
        for n, s, old_n, old_s in zip(shape, spacing, grid.shape, grid.spacing, strict=True):
            assert (n - 1) * s == pytest.approx((old_n - 1) * old_s)
    assert coarsen(grid, 1.5) == (grid.shape, pytest.approx(grid.spacing))
    assert coarsen(Grid((1, 64, 64), (8.0, 1.0, 1.0)), 4.0)[0] == (1, 16, 16)
    assert coarsen(Grid((1, 64, 64), (8.0, 1.0, 1.0)), 4.0)[1][0] == 8.0


BRIEF = {
    "demons": {"levels": (6.0, 3.0), "iterations": (3, 2)},
    "syn": {"iterations": (2, 1)},
    "elastix8": {"iterations": 5, "resolutions": 2},
    "elastix16": {"iterations": 5, "resolutions": 2},
    "s3-refined": {"steps": 2},
    "motion-refined": {"steps": 2},
    "elastix4d": {"iterations": 2, "resolutions": 1},
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in ("demons", "identity") else pytest.mark.slow) for n in methods.names()]
)
def test_it_does_not_matter_whether_the_caller_wants_gradients(name, case, beat):
    method = replace(methods.get(name), **BRIEF.get(name, {}))
    case = beat if name in SEQUENCES else case

    def run():
        return method.register(replace(case, images=case.images.clone()))

    try:
        with torch.inference_mode():  # first: what is kept for later calls must serve them too
            found = [run()]
    except methods.MissingPeer as missing:
        pytest.skip(str(missing))
    with torch.no_grad():
        found.append(run())
    expected = run()
    assert all(torch.equal(other.u, expected.u) for other in found)
    assert name == "identity" or expected.u.any()


def test_names_and_nearest_name():
    assert {"identity", "demons", "syn", "elastix8", "elastix16"} <= set(methods.names())
    with pytest.raises(UserError, match="did you mean demons"):
        methods.get("deamons")
    with pytest.raises(UserError, match="known are demons"):
        methods.get("xyz")


@pytest.mark.parametrize("name", [*sorted(PEERS), "elastix4d"])
def test_a_missing_peer_is_one_clear_line(name, case, beat, monkeypatch):
    monkeypatch.setitem(sys.modules, PEERS.get(name, "itk"), None)
    with pytest.raises(methods.MissingPeer, match=r"is not installed; add the baselines with `pip install"):
        methods.get(name).register(beat if name in SEQUENCES else case)


@pytest.mark.slow
def test_a_spline_over_space_and_time_recovers_a_known_beat(beat):
    pytest.importorskip("itk", reason="elastix4d needs the extra `peers`")
    method = replace(methods.get("elastix4d"), iterations=150, resolutions=2, samples=1024)
    found = method.register(beat)
    before, after = (endpoint_error(u, beat.truth, beat.spacing) for u in (0 * beat.truth, found.u))
    assert found.u.shape == beat.truth.shape and after < 0.6 * before
    steps = torch.cat([0 * found.u[:1], found.u]).diff(dim=0).square().mean((1, 2, 3)).sqrt()
    assert steps.max() < 3 * steps.mean()  # no frame jumps


def test_a_spline_over_time_wants_frames(case):
    with pytest.raises(UserError, match="blobs: 4D-Elastix needs 4 frames or more, given 2; take elastix8"):
        methods.get("elastix4d").register(case)


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["syn", "elastix16"])
def test_an_axis_of_one_voxel_is_left_out_by_peers_and_put_back(name, axis):
    flat = moving_blobs((36, 40), (2.5, 2.0))
    expected = tried(name).register(flat).u
    grid = Grid(
        *(tuple(values[:axis]) + (one,) + tuple(values[axis:]) for values, one in (((36, 40), 1), ((2.5, 2.0), 8.0)))
    )
    found = tried(name).register(Case("slice", flat.images.unsqueeze(2 + axis), grid)).u
    kept = [other for other in range(3) if other != axis]
    assert torch.equal(found[:, kept].squeeze(2 + axis), expected) and expected.any()
    assert not found[:, axis].any()


@pytest.mark.parametrize(
    "name, reason", [("syn", "Registration failed"), ("elastix8", "number of pixels along direction 2")]
)
@pytest.mark.slow
def test_what_a_peer_refuses_is_one_line_with_its_own_reason(name, reason):
    generator = torch.Generator().manual_seed(0)
    thin = Case("thin", torch.randn(2, 1, 2, 16, 16, generator=generator), Grid((2, 16, 16), (8.0, 2.0, 2.0)))
    with pytest.raises(UserError, match=reason) as refused:
        tried(name).register(thin)
    assert "2 x 16 x 16 voxels" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("shape", [(1, 16), (1, 1, 16)])
def test_peers_refuse_a_line_of_voxels(shape):
    line = Case("line", torch.randn(2, 1, *shape), Grid(shape, (1.0,) * len(shape)))
    for name in ("syn", "elastix8"):
        with pytest.raises(UserError, match="two axes of several voxels"):
            methods.get(name).register(line)


def test_demons_computes_in_float32_where_the_caller_autocasts(case):
    method = replace(methods.get("demons"), **BRIEF["demons"])
    with torch.autocast("cpu", torch.bfloat16):
        found = method.register(case)
    expected = method.register(case)
    assert found.u.dtype == torch.float32 and torch.equal(found.u, expected.u)
