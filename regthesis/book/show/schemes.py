"""Schemes: boxes and circles under their names, arrows between names."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Ellipse, FancyBboxPatch, Patch

from regthesis.book.show.style import PALETTE

__all__ = ["FILLS", "Arrow", "Node", "draw_scheme"]

FILLS = {
    "image": "#EAF3FA",
    "network": "#FDF0D5",
    "motion": "#E5F4EC",
    "loss": "#FBE3DA",
    "seen": "#D9D9D9",
    "": "white",
}


class Node(NamedTuple):
    """One box, or a circle where its `height` is 0: centre, text, what it is (a key of `FILLS`), width, height."""

    x: float
    y: float
    text: str
    fill: str = ""
    width: float = 1.5
    height: float = 0.6


class Arrow(NamedTuple):
    """From one node to another, bent to its right by `bend`; those of training alone are red."""

    start: str
    end: str
    bend: float = 0.0
    training: bool = False


def draw_scheme(ax: Axes, nodes: Mapping[str, Node], arrows: Sequence[Arrow], title: str = "") -> None:
    patches = {name: _patch(node) for name, node in nodes.items()}
    for name, (x, y, text, *_) in nodes.items():
        ax.add_patch(patches[name])
        ax.text(x, y, text, ha="center", va="center", zorder=3)
    for start, end, bend, training in arrows:
        look = dict(arrowstyle="-|>", mutation_scale=11, lw=1.4, color=PALETTE["red"] if training else "black")
        look |= dict(patchA=patches[start], patchB=patches[end], shrinkA=1, shrinkB=1)
        look |= dict(connectionstyle=f"arc3,rad={bend}")
        ax.annotate("", nodes[end][:2], nodes[start][:2], arrowprops=look)
    left, right = (edge([n.x + side * n.width / 2 for n in nodes.values()]) for edge, side in ((min, -1), (max, 1)))
    low, high = (edge(n.y for n in nodes.values()) for edge in (min, max))
    ax.set(xlim=(left - 0.2, right + 0.2), ylim=(low - 0.7, high + 0.7), title=title)
    ax.set_axis_off()


def _patch(node: Node) -> Patch:
    x, y, _, fill, width, height = node
    look = dict(fc=FILLS[fill], ec="black", zorder=2)
    if not height:
        return Ellipse((x, y), width, width, **look)
    return FancyBboxPatch((x - width / 2, y - height / 2), width, height, "round,pad=0,rounding_size=0.1", **look)
