"""A procedural population of beating hearts in the official ACDC layout, with the true motion of every point.

Anatomy, motion and signal are analytic (shape.py, motion.py, tissue.py); population.py draws the subjects,
acquisition.py is the scanner, write.py the files.
"""

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from regthesis.datasets.phantom.population import CLINIC, FRAMES
from regthesis.datasets.phantom.write import patient
from regthesis.errors import UserError
from regthesis.files import unwritable, whole

__all__ = ["make"]


def version() -> str:
    """Hash of the generator's source: two folders with the same version, seed and size hold the same bits."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def make(out: Path, subjects: int = 100, seed: int = 0, size: str = "quick", progress: bool = True) -> None:
    """Write `subjects` patients under `out`; those already there are kept, so an interrupted run goes on.

    The layout is ACDC's (`patientNNN/patientNNN_frameMM.nii.gz`, `..._gt.nii.gz`, `..._4d.nii.gz`,
    `Info.cfg`), with `patientNNN_frameES_motion.nii.gz`: displacement in mm (LPS) on the end-systolic grid,
    pointing to end-diastole. Groups follow each other in turn (DCM, HCM, MINF, NOR, RV, DCM, ...).
    `size` is "quick" (2.4 to 2.7 mm pixels, 13 frames) or "full" (1.3 to 1.7 mm, 13 to 35 frames).
    Subject k depends on (seed, k) alone. Raises UserError for bad parameters, where `out` holds another
    population, or where it cannot be written.
    """
    if size not in FRAMES:
        raise UserError(f"phantom size is '{size}': choose one of {', '.join(FRAMES)}")
    if not 1 <= subjects <= 999:
        raise UserError(f"phantom of {subjects} subjects: choose 1 to 999")
    out = Path(out)
    ranges = {"clinic": CLINIC, "frames": FRAMES[size]}
    try:
        _manifest(out, {"seed": seed, "size": size, "version": version(), **ranges})
        with ProcessPoolExecutor(min(os.cpu_count() or 1, subjects)) as pool:
            jobs = [pool.submit(patient, out, seed, index, size) for index in range(subjects)]
            try:
                for job in tqdm(
                    as_completed(jobs), total=subjects, desc="phantom", unit="patient", disable=not progress
                ):
                    job.result()
            finally:
                pool.shutdown(cancel_futures=True)  # where one cannot be written, none can
    except OSError as error:
        raise unwritable(out, error) from None


def _manifest(out: Path, parameters: dict) -> None:
    path = out / "phantom.json"
    text = json.dumps(parameters, indent=1) + "\n"
    # What begins with a dot is another maker's, on its way; its patients come after its phantom.json.
    if out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()) and not path.exists():
        raise UserError(f"{out} is not empty and not a phantom: choose another folder")
    if not path.exists():
        with whole(path) as sibling:
            sibling.write_text(text)
    if path.read_bytes() != text.encode():
        raise UserError(f"{out} holds a phantom of other parameters or of an older version: delete it (make clean)")
