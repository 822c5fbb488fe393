"""A small book in a temporary folder: it runs once, resumes, and fails without harm."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import torch
from click.testing import CliRunner

from regthesis.book.chapters import Page, check_origin, find_page, notebook_pages, profile_parameters, typed
from regthesis.book.press import build, resume
from regthesis.book.press.execute import execute, execute_all, run_name
from regthesis.book.press.resume import data_hash, inputs
from regthesis.cli import main
from regthesis.errors import ChapterError, UserError

HEADER = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# Page
"""
CHAPTER = """
```{code-cell} ipython3
:tags: [parameters]

dataset = "phantom"  # one of: phantom, acdc, folder
data_root = ""
subjects = 3  # at least 1: hearts
sigma = 1.5  # mm
train = False
bad = ""
names = ["a", "b"]
device = "cpu"
```

```{code-cell} ipython3
import os
from pathlib import Path

Path(os.environ["REGTHESIS_RESULTS"], "2.json").write_text(str(subjects))
print(subjects, sigma, Path.cwd().name)
if bad:
    raise ValueError(bad)
```
"""
SCORECARD = """
```{code-cell} ipython3
import os
from pathlib import Path

print([path.read_text() for path in Path(os.environ["REGTHESIS_RESULTS"]).glob("*.json")])
```
"""
TOC = """
format: jb-book
root: book/start
parts: [{caption: Chapters, chapters: [{file: chapters/02_background}, {file: book/scorecard}]}]
"""


def write_book(root: Path) -> Path:
    (root / "chapters" / "profiles").mkdir(parents=True)
    (root / "book").mkdir()
    (root / "_toc.yml").write_text(TOC)
    (root / "_config.yml").write_text("title: A small book\n")
    (root / "book" / "start.md").write_text("# Start\n")
    (root / "book" / "scorecard.md").write_text(HEADER + SCORECARD)
    (root / "chapters" / "02_background.md").write_text(HEADER + CHAPTER)
    profile = "dataset: phantom\nunknown_here: 1\n02_background: {sigma: 2.0}\n"
    (root / "chapters" / "profiles" / "quick.yaml").write_text(profile)
    return root


