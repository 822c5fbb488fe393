"""Two image files registered by any method: images and the record of how they came about, all of them or none."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from regthesis import methods
from regthesis.case import Case
from regthesis.datasets.pairs import moved, pair
from regthesis.deformation import Deformation
from regthesis.errors import UserError, user_warnings
from regthesis.files import together, whole
from regthesis.images import write_image
from regthesis.methods import Method
from regthesis.methods.peer import one_line
from regthesis.train.parallel import check_device

RESULTS = ("moved.nii.gz", "displacement.nii.gz", "jacobian.nii.gz", "result.json")


def register(
    moving: Path,
    fixed: Path,
    out: Path,
    method: str = "demons",
    device: str = "cpu",
    overwrite: bool = False,
    commit: str = "unknown",
    warn: Callable[[str], None] = print,
) -> dict:
    """Register the file `moving` to the file `fixed`, write `RESULTS` to the folder `out`; what `result.json` holds.

    All is written on the fixed image's grid, at once and at the end. Each UserWarning on the way goes to `warn` and
    into the record.

    Raises:
        UserError: the method or the device is not there, `out` cannot be written or has results already, an image is
            broken, or the method fails.
    """
    chosen = methods.get(method)
    check_device(device)
    with together(out, RESULTS, overwrite) as scratch, user_warnings(warn) as heard:
        case = pair(moving, fixed)
        found = registered(chosen, case, device)
        determinant = found.jacobian()
        if not (found.u.isfinite().all() and determinant.isfinite().all()):
            raise UserError(f"{fixed}: no finite displacement by {chosen.label}; look for extreme values in the images")
        found.save(scratch / "displacement.nii.gz")
        write_image(moved(moving, fixed, found), scratch / "moved.nii.gz")
        write_image(case.grid.to_sitk(determinant[0, 0].numpy()), scratch / "jacobian.nii.gz")
        inputs = {"moving": moving, "fixed": fixed}
        record = how(chosen, case, found, inputs, device, commit)
        record |= {**regularity(determinant), "warnings": heard}
        with whole(scratch / "result.json") as sibling:
            sibling.write_text(json.dumps(record, indent=1, default=str) + "\n")
    return record


def how(method: Method, case: Case, found: Deformation, inputs: dict[str, Path], device: str, commit: str) -> dict:
    """How a result came about: the program, the method, the files it was given, the grid, and how long it took."""
    packages = ["torch", "numpy", "SimpleITK", *([method.peer] if method.peer else [])]
    return {
        "version": _version("regthesis"),
        "commit": commit,
        "method": {"name": method.name, "label": method.label, "parameters": asdict(method)},
        **method.about(case),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in packages}},
        "inputs": {name: _origin(path) for name, path in inputs.items()},
        "grid": asdict(case.grid),
        "device": torch.cuda.get_device_name(device) if device != "cpu" else "cpu",
        "threads": torch.get_num_threads(),
        "dtype": str(found.u.dtype).removeprefix("torch."),
        "seconds": found.seconds,
    }


def summary(record: dict) -> str:
    """One line on what `register` did; whether the deformation folds is in it whatever the method."""
    lowest, highest = record["jacobian"].values()
    voxels, share = record["folding"].values()
    folds = f"{voxels} voxels fold ({share:.2g} %)" if voxels else "no voxel folds"
    seconds, label = record["seconds"], record["method"]["label"]
    return f"registered in {seconds:.1f} s by {label}; Jacobian determinant {lowest:.3g} to {highest:.3g}, {folds}"


def registered(method: Method, case: Case, device: str) -> Deformation:
    """What the method finds on a device, on the CPU."""
    try:
        return method.register(case.to(device)).to("cpu")
    except UserError:
        raise
    except Exception as error:  # out of memory, or whatever else a method ends with on odd images
        raise UserError(f"{case.id}: {method.label} failed: {one_line(error)}; try another method") from error


def regularity(determinant: torch.Tensor) -> dict:
    """How many voxels fold, and between what the Jacobian determinant lies."""
    folded = int((determinant <= 0).sum())
    return {
        "folding": {"voxels": folded, "per_cent": 100 * folded / determinant.numel()},
        "jacobian": {"min": float(determinant.min()), "max": float(determinant.max())},
    }


def _origin(image: Path) -> dict:
    """Path of an image, and the SHA-256 of each of its files: a folder's, or with a header those beside it."""
    files, beside = [image], image.parent
    if image.is_dir():
        files, beside = sorted(path for path in image.rglob("*") if path.is_file()), image
    elif image.suffix.lower() in (".mhd", ".nhdr", ".hdr", ".img"):  # a.raw has the voxels of a.mhd
        files = sorted(path for path in beside.iterdir() if path.is_file() and path.name.split(".")[0] == image.stem)
    hashes = {}
    for path in files:
        with path.open("rb") as file:
            hashes[str(path.relative_to(beside))] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(image), "sha256": hashes}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # it was not installed by pip
        return "unknown"
