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


def test_no_text_needs_scrolling_sideways(opened):
    widths = "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    page, body, window = opened.execute_script(widths)
    assert max(page, body) <= window
    assert opened.execute_script(STICKING_OUT) == []


def test_no_code_is_cut_on_a_screen(opened):
    if opened.execute_script("return innerWidth") > 1000:  # on a phone it scrolls in its own box
        assert opened.execute_script(CUT) == []


def test_text_stands_out_from_its_ground(opened):
    pale = opened.execute_script(CONTRAST)
    assert [(text, ratio) for text, ratio in pale if ratio < 4.5] == []


def test_players_move_by_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    for player in opened.find_elements("css selector", ".player"):
        *_, slider = player.find_elements("css selector", "input")
        ends = []
        for key in (Keys.HOME, Keys.END):
            slider.send_keys(key)
            ends.append(player.find_element("css selector", "img").get_attribute("src"))
        assert ends[0] != ends[1], player.text


def test_a_page_is_no_burden(opened):
    assert Path(unquote(urlparse(opened.current_url).path)).stat().st_size < 12e6


CUT = """
return [...document.querySelectorAll('article div.cell_input pre')]
  .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth).map(e => e.textContent.slice(0, 60));
"""

STICKING_OUT = """
const scrolls = e => { for (; e; e = e.parentElement)
                         if (['auto', 'scroll'].includes(getComputedStyle(e).overflowX)) return e.tagName !== 'BODY';
                       return false; };
return [...document.querySelectorAll('article :is(p, li, h1, h2, h3, figcaption, img, input, button)')]
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e))
  .map(e => e.tagName + ' ' + e.textContent.slice(0, 40));
"""

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
