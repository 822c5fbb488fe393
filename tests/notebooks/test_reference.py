"""The comparison with reference notebooks fails where it should: each way to be wrong, through pytest itself."""

import importlib.util
import shutil
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

pytest_plugins = "pytester"
REFERENCE = Path(__file__).resolve().parents[1] / "reference"

spec = importlib.util.spec_from_file_location("reference_conftest", REFERENCE / "conftest.py")
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def cell(text, source="print(dice)", tag="nbval-check-output"):
    outputs = [new_output("stream", name="stdout", text=text)] if text else []
    return new_code_cell(source, metadata={"tags": [tag]}, outputs=outputs)


@pytest.fixture
def compare(pytester, monkeypatch):
    """Outcomes of pytest for a reference with these cells against an executed notebook with those."""

    def outcomes(references, executed):
        shutil.copy(REFERENCE / "conftest.py", pytester.path)
        nbformat.write(new_notebook(cells=references), pytester.path / "page.ipynb")
        folder = pytester.mkdir("executed")
        if executed is not None:
            nbformat.write(new_notebook(cells=executed), folder / "page.ipynb")
        monkeypatch.setenv("REGTHESIS_EXECUTED", str(folder))
        return pytester.runpytest("page.ipynb")

    return outcomes


@pytest.mark.parametrize(
    "text",
    ["DICE 0.712 n 20\n", "DICE 0.713 n 20\n", "DICE   0.711 n  20\n"],
    ids=["same", "digit", "blanks"],
)
def test_same_within_tolerance_passes(compare, text):
    compare([cell("DICE 0.712 n 20\n")], [cell(text)]).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "text",
    ["DICE 0.715 n 20\n", "DICE 0.712 n 21\n", "DICE 0.712\n", "RMSE 0.712 n 20\n", "DICE nan n 20\n", ""],
    ids=["number", "count", "missing number", "word", "nan", "no output"],
)
def test_changed_output_fails(compare, text):
    compare([cell("DICE 0.712 n 20\n")], [cell(text)]).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "references, executed",
    [
        ([cell("1.0\n"), cell("2.0\n")], [cell("1.0\n")]),
        ([cell("1.0\n")], [cell("1.0\n"), cell("2.0\n")]),
        ([cell("1.0\n"), cell("2.0\n")], [cell("1.0\n"), cell("2.0\n", source="print(other)")]),
        ([cell("1.0\n"), cell("2.0\n")], [cell("1.0\n"), cell("2.0\n", tag="other")]),
        ([cell("1.0\n"), cell("")], [cell("1.0\n"), cell("")]),
    ],
    ids=["missing cell", "new cell", "changed source", "lost tag", "nothing to check"],
)
def test_cells_that_do_not_match_fail(compare, references, executed):
    compare(references, executed).assert_outcomes(passed=1, failed=1)


def test_missing_notebook_fails_where_one_is_promised(compare):
    assert compare([cell("1.0\n")], None).ret != 0


@given(st.floats(-1e6, 1e6), st.integers(1, 5))
def test_a_number_agrees_with_itself_and_not_with_a_tenth_more(value, digits):
    text, other = f"{value:.{digits}f}", f"{value * 1.1 + 0.5:.{digits}f}"
    assert reference.within_tolerance(text, text) == text
    if abs(value * 0.1 + 0.5) > max(2e-3 * abs(value), 2 * 10**-digits):
        assert reference.within_tolerance(other, text) == other


@given(st.integers(), st.integers())
def test_whole_numbers_are_exact(a, b):
    assert (reference.within_tolerance(f"n {a}", f"n {b}") == f"n {b}") == (a == b)


def test_a_print_handed_out_in_pieces_is_the_same_print(compare):
    pieces = [new_output("stream", name="stdout", text=text) for text in ("DICE 0.712\n", "n 20\n")]
    split = new_code_cell("print(dice)", metadata={"tags": ["nbval-check-output"]}, outputs=pieces)
    whole = reference.checked_cells(new_notebook(cells=[cell("DICE 0.712\nn 20\n")]))
    compare(whole, [split]).assert_outcomes(passed=1)
