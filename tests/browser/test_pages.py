"""Every page of the built book, opened from file:// in a browser: offline, sound, readable."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

pytestmark = pytest.mark.slow


def test_asks_for_nothing_outside(opened):
    assert opened.asked_for, "the log of requests is empty"
    assert [url for url in opened.asked_for if not url.startswith(("file:", "data:", "blob:"))] == []


def test_no_error_in_the_console(opened):
    assert opened.complaints == []


def test_every_picture_says_what_it_shows(opened):
    silent = "return [...document.querySelectorAll('article img')].filter(i => !i.alt.trim()).map(i => i.src)"
    assert opened.execute_script(silent) == []


def test_every_picture_is_there(opened):
    broken = "return [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    assert opened.execute_script(broken) == []


def test_links_lead_somewhere(opened):
    links = opened.execute_script("return [...document.querySelectorAll('a[href]')].map(a => a.href)")
    assert [link for link in links if link.startswith("file:") and not _leads_somewhere(link)] == []


def test_does_not_overflow(opened):
    widths = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    scroll, client = opened.execute_script(widths)
    assert scroll <= client


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(opened, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    opened.refresh()
    assert opened.execute_script("return document.documentElement.dataset.theme") == scheme
    pale = opened.execute_script(CONTRAST)
    assert [(text, ratio) for text, ratio in pale if ratio < 4.5] == []


CONTRAST = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
const rgba = c => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1);
                    return [...canvas.getImageData(0, 0, 1, 1).data]; };
const ground = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor);
                      if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => { const [r, g, b] = c.map(linear);
                     return .2126 * r + .7152 * g + .0722 * b; };
return [...document.querySelectorAll('article :is(p, td, th, li, figcaption, h1, h2, h3, pre span)')]
  .filter(e => e.checkVisibility() && e.textContent.trim())
  .map(e => { const a = light(rgba(getComputedStyle(e).color)), b = light(ground(e));
              return [e.textContent.slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; });
"""


def _leads_somewhere(link: str) -> bool:
    address, fragment = urldefrag(link)
    path = Path(unquote(urlparse(address).path))
    return path.is_file() and (not fragment or unquote(fragment) in _anchors(path))


@cache
def _anchors(path: Path) -> set[str]:
    return set(re.findall(r'\b(?:id|name)="([^"]+)"', path.read_text()))
