"""The benchmark runs, measures what it says it does, and compares like with like; no time is judged here."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from regthesis.experiments.kernels.benchmarks import read

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture(autouse=True)
def modules(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


def run(out: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, FOLDER / "run.py", "--out", out, "--seconds", "0", "--threads", "1", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_every_operation_of_every_library_at_small_sizes(tmp_path):
    small = ["--sizes", "64x32", "--cubes", "16", "24", "--window-size", "40x48", "--without-memory"]
    done = run(tmp_path / "record", *small)
    assert done.returncode == 0, done.stderr
    assert "computes something else" not in done.stdout
    from operations import GROWTH, OPERATIONS, WINDOWS

    record = read(tmp_path / "record")
    rows = record.rows
    ours = rows[rows["library"] == "regthesis"]
    cells = sum(len(o.directions) for o in OPERATIONS) + 2 * len(GROWTH) + len(WINDOWS)
    assert len(ours) == cells and (ours["ratio"] == 1).all() and (ours["difference"].dropna() == 0).all()
    assert (rows["rounds"] >= 3).all() and (rows["ms_low"] <= rows["ms"]).all() and (rows["ms"] > 0).all()
    assert set(rows["library"]) | set(record.about["absent"]) == {"regthesis", "MONAI", "VoxelMorph", "FireANTs"}
    text = json.dumps(record.about)
    assert str(tmp_path) not in text and platform.node() not in text
    for table in (
        record.times("64x32"),
        record.windows(),
        record.slopes(),
        record.machine(),
        record.bandwidth("64x32"),
    ):
        assert len(table)


@pytest.mark.slow
def test_peak_memory_is_that_of_the_arrays(tmp_path):
    """A warp by 64³ vectors makes at least its output, 1 MB, and keeps no more than a dozen such arrays."""
    small = ["--sizes", "64x64x64", "--cubes", "--window-size", "", "--operations", "warp", "--libraries", "regthesis"]
    done = run(tmp_path, *small)
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "results.csv")
    if rows["memory_mb"].isna().all():
        pytest.skip("no /proc on this system")
    assert rows["memory_mb"].between(0.9, 12).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is at hand")
def test_without_a_gpu_it_is_not_measured(tmp_path, capsys):
    from run import main

    assert main(["--device", "cuda", "--out", str(tmp_path)]) == 0
    assert "not measured" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_calls_take_turns():
    import timing

    order = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    taken = timing.interleave(calls, 0, "cpu")
    rounds = ["".join(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert rounds == ["abc", "bca", "cab"] and {len(times) for times in taken.values()} == {3}


def test_another_function_is_noticed():
    from calls import difference
    from operations import OPERATIONS

    warp = OPERATIONS[0]
    a = torch.rand(1, 1, 40, 32)
    border, inside = a.clone(), a.clone()
    border[..., 0] += 1
    inside[..., 20, 16] += 1
    assert difference(warp, [a], [a]) == difference(warp, [a], [border]) == 0
    assert difference(warp, [a], [inside]) > 5e-3
    assert difference(warp, [a.sum()], [a.sum()]) is None  # a loss
