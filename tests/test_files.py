"""A file is there whole or not at all, whatever interrupts the writing."""

import pytest

from regthesis.errors import UserError
from regthesis.files import read_json, whole

PASS = [RuntimeError("a bug"), KeyboardInterrupt(), FileNotFoundError(2, "No such file", "/other/file"), ValueError()]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), *PASS])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, error):
    """Only errors of writing ask for another folder; a bug, or another file that is missing, keeps its own name."""
    path = tmp_path / "a.csv"
    path.write_text("before")
    with pytest.raises(type(error) if error in PASS else UserError) as caught, whole(path) as part:
        part.write_text("half")
        raise error
    assert caught.value is error if error in PASS else "No space left on device" in str(caught.value)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_broken_body_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "new" / "newer" / "a.csv") as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_said_to(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a.csv", tmp_path / "file" / "new" / "a.csv"):
        with pytest.raises(UserError, match="cannot be written") as caught, whole(path):
            pass
        assert str(path) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_complete_write_takes_the_place(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with whole(path) as part:
        part.write_text("after")
        assert part.suffix == ".csv" and not path.exists()
    assert path.read_text() == "after" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\udcff"])
def test_broken_json_is_a_value_error(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError):
        read_json(path)
