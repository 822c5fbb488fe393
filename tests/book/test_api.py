"""The reference: every public name is on a page and says what it does, in text that Sphinx reads without a warning."""

import inspect
import sys
from importlib import import_module, util

import pytest
from docutils.core import publish_doctree

from regthesis.shipped import CHECKOUT as ROOT

spec = util.spec_from_file_location("book_api", ROOT / "book" / "_ext" / "api.py")
api = sys.modules["book_api"] = util.module_from_spec(spec)
spec.loader.exec_module(api)
PAGES = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "book" / "api").glob("*.md")))
BLOCKS = [(found[1], bool(found[2])) for found in api.BLOCK.finditer(PAGES)]
ROOMS = ["case", "deformation", "geometry", "datasets", "methods", "evaluate", "kernels", "models", "train", "errors"]


def modules():
    for name, all_inside in BLOCKS:
        inside = api.iter_modules(import_module(name).__path__) if all_inside else []
        yield from [f"{name}.{module.name}" for module in inside] if all_inside else [name]


@pytest.fixture(scope="module")
def things():
    """The functions and classes of the pages by name."""
    offered = [(module, name) for module in modules() for name in api.public(module)]
    return {f"{module}.{name}": getattr(import_module(module), name) for module, name in offered}


def members(name, thing):
    """The methods and properties of a class."""
    code = {key: part for key, part in vars(thing).items() if inspect.isroutine(part) or isinstance(part, property)}
    return ((f"{name}.{key}", part) for key, part in code.items() if key[0] != "_")


def read(docstring: str) -> str:
    lines = inspect.cleandoc(docstring).splitlines()
    api.read_docstring(None, "function", "", None, None, lines)
    return "\n".join(lines)


def warnings(text: str) -> list[str]:
    settings = {"report_level": 5, "halt_level": 5}
    found = publish_doctree(text, settings_overrides=settings).parse_messages
    return [message.astext() for message in found if message["level"] > 1]


def test_every_room_has_a_page():
    assert {f"regthesis.{room}" for room in ROOMS} <= {name for name, _ in BLOCKS}


def test_every_public_name_says_what_it_does(things):
    assert [name for name, thing in things.items() if not inspect.getdoc(thing)] == []


def test_every_docstring_can_be_read_as_a_page(things):
    known = things | {name: import_module(name) for name in modules()}
    classes = {name: thing for name, thing in known.items() if inspect.isclass(thing)}
    known |= {key: part for name, thing in classes.items() for key, part in members(name, thing)}
    docs = {name: thing.__doc__ for name, thing in known.items() if thing.__doc__}
    assert len(docs) > 100
    assert {name: found for name, doc in docs.items() if (found := warnings(read(doc)))} == {}


@pytest.mark.parametrize("text", ["**kwargs", "a * b, *space", "|u| and |v|", "x_ or u_", "`*space`", "`|u|`", r"a\b"])
def test_signs_stand_as_they_are(text):
    assert warnings(read(text)) == []
    assert publish_doctree(read(text)).astext() == text.replace("`", "")


def test_what_is_raised_is_a_list():
    assert ":raises UserError: no such file" in read("Reads.\n\nRaises:\n    UserError: no such file.")
