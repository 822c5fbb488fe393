"""Numbers in sentences."""

from regthesis.book.show.prose import interval


def test_an_interval_is_written_with_its_mean():
    assert interval([1.0, 1.0, 1.0], digits=2) == "+1.00 [+1.00, +1.00]"
    assert interval([-0.0, 0.0], digits=1, sign="") == "0.0 [0.0, 0.0]"
    mean, low, high = (float(part.strip("[],")) for part in interval([0.0, 1.0, 2.0, 5.0]).split())
    assert low < mean == 2 < high
