"""Where the data that ship with the package lie: weights, printed numbers, identities of patients, recorded runs."""

from pathlib import Path

__all__ = ["CHECKOUT", "DATA"]

CHECKOUT = Path(__file__).resolve().parents[1]  # of a package that runs from its repository
INSTALLED = Path(__file__).resolve().parent / "data"  # of one that was installed from a wheel
DATA = INSTALLED if INSTALLED.is_dir() else CHECKOUT / "data"
