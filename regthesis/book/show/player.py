"""Pictures that move: a frame for every position of one or two sliders, in HTML that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["Player"]

HERE = Path(__file__).parent
GREY, COLOUR = 5, 25.5  # steps of 255 by which a frame's pixels are rounded, so that it takes little room
DPI = 115  # of a frame: a little finer than a page's text


class Player:
    """A figure that the reader moves, by hand or by letting it play.

    `sliders` has the names of one or two sliders and the label of every position of each; `frames` are figures, one
    for each combination, the last slider running fastest. All are drawn in the same size and then closed, so they may
    come from a generator. `start` gives the position of each slider at which the player stands at first, and which
    print and browsers without scripts show. Playing moves the last slider: round and round where it is `cyclic`, as a
    heart beat is, else to the end and back.

    The page gives the picture its words: a cell with a player has a caption and an alternative text in its head, as
    every cell with a figure has.

    Raises ValueError where there are not one or two sliders, a slider has no position, or frames are too few or many.
    """

    def __init__(
        self,
        frames: Iterable[Figure],
        sliders: Mapping[str, Sequence[str]],
        start: Sequence[int] | None = None,
        cyclic: bool = False,
        per_second: float = 5.0,
    ):
        if len(sliders) not in (1, 2) or not all(sliders.values()):
            raise ValueError(f"sliders: expected one or two, each with positions, given {dict(sliders)}")
        places = list(product(*(range(len(labels)) for labels in sliders.values())))
        start = tuple(start or [0] * len(sliders))
        if start not in places:
            raise ValueError(f"start: expected a position of each slider, given {start}")
        self.sliders, self.start, self.cyclic, self.per_second = dict(sliders), start, cyclic, per_second
        self.pictures: list[Image.Image] = []
        for figure in frames:
            if len(self.pictures) == places.index(start):
                self.axes = figure.axes
            self.pictures.append(_drawn(figure))
        if len(self.pictures) != len(places):
            raise ValueError(f"frames: expected {len(places)}, one a position, given {len(self.pictures)}")
        self.first = self.pictures[places.index(start)]

    def __repr__(self) -> str:
        return f"{len(self.pictures)} pictures over {' and '.join(self.sliders)}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """The player, and its first frame alone for what shows no HTML."""
        png = _encoded(self.first, "PNG", optimize=True)
        return {"text/html": self.html(), "image/png": png, "text/plain": repr(self)}

    def html(self) -> str:
        """A `div` with the first frame as an `img`, all frames as data, and the style and the script that move it."""
        content = {
            "frames": [_address(picture) for picture in self.pictures],
            "sliders": [[name, list(labels)] for name, labels in self.sliders.items()],
            "start": self.start,
            "cyclic": self.cyclic,
            "perSecond": self.per_second,
        }
        data = json.dumps(content).replace("<", "\\u003c")
        width, height = self.first.size
        style, script = ((HERE / name).read_text("utf-8") for name in ("player.css", "player.js"))
        return (
            f'<div class="player"><img src="{_address(self.first)}" width="{width}" height="{height}">'
            f'<script type="application/json">{data}</script></div>\n'
            f"<style>{style}</style>\n<script>{script}</script>"
        )


def _drawn(figure: Figure) -> Image.Image:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)  # one that closing does not take away
    canvas.draw()
    figure.set_layout_engine("none")  # where the same figure comes again, nothing jumps
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(float)
    plt.close(figure)
    grey = np.ptp(pixels, axis=2, keepdims=True) < 16  # a picture of a heart stays without a tinge
    means = pixels.mean(axis=2, keepdims=True)
    rounded = np.where(grey, GREY * np.round(means / GREY), COLOUR * np.round(pixels / COLOUR))
    return Image.fromarray(rounded.round().astype(np.uint8))


def _encoded(picture: Image.Image, form: str, **how) -> str:
    out = io.BytesIO()
    picture.save(out, form, **how)
    return base64.b64encode(out.getvalue()).decode()


def _address(picture: Image.Image) -> str:
    return "data:image/webp;base64," + _encoded(picture, "WEBP", lossless=True, quality=80)
