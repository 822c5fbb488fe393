"""Landmarks: they follow the tissue, through the plane as well, and on a grid that lies anywhere in the world."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from click.testing import CliRunner

from regthesis.case import Case
from regthesis.cli import main
from regthesis.deformation import Deformation
from regthesis.errors import UserError
from regthesis.experiments.motion.landmarks import carried, distances, read_landmarks
from regthesis.geometry import Grid

GRID = Grid((6, 20, 24), (8.0, 1.5, 2.0), (5.0, -7.0, 30.0), (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, -1.0))


def shifted(voxels):
    """A motion that brings all tissue so many voxels further: each place comes from as many voxels back."""
    u = -torch.tensor(voxels, dtype=torch.float32).view(1, 3, 1, 1, 1).expand(1, 3, *GRID.shape).contiguous()
    return Deformation(u, GRID)


def test_points_follow_the_tissue():
    start = torch.tensor([[2.0, 9.0, 11.0], [3.5, 8.25, 12.5]])
    moved = carried(start, shifted((0.5, 2.0, -3.0)), 1)
    torch.testing.assert_close(moved, start + torch.tensor([0.5, 2.0, -3.0]))


def in_the_world(voxel):
    x, y, z = voxel[::-1]
    return GRID.to_sitk(np.zeros(GRID.shape, np.uint8)).TransformContinuousIndexToPhysicalPoint((x, y, z))


@pytest.fixture
def landmarks():
    start, end = (2.0, 9.0, 11.0), (2.5, 11.0, 8.0)
    table = {1: in_the_world(start), 2: in_the_world(end)}
    return {frame: pd.DataFrame([xyz], ["a"], ["x", "y", "z"]) for frame, xyz in table.items()}


def test_distances_are_in_mm_in_and_through_the_plane(landmarks):
    case = Case("c", torch.zeros(2, 1, *GRID.shape), GRID)
    still, true = (distances(case, shifted(v), landmarks).iloc[0] for v in ((0.0, 0.0, 0.0), (0.5, 2.0, -3.0)))
    assert still["in_plane"] == pytest.approx(np.hypot(3.0, 6.0), rel=1e-4)
    assert still["through_plane"] == pytest.approx(4.0, rel=1e-4)
    assert still["error"] == pytest.approx(np.hypot(np.hypot(3.0, 6.0), 4.0), rel=1e-4)
    assert true["error"] < 1e-3
    with pytest.raises(UserError, match="has 2 frames, but there are landmarks at frame 3"):
        distances(case, shifted((0.0, 0.0, 0.0)), landmarks | {3: landmarks[2]})


TABLE = "frame,landmark,x,y,z\n1,7,1,2,3\n1,7,3,2,3\n4,7,0,0,0\n4,8,1,1,1\n"


def test_a_landmark_is_where_people_place_it_on_average(tmp_path):
    (tmp_path / "points.csv").write_text(TABLE)
    found = read_landmarks(tmp_path / "points.csv")
    assert found[1].loc["7"].tolist() == [2, 2, 3] and list(found[4].index) == ["7", "8"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table of landmarks"),
        ("frame,landmark,x,y\n1,a,1,2\n", "has no column z"),
        ("frame,landmark,x,y,z\n1,a,1,2,b\n", "no table of landmarks"),
        ("frame,landmark,x,y,z\n1,a,1,2,3\n2,a,1,2,3\n1.5,a,1,2,3\n", "whole numbers"),
        ("frame,landmark,x,y,z\n1,a,1,2,3\n2,a,1,2,3\n0,a,1,2,3\n", "whole numbers"),
        ("frame,landmark,x,y,z\n2,a,1,2,3\n", "landmarks at frame 1"),
        ("frame,landmark,x,y,z\n1,a,1,2,inf\n", "finite positions"),
        ("frame,landmark,x,y,z\n1,a,1,2,3\n2,b,1,2,3\n", "nothing to compare"),
    ],
)
def test_tables_that_are_none_are_refused_in_a_line(tmp_path, text, message):
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_landmarks(tmp_path / "points.csv")
    assert "\n" not in str(caught.value)


def test_the_command_keeps_what_it_found_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [GRID.to_sitk(np.random.default_rng(k).normal(size=GRID.shape).astype(np.float32)) for k in range(4)]
    sitk.WriteImage(sitk.JoinSeries(frames), "beat.nii.gz")
    (tmp_path / "points.csv").write_text(TABLE)
    call = ["landmarks", "beat.nii.gz", "points.csv", "--out", "out", "--methods", "identity"]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv("out/records.csv")
    assert rows["form"].tolist() == ["slices", "stack"] and rows["error"].nunique() == 1
    assert rows["error"][0] == pytest.approx(np.sqrt(4 + 4 + 9), rel=1e-4)
    before = (tmp_path / "out" / "records.csv").read_bytes()
    assert CliRunner().invoke(main, call).exit_code == 0 and (tmp_path / "out" / "records.csv").read_bytes() == before
    wrong = CliRunner().invoke(main, [*call[:-1], "identity", "--forms", "volume"])
    assert wrong.exit_code == 2 and "form 'volume': expected one of slices, stack" in wrong.output
