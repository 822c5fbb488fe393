"""Argument checks shared by the kernels; each raises a `ValueError` that names argument, expectation and value."""

from collections.abc import Sequence
from math import isfinite

from regthesis.kernels.shapes import Number, Tensor


def check_image(name: str, x: Tensor) -> None:
    """An image is a floating `(b, c, *space)` tensor with 1 to 3 axes in space, none of them empty."""
    if not x.is_floating_point():
        raise ValueError(f"{name}: expected a floating-point tensor, got {x.dtype}; labels go to warp_labels")
    check_rank(name, x)


def check_rank(name: str, x: Tensor) -> None:
    """Two or three axes in space, none of them empty."""
    if x.ndim not in (4, 5) or 0 in x.shape:
        raise ValueError(f"{name}: expected shape (b, c, y, x) or (b, c, z, y, x), none 0, got {tuple(x.shape)}")


def check_field(name: str, u: Tensor) -> None:
    """A field is an image with one channel per axis in space."""
    check_image(name, u)
    if u.shape[1] != u.ndim - 2:
        raise ValueError(
            f"{name}: expected {u.ndim - 2} components for {u.ndim - 2} axes in space, got {tuple(u.shape)}"
        )


def check_space(name: str, x: Tensor, other_name: str, other: Tensor) -> None:
    """Same grid, dtype and device; batches are equal or one of them is 1."""
    if x.shape[2:] != other.shape[2:]:
        raise ValueError(
            f"{name}: expected the space of {other_name}, {tuple(other.shape[2:])}, got {tuple(x.shape[2:])}"
        )
    if x.shape[0] != other.shape[0] and 1 not in (x.shape[0], other.shape[0]):
        raise ValueError(f"{name}: expected a batch of 1 or {other.shape[0]} as {other_name}, got {x.shape[0]}")
    if x.device != other.device:
        raise ValueError(f"{name}: expected device {other.device} as {other_name}, got {x.device}")


def check_dtype(name: str, x: Tensor, other_name: str, other: Tensor) -> None:
    """Interpolation does not mix precisions."""
    if x.dtype != other.dtype:
        raise ValueError(f"{name}: expected dtype {other.dtype} as {other_name}, got {x.dtype}")


def check_pair(name: str, x: Tensor, other_name: str, other: Tensor) -> None:
    """Two images that are compared voxel by voxel: same shape, same dtype."""
    check_image(name, x)
    check_image(other_name, other)
    if x.shape != other.shape:
        raise ValueError(f"{name}: expected the shape of {other_name}, {tuple(other.shape)}, got {tuple(x.shape)}")
    check_space(name, x, other_name, other)
    check_dtype(name, x, other_name, other)


def check_window(name: str, window: int) -> None:
    """A window has a centre."""
    if window < 1 or window % 2 == 0:
        raise ValueError(f"{name}: expected an odd number of voxels, got {window}")


def check_positive(name: str, values: Sequence[Number], length: int) -> None:
    """One positive finite number per axis in space."""
    if len(values) != length or not all(isfinite(value) and value > 0 for value in values):
        raise ValueError(f"{name}: expected {length} positive numbers, one per axis, got {tuple(values)}")


def check_at_least(name: str, value: Number, minimum: Number) -> None:
    """A finite number not below `minimum`."""
    if not isfinite(value) or value < minimum:
        raise ValueError(f"{name}: expected a number >= {minimum}, got {value}")
