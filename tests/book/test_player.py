"""A player: a frame for each position, first among them the one it starts at; everything inside its own HTML."""

import base64
import io
import json
import re
from itertools import count
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from regthesis.book.press.page import as_page
from regthesis.book.show.player import DPI, Player
from regthesis.book.show.style import COLOURS


def frame(shade):
    """A figure of one grey, so that a picture tells which frame it is."""
    return plt.figure(figsize=(1, 1), facecolor=str(shade))


def shade(address):
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("L")
    return np.asarray(picture).mean() / 255


def frames(n):
    return (frame(k / 10) for k in range(n))


def content(player):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', player.html())[1])


def test_frames_run_along_the_last_slider_first():
    player = Player(frames(6), {"row": "ab", "column": "xyz"}, start=(1, 0))
    inside = content(player)
    assert [round(10 * shade(address)) for address in inside["frames"]] == [0, 1, 2, 3, 4, 5]
    assert inside["sliders"] == [["row", ["a", "b"]], ["column", ["x", "y", "z"]]] and inside["start"] == [1, 0]


def test_without_scripts_the_first_frame_stands_alone():
    player = Player(frames(3), {"t": "xyz"}, start=(2,))
    images = re.findall("<img [^>]*>", player.html())
    assert len(images) == 1  # the page gives its words to every image of an output
    assert round(10 * shade(re.search('src="(.*?)"', images[0])[1])) == 2
    bundle = player._repr_mimebundle_()
    assert round(10 * shade("," + bundle["image/png"])) == 2 and bundle["text/html"] == player.html()


def test_the_page_gives_it_the_words_of_its_cell():
    run = {"commit": "abc1234", "data": "d4741234", "profile": "quick", "device": "cpu", "threads": "2", "dtype": "f32"}
    about = {
        "papermill": {"duration": 1.0},
        "mystnb": {"figure": {"name": "fig-a"}, "image": {"alt": "A heart & a grid."}},
    }
    cell = new_code_cell("players.beat()", metadata=about, outputs=[new_output("display_data")])
    cell.outputs[0].data = Player(frames(2), {"t": "xy"})._repr_mimebundle_()
    page = as_page(new_notebook(cells=[cell], metadata={"regthesis": {"run": run}}), Path())
    (picture,) = re.findall("<img [^>]*>", page.cells[0].outputs[0].data["text/html"])
    assert picture.count("alt=") == 1 and 'alt="A heart &amp; a grid."' in picture


def test_lines_keep_their_colours_and_greys_have_none():
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.imshow(np.random.default_rng(0).random((40, 60)), cmap="gray", extent=(0, 60, 0, 40))
    for height, colour in enumerate(COLOURS.values()):
        ax.plot((5, 55), (2 * height + 2, 2 * height + 4), color=colour, linewidth=1)
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    shown = np.asarray(Player([figure], {"t": "x"}).first).astype(int)
    assert np.abs(shown - drawn).max() < 20
    grey = np.ptp(drawn, axis=2) == 0
    assert (np.ptp(shown, axis=2)[grey] == 0).all()  # without a tinge


def test_figures_are_closed_while_they_come():
    plt.close("all")
    seen = []
    Player((seen.append(plt.get_fignums()) or frame(0.5) for _ in range(3)), {"t": "xyz"})
    assert seen == [[], [], []] and not plt.get_fignums()


def test_one_figure_may_be_drawn_again_and_nothing_in_it_jumps():
    with plt.rc_context({"figure.constrained_layout.use": True}):
        figure, ax = plt.subplots(figsize=(2, 2))
    places = []

    def drawn():
        for label in ("", "a label that takes room"):
            ax.set(title=label, xlabel=label)
            yield figure
            places.append(ax.get_position().bounds)

    player = Player(drawn(), {"t": "xy"})
    assert places[0] == places[1] and content(player)["frames"][0] != content(player)["frames"][1]


def test_the_axes_are_those_of_the_first_frame():
    numbers = count()
    made = [plt.subplots(1, next(numbers) + 1)[0] for _ in range(3)]
    assert len(Player(made, {"t": "xyz"}, start=(1,)).axes) == 2


def test_words_cannot_end_the_data():
    name = "</script><img src=x>"
    player = Player(frames(1), {name: ["<b>"]})
    assert player.html().count("<img ") == 1 and content(player)["sliders"] == [[name, ["<b>"]]]


def test_asks_for_nothing_outside():
    assert not re.search(r"https?:|@import|url\(|fetch\(", Player(frames(1), {"t": "x"}).html())


@pytest.mark.parametrize("sliders", [{}, {"a": "x", "b": "x", "c": "x"}, {"a": ""}])
def test_refuses_what_no_reader_could_move(sliders):
    with pytest.raises(ValueError, match="sliders: expected one or two"):
        Player(frames(1), sliders)


@pytest.mark.parametrize("n", [1, 3])
def test_refuses_another_number_of_frames_than_positions(n):
    with pytest.raises(ValueError, match=f"expected 2, one a position, given {n}"):
        Player(frames(n), {"t": "xy"})


def test_refuses_a_start_that_is_no_position():
    with pytest.raises(ValueError, match="start: expected a position"):
        Player(frames(2), {"t": "xy"}, start=(2,))
