"""Write the references anew from the executed notebooks: `make reference`. Then look at `git diff`."""

import sys
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).parent))
from conftest import ROOT, checked_cells  # noqa: E402


def refresh(executed: Path, references: Path) -> list[Path]:
    """One reference for every executed notebook with tagged cells; returns what was written."""
    written = []
    for path in sorted(executed.glob("[!.]*.ipynb")):
        cells = checked_cells(nbformat.read(path, as_version=4))
        if cells and not path.stem.endswith(".failed"):
            for number, cell in enumerate(cells):
                cell.id = f"cell-{number}"
            nbformat.write(nbformat.v4.new_notebook(cells=cells), references / path.name)
            written.append(references / path.name)
    return written


if __name__ == "__main__":
    for path in refresh(ROOT / "_build" / "executed" / "quick", Path(__file__).parent):
        print(path.relative_to(ROOT))
