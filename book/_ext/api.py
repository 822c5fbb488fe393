"""Sphinx extension: the reference of the package, from its docstrings.

A block ```{public} NAME``` becomes a table of the public functions and classes of a module, then what each says;
`NAME.*` does so for every module of a package. Docstrings are plain text with `code` and Google's "Raises:".
"""

import inspect
import re
from importlib import import_module
from pkgutil import iter_modules

from sphinx.ext import autosummary
from sphinx.ext.napoleon import GoogleDocstring

from regthesis.shipped import DATA

BLOCK = re.compile(r"^```\{public\} ([\w.]+?)(\.\*)?\n```$", re.MULTILINE)
ERRORS = "regthesis.errors"


def fill_page(app, page, source):
    source[0] = BLOCK.sub(lambda found: (rooms if found[2] else room)(found[1]), source[0])


def rooms(package: str) -> str:
    """Every module of a package that has more to offer than the package itself does."""
    taken = public(package)
    parts = [f"{package}.{module.name}" for module in iter_modules(import_module(package).__path__)]
    blocks = {part: [name for name in public(part) if name not in taken] for part in parts}
    titled = {part.removeprefix("regthesis."): block(part, names) for part, names in blocks.items() if names}
    return "\n".join(f"## `{title}`\n\n{text}\n" for title, text in titled.items())


def room(module: str) -> str:
    return block(module, public(module))


def block(module: str, names: list[str]) -> str:
    """What a module says of itself, a table of its names, and what each of them says."""
    table = [".. autosummary::", "   :nosignatures:", "", *[f"   {name}" for name in names], ""]
    head = [f".. automodule:: {module}", "", f".. currentmodule:: {module}", "", *(table if len(names) > 1 else [])]
    classes = {name for name in names if inspect.isclass(getattr(import_module(module), name))}
    body = [
        f".. autoclass:: {name}\n   :members:" if name in classes else f".. autofunction:: {name}" for name in names
    ]
    return "\n".join(["```{eval-rst}", *head, *body, "```"])


def public(name: str) -> list[str]:
    """Functions and classes that a module offers: in `__all__`, or else at home in it and without underscore.

    The errors are on one page, whoever passes them on.
    """
    module = import_module(name)
    at_home = [key for key, thing in vars(module).items() if getattr(thing, "__module__", "") == name]
    offered = getattr(module, "__all__", [key for key in at_home if not key.startswith("_")])
    things = {key: getattr(module, key) for key in offered}
    code = {key: thing for key, thing in things.items() if inspect.isclass(thing) or inspect.isroutine(thing)}
    return [key for key, thing in code.items() if name == ERRORS or thing.__module__ != ERRORS]


def plain(line: str) -> str:
    """A line with `code` as reStructuredText, in which stars, bars and trailing underscores mean nothing.

    A line of two columns, as a file and what is in it, stays a line.
    """
    if columns := re.fullmatch(r"(\S+) {3,}(\S.*)", line):
        return f"| ``{columns[1]}`` {plain(columns[2])}"
    parts = re.split(r"(`+[^`]*`+)", line)
    parts[::2] = [re.sub(r"([\\*|]|_\b)", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(parts)


def read_docstring(app, what, name, thing, options, lines):
    lines[:] = GoogleDocstring([plain(line) for line in lines], what="function").lines()  # no colon makes a type


def read_signature(app, what, name, thing, options, signature, returned):
    """Defaults that a dataclass makes have no form that Sphinx can read, and folders are those of this machine."""
    return (signature or "").replace("<factory>", "...").replace(str(DATA), "data"), returned


def is_skipped(app, what, name, thing, skip, options):
    """The fields of a named tuple stand in its signature; everything else is as Sphinx has it."""
    return type(thing).__name__ == "_tuplegetter" or None


def setup(app):
    autosummary.WELL_KNOWN_ABBREVIATIONS += ("Eq.", "Eqs.", "Fig.", "sec.")  # no ends of a sentence
    app.connect("source-read", fill_page)
    app.connect("autodoc-skip-member", is_skipped)
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", read_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
