"""The Triton kernels on the CPU, in Triton's interpreter: the tests under `interpreter`, in a process of their own.

Triton decides between interpreter and compiler when it is imported, for good and for its own functions too, and
`torch.compile` imports it as well. So the variable is set for one process, which runs nothing else.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")


@pytest.mark.slow
def test_the_kernels_agree_with_plain_torch_in_the_interpreter():
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", Path(__file__).parent / "interpreter"],
        env=os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout and "skipped" not in run.stdout, run.stdout
