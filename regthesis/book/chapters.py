"""The pages of the book that run: where they are, their parameters, and what a profile gives them."""

import ast
import difflib
import math
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from regthesis import datasets
from regthesis.errors import UserError
from regthesis.shipped import CHECKOUT

__all__ = [
    "Page",
    "book_root",
    "check_installed",
    "check_origin",
    "find_page",
    "notebook_pages",
    "parameters_of",
    "profile_parameters",
    "typed",
]


@dataclass(frozen=True)
class Page:
    """A page that is a notebook: MyST markdown with a jupytext header, under `chapters/` or `book/`."""

    source: Path

    @property
    def name(self) -> str:
        return self.source.stem

    @property
    def number(self) -> int | None:
        """2 for `02_background`; None for a page outside the chapters."""
        head = self.name.partition("_")[0]
        return int(head) if head.isascii() and head.isdigit() else None

    @property
    def reads_verdicts(self) -> bool:
        """The scorecard shows what the pages before it have noted, and waits for them."""
        return self.name == "scorecard"


def book_root() -> Path:
    """The nearest folder, from here upwards, with a `_toc.yml`; else the checkout this package lives in.

    Raises UserError where there is neither.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, CHECKOUT):
        if (folder / "_toc.yml").is_file() and (folder / "chapters").is_dir():
            return folder
    raise UserError(
        f"no book here: neither {here} nor a folder above it holds _toc.yml and chapters/; "
        "change into a clone of the repository, or into its unpacked source distribution (regthesis-*.tar.gz)"
    )


def check_installed() -> None:
    """Raises UserError where what runs and builds the book is not installed."""
    tools = ("jupytext", "papermill", "nbformat", "ipykernel", "jupyter_book")
    if missing := [name for name in tools if not find_spec(name)]:
        raise UserError(f"{', '.join(missing)} not installed; add what the book needs: `pip install 'regthesis[book]'`")


def toc_files(root: Path) -> list[str]:
    """Files of `_toc.yml` in reading order, without suffix.

    Raises UserError where it is broken.
    """
    toc = _names_and_values(root / "_toc.yml")
    try:
        files = [toc["root"], *(entry["file"] for part in toc["parts"] for entry in part["chapters"])]
    except (KeyError, TypeError):
        files = [None]
    if not all(isinstance(name, str) for name in files):
        raise UserError(f"{root / '_toc.yml'}: needs a root, and parts with chapters that each name a file; correct it")
    return files


def notebook_pages(root: Path) -> list[Page]:
    """The pages that run, in reading order.

    Raises UserError where `_toc.yml` is broken or lists a page that is not there or no text.
    """
    pages = []
    for name in toc_files(root):
        source = root / f"{name}.md"
        if not source.is_file():
            raise UserError(f"_toc.yml lists {name}, but {source} does not exist: write it or take it out")
        try:
            text = source.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise UserError(f"{source}: cannot be read as text in UTF-8; correct it") from None
        if re.match(r"---\n(.*?\n)?jupytext:", text, re.DOTALL):
            pages.append(Page(source))
    return pages


def find_page(wanted: str, root: Path) -> Page:
    """A page by its number (`2`), its name (`02_background`) or what follows the number (`background`)."""
    pages = notebook_pages(root)
    for page in pages:
        numbered = page.number is not None and wanted.lstrip("0") == str(page.number)
        if numbered or wanted in {page.name, page.name.partition("_")[2]} - {""}:
            return page
    raise UserError(_unknown("chapter", wanted, [page.name for page in pages]))


def profile_parameters(profile: str, page: Page, root: Path) -> dict[str, Any]:
    """What `chapters/profiles/<profile>.yaml` gives this page, of the types that its parameters have.

    Scalars at the top hold for every page that knows the name; a mapping under a page's name is for it alone. Values
    are checked as those of a command line are, but places (`*_root`) are relative to the page.

    Raises UserError for an unknown profile, one that is no YAML of this form, and unknown names and wrong values in it.
    """
    folder = root / "chapters" / "profiles"
    profiles = sorted(path.stem for path in folder.glob("*.yaml"))
    if profile not in profiles:
        raise UserError(_unknown("profile", profile, profiles))
    path = folder / f"{profile}.yaml"
    content, pages = _names_and_values(path), {source.stem for source in root.glob("*/*.md")}
    for name, value in content.items():
        if isinstance(value, dict) and name not in pages:
            raise UserError(f"{path}: {_unknown('page', name, sorted(pages))}")
    own, known = content.get(page.name) or {}, parameters_of(page)
    if not isinstance(own, dict):
        raise UserError(f"{path}: expected names and values under {page.name}, found {own!r}")
    for name in own:
        if name not in known:
            raise UserError(f"{path}: {_unknown('parameter', name, list(known))}")
    given = {name: value for name, value in content.items() if name in known} | own
    try:
        return {name: _value(name, value, *known[name]) for name, value in given.items()}
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _names_and_values(path: Path) -> dict[str, Any]:
    """A YAML mapping in which every scalar is text: what it means is told by the parameter that it is for."""
    try:
        content = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader) or {}
    except (OSError, yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "not text in UTF-8"
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{where}: cannot be read as YAML ({problem}); correct it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected names and values (`seed: 1`), found a {type(content).__name__}")
    return content


def parameters_of(page: Page) -> dict[str, tuple[Any, str]]:
    """Name -> (default, comment) of the parameters in the cell tagged `parameters`."""
    import jupytext

    for cell in jupytext.read(page.source).cells:
        if "parameters" in cell.metadata.get("tags", []):
            return dict(_assignments(cell.source))
    return {}


def check_origin(parameters: dict[str, Any], page: Page) -> None:
    """Refuse to call a phantom a patient, a patient a phantom, or a folder a list of own pairs.

    Raises UserError where `dataset` is not what lies in `data_root`, unless nothing does.
    """
    if {"dataset", "data_root"} <= parameters.keys():
        root = page.source.parent / parameters["data_root"]
        if root.exists():
            datasets.open(parameters["dataset"], root)


def typed(name: str, text: str, page: Page) -> Any:
    """The value of parameter `name` given as text on a command line, of the type its default has; a list as `a,b`.

    A comment behind the default limits the values: `# one of: a, b`, or for numbers `# at least 1`. A folder or a CSV
    (`*_root`) is relative to where the command was typed. Raises UserError for an unknown name and for a wrong value.
    """
    known = parameters_of(page)
    if name not in known:
        raise UserError(f"{page.name}: {_unknown('parameter', name, list(known))}")
    value = _value(name, text, *known[name])
    return str(_place(name, value)) if name.endswith("_root") else value


def _value(name: str, given: Any, default: Any, comment: str) -> Any:
    """`given`, text or in a profile a list of texts, as the type of the default and within the comment's limits."""
    if isinstance(default, list) and isinstance(given, str | list):
        kind = default[0] if default else ""
        items = given.strip(" []").split(",") if isinstance(given, str) else given
        return [_value(name, item.strip() if isinstance(item, str) else item, kind, comment) for item in items]
    value = _convert(given, default) if isinstance(given, str) else None
    if value is None:
        raise UserError(f"parameter {name} must be of type {type(default).__name__} like {default!r}, not {given!r}")
    if choices := re.search(r"one of: *([\w, .-]+)", comment):
        allowed = [choice.strip() for choice in choices[1].split(",")]
        if given not in allowed:
            raise UserError(_unknown(name, given, allowed))
    if (least := re.match(r"at least (\d+)", comment)) and value < int(least[1]):
        raise UserError(f"parameter {name} must be at least {least[1]}, not {given}")
    return value


def _convert(text: str, default: Any) -> Any:
    """Text as the type of a default, read as it stands: 010 is ten, and 1:30 is no number. None where it is not."""
    if isinstance(default, bool):
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(text.lower())
    if isinstance(default, int):
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None
    if isinstance(default, float):
        number = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?"
        return float(text) if re.fullmatch(number, text, re.IGNORECASE) and math.isfinite(float(text)) else None
    return text if isinstance(default, str) and text.encode("utf-8", "ignore").decode() == text else None


def _place(name: str, text: str) -> Path:
    place = Path(text).expanduser().resolve()
    if not place.exists():
        raise UserError(f"{name}: {place} is not there; give a folder, or the CSV of own pairs")
    return place


def _assignments(source: str):
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            comment = lines[node.end_lineno - 1][node.end_col_offset :].partition("#")[2].strip()
            yield node.targets[0].id, (ast.literal_eval(node.value), comment)


def _unknown(kind: str, wanted: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(wanted, known, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"unknown {kind} {wanted!r}; known: {', '.join(known) or 'none'}{hint}"
