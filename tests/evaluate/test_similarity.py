import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.evaluate import rmse
from regthesis.kernels import zscore


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_zscore_brings_each_image_to_mean_zero_and_deviation_one():
    scored = zscore(noise(3, 2, 4, 5, 6) * 40 + 300).numpy()
    assert scored.mean((2, 3, 4)) == pytest.approx(0, abs=1e-12)
    assert scored.std((2, 3, 4)) == pytest.approx(1)


@settings(deadline=None)
@given(gain=st.floats(0.01, 100), offset=st.floats(-1000, 1000))
def test_zscore_forgets_gain_and_offset(gain, offset):
    image = noise(1, 1, 6, 7)
    assert torch.allclose(zscore(gain * image + offset), zscore(image), atol=1e-8)


def test_zscore_of_a_constant_image_is_zero():
    assert zscore(torch.full((1, 1, 4, 4), 7.0)).eq(0).all()


def test_rmse_is_numpys_averaged_over_images():
    a, b = noise(3, 1, 4, 5, seed=1), noise(3, 1, 4, 5, seed=2)
    each = [np.sqrt(np.mean((a[i].numpy() - b[i].numpy()) ** 2)) for i in range(3)]
    assert rmse(a, b) == pytest.approx(np.mean(each))
    assert rmse(a, a) == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="moved: expected"):
        inspect.unwrap(rmse)(noise(1, 1, 4, 5), noise(1, 1, 5, 4))
