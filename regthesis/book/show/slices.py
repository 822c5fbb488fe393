"""Slices: an image with outlines, a deformed grid, a displacement in colours, and where on a case to look.

Everything here takes tensors and draws with matplotlib; nothing here computes a result.
"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb

from regthesis import kernels
from regthesis.book.show.style import LABELS, PALETTE, WIDTH
from regthesis.case import Case
from regthesis.deformation import Deformation
from regthesis.kernels.shapes import Float, Int, Tensor

__all__ = ["CROP", "draw", "draw_grid", "draw_wheel", "flat", "masks_of", "motion_colours", "panel", "window", "wipe"]


CROP = 10  # voxels that pictures show round the heart


def flat(image: Tensor) -> np.ndarray:
    """The last two axes of a tensor whose other axes have size one."""
    return image.detach().cpu().reshape(image.shape[-2:]).numpy()


def draw(ax: Axes, image: Float[Tensor, "*one y x"], title: str = "", labels: Tensor | None = None, **shown) -> None:
    """One slice in grey, with the outlines of its labels: in the colours of `LABELS`."""
    ax.imshow(flat(image), **{"cmap": "gray"} | shown)
    for label in () if labels is None else np.unique(flat(labels)).astype(int).tolist():
        if label:
            colour = LABELS[(label - 1) % len(LABELS)]
            ax.contour(flat(labels) == label, [0.5], colors=[colour], linewidths=1)
    ax.set_title(title)
    ax.set_axis_off()


def panel(images: Mapping[str, Tensor], columns: int = 4, labels: Mapping[str, Tensor] | None = None, **shown):
    """Slices side by side under their names; a field `(1, 2, y, x)` is drawn as a deformed grid."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, rows * (WIDTH / columns + 0.25)), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, image) in zip(axes.flat, images.items(), strict=False):
        if image.ndim == 4 and image.shape[1] == 2:
            draw_grid(ax, image, name)
        else:
            draw(ax, image, name, (labels or {}).get(name), **shown)
    return figure


def draw_grid(
    ax: Axes, u: Float[Tensor, "1 2 y x"], title: str = "", every: int = 2, colour: str = PALETTE["blue"]
) -> None:
    """The lines of a grid at x + u(x), and in red the voxels where it folds."""
    y, x = (kernels.identity_grid(tuple(u.shape[2:])) + u[0].detach().cpu()).numpy()
    points = np.stack([x, y], -1)
    lines = [*points[::every], *points[:, ::every].swapaxes(0, 1)]
    ax.add_collection(LineCollection(lines, colors=colour, linewidths=0.6))
    folded = flat(kernels.jacobian(u.detach().cpu())) <= 0
    ax.scatter(x[folded], y[folded], s=4, color=PALETTE["red"], zorder=3)
    ax.set(aspect="equal", title=title, xlim=(-2, u.shape[3] + 1), ylim=(u.shape[2] + 1, -2))
    ax.set_axis_off()


def motion_colours(u: Float[Tensor, "1 2 y x"], longest: float) -> np.ndarray:
    """Direction of a displacement as hue and length as saturation, full at `longest`: an image `(y, x, 3)`."""
    dy, dx = u[0].detach().cpu().numpy()
    hue = (np.arctan2(dy, dx) / (2 * np.pi)) % 1
    return hsv_to_rgb(np.stack([hue, np.clip(np.hypot(dx, dy) / longest, 0, 1), np.ones_like(hue)], -1))


def wipe(*axes: Axes) -> None:
    """Take pictures and grids out of axes for the next frame of a player, faster than to clear all of them."""
    for ax in axes:
        for artist in (*ax.images, *ax.collections, *ax.texts):
            artist.remove()


def draw_wheel(ax: Axes, longest: float) -> None:
    """What the colours of `motion_colours` mean: a hue a direction, white at rest, full at the rim of `longest` mm."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 121), torch.linspace(-1, 1, 121), indexing="ij")
    colours = motion_colours(torch.stack([y, x])[None], 1.0)
    colours[np.hypot(*(part.numpy() for part in (y, x))) > 1] = 1
    ax.imshow(colours, extent=(-longest, longest, longest, -longest))
    ax.annotate("", (longest, 0), (0, 0), arrowprops={"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0})
    ax.text(1.1 * longest, 0, f"{longest:.0f} mm", va="center").set_in_layout(False)
    ax.set_axis_off()


def masks_of(case: Case, found: Deformation | None = None) -> Int[Tensor, "1 1 *space"] | None:
    """The mask of the fixed image, or that of the moving image as `found` moves it; None where there are no masks."""
    if not case.masks:
        return None
    return case.fixed_mask if found is None else found.warp_labels(case.moving_mask)


def window(case: Case) -> tuple[slice, slice]:
    """Rows and columns round the labels of the moving image, at end diastole; all of them where there are none."""
    labelled = case.moving_mask > 0 if case.masks else torch.zeros(1, 1, *case.grid.shape)
    if not labelled.any():
        return slice(None), slice(None)
    labelled, sides = labelled.flatten(0, -3).any(0), []
    for axis in (1, 0):
        inside = labelled.any(axis).nonzero()
        sides.append(slice(max(int(inside.min()) - CROP, 0), int(inside.max()) + CROP + 1))
    return sides[0], sides[1]
