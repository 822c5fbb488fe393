"""A headless Chromium for the built pages; without it, or without pages, these tests skip and say why."""

import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = Path(os.environ.get("REGTHESIS_HTML") or ROOT / "_build" / "html")
WIDTH = 1280


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
    options.add_argument(f"--window-size={WIDTH},900")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def opened(browser, page):
    """The page, opened from the file system, its mathematics set; with what it asked for and complained of."""
    browser.get_log("performance"), browser.get_log("browser")
    browser.get((HTML / page).as_uri())
    browser.execute_async_script(
        "const done = arguments[0]; window.MathJax?.startup ? MathJax.startup.promise.then(done) : done()"
    )
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    browser.asked_for = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    browser.complaints = [log["message"] for log in browser.get_log("browser") if log["level"] == "SEVERE"]
    return browser
