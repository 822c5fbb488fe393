"""The line of origin: the commit as git says it, or unknown; safe on a page; recorded runs say their own."""

import json
import re
import shutil
import subprocess

import pytest

from regthesis.book.press import provenance
from regthesis.errors import UserError
from regthesis.shipped import CHECKOUT as ROOT

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


def test_what_an_earlier_run_left_is_no_change_of_the_code(checkout):
    records = checkout / "data" / "recorded" / "run" / "records.csv"
    records.parent.mkdir(parents=True)
    records.write_text("one")
    for words in (["add", "data"], ["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "two"]):
        subprocess.run(["git", *words], cwd=checkout, check=True)
    records.write_text("two")
    assert not provenance.commit(checkout).endswith("+dirty")
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


def test_a_page_says_its_time_and_its_machine():
    told = provenance.time_line(150.0, "1", {"processor": "P <b>", "cores": 4})
    assert "took 2.5 minutes with 1 thread, on a machine with 4 cores (P &lt;b&gt;)." in told
    assert "took 119 s" in provenance.time_line(119.4, "2", {"processor": "P", "cores": 1})
    assert provenance.machine()["cores"] >= 1 and provenance.machine()["processor"]


def test_a_folder_inside_a_checkout_has_not_its_commit(checkout):
    (checkout / "site-packages").mkdir()
    assert provenance.commit(checkout / "site-packages") == "unknown"


def facts(line: str) -> list[str]:
    return re.fullmatch(r'<p class="provenance">(.*)</p>', line)[1].split(" · ")


def recorded(folder, **about):
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(about))
    return provenance.recorded_line(folder)


def test_a_run_says_everything_in_one_order():
    run = {"dtype": "float32", "threads": "2", "device": "cpu", "profile": "quick", "data": "d474", "commit": "abc"}
    expected = ["commit <code>abc</code>", "data <code>d474</code>", "profile quick", "cpu", "2 threads", "float32"]
    assert facts(provenance.line(1.25, run)) == [*expected, "1.2 s"]


def test_a_recorded_run_says_its_name_and_its_command(tmp_path):
    about = RUN | {"commit": "abc", "patients": ["p1"], "seconds": 3.5, "command": "regthesis study ROOT --out <a>"}
    told = facts(recorded(tmp_path / "acdc-twice", **about))
    assert told[:2] == ["recorded run <code>acdc-twice</code>", "commit <code>abc</code>"]
    assert told[-1] == "<code>regthesis study ROOT --out &lt;a&gt;</code>"
    assert not [fact for fact in told if "p1" in fact or "3.5" in fact]


def test_a_record_of_the_benchmarks_says_date_and_machine(tmp_path):
    machine = {"processor": "P & Q", "cores": 2}
    told = recorded(tmp_path, date="2020-01-01", commit="abc", machine=machine, threads=2, command="run.py")
    assert facts(told)[1:] == ["2020-01-01", "commit <code>abc</code>", "P &amp; Q", "2 threads", "<code>run.py</code>"]


@pytest.mark.parametrize(
    "about", [{"commit": "abc"}, {"command": "study"}, {"commit": "a", "command": 1}, {"machine": 1}]
)
def test_a_recorded_run_that_does_not_say_its_command_is_none(tmp_path, about):
    with pytest.raises(UserError, match="mend the cell's tag"):
        recorded(tmp_path, **about)


@pytest.mark.parametrize("text", [None, "{", "[1]"])
def test_no_recorded_run_is_one_line(tmp_path, text):
    if text:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match="no recorded run with a run.json"):
        provenance.recorded_line(tmp_path)


@pytest.mark.parametrize("run", sorted((ROOT / "data" / "recorded").iterdir()), ids=lambda run: run.name)
def test_every_recorded_run_has_a_line_of_its_own(run):
    about = json.loads((run / "run.json").read_text("utf-8"))
    told = provenance.recorded_line(run)
    assert run.name in told and about["commit"] in told and about["command"].split()[0] in told
