"""What is measured: the operations, their inputs, and the bytes that any implementation of them has to move."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn.functional import interpolate

SPACING = (3.15, 1.5, 1.5)  # mm, of the thesis's frame in array order (z, y, x)
SIGMA, KERNEL = 3.0, 15  # Gaussian smoothing of velocities: mm, and voxels along each axis
LABELS = 4


@dataclass(frozen=True)
class Operation:
    """One row of the benchmark.

    `call` is the method of a library (libraries.py) that gives the function, `arguments` its arguments.
    `wanted` are the inputs that receive a gradient; an operation without any is measured forward only.
    `step` marks a function that does its own backward pass: a training step.
    `field` says that the result is a field, which a library may hold in a layout of its own; `loss`: it is a scalar.
    `margin`: voxels at the border that are not compared, because the libraries continue images there differently.
    `floor`: bytes a voxel in d dimensions, (forward, forward + backward), if every array is read or written once.
    """

    name: str
    call: str
    inputs: tuple[str, ...]
    wanted: tuple[str, ...] = ()
    arguments: dict = field(default_factory=dict)
    step: bool = False
    field: bool = False
    loss: bool = False
    margin: int = 8
    floor: Callable[[int], tuple[float, float]] | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        if self.step:
            return ("step",)
        return ("forward", "forward+backward") if self.wanted else ("forward",)


def _warp(channels: int, image_wanted: bool) -> Callable[[int], tuple[float, float]]:
    """Forward reads image and field and writes the image; backward reads these and a gradient and writes gradients."""

    def floor(d: int) -> tuple[float, float]:
        forward = 4 * (2 * channels + d)
        return forward, forward + 4 * (2 * channels + 2 * d + (channels if image_wanted else 0))

    return floor


def _exp(steps: int) -> Callable[[int], tuple[float, float]]:
    """Each squaring reads a field and writes one; going back it reads two and writes one."""
    return lambda d: (8 * d * steps, 20 * d * steps)


def _lcc(gradients: int) -> Callable[[int], tuple[float, float]]:
    """Forward reads two images; both ways keep five moments and take them up again, for one gradient or for two."""
    return lambda d: (8, {1: 44, 2: 64}[gradients])


def _symmetric(steps: int) -> Callable[[int], tuple[float, float]]:
    """Two exponentials, two warps, one correlation with both gradients."""

    def floor(d: int) -> tuple[float, float]:
        parts = (_exp(steps)(d), _exp(steps)(d), _warp(1, False)(d), _warp(1, False)(d), _lcc(2)(d))
        return tuple(map(sum, zip(*parts, strict=True)))

    return floor


def _local_cc(window: int) -> Operation:
    return Operation(
        f"LCC, window {window}",
        "lcc",
        ("fixed", "moving"),
        ("moving",),
        {"window": window},
        loss=True,
        margin=window - 1,  # half a window to the centres that a voxel counts in, half to the ends of theirs
        floor=_lcc(1),
    )


OPERATIONS = [
    Operation("warp", "warp", ("image", "u"), ("u",), floor=_warp(1, False)),
    Operation("warp, 3 channels", "warp", ("channels", "u"), ("channels", "u"), floor=_warp(3, True)),
    Operation("compose", "compose", ("u", "w"), ("u", "w"), field=True, floor=lambda d: (12 * d, 32 * d)),
    Operation("exp, 4 squarings", "exp", ("v",), ("v",), {"steps": 4}, field=True, floor=_exp(4)),
    Operation("exp, 6 squarings", "exp", ("v",), ("v",), {"steps": 6}, field=True, floor=_exp(6)),
    _local_cc(9),
    Operation(
        "symmetric LCC",
        "symmetric_lcc",
        ("fixed", "moving", "v"),
        ("v",),
        {"window": 9, "steps": 4},
        loss=True,
        margin=12,
        floor=_symmetric(4),
    ),
    Operation("smooth", "smooth", ("channels",), ("channels",), floor=lambda d: (24, 48)),
    Operation("warp labels", "warp_labels", ("labels", "u"), floor=lambda d: (2 + 4 * d, 0)),
    Operation("training step", "training_step", ("fixed", "moving"), step=True),
]
"""Measured at every size. A new training step is one more entry here and one method in libraries.py."""

GROWTH = [o for o in OPERATIONS if o.name in ("warp", "exp, 6 squarings", "LCC, window 9", "smooth")]
"""Measured on cubes too, for the slope of time against voxels."""

WINDOWS = [_local_cc(window) for window in (5, 9, 17)]
"""Measured for the cost of a wider window."""


def inputs(operation: Operation, shape: tuple[int, ...], device: str = "cpu") -> dict[str, torch.Tensor]:
    """The operation's inputs by name, the same in every call: textured images, smooth fields of a few voxels."""
    return {name: INPUTS[name](shape).to(device) for name in operation.inputs}


def _smooth_noise(seed: int, channels: int, shape: tuple[int, ...], every: int = 8) -> torch.Tensor:
    """Normal noise on every eighth voxel, interpolated in between."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, channels, *[n // every + 2 for n in shape], generator=random)
    return interpolate(coarse, shape, mode="bilinear" if len(shape) == 2 else "trilinear", align_corners=True)


def _image(seed: int, channels: int, shape: tuple[int, ...]) -> torch.Tensor:
    random = torch.Generator().manual_seed(100 + seed)
    noise = torch.randn(1, channels, *shape, generator=random)
    texture = _smooth_noise(seed, channels, shape) + _smooth_noise(50 + seed, channels, shape, 3) / 2
    return 20 + 10 * texture + noise


INPUTS: dict[str, Callable[[tuple[int, ...]], torch.Tensor]] = {
    "image": lambda shape: _image(1, 1, shape),
    "channels": lambda shape: _image(2, 3, shape),
    "fixed": lambda shape: _image(3, 1, shape),
    "moving": lambda shape: _image(3, 1, shape) + _image(4, 1, shape) / 2,
    "u": lambda shape: 1.5 * _smooth_noise(5, len(shape), shape),
    "w": lambda shape: 1.5 * _smooth_noise(6, len(shape), shape),
    "v": lambda shape: 1.5 * _smooth_noise(7, len(shape), shape),
    "labels": lambda shape: _smooth_noise(8, LABELS, shape).argmax(1, keepdim=True).to(torch.uint8),
}
FIELDS = ("u", "w", "v")
