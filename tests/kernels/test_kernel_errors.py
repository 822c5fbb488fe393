"""Every error names the argument, what was expected, and what came."""

import inspect

import pytest
import torch

import regthesis.kernels as kernels

IMAGE, FIELD = torch.zeros(2, 1, 6, 7), torch.zeros(2, 2, 6, 7)
VOLUME = torch.zeros(2, 1, 5, 6, 7)
SMALL = torch.zeros(2, 1, 6, 5)
LABELS = torch.zeros(2, 1, 6, 7, dtype=torch.long)

CASES = [
    ("warp", (IMAGE[0], FIELD), r"image: expected shape \(b, c, y, x\).*got \(1, 6, 7\)"),
    ("warp", (LABELS, FIELD), r"image: expected a floating-point tensor, got torch.int64.*warp_labels"),
    ("warp", (IMAGE, IMAGE), r"u: expected 2 components .*got \(2, 1, 6, 7\)"),
    ("warp", (VOLUME, FIELD), r"u: expected the space of image, \(5, 6, 7\), got \(6, 7\)"),
    ("warp", (SMALL, FIELD), r"u: expected the space of image, \(6, 5\), got \(6, 7\)"),
    ("warp", (IMAGE.repeat(2, 1, 1, 1)[:3], FIELD), r"u: expected a batch of 1 or 3 as image, got 2"),
    ("warp", (IMAGE, FIELD.double()), r"u: expected dtype torch.float32 as image, got torch.float64"),
    ("warp", (IMAGE, FIELD, "cubic"), r"mode: expected \"linear\" or \"nearest\", got 'cubic'"),
    ("warp_labels", (IMAGE, FIELD), r"labels: expected an integer tensor, got torch.float32"),
    ("warp_labels", (LABELS[:, 0], FIELD), r"labels: expected shape .*got \(2, 6, 7\)"),
    ("compose", (FIELD, IMAGE), r"w: expected 2 components"),
    ("compose", (IMAGE, FIELD), r"u: expected 2 components .*got \(2, 1, 6, 7\)"),
    ("compose", (FIELD.repeat(1, 2, 1, 1), FIELD), r"u: expected 2 components .*got \(2, 4, 6, 7\)"),
    ("compose", (FIELD.half(), FIELD), r"u: expected dtype torch.float32 as w, got torch.float16"),
    ("zscore", (LABELS,), r"x: expected a floating-point tensor, got torch.int64"),
    ("zscore", (IMAGE[0],), r"x: expected shape \(b, c, y, x\)"),
    ("resize", (IMAGE, (3,)), r"shape: expected 2 sizes >= 1, got \(3,\)"),
    ("resize", (IMAGE, (3, 0)), r"shape: expected 2 sizes >= 1, got \(3, 0\)"),
    ("resize", (IMAGE, (3, 3), True), r"image: expected 2 components"),
    ("exp", (IMAGE,), r"v: expected 2 components"),
    ("exp", (FIELD, -1), r"steps: expected a number >= 0, got -1"),
    ("log", (FIELD, None, 0), r"iterations: expected a number >= 1, got 0"),
    ("inverse", (FIELD, 0), r"iterations: expected a number >= 1, got 0"),
    ("gradient", (IMAGE, (1.0,)), r"spacing: expected 2 positive numbers, one per axis, got \(1.0,\)"),
    ("jacobian", (FIELD, (1.0, -2.0)), r"spacing: expected 2 positive numbers"),
    ("gradient", (LABELS,), r"x: expected a floating-point tensor, got torch.int64"),
    ("smooth", (IMAGE, -0.5), r"sigma: expected a number >= 0, got -0.5"),
    ("smooth", (IMAGE, float("nan")), r"sigma: expected a number >= 0, got nan"),
    ("smooth", (IMAGE, 1.0, None, 4), r"size: expected an odd number of voxels, got 4"),
    ("smooth", (IMAGE, 1.0, (0.0, 1.0)), r"spacing: expected 2 positive numbers"),
    ("bspline", (FIELD, (6, 7), (0.0, 1.0)), r"grid_spacing: expected 2 positive numbers"),
    ("bspline", (FIELD, (6,), (1.0, 1.0)), r"shape: expected 2 sizes"),
    ("ssd", (IMAGE, SMALL), r"moving: expected the shape of fixed, \(2, 1, 6, 7\), got \(2, 1, 6, 5\)"),
    ("sad", (IMAGE, IMAGE[:1]), r"moving: expected the shape of fixed"),
    ("ncc", (IMAGE, IMAGE.double()), r"moving: expected dtype torch.float32 as fixed, got torch.float64"),
    ("lcc", (IMAGE, IMAGE, 4), r"window: expected an odd number of voxels, got 4"),
    ("lcc", (IMAGE, IMAGE, 3, False, -1.0), r"tau: expected a number >= 0, got -1.0"),
    ("local_cc", (IMAGE, SMALL, 3), r"b: expected the shape of a"),
    ("local_cc", (IMAGE, IMAGE, -3), r"window: expected an odd number of voxels, got -3"),
    ("symmetric_lcc", (IMAGE, IMAGE, FIELD, 8), r"window: expected an odd number of voxels, got 8"),
    ("symmetric_lcc", (IMAGE, IMAGE, FIELD[..., 1:]), r"v: expected the space of fixed, \(6, 7\), got \(6, 6\)"),
    ("symmetric_lcc", (IMAGE, IMAGE, FIELD[:1]), r"v: expected a batch of 2 as fixed, got 1"),
    ("mutual_information", (IMAGE, IMAGE, 3), r"bins: expected at least 4, got 3"),
    ("diffusion", (IMAGE,), r"v: expected 2 components"),
    ("bending", (FIELD, (1.0,)), r"spacing: expected 2 positive numbers"),
]


@pytest.mark.parametrize("name, arguments, message", CASES, ids=[f"{n}-{m[:24]}" for n, _, m in CASES])
def test_error_names_argument_expectation_and_value(name, arguments, message):
    kernel = inspect.unwrap(getattr(kernels, name))  # past the tests' shape checks, as users call it
    with pytest.raises(ValueError, match=message):
        kernel(*arguments)


def test_everything_public_is_listed():
    assert sorted(kernels.__all__) == kernels.__all__
    assert all(callable(getattr(kernels, name)) and getattr(kernels, name).__doc__ for name in kernels.__all__)
