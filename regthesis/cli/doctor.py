"""What this installation is made of, and what it lacks."""

import os
import platform
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import click

from regthesis.cli.group import main

SHOWN = ("torch", "numpy", "scipy", "SimpleITK")


@main.command()
def doctor():
    """Say in a dozen lines what is installed, what it runs on, and what is missing; ends with 0 in any case."""
    for name, say in PARTS.items():
        click.echo(f"{name:<10} {say_or_why(say)}")


def say_or_why(say: Callable[[], str]) -> str:
    """What `say` has to say, or in one line why it cannot: a doctor does not fall ill."""
    try:
        return say()
    except Exception as error:
        return " ".join(f"broken: {type(error).__name__}: {error}".split())


def _package() -> str:
    return f"{version('regthesis')} in {Path(__file__).parents[1]}, Python {platform.python_version()}"


def _required() -> str:
    lacking = [name for name in _requirements("") if not _version(name)]
    found = [f"{name} {_version(name)}" for name in SHOWN if _version(name)]
    return _there(found, lacking, "regthesis")


def _processor() -> str:
    import torch

    about = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", about.read_text()) if about.is_file() else None
    name = model[1] if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores; PyTorch computes in {torch.get_num_threads()} threads"


def _gpu() -> str:
    import torch

    names = [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return ", ".join(names) or "none that PyTorch finds; everything runs on the processor"


def _bfloat16() -> str:
    import torch

    from regthesis.train.step import has_bfloat16

    devices = [torch.device("cpu"), *[torch.device("cuda", i) for i in range(torch.cuda.device_count())]]
    return ", ".join(f"{device}: {'in hardware' if has_bfloat16(device) else 'emulated, slow'}" for device in devices)


def _kernels() -> str:
    import torch

    from regthesis import kernels

    kernels.warp(torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4))  # compiles, and says here what hinders it
    compilers = {"numba": "on the processor", "triton": "on CUDA"}
    return ", ".join(f"{_version(name) or 'no'} {name} {where}" for name, where in compilers.items())


def _weights() -> str:
    from regthesis.weights import WEIGHTS, card_of, weight_files

    files = weight_files(WEIGHTS, "deformation")
    for file in files:
        card_of(file)
    return f"{len(files)} networks in {WEIGHTS}"


def _printed() -> str:
    from regthesis.book import ledger
    from regthesis.shipped import DATA

    return f"{len(ledger.load())} entries of the thesis in {DATA / 'thesis'}"


def _chapters() -> str:
    from regthesis.book.chapters import book_root, notebook_pages
    from regthesis.errors import UserError

    try:
        root = book_root()
        return f"{len(notebook_pages(root))} pages that run in {root}"
    except UserError as error:
        return str(error)


def _extra(name: str) -> str:
    """Which packages of an extra are there, and how to get the others."""
    wanted = _requirements(name)
    found = [f"{package} {_version(package)}" for package in wanted if _version(package)]
    lacking = [package for package in wanted if not _version(package)]
    return _there(found, lacking, f"'regthesis[{name}]'")


def _there(found: list[str], lacking: list[str], package: str) -> str:
    missing = f"missing: {', '.join(lacking)}; add them with pip install {package}" if lacking else ""
    return "; ".join(part for part in (", ".join(found), missing) if part)


def _requirements(extra: str) -> list[str]:
    """The packages that regthesis names for an extra, or for itself."""
    lines = [line.partition(";") for line in requires("regthesis") or ()]
    names = [(re.match(r"[\w.-]+", line)[0], re.search(r"extra == ['\"](\w+)", marker)) for line, _, marker in lines]
    return [name for name, of in names if (of[1] if of else "") == extra]


def _version(package: str) -> str:
    """Empty where the package is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


PARTS: dict[str, Callable[[], str]] = {
    "regthesis": _package,
    "packages": _required,
    "processor": _processor,
    "GPU": _gpu,
    "bfloat16": _bfloat16,
    "kernels": _kernels,
    "book": lambda: _extra("book"),
    "baselines": lambda: _extra("peers"),
    "weights": _weights,
    "printed": _printed,
    "chapters": _chapters,
}
