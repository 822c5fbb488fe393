"""A procedural population of beating hearts in the official ACDC layout.

Anatomy, motion and signal are analytic (shape.py, motion.py, tissue.py); population.py draws the subjects, write.py
writes their files.
"""

from functools import partial
from pathlib import Path

from regthesis.datasets.phantom.fill import fill, version
from regthesis.datasets.phantom.heart.population import CLINIC, FRAMES
from regthesis.datasets.phantom.heart.write import patient
from regthesis.errors import UserError

__all__ = ["make"]


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
    ranges = {"clinic": CLINIC, "frames": FRAMES[size]}
    about = {"seed": seed, "size": size, "version": version(Path(__file__).parent), **ranges}
    fill(Path(out), subjects, about, partial(patient, Path(out), seed, size=size), progress)
