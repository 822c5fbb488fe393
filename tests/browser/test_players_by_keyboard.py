"""Players by hand: sliders, buttons, keys and drags, two on one page, opened from file:// without a book."""

import json

import matplotlib.pyplot as plt
import pytest

from regthesis.book.show.player import Player

pytestmark = pytest.mark.slow


def frames(n):
    return (plt.figure(figsize=(2, 1), facecolor=str(k / n)) for k in range(n))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page with a beat of five frames, and a sweep of three by four that starts at its middle."""
    beat = Player(frames(5), {"frame": [f"frame {k}" for k in range(5)]}, cyclic=True, per_second=50.0)
    sweep = Player(frames(12), {"second": "abc", "first": "wxyz"}, start=(1, 2), per_second=50.0)
    page = tmp_path_factory.mktemp("pages") / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><title>t</title><body>{beat.html()}{sweep.html()}")
    return page.as_uri()


@pytest.fixture
def shown(browser, address):
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(address)
    yield browser
    assert [log["message"] for log in browser.get_log("browser") if log["level"] == "SEVERE"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)


def state(shown, k):
    """Positions, spoken labels and the number of the picture that player `k` shows."""
    return shown.execute_script(
        """const player = document.querySelectorAll('.player')[arguments[0]];
           const sliders = [...player.querySelectorAll('input')];
           const frames = JSON.parse(player.querySelector('script').textContent).frames;
           return [sliders.map(s => +s.value), sliders.map(s => s.ariaValueText),
                   frames.indexOf(player.querySelector('img').src)];""",
        k,
    )


def element(shown, k, selector):
    return shown.find_elements("css selector", ".player")[k].find_element("css selector", selector)


def until(shown, test):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(shown, 5, poll_frequency=0.01).until(test)


def test_both_start_where_they_were_told(shown):
    assert state(shown, 0) == [[0], ["frame 0"], 0]
    assert state(shown, 1) == [[1, 2], ["b", "y"], 6]


def test_keys_move_a_slider_and_its_neighbour_stays(shown):
    from selenium.webdriver.common.keys import Keys

    slider = element(shown, 0, "input")
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert state(shown, 0) == [[2], ["frame 2"], 2]
    slider.send_keys(Keys.END)
    assert state(shown, 0)[2] == 4
    slider.send_keys(Keys.HOME)
    assert state(shown, 0)[2] == 0 and state(shown, 1)[2] == 6
    element(shown, 1, "label:first-child input").send_keys(Keys.ARROW_RIGHT)
    assert state(shown, 1) == [[2, 2], ["c", "y"], 10]


def test_buttons_have_names_and_the_keys_of_a_slider(shown):
    from selenium.webdriver.common.keys import Keys

    element(shown, 1, "[aria-label=next]").click()
    assert state(shown, 1)[0] == [1, 3]
    element(shown, 1, "[aria-label=next]").click()  # the end
    assert state(shown, 1)[0] == [1, 3]
    element(shown, 1, "[aria-label=previous]").click()
    element(shown, 1, "[aria-label=previous]").send_keys(Keys.HOME)
    assert state(shown, 1)[0] == [1, 0]


def test_space_plays_round_and_stops(shown):
    slider = element(shown, 0, "input")
    slider.send_keys(" ")
    until(shown, lambda shown: state(shown, 0)[2] == 4)
    until(shown, lambda shown: state(shown, 0)[2] == 0)
    assert element(shown, 0, "[aria-label=pause]")
    slider.send_keys(" ")
    assert element(shown, 0, "[aria-label=play]") and state(shown, 1)[2] == 6


def test_what_is_no_circle_plays_to_the_end_and_back(shown):
    element(shown, 1, "[aria-label=play]").click()
    until(shown, lambda shown: state(shown, 1)[0][1] == 3)
    until(shown, lambda shown: state(shown, 1)[0][1] == 2)
    until(shown, lambda shown: state(shown, 1)[0][1] == 0)
    element(shown, 1, "[aria-label=pause]").click()


def test_dragging_the_picture_moves_both(shown):
    from selenium.webdriver import ActionChains

    picture = element(shown, 1, "img")
    width, height = picture.size["width"], picture.size["height"]
    ActionChains(shown).click_and_hold(picture).move_by_offset(-width // 4, height // 3).release().perform()
    assert state(shown, 1)[0] == [2, 1]
    assert shown.switch_to.active_element == element(shown, 1, "label:nth-child(2) input")


def test_a_swipe_moves_the_last_alone(shown):
    where = shown.execute_script("const r = arguments[0].getBoundingClientRect(); return [r.x, r.y, r.width, r.height]",
                                element(shown, 1, "img"))  # fmt: skip
    x, y = where[0] + where[2] / 2, where[1] + where[3] / 2
    for kind, to in (("touchStart", x), ("touchMove", x - 10), ("touchMove", x - where[2] / 2), ("touchEnd", None)):
        points = [] if to is None else [{"x": to, "y": y}]
        shown.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    until(shown, lambda shown: state(shown, 1)[0] == [1, 0])


def test_who_prefers_less_motion_gets_a_frame_a_second(shown):
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    element(shown, 0, "[aria-label=play]").click()
    calm = shown.execute_async_script(
        "const done = arguments[0], slider = document.querySelector('.player input');"
        "setTimeout(() => done(+slider.value), 600)"
    )
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    element(shown, 0, "[aria-label=pause]").click()
    assert calm == 0


def test_the_focus_is_seen(shown):
    slider = element(shown, 0, "input")
    slider.send_keys("")
    shown.execute_script("arguments[0].focus()", slider)
    assert shown.execute_script("return getComputedStyle(arguments[0]).outlineStyle", slider) == "solid"


def test_print_has_the_picture_alone(shown):
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    controls, picture = element(shown, 0, ".player-controls"), element(shown, 0, "img")
    hidden = not controls.is_displayed() and picture.is_displayed()
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert hidden