@pytest.fixture
def book(tmp_path):
    return write_book(tmp_path)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The chapter, executed once for the whole module: copy it before you change anything."""
    root = write_book(tmp_path_factory.mktemp("book"))
    said = []
    execute(find_page("2", root), root, "quick", {}, root / "out", root / "results", report=said.append)
    assert said == ["02_background: running (anew)"]
    return root


@pytest.fixture
def again(executed, tmp_path):
    return Path(shutil.copytree(executed, tmp_path / "copy"))


def run(root, page="2", report=lambda text: None, **overrides):
    page = find_page(page, root)
    return execute(page, root, "quick", overrides, root / "out", root / "results", report=report)


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.text for cell in cells for output in cell.get("outputs", ()) if "text" in output)


def test_runs_with_the_profile_in_the_folder_of_the_page(executed):
    assert printed(executed / "out" / "02_background.ipynb") == "3 2.0 chapters\n"
    assert (executed / "results" / "2.json").read_text() == "3"
    assert not list((executed / "out").glob(".*"))


def test_notebook_says_where_it_comes_from(executed):
    notebook = nbformat.read(executed / "out" / "02_background.ipynb", as_version=4)
    run = notebook.metadata["regthesis"]["run"]
    assert run["profile"] == "quick" and run["dtype"] == "float32" and run["commit"] == "unknown"


def test_unchanged_is_not_run_again(again):
    said, before = [], (again / "out" / "02_background.ipynb").stat().st_mtime_ns
    path = run(again, report=said.append)
    assert said == ["02_background: unchanged"] and path.stat().st_mtime_ns == before


def test_lost_verdicts_are_computed_again(again):
    (again / "results" / "2.json").unlink()
    said = []
    run(again, report=said.append)
    assert said == ["02_background: running (verdicts changed)"]
    assert (again / "results" / "2.json").exists()


def test_failing_cell_is_named_and_earlier_outputs_stay(again):
    before = (again / "out" / "02_background.ipynb").read_bytes()
    with pytest.raises(ChapterError) as failure:
        run(again, bad="ouch", subjects=9)
    assert str(failure.value).startswith("02_background failed in cell 3: ValueError: ouch\n")
    assert "raise ValueError(bad)" in str(failure.value)
    assert (again / "out" / "02_background.ipynb").read_bytes() == before
    assert (again / "results" / "2.json").read_text() == "3"
    assert "9 2.0" in printed(again / "out" / "02_background.failed.ipynb")


@pytest.mark.slow
def test_scorecard_reads_the_verdicts_and_runs_again_with_them(again):
    said = []
    assert printed(run(again, "scorecard", said.append)) == "['3']\n"
    (again / "results" / "2.json").write_text("4")
    assert printed(run(again, "scorecard", said.append)) == "['4']\n"
    assert said[1] == "scorecard: running (verdicts of others changed)"


@pytest.mark.parametrize("name", ["notebook", "parameters", "package", "data", "environment"])
def test_every_input_counts(book, name):
    source, data = book / "chapters" / "02_background.md", book / "data" / "set"
    data.mkdir(parents=True)
    (data / "image.nii.gz").write_bytes(b"image")
    (book / "regthesis").mkdir()
    parameters = {"data_root": "../data/set"}
    before = inputs(source, parameters, book)
    if name == "parameters":
        parameters["seed"] = 1
    else:
        changed = {
            "notebook": source,
            "package": book / "regthesis" / "new.py",
            "data": data / "image.nii.gz",
            "environment": book / "requirements.lock",
        }[name]
        changed.write_bytes(b"other")
    after = inputs(source, parameters, book)
    assert {key for key in before if before[key] != after[key]} == {name}


def test_a_baseline_that_is_installed_later_counts(book, monkeypatch):
    (book / "requirements-peers.lock").write_text("# heavy\nvoxel_morph==0.3\n")
    source, found = book / "chapters" / "02_background.md", set()
    for version in (None, "0.3", "0.4"):
        peers = [SimpleNamespace(name="Voxel.Morph", version=version)] if version else []
        monkeypatch.setattr(resume, "distributions", lambda peers=peers: peers)
        found.add(inputs(source, {}, book)["environment"])
    assert len(found) == 3


def test_data_hash_sees_names_sizes_and_the_end_of_contents(tmp_path):
    seen = set()
    for name, content in [("a", b"1"), ("b", b"1"), ("b", b"2"), ("b", b"22"), ("b", bytes(70_000) + b"3")]:
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / name).write_bytes(content)
        seen.add(data_hash(tmp_path))
    assert len(seen) == 5


def test_own_pairs_count_with_all_that_their_list_names(tmp_path):
    (tmp_path / "series").mkdir()
    contents = {"pairs.csv": b"fixed, moving, group\nf.nii, series, x\n", "f.nii": b"f", "series/1": b"1", "other": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    seen = [data_hash(tmp_path / "pairs.csv")]
    for name in contents:
        (tmp_path / name).write_bytes(contents[name] + b" ")
        seen.append(data_hash(tmp_path / "pairs.csv"))
    assert len(set(seen)) == 4 and seen[-1] == seen[-2]


@pytest.mark.parametrize("dataset, root", [("folder", "data"), ("acdc", "pairs.csv"), ("phantom", "pairs.csv")])
def test_data_are_what_they_are_called(tmp_path, dataset, root):
    (tmp_path / "data").mkdir()
    (tmp_path / "pairs.csv").write_text("moving,fixed\n")
    page = Page(tmp_path / "02_page.md")
    with pytest.raises(UserError, match="pairs.csv holds folder data|no patient folder"):
        check_origin({"dataset": dataset, "data_root": root}, page)
    check_origin({"dataset": "folder", "data_root": "pairs.csv"}, page)


NO_INTEGERS = [
    "",
    "[1",
    "%d",
    "*a",
    "\t1",
    "1 ",
    "1:30",
    "0x10",
    "1_0",
    "1e3",
    "\u0663",
    "a: b: c",
    "'",
    "@1",
    "9" * 5000,
]
NO_FLOATS = ["", "nan", "inf", "1e999", "1_0", "1:30", " 1", "0x1p3", "\u0663", "1,5", "true"]


@pytest.mark.parametrize("wanted", ["2", "02", "02_background", "background"])
def test_a_chapter_by_number_or_name(book, wanted):
    assert find_page(wanted, book).source == book / "chapters" / "02_background.md"


@pytest.mark.parametrize(
    "name, text, value",
    [
        ("subjects", "7", 7),
        ("sigma", "2", 2.0),
        ("sigma", "1e-3", 1e-3),
        ("subjects", "010", 10),
        ("subjects", "+3", 3),
        ("sigma", "-0.5", -0.5),
        ("sigma", "017", 17.0),
        ("names", "c", ["c"]),
        ("names", "c, d", ["c", "d"]),
        ("names", "[c, d]", ["c", "d"]),
        ("train", "true", True),
        ("train", "No", False),
        ("bad", "a: [b", "a: [b"),
        ("dataset", "acdc", "acdc"),
        ("bad", "3", "3"),
        ("data_root", ".", str(Path.cwd())),
        ("data_root", "Makefile", str(Path.cwd() / "Makefile")),
    ],
)
def test_values_take_the_type_of_the_default(book, name, text, value):
    result = typed(name, text, find_page("2", book))
    assert result == value and type(result) is type(value)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("subject", "7", "unknown parameter 'subject'; known: dataset, .*did you mean subjects?"),
        ("subjects", "many", "subjects must be of type int"),
        ("subjects", "1.5", "subjects must be of type int"),
        *[("subjects", text, "subjects must be of type int") for text in NO_INTEGERS],
        *[("sigma", text, "sigma must be of type float") for text in NO_FLOATS],
        ("subjects", "0", "subjects must be at least 1, not 0"),
        ("subjects", "-1", "subjects must be at least 1, not -1"),
        ("bad", "\udcff", "bad must be of type str"),
        ("sigma", "wide", "sigma must be of type float"),
        ("train", "1", "train must be of type bool"),
        ("dataset", "adcd", "unknown dataset 'adcd'; known: phantom, acdc, folder; did you mean acdc?"),
        ("data_root", "/nowhere/at/all", "data_root: /nowhere/at/all is not there"),
    ],
)
def test_bad_parameters_are_named(book, name, text, message):
    with pytest.raises(UserError, match=message):
        typed(name, text, find_page("2", book))


def test_a_profile_with_a_typing_error_is_named(book):
    profile = book / "chapters" / "profiles" / "quick.yaml"
    profile.write_text("02_background: {sigmo: 2.0}\n")
    with pytest.raises(UserError, match="quick.yaml: unknown parameter 'sigmo'.*did you mean sigma"):
        profile_parameters("quick", find_page("2", book), book)


@pytest.mark.parametrize("wanted", ["\u00b2", "\u0662", "", "0", "None", "-2", "0" * 5000])
def test_odd_names_are_no_chapter(book, wanted):
    with pytest.raises(UserError, match="unknown chapter"):
        find_page(wanted, book)


PROFILES = {
    "nothing": (b"", {}),
    "an empty section": (b"sigma: 1\n02_background:\n", {"sigma": 1.0}),
    "a section before the top": (b"subjects: 2\n02_background: {subjects: 010}\n", {"subjects": 10}),
    "lists": (b"names: [c, d]\nunknown_here: [1]\n", {"names": ["c", "d"]}),
    "text that YAML takes for something else": (
        b"bad: no\ndata_root: ../2020-01-01\n",
        {"bad": "no", "data_root": "../2020-01-01"},
    ),
}
BAD_PROFILES = {
    "a list": (b"- 1\n", "expected names and values"),
    "a list as a section": (b"02_background: [subjects]\n", "expected names and values under 02_background"),
    "broken": (b"seed: 1\nsubjects: [1\n", "line 3: cannot be read as YAML"),
    "latin-1": ("# Gr\u00f6\u00dfe\n".encode("latin-1"), "not text in UTF-8"),
    "a page that is none": (
        b"02_backgruond: {subjects: 2}\n",
        "unknown page '02_backgruond'.*did you mean 02_background",
    ),
    "a wrong type": (b"02_background: {subjects: many}\n", "subjects must be of type int like 3, not 'many'"),
    "a wrong type at the top": (b"subjects: 1.5\n", "subjects must be of type int"),
    "base sixty": (b"subjects: 1:30\n", "subjects must be of type int"),
    "no value": (b"subjects:\n", "subjects must be of type int"),
    "too few": (b"subjects: 0\n", "subjects must be at least 1"),
    "a mapping as a value": (b"02_background: {names: {a: b}}\n", "names must be of type list"),
    "a choice that is none": (b"dataset: mnist\n", "unknown dataset 'mnist'"),
    "an object": (b"subjects: !!python/name:os.system\n", "subjects must be of type int"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_read_as_a_command_line_is(book, name):
    content, expected = PROFILES[name]
    (book / "chapters" / "profiles" / "own.yaml").write_bytes(content)
    assert profile_parameters("own", find_page("2", book), book) == expected


@pytest.mark.parametrize("name", BAD_PROFILES)
def test_a_bad_profile_is_named_in_one_line(book, name):
    content, message = BAD_PROFILES[name]
    (book / "chapters" / "profiles" / "own.yaml").write_bytes(content)
    with pytest.raises(UserError, match=message) as refused:
        profile_parameters("own", find_page("2", book), book)
    assert "own.yaml" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("profile", ["../profiles/quick", "", "."])
def test_a_profile_is_a_name_and_no_path(book, profile):
    with pytest.raises(UserError, match="unknown profile"):
        profile_parameters(profile, find_page("2", book), book)


def test_a_run_is_named_by_its_parameters():
    assert run_name({"subjects": 3, "seed": 1}) == run_name({"seed": 1, "subjects": 3}) == "seed=1,subjects=3"
    others = [{"a": "x/y"}, {"a": "z/y"}, {"a": "y"}, {"a": "y,b=1"}, {"a": "y", "b": 1}, {"a": ".."}, {"a": "y" * 300}]
    others += [{"a": "y" * 301}, {"a": "\u00fc"}, {"a": ["y"]}, {"a": ""}, {f"a{k}": "y" * 20 for k in range(20)}]
    names = [run_name(parameters) for parameters in others]
    assert len(set(names)) == len(names)
    assert all(len(name) < 130 and "/" not in name and name.isascii() for name in names)
    assert names[0].startswith("a=y~")


@pytest.mark.parametrize(
    "words, message",
    [
        (["run", "7"], "unknown chapter '7'; known: 02_background, scorecard"),
        (["run", "2", "--profile", "quik"], "unknown profile 'quik'; known: quick; did you mean quick?"),
        (["run", "2", "-p", "subject", "1"], "unknown parameter 'subject'"),
        (["run", "2", "-p", "dataset", "mnist"], "unknown dataset 'mnist'; known: phantom, acdc, folder"),
        (["run", "2", "--out", "_toc.yml/deeper"], "cannot write to _toc.yml/deeper"),
        (["run", "2", "--out", "_toc.yml"], "cannot write to _toc.yml"),
        (["run", "2", "-p", "device", "mps"], "use cpu or cuda"),
        (["run", "2", "-p", "device", "cuda:99"], "no GPU of that name"),
        (["book", "--profile", "none"], "unknown profile 'none'"),
        (["data", "check", "acdc", "nowhere"], "nowhere: no patient folder"),
    ],
)
def test_command_line_says_it_in_one_line_and_exits_2(book, monkeypatch, words, message):
    monkeypatch.chdir(book)
    result = CliRunner().invoke(main, words)
    lines = [line for line in result.stderr.splitlines() if line.startswith("regthesis: ")]
    assert result.exit_code == 2 and message in lines[0] and "Traceback" not in result.output


def test_command_line_exits_1_where_a_chapter_fails(again, monkeypatch):
    monkeypatch.chdir(again)
    result = CliRunner().invoke(main, ["run", "2", "-p", "bad", "ouch", "--out", "elsewhere"])
    assert result.exit_code == 1 and "failed in cell 3: ValueError: ouch" in result.stderr
    assert json.loads((again / "elsewhere" / "02_background.failed.ipynb").read_text())


@pytest.fixture
def no_sphinx(monkeypatch):
    """In place of jupyter-book: one page."""

    def write_one_page(stage, site, log):
        (site / "_build" / "html").mkdir(parents=True)
        (site / "_build" / "html" / "index.html").write_text("page")

    monkeypatch.setattr(build, "_jupyter_book", write_one_page)


@pytest.mark.slow
def test_every_set_of_parameters_has_its_folder_and_braces_are_no_format(book, no_sphinx, monkeypatch):
    monkeypatch.chdir(book)

    def regthesis(*words):
        result = CliRunner().invoke(main, ["run", "2", *words])
        assert "Traceback" not in result.output
        return result

    own = book / "_build" / "runs" / "quick" / "subjects=4"
    done = regthesis("-p", "subjects", "4")
    first, page = own / "02_background.ipynb", own / "html" / "index.html"
    assert done.exit_code == 0 and done.stdout == f"{first}\n{page.as_uri()}\n" and page.read_text() == "page"
    before = first.read_bytes()
    assert regthesis("-p", "subjects", "5", "--out", "out{x}{subjects}").exit_code == 0
    second = book / "out{x}{subjects}" / "02_background.ipynb"
    assert printed(second) == "5 2.0 chapters\n" and first.read_bytes() == before
    refused = regthesis("-p", "subjects", "6", "--out", "out{x}{subjects}")
    assert refused.exit_code == 2 and "holds a run with other parameters" in refused.stderr
    assert printed(second) == "5 2.0 chapters\n"
    assert "unchanged" in regthesis("-p", "subjects", "4").stderr


DATA = """
```{code-cell} ipython3
:tags: [needs-masks]

print("masks")
```

