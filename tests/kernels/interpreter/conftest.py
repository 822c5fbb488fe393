"""These tests need Triton's interpreter, which `test_triton_interpreter.py` gives them; elsewhere they do not exist."""

import os

import pytest
import torch

if os.environ.get("TRITON_INTERPRET") != "1":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def fenced():
    """A copy of a tensor amid NaN, or amid a label nobody has, so that reading beside it shows."""

    def fence(x):
        wild = torch.nan if x.is_floating_point() else 99
        padded = torch.full((x.numel() + 2000,), wild, dtype=x.dtype)
        inside = padded[1000:-1000].view(x.shape)
        return inside.copy_(x)

    return fence


@pytest.fixture(scope="session")
def agree():
    """Values to 1e-5, gradients to 1e-4 of the largest."""

    def check(result, expected, relative=None):
        assert result.shape == expected.shape and result.is_contiguous()
        difference = (result.double() - expected).abs().max()
        assert difference <= (1e-5 if relative is None else relative * expected.abs().max() + 1e-12)

    return check
