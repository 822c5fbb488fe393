"""Shapes in type hints: jaxtyping where it is installed, plain tensors on a bare training machine."""

from torch import Tensor

try:
    from jaxtyping import Float
    from jaxtyping import Integer as Int  # signed or not: masks are often uint8
except ModuleNotFoundError:  # the kernels must run from torch and numpy alone

    class Float:
        """Stand-in for `jaxtyping.Float`: `Float[Tensor, "b c *space"]` is just `Tensor`."""

        def __class_getitem__(cls, item):
            return item[0]

    Int = Float

Number = float | int  # a checker takes `float` at its word and refuses 3

__all__ = ["Float", "Int", "Number", "Tensor"]
