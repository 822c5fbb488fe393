"""A table that grows: exact to the last digit, whole after any cut, and shared by several writers without a loss."""

import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regthesis.errors import UserError
from regthesis.evaluate.growing import add_rows, finished, locked, read_rows

sys.path.insert(0, str(Path(__file__).parent))
import studied

COLUMNS, PIECE, ROW = ("case", "method", "metric", "structure", "value"), ("method", "case"), ("metric", "structure")
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=4)


def piece(case="a", method="m", values=(0.1, 0.2, 0.3)):
    return pd.DataFrame([(case, method, f"k{n}", "s", value) for n, value in enumerate(values)], columns=list(COLUMNS))


def wanted(*cases, method="m", count=3):
    return {(method, case): [(f"k{n}", "s") for n in range(count)] for case in cases}


@given(st.lists(st.floats(), min_size=1, max_size=9), NAMES)
def test_what_is_read_is_what_was_written_to_the_bit(tmp_path_factory, values, name):
    out = tmp_path_factory.mktemp("t") / "records.csv"
    new = piece(name, values=values)
    add_rows(read_rows(out, COLUMNS), new, out, PIECE)
    read = read_rows(out, COLUMNS)
    assert list(read["case"]) == [name] * len(values)
    for there, value in zip(read["value"], values, strict=True):
        assert there.hex() == value.hex() or (math.isnan(there) and math.isnan(value))


def test_texts_that_look_like_numbers_stay_texts(tmp_path):
    out = tmp_path / "records.csv"
    new = piece("007", "1").assign(structure="3", metric=["1e3", "nan", ""])
    add_rows(read_rows(out, COLUMNS), new, out, PIECE)
    pd.testing.assert_frame_equal(read_rows(out, COLUMNS), new)


@pytest.mark.slow
def test_a_table_cut_at_any_byte_ends_as_if_it_had_not_been(tmp_path):
    out, pieces = tmp_path / "records.csv", [piece("é", values=(1 / 3, 2e-17, math.inf)), piece("b"), piece("c,")]
    rows = read_rows(out, COLUMNS)
    for new in pieces:
        rows = add_rows(rows, new, out, PIECE)
    whole, cases = out.read_bytes(), ["é", "b", "c,"]
    for length in range(len(whole)):
        out.write_bytes(whole[:length])
        rows = read_rows(out, COLUMNS)
        done = finished(rows, PIECE, ROW, wanted(*cases))
        assert len(rows) == max(0, whole[:length].count(b"\n") - 1), length
        assert done == {("m", case) for case in cases[: len(rows) // 3]}, length
        for case, new in zip(cases, pieces, strict=True):
            if ("m", case) not in done:
                rows = add_rows(rows, new, out, PIECE)
        assert out.read_bytes() == whole, length


def test_what_another_writer_has_finished_stays_as_it_is(tmp_path):
    out = tmp_path / "records.csv"
    ours = theirs = read_rows(out, COLUMNS)
    add_rows(theirs, piece("a", values=(1.0, 2.0, 3.0)), out, PIECE)
    add_rows(theirs, piece("b"), out, PIECE)
    rows = add_rows(ours, piece("a"), out, PIECE)  # ours knows nothing of the other's rows
    assert rows["value"].tolist() == [1.0, 2.0, 3.0, 0.1, 0.2, 0.3]
    pd.testing.assert_frame_equal(rows, read_rows(out, COLUMNS))


def test_rows_that_nobody_asked_for_are_refused():
    rows = pd.concat([piece("a"), piece("b")])
    assert finished(rows, PIECE, ROW, wanted("a", "c")) == {("m", "a")}
    assert finished(rows, PIECE, ROW, wanted("a", "b", count=4)) == set()
    for other in (wanted("b", count=2), {("m", "a"): [(f"k{n}", "t") for n in range(3)]}):
        with pytest.raises(UserError, match="computed before with other structures or settings"):
            finished(rows, PIECE, ROW, other)
    with pytest.raises(UserError, match="m, a: computed before"):
        finished(pd.concat([rows, piece("a")]), PIECE, ROW, wanted("a"))


def test_many_writers_lose_nothing(tmp_path):
    out, cases = tmp_path / "records.csv", [f"{writer}/{number}" for writer in range(4) for number in range(8)]

    def write(writer):
        rows = read_rows(out, COLUMNS)
        for case in cases[8 * writer : 8 * writer + 8] + cases[:8]:  # the first eight are everybody's
            rows = add_rows(rows, piece(case), out, PIECE)

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = read_rows(out, COLUMNS)
    assert len(rows) == 3 * len(cases) and finished(rows, PIECE, ROW, wanted(*cases)) == {("m", case) for case in cases}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "records.csv", Path("/proc/none/records.csv")):
        with pytest.raises(UserError, match="cannot be written") as error, locked(out):
            pass
        assert "\n" not in str(error.value)
    (tmp_path / "records.csv").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read_rows(tmp_path / "records.csv", COLUMNS)


def lines(out: Path) -> list[str]:
    """The characters of all rows in their order, those of the seconds without the value, which is another each time."""
    return [line.rpartition(",")[0] if ",seconds," in line else line for line in out.read_text().splitlines()]


def run(*words):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, studied.__file__, *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The table of a study that nobody disturbed."""
    out = tmp_path_factory.mktemp("straight") / "records.csv"
    process = run("once", out, "identity,demons")
    assert process.wait(300) == 0, process.stderr.read()
    return out


@pytest.mark.slow
def test_a_study_killed_at_ten_moments_ends_as_one_that_was_left_alone(straight, tmp_path):
    out, seed = tmp_path / "records.csv", int.from_bytes(os.urandom(4))
    process = run("killed", out, "identity,demons", seed)
    told, wrong = process.communicate(timeout=300)
    assert process.returncode == 0, wrong
    assert int(told.split()[-1]) >= 3, f"most runs were over before they were killed; seed {seed}"
    assert lines(out) == lines(straight), f"seed {seed}"


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_study_whose_table_was_cut_ends_as_one_that_was_left_alone(straight, tmp_path_factory, share):
    out = tmp_path_factory.mktemp("cut") / "records.csv"
    whole = straight.read_bytes()
    kept = whole[: int(share * len(whole))]
    out.write_bytes(kept)
    studied.study(out, "identity,demons")
    assert lines(out) == lines(straight)
    pieces = kept[: kept.rfind(b"\n") + 1].splitlines()[1:]
    rows = len(whole.splitlines()) // 12  # of a registration
    assert out.read_bytes().splitlines()[1:][: len(pieces) // rows * rows] == pieces[: len(pieces) // rows * rows]


@pytest.mark.slow
def test_two_studies_at_once_have_every_row_once(straight, tmp_path):
    out = tmp_path / "records.csv"
    processes = [run("once", out, names) for names in ("identity,demons", "demons,identity", "demons")]
    for process in processes:
        assert process.wait(300) == 0, process.stderr.read()
    assert sorted(lines(out)) == sorted(lines(straight))
