"""Numbers in sentences: made by code, set into prose by `{glue:text}`, so that no sentence can say another number."""

from __future__ import annotations

from numpy.typing import ArrayLike

__all__ = ["interval", "say"]


def say(**numbers: str | int) -> None:
    """Make each value known to the page under its name, `_` read as `-`: text as it should stand in the sentence.

    `say(patients=80, s3_dice=f"{mean:.3f}")` lets the prose write ``{glue:text}`patients` `` and
    ``{glue:text}`s3-dice` ``.

    Raises ValueError for a float: how many digits it has is for the sentence to say.
    """
    from myst_nb import glue  # here, because only a page needs it

    for name, value in numbers.items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ValueError(f"{name}: expected text or a whole number, got {value!r}; format it first")
        glue(name.replace("_", "-"), str(value), display=False)


def interval(values: ArrayLike, digits: int = 3, sign: str = "+") -> str:
    """A mean with its bootstrapped 95 % interval, `+0.005 [+0.002, +0.007]`; without the sign where `sign` is empty."""
    from regthesis.evaluate.statistics import mean_interval  # here, because it brings torch along

    mean, low, high, _ = (f"{bound:{sign}z.{digits}f}" for bound in mean_interval(values))
    return f"{mean} [{low}, {high}]"