```{code-cell} ipython3
:tags: [needs-masks, needs-groups]

print("both")
```
"""


@pytest.mark.slow
def test_pages_run_side_by_side_and_the_scorecard_after_them(book, capfd):
    other = (book / "chapters" / "02_background.md").read_text().replace('"2.json"', '"3.json"')
    (book / "chapters" / "03_other.md").write_text(other)
    (book / "_toc.yml").write_text(TOC.replace("{file: book/sc", "{file: chapters/03_other}, {file: book/sc"))
    executed = execute_all(notebook_pages(book), book, "quick", book / "out", book / "results")
    scorecard = executed[book / "book" / "scorecard.md"]
    assert printed(scorecard).count("'3'") == 2
    alone = run(book, report=lambda text: None)
    assert printed(alone) == printed(executed[book / "chapters" / "02_background.md"]) == "3 2.0 chapters\n"
    assert capfd.readouterr().out.splitlines()[-1] == "scorecard: running (anew)"
    threads = nbformat.read(scorecard, as_version=4).metadata["regthesis"]["run"]["threads"]
    assert int(threads) == max(1, torch.get_num_threads() // 2)


@pytest.mark.slow
def test_where_a_page_fails_the_others_that_run_are_kept(book):
    other = (book / "chapters" / "02_background.md").read_text().replace("if bad:", "if True:")
    (book / "chapters" / "03_other.md").write_text(other)
    (book / "_toc.yml").write_text(TOC.replace("{file: book/sc", "{file: chapters/03_other}, {file: book/sc"))
    with pytest.raises(ChapterError, match="03_other failed in cell 3"):
        execute_all(notebook_pages(book), book, "quick", book / "out", book / "results")
    assert sorted(path.name for path in (book / "out").iterdir()) == ["02_background.ipynb", "03_other.failed.ipynb"]


@pytest.mark.slow
def test_cells_that_need_what_the_data_lack_do_not_run(book, monkeypatch):
    has = {"masks": True, "groups": False}
    monkeypatch.setattr("regthesis.datasets.open", lambda name, root: SimpleNamespace(has=has.get), raising=False)
    page = book / "chapters" / "02_background.md"
    page.write_text(page.read_text() + DATA)
    (book / "pairs.csv").write_text("moving,fixed\n")
    done = run(book, dataset="folder", data_root=str(book / "pairs.csv"))
    assert printed(done) == "3 2.0 chapters\nmasks\n"
    assert "this needs groups of patients, which" in nbformat.read(done, as_version=4).cells[-1].source


@pytest.mark.slow
def test_the_book_is_run_and_built_and_then_unchanged(book, no_sphinx, monkeypatch):
    monkeypatch.chdir(book)
    page, executed = book / "_build" / "html" / "index.html", book / "_build" / "executed" / "quick"
    first = CliRunner().invoke(main, ["book"])
    assert first.exit_code == 0 and first.stdout == f"{page.as_uri()}\n" and "pages: building" in first.stderr
    before = {path.name: path.stat().st_mtime_ns for path in executed.iterdir()}
    assert sorted(before) == ["02_background.ipynb", "scorecard.ipynb"]
    assert "pages: unchanged" in CliRunner().invoke(main, ["book"]).stderr
    assert {path.name: path.stat().st_mtime_ns for path in executed.iterdir()} == before


def test_a_file_of_ones_own_in_out_stays(book, monkeypatch):
    monkeypatch.chdir(book)
    (book / "own").mkdir()
    (book / "own" / "02_background.ipynb").write_text("mine")
    result = CliRunner().invoke(main, ["run", "2", "--out", "own"])
    assert result.exit_code == 2 and (book / "own" / "02_background.ipynb").read_text() == "mine"
