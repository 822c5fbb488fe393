import inspect
import math

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regthesis.datasets.acdc import ACDC
from regthesis.evaluate import dice

STRUCTURES = ACDC.structures

labels = arrays(np.int64, (3, 4, 5), elements=st.integers(0, 3)).map(torch.from_numpy)


@settings(max_examples=40, deadline=None)
@given(fixed=labels, moved=labels, name=st.sampled_from(sorted(STRUCTURES)))
def test_agrees_with_simpleitk(fixed, moved, name):
    a, b = (np.isin(mask.numpy(), STRUCTURES[name]).astype(np.uint8) for mask in (fixed, moved))
    found = dice(fixed, moved, STRUCTURES[name])
    if not a.any() and not b.any():
        assert math.isnan(found)
        return
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(a), sitk.GetImageFromArray(b))
    assert found == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-12)


def test_an_empty_side_scores_zero_and_two_are_undefined():
    empty, full = torch.zeros(1, 1, 3, 4, dtype=torch.long), torch.ones(1, 1, 3, 4, dtype=torch.long)
    assert dice(empty, full, (1,)) == dice(full, empty, (1,)) == 0
    assert math.isnan(dice(empty, empty, (1,)))


def test_structures_join_labels_before_they_are_compared():
    myocardium, cavity = torch.full((4, 4), 2), torch.full((4, 4), 3)
    assert dice(myocardium, cavity, STRUCTURES["LV"]) == 1
    assert dice(myocardium, cavity, STRUCTURES["LV-Myo"]) == 0


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="moved: expected shape"):
        inspect.unwrap(dice)(torch.zeros(3, 4, dtype=torch.long), torch.zeros(4, 3, dtype=torch.long), (1,))
