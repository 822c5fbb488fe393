"""A folder of phantoms: written side by side, gone on with after a stop, and never mixed with others."""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from regthesis.errors import UserError
from regthesis.files import unwritable, whole

__all__ = ["fill", "version"]


def version(anatomy: Path) -> str:
    """Hash of the source of an anatomy, a folder, and of what all share: where it is the same, so are all bits."""
    digest = hashlib.sha256()
    for path in sorted([*Path(__file__).parent.glob("*.py"), *anatomy.glob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def fill(out: Path, subjects: int, parameters: dict, write: Callable[[int], None], progress: bool = True) -> None:
    """Call `write` for the numbers of so many subjects, in processes of their own; `parameters` make up phantom.json.

    Raises UserError for a number of subjects that is not 1 to 999, where `out` holds another population, or where it
    cannot be written.
    """
    if not 1 <= subjects <= 999:
        raise UserError(f"phantom of {subjects} subjects: choose 1 to 999")
    try:
        _manifest(out, parameters)
        with ProcessPoolExecutor(min(os.cpu_count() or 1, subjects)) as pool:
            jobs = [pool.submit(write, index) for index in range(subjects)]
            try:
                for job in tqdm(as_completed(jobs), "phantom", subjects, unit="patient", disable=not progress):
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
