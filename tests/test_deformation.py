"""A deformation leaves the package as ITK's, and comes back the same: oblique, anisotropic, off the origin."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regthesis import kernels
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.geometry import Grid, crop_or_pad, resample


def rotation(degrees: float) -> tuple[float, ...]:
    a, b = np.deg2rad([degrees, degrees / 2])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return tuple((about_z @ about_x).ravel())


GRID = Grid((9, 12, 15), (3.15, 1.5, 1.2), origin=(-20.0, 7.0, 31.0), direction=rotation(25))


def smooth_field(grid: Grid, size: float = 1.5, seed: int = 0):
    noise = torch.randn(1, grid.rank, *grid.shape, generator=torch.Generator().manual_seed(seed))
    u = kernels.smooth(noise, 2.0)
    return size * u / u.abs().max()


def smooth_image(grid: Grid):
    generator = torch.Generator().manual_seed(9)
    return kernels.smooth(torch.randn(1, 1, *grid.shape, generator=generator), 1.0)


def test_itk_resamples_as_warp_does():
    u, image = smooth_field(GRID), smooth_image(GRID)
    itk_image = GRID.to_sitk(image[0, 0].double().numpy())
    theirs = sitk.GetArrayFromImage(sitk.Resample(itk_image, itk_image, Deformation(u, GRID).to_sitk()))
    ours = kernels.warp(image, u)[0, 0].numpy()
    inside = (slice(2, -2),) * 3  # ITK is zero outside, warp repeats the border
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=1e-5)


def test_any_itk_transform_becomes_a_deformation():
    turn = sitk.Euler3DTransform((-10.0, 12.0, 40.0), 0.05, -0.03, 0.08, (0.4, -0.3, 0.2))
    found = Deformation.from_sitk(turn, GRID)
    reference = GRID.to_sitk(np.zeros(GRID.shape))
    for index in [(0, 0, 0), (14, 11, 8), (3, 7, 2)]:
        point = reference.TransformIndexToPhysicalPoint(index)
        goal = reference.TransformPhysicalPointToContinuousIndex(turn.TransformPoint(point))
        u = found.u[0][(slice(None), *index[::-1])].numpy()[::-1]
        np.testing.assert_allclose(np.add(index, u), goal, atol=1e-4)


def test_saved_and_loaded_is_the_same(tmp_path):
    saved = Deformation(smooth_field(GRID), GRID)
    saved.save(tmp_path / "u.nii.gz")
    loaded = Deformation.load(tmp_path / "u.nii.gz")
    torch.testing.assert_close(loaded.u, saved.u, atol=1e-4, rtol=0)
    np.testing.assert_allclose(loaded.grid.spacing, GRID.spacing, rtol=1e-5)
    np.testing.assert_allclose(loaded.grid.direction, GRID.direction, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["u.nii.gz"]


@st.composite
def grids(draw):
    """What a Grid is made of: 2-D and 3-D, axes of one voxel, anisotropic, oblique, mirrored, far from the origin."""
    rank = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank)))
    spacing = tuple(draw(st.lists(st.floats(0.05, 20), min_size=rank, max_size=rank)))
    origin = tuple(draw(st.lists(st.floats(-2000, 2000), min_size=rank, max_size=rank)))
    direction = np.array(rotation(draw(st.floats(-180, 180)))).reshape(3, 3)
    if rank == 2:
        direction = direction[:2, :2] / np.linalg.norm(direction[:2, :1])  # the turn about z alone
        direction = np.stack([direction[:, 0], direction[::-1, 0] * [-1, 1]], 1)
    direction = direction * draw(st.sampled_from([1, -1])) if rank == 3 else direction
    return shape, spacing, origin, tuple(direction.ravel())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(grids(), st.integers(0, 9), st.sampled_from(["u.nii.gz", "u.nii", "u.mha", "u.nrrd"]))
def test_every_shape_comes_back(tmp_path, parts, seed, name):
    grid = Grid(*parts)
    u = torch.randn(1, grid.rank, *grid.shape, generator=torch.Generator().manual_seed(seed))
    Deformation(u, grid).save(tmp_path / name)
    loaded = Deformation.load(tmp_path / name)
    assert loaded.u.shape == u.shape and not grid.difference(loaded.grid)
    torch.testing.assert_close(loaded.u, u, atol=1e-4, rtol=1e-4)


def test_a_written_stack_of_one_slice_resamples_as_before(tmp_path):
    grid = Grid((1, 12, 15), (8.0, 1.5, 1.2), (-20.0, 7.0, 31.0), rotation(25))
    saved = Deformation(torch.full((1, 3, 1, 12, 15), 0.0) + torch.tensor([0.0, 1.0, 2.0]).view(1, 3, 1, 1, 1), grid)
    saved.save(tmp_path / "u.nii.gz")
    point = grid.to_sitk(np.zeros(grid.shape)).TransformIndexToPhysicalPoint((4, 5, 0))
    goals = [d.to_sitk().TransformPoint(point) for d in (saved, Deformation.load(tmp_path / "u.nii.gz"))]
    np.testing.assert_allclose(*goals, atol=1e-4)
    assert np.linalg.norm(np.subtract(goals[0], point)) == pytest.approx(np.hypot(1.5, 2.4), abs=1e-4)


def test_a_nifti_of_intent_displacement_points_the_same_way(tmp_path):
    """Components of that intent are RAS; ITK turns them, so a file must mean one thing to both readers."""
    Deformation(smooth_field(GRID), GRID).save(tmp_path / "u.nii")
    raw = bytearray((tmp_path / "u.nii").read_bytes())
    raw[68:70] = (1006).to_bytes(2, "little")
    (tmp_path / "u.nii").write_bytes(raw)
    theirs = GRID.displacement_from_mm(sitk.ReadImage(str(tmp_path / "u.nii")))
    torch.testing.assert_close(Deformation.load(tmp_path / "u.nii").u[0], theirs, atol=1e-4, rtol=0)


def test_two_different_grids_are_not_composed():
    outer = Deformation(smooth_field(GRID), GRID)
    for other in (
        Grid(GRID.shape, (3.15, 1.5, 1.3), GRID.origin, GRID.direction),
        Grid(GRID.shape, GRID.spacing, (-10.0, 7.0, 31.0), GRID.direction),
        Grid(GRID.shape, GRID.spacing, GRID.origin),
    ):
        with pytest.raises(ValueError, match="grid of the outer"):
            outer.compose(Deformation(smooth_field(other), other))


def test_nothing_half_written_in_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Deformation(smooth_field(GRID), GRID).save(tmp_path / "taken" / "u.nii.gz")
    assert (tmp_path / "taken").read_text() == ""


@pytest.mark.parametrize("with_velocity", [True, False])
def test_inverse_undoes(with_velocity):
    v = smooth_field(GRID, 1.0)
    there = Deformation(kernels.exp(v), GRID, velocity=v if with_velocity else None)
    round_trip = there.compose(there.inverse()).u[..., 2:-2, 2:-2, 2:-2]
    assert round_trip.abs().max() < 0.05 < there.u.abs().max()


def test_compose_is_warping_twice():
    first, second = (Deformation(smooth_field(GRID, 0.8, seed), GRID) for seed in (1, 2))
    image = kernels.smooth(smooth_image(GRID), 2.0)
    twice, once = second.warp(first.warp(image)), first.compose(second).warp(image)
    assert (twice - once)[..., 2:-2, 2:-2, 2:-2].abs().max() < 0.05 * image.abs().max()


def test_one_moving_image_serves_all_frames():
    u = torch.cat([smooth_field(GRID, seed=seed) for seed in range(3)])
    labels = (smooth_image(GRID) > 0).long()
    sequence = Deformation(u, GRID)
    assert sequence.warp(smooth_image(GRID)).shape == (3, 1, *GRID.shape)
    torch.testing.assert_close(sequence.warp_labels(labels)[1:2], kernels.warp_labels(labels, u[1:2]))


def test_resample_keeps_every_voxel_where_it_was():
    """A linear ramp of world coordinates is exact under linear interpolation wherever nothing is padded."""
    grid = Grid((10, 40, 44), (10.0, 1.4, 1.4), (3.0, -5.0, 8.0), rotation(10))
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)[..., ::-1]
    axes = np.array(grid.direction).reshape(3, 3) * grid.spacing[::-1]
    world = index @ axes.T + grid.origin
    for component in range(3):
        new = resample(grid.to_sitk(world[..., component]), (3.15, 1.5, 1.5), (24, 30, 30))
        values = sitk.GetArrayFromImage(new)
        z, y, x = 11, 14, 17
        point = new.TransformIndexToPhysicalPoint((x, y, z))
        assert values[z, y, x] == pytest.approx(point[component], abs=1e-6)


@pytest.mark.parametrize("size, target", [((5, 8), (5, 8)), ((5, 8), (8, 5)), ((4, 9), (7, 12)), ((7, 12), (4, 9))])
def test_crop_or_pad_takes_equally_from_both_sides(size, target):
    image = crop_or_pad(sitk.GetImageFromArray(np.ones(size)), target, fill=0.0)
    array = sitk.GetArrayFromImage(image)
    assert array.shape == target
    for axis in range(2):
        line = np.flatnonzero(array.any(axis=1 - axis))
        assert abs(line[0] - (target[axis] - 1 - line[-1])) <= 1


@pytest.mark.parametrize("steps", [None, 2, 7])
def test_a_deformation_and_its_inverse_are_integrated_alike(steps):
    """And with the default both are as they were before a deformation knew its squarings."""
    v = smooth_field(GRID, 3.0)
    there = Deformation.exp(v, GRID, steps)
    assert torch.equal(there.u, kernels.exp(v, steps)) and torch.equal(there.velocity, v)
    back = there.inverse()
    assert torch.equal(back.u, kernels.exp(-v, steps)) and back.steps == steps
    assert torch.equal(back.inverse().u, there.u)
    assert steps is None or not torch.equal(back.u, kernels.exp(-v))


def test_the_frames_of_a_sequence_are_stacked_with_all_that_is_known_of_them():
    frames = [Deformation.exp(smooth_field(GRID, seed=seed), GRID, 4, seconds=1.5) for seed in range(3)]
    whole = Deformation.stack(frames)
    assert whole.u.shape == (3, 3, *GRID.shape) and whole.steps == 4 and whole.seconds == 4.5
    assert torch.equal(whole.velocity[2:], frames[2].velocity) and whole.code is None
    assert Deformation.stack([frames[0], Deformation(frames[1].u, GRID)]).velocity is None


def test_inverse_compose_and_another_device_keep_origin_and_direction():
    there = Deformation.exp(smooth_field(GRID), GRID)
    for found in (there.inverse(), Deformation(there.u, GRID).inverse(), there.compose(there), there.to("cpu")):
        assert found.grid == GRID
    meta = there.to("meta")
    assert meta.u.device.type == meta.velocity.device.type == "meta" and meta.code is None
