"""A file is there whole or not at all, whatever interrupts the writing."""

import pytest

from regthesis.errors import UserError
from regthesis.files import whole


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("ITK"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else UserError), whole(path) as part:
        part.write_text("half")
        raise error
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_complete_write_takes_the_place(tmp_path):
    path = tmp_path / "new" / "a.csv"
    with whole(path) as part:
        part.write_text("after")
        assert part.suffix == ".csv" and not path.exists()
    assert path.read_text() == "after" and list(path.parent.iterdir()) == [path]
