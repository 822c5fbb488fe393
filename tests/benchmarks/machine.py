"""Where it was measured: processor, memory, versions; nothing that names the machine or its owner."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from regthesis.book.press.provenance import processor


def machine(device: str) -> dict[str, str | int | float]:
    """Processor, cores and memory, and the GPU where one is measured."""
    about = {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}
    about["memory GB"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    if device == "cuda":
        about["gpu"] = torch.cuda.get_device_name()
    return about


def versions(packages: list[str]) -> dict[str, str]:
    """Of those that are installed."""
    found = {"python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
