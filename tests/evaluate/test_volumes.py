import math

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from regthesis.datasets.acdc import ACDC
from regthesis.evaluate import ejection_fraction, volumes

STRUCTURES = ACDC.structures

SPACING = (3.15, 1.5, 0.7)


def test_agrees_with_simpleitk():
    labels = torch.randint(0, 4, (2, 1, 5, 6, 7), generator=torch.Generator().manual_seed(0))
    found = volumes(labels, SPACING, STRUCTURES)
    assert list(found) == list(STRUCTURES)
    for frame in range(2):
        for name, of in STRUCTURES.items():
            image = sitk.GetImageFromArray(np.isin(labels[frame, 0], of).astype(np.uint8))
            image.SetSpacing(SPACING[::-1])
            shape = sitk.LabelShapeStatisticsImageFilter()
            shape.Execute(image)
            assert found[name][frame].item() == pytest.approx(shape.GetPhysicalSize(1) / 1000)


def test_slices_have_volumes_that_add_up_to_the_stack():
    labels = torch.randint(0, 4, (1, 1, 5, 6, 7), generator=torch.Generator().manual_seed(1))
    slices = volumes(labels[0, 0][:, None], SPACING, STRUCTURES)
    for name, stack in volumes(labels, SPACING, STRUCTURES).items():
        assert slices[name].sum().item() == pytest.approx(stack.item())


def test_a_spacing_has_three_numbers():
    with pytest.raises(ValueError, match="spacing: expected 3"):
        volumes(torch.zeros(1, 1, 4, 4, dtype=torch.long), (1.5, 1.5), STRUCTURES)


def test_ejection_fraction_is_a_percentage_of_the_diastolic_volume():
    assert ejection_fraction(120.0, 48.0) == pytest.approx(60)
    assert ejection_fraction(100.0, 110.0) == pytest.approx(-10)
    assert math.isnan(ejection_fraction(0.0, 10.0))
