"""Collect the reference notebooks here and compare the executed ones with them, as nbval compares.

A reference holds the text outputs of the cells tagged `nbval-check-output`; `make reference` writes it.
Nothing is executed: the notebooks come from the run that the book shows (REGTHESIS_EXECUTED, or else
_build/executed/quick).
"""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

TAG = "nbval-check-output"
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*\w)", re.IGNORECASE)
ROOT = Path(__file__).resolve().parents[2]


def checked_cells(notebook) -> list:
    """The cells tagged for comparison, with what they printed: standard output and plain text, no images."""
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and TAG in cell.metadata.get("tags", []):
            whole = coalesce_streams(cell.outputs)  # a kernel may hand out what it prints in any number of pieces
            outputs = [text for output in whole if (text := _text(output))]
            cells.append(nbformat.v4.new_code_cell(cell.source, outputs=outputs, id=cell.id))
    return cells


def _text(output):
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    text = output.get("data", {}).get("text/plain")
    return nbformat.v4.new_output("display_data", {"text/plain": text}) if text else None


def within_tolerance(test: str, reference: str) -> str:
    """`test` with each number replaced by the one in the same place of `reference` where both agree.

    Decimals agree within a unit of the last printed digit or 0.1 %; whole numbers are exact. Runs of blanks,
    which align columns, count as one.
    """
    wanted = iter(NUMBER.findall(reference))

    def replace(match):
        number = next(wanted, match[0])
        return number if _agree(match[0], number) else match[0]

    return re.sub(r"[ \t]+", " ", NUMBER.sub(replace, test))


def _agree(test: str, reference: str) -> bool:
    if test == reference or not re.search(r"[.e]", reference, re.IGNORECASE):
        return test == reference
    mantissa, _, exponent = reference.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    value = float(reference)
    return abs(float(test) - value) <= max(unit, 1e-3 * abs(value)) * (1 + 1e-9)


class ReferenceCell(IPyNbCell):
    def setup(self):
        pass

    def runtest(self):
        reference, executed = self.cell, self.parent.executed_cell(self.cell_num)
        if executed is None:
            self.raise_cell_error("the executed notebook has no such cell")
        if executed.source != reference.source:
            self.raise_cell_error("the cell's source has changed: look at its output, then `make reference`")
        if not reference.outputs or not executed.outputs:
            self.raise_cell_error("a cell without text output checks nothing")
        for new, old in zip(executed.outputs, reference.outputs, strict=False):
            _align(new, old)
        if not self.compare_outputs(executed.outputs, reference.outputs):
            self.raise_cell_error("the output has changed", traceback="\n".join(self.comparison_traceback))


def _align(new, old):
    for output, key in ((new, "text"), (new.get("data", {}), "text/plain")):
        other = old if key == "text" else old.get("data", {})
        if key in output and key in other:
            output[key] = within_tolerance(output[key], other[key])
            other[key] = re.sub(r"[ \t]+", " ", other[key])


class Reference(IPyNbFile):
    def setup(self):
        """No kernel: the notebook was executed before."""

    def teardown(self):
        pass

    def collect(self):
        self.nb = nbformat.read(self.path, as_version=4)
        references = self.nb.cells
        for number in range(max(len(references), len(self._executed() or []))):
            cell = references[number] if number < len(references) else nbformat.v4.new_code_cell()
            yield ReferenceCell.from_parent(self, name=f"cell {number}", cell_num=number, cell=cell, options={})

    def executed_cell(self, number):
        cells = self._executed()
        if cells is None:
            pytest.skip(f"{self._path()} is not there: run `make book` first")
        return cells[number] if number < len(cells) else None

    def _path(self) -> Path:
        folder = os.environ.get("REGTHESIS_EXECUTED") or ROOT / "_build" / "executed" / "quick"
        return Path(folder) / self.path.name

    def _executed(self):
        if self._path().is_file() or os.environ.get("REGTHESIS_EXECUTED"):
            return checked_cells(nbformat.read(self._path(), as_version=4))
        return None


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".ipynb":
        return Reference.from_parent(parent, path=file_path)
    return None
