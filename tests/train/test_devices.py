"""Names of devices: the ones that the package was tried on, and only where they are."""

import pytest
import torch

from regthesis.errors import UserError
from regthesis.train.parallel import check_device


@pytest.mark.parametrize(
    "name",
    [
        "mps",
        "xpu",
        "meta",
        "vulkan",
        "cpu:0",
        "CPU",
        "",
        " cpu",
        "cuda:",
        "cuda:-1",
        "cuda:01",
        "cuda:1:2",
        "cuda:\u0662",
    ],
)
def test_other_names_are_refused_in_one_line(name):
    with pytest.raises(UserError, match="no such device; use cpu or cuda"):
        check_device(name)


def test_a_gpu_must_be_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:0", "cuda:1"):
        check_device(name)
    for name in ("cuda:2", "cuda:99"):
        with pytest.raises(UserError, match="no GPU of that name"):
            check_device(name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match="no GPU of that name"):
        check_device("cuda")
