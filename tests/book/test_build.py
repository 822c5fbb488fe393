"""Pages from executed notebooks: what is staged, what is rebuilt, and what a failing build leaves."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from regthesis.book.press import build as module
from regthesis.book.press.build import build, build_run
from regthesis.book.press.needs import without
from regthesis.book.press.page import origins
from regthesis.errors import ChapterError, UserError

ROOT = Path(__file__).resolve().parents[2]
RUN = {"commit": "abc1234", "data": "d4741234", "profile": "quick", "device": "cpu", "threads": "2"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def figure_cell():
    figure = {"figure": {"name": "fig-dot", "caption": "A dot."}, "image": {"alt": "One dot."}}
    metadata = {"mystnb": figure, "papermill": {"duration": 1.25}}
    return new_code_cell("dot()", metadata=metadata, outputs=[new_output("display_data", {"image/png": PIXEL})])


def table_cell():
    text = ":::{table} Numbers.\n:name: tab-numbers\n\n| a |\n|---|\n| 1 |\n:::"
    output = new_output("display_data", {"text/markdown": text, "text/plain": "<Markdown>"})
    return new_code_cell("table()", metadata={"tags": ["provenance"], "papermill": {"duration": 0.5}}, outputs=[output])


@pytest.fixture
def book(tmp_path):
    """A checkout with one executed chapter, under the configuration of the real book."""
    root = tmp_path / "checkout"
    (root / "chapters").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", root)
    for part in ("_ext", "_static"):
        shutil.copytree(ROOT / "book" / part, root / "book" / part)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/start\n"
        "parts: [{caption: Chapters, numbered: true, chapters: [{file: chapters/02_background}]}]\n"
    )
    (root / "book" / "references.bib").write_text("")
    (root / "book" / "start.md").write_text("# Start\n\nGo to {numref}`fig-dot` and {numref}`tab-numbers`.\n")
    source = root / "chapters" / "02_background.md"
    source.write_text("# Background\n")
    injected = new_code_cell("seed = 0", metadata={"tags": ["injected-parameters"], "papermill": {}})
    cells = [new_markdown_cell("# Background"), injected, figure_cell(), table_cell()]
    machine = {"cores": 2, "processor": "P & Q"}
    metadata = {"regthesis": {"run": RUN | {"dtype": "float32"}, "machine": machine}}
    metadata |= {"language_info": {"name": "python"}, "papermill": {"duration": 95.4, "parameters": {"seed": 0}}}
    executed = tmp_path / "02_background.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata=metadata), executed)
    return root, {source: executed}, tmp_path / "out"


@pytest.fixture
def no_sphinx(monkeypatch):
    """In place of jupyter-book: count the builds, and write one page."""
    builds = []

    def write_one_page(stage, site, log):
        builds.append(stage)
        (site / "_build" / "html").mkdir(parents=True)
        (site / "_build" / "html" / "index.html").write_text(f"build {len(builds)}")

    monkeypatch.setattr(module, "_jupyter_book", write_one_page)
    return builds


def test_figures_and_tables_get_their_line_of_origin(book, no_sphinx):
    build(*book)
    staged = nbformat.read(book[2] / "stage" / "chapters" / "02_background.ipynb", as_version=4)
    lines = [(i, cell.source) for i, cell in enumerate(staged.cells) if "provenance" in cell.source]
    assert [i for i, _ in lines] == [4, 6]
    assert "abc1234" in lines[0][1] and "d4741234" in lines[0][1] and "1.2 s" in lines[0][1]
    assert "hide-cell" in staged.cells[2].metadata["tags"]
    assert "This page took 95 s with 2 threads, on a machine with 2 cores (P &amp; Q)." in staged.cells[1].source
    assert not (book[2] / "stage" / "chapters" / "02_background.md").exists()


def origins_of(root, cell, *tags):
    """The lines under a cell with these tags; two runs are recorded."""
    for name in ("acdc-codes", "acdc-study"):
        (root / "data" / "recorded" / name).mkdir(parents=True)
        about = {"commit": f"{name}-commit", "command": f"regthesis {name}"}
        (root / "data" / "recorded" / name / "run.json").write_text(json.dumps(about))
    cell.metadata["tags"] = list(tags)
    return origins(cell, RUN | {"dtype": "float32"}, root)


@pytest.mark.parametrize(
    "cell, tags, said",
    [
        (figure_cell, [], ["abc1234"]),
        (figure_cell, ["hide-input"], ["abc1234"]),
        (figure_cell, ["provenance"], ["abc1234"]),
        (figure_cell, ["recorded-acdc-codes"], ["acdc-codes-commit"]),
        (figure_cell, ["recorded-acdc-study", "recorded-acdc-codes"], ["acdc-study-commit", "acdc-codes-commit"]),
        (figure_cell, ["provenance", "recorded-acdc-codes"], ["acdc-codes-commit", "abc1234"]),
        (table_cell, [], []),
        (table_cell, ["provenance"], ["abc1234"]),
        (table_cell, ["recorded-acdc-codes"], ["acdc-codes-commit"]),
        (table_cell, ["recorded-acdc-codes", "provenance"], ["acdc-codes-commit", "abc1234"]),
    ],
)
def test_a_line_of_origin_is_that_of_the_data_which_are_shown(tmp_path, cell, tags, said):
    lines = origins_of(tmp_path, cell(), *tags)
    assert len(lines) == len(said)
    for line, commit in zip(lines, said, strict=True):
        assert f"<code>{commit}</code>" in line


def test_a_tag_that_names_no_recorded_run_stops_the_build(tmp_path):
    with pytest.raises(UserError, match="acdc-forgotten: no recorded run"):
        origins_of(tmp_path, table_cell(), "recorded-acdc-forgotten")


def test_an_animation_links_nothing_from_outside_and_has_words(book, no_sphinx):
    (executed,) = book[1].values()
    notebook = nbformat.read(executed, as_version=4)
    animation = '<link rel="stylesheet"\nhref="https://example.org/icons.css">\n<img src="data:">'
    notebook.cells[2].outputs = [new_output("display_data", {"text/html": animation})]
    nbformat.write(notebook, executed)
    build(*book)
    staged = nbformat.read(book[2] / "stage" / "chapters" / "02_background.ipynb", as_version=4)
    assert staged.cells[3].outputs[0].data["text/html"].strip() == '<img alt="One dot." src="data:">'


def test_pages_are_built_again_only_after_a_change(book, no_sphinx):
    first = build(*book)
    assert build(*book) == first and len(no_sphinx) == 1
    (book[0] / "book" / "start.md").write_text("# Another start\n")
    assert build(*book).read_text() == "build 2"


def test_a_failing_build_leaves_the_earlier_pages(book, no_sphinx, monkeypatch):
    page = build(*book)
    (book[0] / "book" / "start.md").write_text("# Another start\n")

    def fail(stage, site, log):
        raise ChapterError("no")

    monkeypatch.setattr(module, "_jupyter_book", fail)
    with pytest.raises(ChapterError):
        build(*book)
    assert page.read_text() == "build 1"


def test_a_cell_that_shows_nothing_has_no_origin(tmp_path):
    cell = figure_cell()
    cell.outputs = []
    assert origins_of(tmp_path, cell) == []


def rewritten(book, *cells):
    """The chapter with more cells."""
    (executed,) = book[1].values()
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells += cells
    nbformat.write(notebook, executed)


ELSEWHERE = """
{numref}`fig-gone` shows {glue:text}`gone` of {glue:text}`here`; see {numref}`fig-dot`, {ref}`chapter 3 <sec-gone>`,
{eq}`eq-gone`, {eq}`eq-here`, the {doc}`errata <../book/errata>`, [the card](../book/data_card.md) and
[a site](https://example.org/page.html) on {term}`dots <dot>`.

$$ a $$ (eq-here)
"""


ELSEWHERE_LINK = '<a href="../book/x.html#y">T4.1</a>'
HTML = ELSEWHERE_LINK + '<a href="../chapters/02_background.html#fig-dot">F2.1</a> f[0](x.html)'


def test_a_page_alone_says_in_words_what_it_does_not_have(book, no_sphinx):
    number = new_output("display_data", {"text/plain": "3"}, metadata={"scrapbook": {"name": "here"}})
    said = new_output("display_data", {"text/markdown": "{ref}`ex-gone`"})
    drawn = new_output("display_data", {"text/html": HTML})
    rewritten(book, new_markdown_cell(ELSEWHERE), new_code_cell("say()", outputs=[number, said, drawn]))
    (source, executed), (root, _, out) = *book[1].items(), book
    assert build_run(root, {source: executed}, out) == out / "html" / "index.html"
    staged = nbformat.read(out / "stage" / "chapters" / "02_background.ipynb", as_version=4)
    text = next(cell.source for cell in staged.cells if "fig-dot" in cell.source)
    assert text == (
        "\nA figure that is not shown here shows – of {glue:text}`here`; see {numref}`fig-dot`, chapter 3,\n"
        "an equation that is not shown here, {eq}`eq-here`, the errata, the card and\n"
        "[a site](https://example.org/page.html) on dots.\n\n$$ a $$ (eq-here)\n"
    )
    assert staged.cells[-1].outputs[1].data["text/markdown"] == "An exercise that is not shown here"
    assert staged.cells[-1].outputs[2].data["text/html"] == HTML.replace(ELSEWHERE_LINK, "T4.1")
    toc = json.loads((out / "stage" / "_toc.yml").read_text())
    assert [part["chapters"][0]["file"] for part in toc["parts"]] == ["chapters/02_background"]
    assert "| seed | `0` |" in (out / "stage" / "run.md").read_text()


def test_the_book_says_in_words_what_was_left_out(book, no_sphinx):
    lost = figure_cell()
    lost.metadata |= {"tags": ["needs-truth"], "mystnb": {"figure": {"name": "fig-truth"}}}
    text = new_markdown_cell("{numref}`fig-truth` of {doc}`start <../book/start>` and {numref}`fig-dot`")
    rewritten(book, *without([lost], {"truth"}), text)
    build(*book)
    staged = nbformat.read(book[2] / "stage" / "chapters" / "02_background.ipynb", as_version=4)
    assert staged.cells[-2].source.startswith("*Not shown: this needs the true motion")
    assert staged.cells[-1].source == (
        "A figure that is not shown here of {doc}`start <../book/start>` and {numref}`fig-dot`"
    )


def test_pages_of_one_run_refer_to_each_other(book, no_sphinx, tmp_path):
    (root, notebooks, out), (executed,) = book, book[1].values()
    other, text = tmp_path / "03_other.ipynb", new_markdown_cell("{numref}`fig-dot`, {doc}`two <02_background>`")
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells = [text]
    nbformat.write(notebook, other)
    build_run(root, {**notebooks, root / "chapters" / "03_other.md": other}, out)
    assert nbformat.read(out / "stage" / "chapters" / "03_other.ipynb", as_version=4).cells[0].source == text.source


@pytest.mark.slow
def test_a_real_page_alone_is_built_without_a_warning(book):
    rewritten(book, new_markdown_cell(ELSEWHERE.replace("{glue:text}`here`", "") + "{cite}`one`"))
    root, bibliography = book[0], "@article{one, author={O. Ne}, title={One}, journal={J}, year=2000}"
    (root / "book" / "references.bib").write_text(bibliography)
    (root / "book" / "references.md").write_text("# References\n\n```{bibliography}\n```\n")
    glossary = "# Words\n\n```{glossary}\ndot\n: See {numref}`fig-dot`, {doc}`start` and {numref}`fig-gone`.\n```\n"
    (root / "book" / "glossary.md").write_text(glossary)
    rewritten(book, new_markdown_cell("A {term}`dot`."))
    ((source, executed),) = book[1].items()
    first = build_run(root, {source: executed}, book[2])
    page = (first.parent / "chapters" / "02_background.html").read_text()
    assert "Fig. 2.1" in page and "A figure that is not shown here" in page and "This page took 95 s" in page
    assert 'href="../book/glossary.html#term-dot"' in page
    assert "chapters/02_background.html" in (first.parent / "run.html").read_text()


@pytest.mark.slow
def test_real_pages_number_caption_and_describe(book):
    build(*book)
    page = (book[2] / "html" / "chapters" / "02_background.html").read_text()
    assert re.search(r'<img alt="One dot\."', page)
    assert "Fig. 2.1" in page and "Table 2.1" in page and 'id="tab-numbers"' in page
    start = (book[2] / "html" / "book" / "start.html").read_text()
    assert "02_background.html#fig-dot" in start and "Table 2.1" in start


@pytest.mark.slow
def test_a_warning_fails_the_build_and_is_quoted(book):
    (book[0] / "book" / "start.md").write_text("# Start\n\nSee {numref}`fig-missing`.\n")
    with pytest.raises(ChapterError, match="fig-missing"):
        build(*book)
    assert not (book[2] / "html").exists()
