"""A headless Chromium for the built pages; without it, or without pages, these tests skip and say why."""

import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("REGTHESIS_HTML") or ROOT / "_build" / "html")
LOOKS = [(width, scheme) for width in (1400, 390) for scheme in ("light", "dark")]  # a screen and a phone


def pages() -> list[str]:
    return sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html") if "_static" not in path.parts)


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        none = pytest.param("", marks=pytest.mark.skip(f"no pages in {HTML}: run `make book` first"))
        metafunc.parametrize("page", pages() or [none], scope="session")


@pytest.fixture(scope="session")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture(scope="session", params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request):
    return request.param


@pytest.fixture(scope="session")
def opened(browser, page, look):
    """The page, opened from the file system at a width and in a colour scheme, its mathematics set."""
    wait = pytest.importorskip("selenium.webdriver.support.wait")
    width, scheme = look
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
    load(browser, (HTML / page).as_uri())
    theme = "return document.documentElement.dataset.theme || arguments[0]"  # a page that only leads on has none
    wait.WebDriverWait(browser, 5).until(lambda browser: browser.execute_script(theme, scheme) == scheme)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def load(browser, address: str) -> None:
    """Open a page and wait for its mathematics; `asked_for` and `complaints` are then those of this loading."""
    browser.get("about:blank")  # what the page before still had to say is no part of this one
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(address)
    browser.execute_async_script(
        "const done = arguments[0]; window.MathJax?.startup ? MathJax.startup.promise.then(done) : done()"
    )
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    browser.asked_for = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    browser.complaints = [log["message"] for log in browser.get_log("browser") if log["level"] == "SEVERE"]
