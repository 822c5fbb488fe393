"""The tables of the benchmark page say what the record says."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from regthesis.errors import UserError
from regthesis.experiments.kernels.benchmarks import Record, read


def row(part, operation, library, ms, ratio=1.0, direction="forward+backward", voxels=1000, **more):
    cell = {"part": part, "operation": operation, "library": library, "ms": ms, "ratio": ratio, "voxels": voxels}
    return cell | {"size": "10x10x10", "direction": direction, "floor_bytes": math.nan, "difference": 0.0} | more


@pytest.fixture
def record(tmp_path):
    rows = [
        row("sizes", "warp", "regthesis", 2.0, floor_bytes=1e7, memory_mb=12.34),
        row("sizes", "warp", "MONAI", 9.0, 4.5, memory_mb=50, difference=2e-6),
        row("sizes", "warp", "FireANTs", 5.0, 2.5, memory_mb=20, difference=3e-7),
        row("sizes", "exp", "regthesis", 100.0, direction="forward"),
    ]
    rows += [row("cubes", "warp", "regthesis", 0.001 * n**1.5, voxels=n) for n in (1000, 8000, 27000)]
    rows += [row("windows", f"LCC, window {n}", "regthesis", 3.0 + 0.1 * n) for n in (5, 17)]
    pd.DataFrame(rows).to_csv(tmp_path / "results.csv", index=False)
    about = {
        "machine": {"processor": "P", "cores": 2, "memory GB": 8, "system": "S"},
        "command": "run",
        "threads": 2,
        "copy GB/s": 10.0,
        "date": "2020-01-01",
        "commit": "abc",
    }
    about |= {"versions": {"torch": "2"}, "absent": {"VoxelMorph": "not installed"}}
    (tmp_path / "run.json").write_text(json.dumps(about))
    return read(tmp_path)


def test_times_and_the_fastest_peer(record):
    table = record.times("10x10x10")
    assert list(table.columns) == ["regthesis", "MONAI", "FireANTs", "fastest peer / ours"]
    assert list(table.loc["warp"]) == ["– / 2.00", "– / 9.00", "– / 5.00", "– / 2.5"]
    assert list(table.loc["exp"]) == ["100 / –", "–", "–", "– / –"]


def test_bandwidth_is_bytes_over_time_over_the_copy(record):
    assert record.bandwidth("10x10x10").loc["warp", "regthesis"] == "– / 50"  # 5 of 10 GB/s


def test_slope_memory_windows_agreement_machine(record):
    assert record.slopes()["warp", "regthesis"] == pytest.approx(1.5)
    assert list(record.memory("10x10x10").loc["warp"]) == ["– / 12.3", "– / 50.0", "– / 20.0"]
    assert list(record.windows()["regthesis"]) == ["3.50", "4.70", "1.34"]
    assert list(record.agreement().loc["warp"]) == ["2e-06", "3e-07"]
    assert record.machine().loc["GPU", "recorded"] == "not measured"
    assert record.machine().loc["VoxelMorph", "recorded"] == "not installed"


def test_no_record_is_one_line(tmp_path):
    with pytest.raises(UserError, match="make bench"):
        read(tmp_path)


def test_the_record_is_whole():
    record = read(Path(__file__).parents[2] / "data" / "recorded" / "kernels")
    assert isinstance(record, Record) and len(record.sizes()) == 3 and not record.rows["ms"].isna().any()
