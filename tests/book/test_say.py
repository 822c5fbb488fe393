"""Numbers in sentences: what a cell says is what the sentence shows, and how a number looks is never left to chance."""

import pytest

from regthesis.book.show import prose


@pytest.fixture
def glued(monkeypatch):
    """What a page would know, by its name there."""
    known = {}
    monkeypatch.setattr("myst_nb.glue", lambda name, value, display: known.update({name: (value, display)}))
    return known


def test_names_and_texts_reach_the_page(glued):
    prose.say(patients=80, s3_dice=f"{0.80049:.3f}", words="four of five")
    assert glued == {"patients": ("80", False), "s3-dice": ("0.800", False), "words": ("four of five", False)}


@pytest.mark.parametrize("value", [0.8, True, False, None, [1]])
def test_what_is_no_text_and_no_count_is_refused(glued, value):
    with pytest.raises((ValueError, TypeError)):
        prose.say(fine="text", wrong=value)
    assert "wrong" not in glued
