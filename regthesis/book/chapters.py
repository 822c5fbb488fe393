"""The pages of the book that run: where they are, their parameters, and what a profile gives them."""

import ast
import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from regthesis.datasets import acdc
from regthesis.errors import UserError

__all__ = [
    "Page",
    "book_root",
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
        return int(head) if head.isdigit() else None


def book_root() -> Path:
    """The nearest folder, from here upwards, with a `_toc.yml`; else the checkout this package lives in.

    Raises UserError where there is neither.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "_toc.yml").is_file() and (folder / "chapters").is_dir():
            return folder
    raise UserError(f"no book here: neither {here} nor a folder above it holds _toc.yml and chapters/")


def toc_files(root: Path) -> list[str]:
    """Files of `_toc.yml` in reading order, without suffix."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    entries = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return [toc["root"], *entries]


def notebook_pages(root: Path) -> list[Page]:
    """The pages that run, in reading order."""
    pages = []
    for name in toc_files(root):
        source = root / f"{name}.md"
        if not source.is_file():
            raise UserError(f"_toc.yml lists {name}, but {source} does not exist: write it or take it out")
        if re.match(r"---\n(.*?\n)?jupytext:", source.read_text(), re.DOTALL):
            pages.append(Page(source))
    return pages


def find_page(wanted: str, root: Path) -> Page:
    """A page by its number (`2`), its name (`02_background`) or what follows the number (`background`)."""
    pages = notebook_pages(root)
    for page in pages:
        rest = page.name.partition("_")[2]
        if wanted in (page.name, rest) or (wanted.isdigit() and int(wanted) == page.number):
            return page
    raise UserError(_unknown("chapter", wanted, [page.name for page in pages]))


def profile_parameters(profile: str, page: Page, root: Path) -> dict[str, Any]:
    """What `chapters/profiles/<profile>.yaml` gives this page.

    Scalars at the top hold for every page that knows the name; a mapping under a page's name is for it alone.
    """
    folder = root / "chapters" / "profiles"
    path = folder / f"{profile}.yaml"
    if not path.is_file():
        raise UserError(_unknown("profile", profile, sorted(p.stem for p in folder.glob("*.yaml"))))
    content = yaml.safe_load(path.read_text()) or {}
    known = parameters_of(page)
    shared = {k: v for k, v in content.items() if not isinstance(v, dict) and k in known}
    own = content.get(page.name, {})
    for name in own:
        if name not in known:
            raise UserError(f"{path}: {_unknown('parameter', name, list(known))}")
    return shared | own


def parameters_of(page: Page) -> dict[str, tuple[Any, str]]:
    """Name -> (default, comment) of the parameters in the cell tagged `parameters`."""
    import jupytext

    for cell in jupytext.read(page.source).cells:
        if "parameters" in cell.metadata.get("tags", []):
            return dict(_assignments(cell.source))
    return {}


def check_origin(parameters: dict[str, Any], page: Page) -> None:
    """Refuse to call a phantom a patient, or a patient a phantom.

    Raises UserError where `dataset` is not what lies in `data_root`.
    """
    if {"dataset", "data_root"} <= parameters.keys():
        root = page.source.parent / parameters["data_root"]
        there = acdc.origin(root)
        if root.is_dir() and there != parameters["dataset"]:
            wanted = parameters["dataset"]
            raise UserError(f"dataset is {wanted}, but data_root {root} holds {there} data: give both, and alike")


def typed(name: str, text: str, page: Page) -> Any:
    """The value of parameter `name` given as text on a command line, of the type its default has.

    A comment `# one of: a, b` behind the default limits the values. A relative folder (`*_root`) is
    relative to where the command was typed. Raises UserError for an unknown name and for a wrong value.
    """
    known = parameters_of(page)
    if name not in known:
        raise UserError(f"{page.name}: {_unknown('parameter', name, list(known))}")
    default, comment = known[name]
    if choices := re.search(r"one of: *([\w, .-]+)", comment):
        allowed = [choice.strip() for choice in choices[1].split(",")]
        if text not in allowed:
            raise UserError(_unknown(name, text, allowed))
    if name.endswith("_root"):
        return str(_folder(name, text))
    return _convert(name, text, default)


def _convert(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    value = yaml.safe_load(text)
    if isinstance(default, float) and not isinstance(value, bool):
        try:
            return float(value)  # YAML 1.1 reads 1e-3 as text
        except (TypeError, ValueError):
            value = text
    if default is not None and type(value) is not type(default):
        raise UserError(f"parameter {name} must be of type {type(default).__name__} like {default!r}, not {text!r}")
    return value


def _folder(name: str, text: str) -> Path:
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UserError(f"{name}: {folder} is not a folder")
    return folder


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
