import inspect
import math

import numpy as np
import pytest
import torch

from regthesis.evaluate import endpoint_error

SPACING = (3.15, 1.5, 0.7)


def test_a_constant_miss_is_its_length_in_mm():
    truth = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    miss = torch.tensor([1.0, -2.0, 4.0], dtype=torch.float64)
    u = truth + miss[:, None, None, None]
    assert endpoint_error(u, truth, SPACING) == pytest.approx(np.linalg.norm(miss.numpy() * SPACING))
    assert endpoint_error(truth, truth, SPACING) == 0


def test_only_the_region_counts():
    truth = torch.zeros(2, 2, 4, 5)
    u, region = truth.clone(), torch.zeros(1, 1, 4, 5, dtype=torch.long)
    u[0, 0, :2], u[1, 0, :2], region[..., :2, :] = 1, 3, 2
    assert endpoint_error(u, truth, (2.0, 1.0), region) == pytest.approx(4)
    assert endpoint_error(u, truth, (2.0, 1.0)) == pytest.approx(2)
    assert math.isnan(endpoint_error(u, truth, (2.0, 1.0), torch.zeros_like(region)))


def test_what_does_not_match_is_refused():
    u = torch.zeros(2, 2, 4, 5)
    with pytest.raises(ValueError, match="u: expected"):
        inspect.unwrap(endpoint_error)(u, u[..., 1:], (1.0, 1.0))
    with pytest.raises(ValueError, match="spacing"):
        endpoint_error(u, u, (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="region: expected"):
        endpoint_error(u, u, (1.0, 1.0), torch.ones(3, 1, 4, 5))
