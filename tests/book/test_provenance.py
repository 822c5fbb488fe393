"""The line of origin: the commit as git says it, or unknown, and nothing that breaks a page."""

import shutil
import subprocess

import pytest

from regthesis.book import provenance

RUN = dict.fromkeys(("commit", "data", "profile", "device", "threads", "dtype"), "x")


@pytest.fixture
def checkout(tmp_path):
    if not shutil.which("git"):
        pytest.skip("no git on this machine")
    (tmp_path / "file").write_text("one")
    name = ["-c", "user.name=n", "-c", "user.email=e"]
    for words in (["init", "-q"], ["add", "file"], [*name, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_commit_is_the_short_hash(checkout):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True).stdout
    assert len(provenance.commit(checkout)) >= 7 and head.startswith(provenance.commit(checkout))


def test_changed_files_show(checkout):
    (checkout / "file").write_text("two")
    assert provenance.commit(checkout).endswith("+dirty")


def test_unknown_outside_git_and_without_it(tmp_path, monkeypatch):
    assert provenance.commit(tmp_path) == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path) == "unknown"


def test_data_of_the_run_are_hashed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "image").write_text("one")
    first = provenance.collect(tmp_path, "quick", {"data_root": "data"}, tmp_path)["data"]
    (tmp_path / "data" / "image").write_text("two")
    assert provenance.collect(tmp_path, "quick", {"data_root": "data"}, tmp_path)["data"] != first
    assert provenance.collect(tmp_path, "quick", {}, tmp_path)["data"] == "none"


def test_line_is_safe_html():
    assert "&lt;b&gt;" in provenance.line(1.0, RUN | {"device": "<b>"})
    assert "1 thread " in provenance.line(1.0, RUN | {"threads": "1"})


def test_a_folder_inside_a_checkout_has_not_its_commit(checkout):
    (checkout / "site-packages").mkdir()
    assert provenance.commit(checkout / "site-packages") == "unknown"
