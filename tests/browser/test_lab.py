"""What `make lab` opens: a chapter as a notebook, with its roles and boxes shown as the book shows them, offline."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = "chapters/02_background.md"
pytestmark = pytest.mark.slow


def wait_for(what, seconds: int = 120):
    for _ in range(seconds):
        if found := what():
            return found
        time.sleep(1)
    raise TimeoutError(f"nothing came in {seconds} s")


def answers(address: str) -> bool:
    try:
        return urlopen(address).status == 200
    except URLError:
        return False


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab as `make lab` starts it, on a copy of the chapter: it may save what it shows."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "chapters").mkdir()
    (folder / CHAPTER).write_bytes((ROOT / CHAPTER).read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"), "JUPYTER_RUNTIME_DIR": str(folder)}
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=", "--ip=127.0.0.1"]
    command = [Path(sys.executable).with_name("jupyter"), "lab", *options]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | settings, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/lab"
    try:
        wait_for(lambda: answers(address))
        yield address
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:  # it waits for its extensions now and then, for ever
            server.kill()
            server.wait()


def test_a_chapter_opens_as_a_notebook_that_shows_what_the_book_shows(lab, browser):
    browser.get(f"{lab}/tree/{CHAPTER}")
    first = "return document.querySelector('.jp-MarkdownCell .myst')?.innerText"
    text = wait_for(lambda: (text := browser.execute_script(first)) and "Prerequisites" in text and text)
    assert text.startswith("Background") and "notation" in text
    assert [raw for raw in ("{cite}", "{doc}", "{ref}", ":::", "**") if raw in text] == []
