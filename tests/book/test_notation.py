"""The notation page names only what the code has."""

import ast
import re
from functools import cache

import pytest

from regthesis.book import ledger
from regthesis.shipped import CHECKOUT as ROOT

PAGE = (ROOT / "book" / "notation.md").read_text("utf-8")
TENSOR = {"batch", "channel", "space"}  # axes in the shapes of type hints, which are strings


@cache
def names_of_the_code() -> set[str]:
    """Every name, argument, attribute, function and class of the package."""
    found = set()
    for file in (ROOT / "regthesis").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            found |= {getattr(node, part) for part in ("id", "arg", "attr", "name") if hasattr(node, part)}
    return found


def in_code_columns(page: str) -> list[str]:
    """What stands in backticks in tables that have a column `Code`."""
    tables = re.findall(r"^\| Thesis \| Code \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M)
    cells = [row.split(" | ")[1] for table in tables for row in table.splitlines()]
    return [text for cell in cells for text in re.findall(r"`([^`]*)`", cell)]


def unknown(texts: list[str]) -> set[str]:
    words = {word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)}
    return words - names_of_the_code() - TENSOR


def test_every_name_is_one_of_the_code():
    assert len(in_code_columns(PAGE)) > 25
    assert unknown(in_code_columns(PAGE)) == set()


@pytest.mark.parametrize("name", ["log_var", "latent_dim", "sigma_g"])
def test_a_name_that_no_code_has_is_found(name):
    page = f"| Thesis | Code | Meaning |\n|---|---|---|\n| $x$ | `u`, `{name}` | something |\n"
    assert unknown(in_code_columns(page)) == {name}


def test_names_of_methods_are_rows_of_the_ledger_s_tables():
    section = PAGE.split("## Names of methods")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and "`" in line]
    rows = {name for line in lines for name in re.findall(r"`([^`]+)`", line.split(" | ")[1])}
    ids = {part for id, known in ledger.load().items() if known.item[0] == "T" for part in id.split("/")}
    assert rows and rows <= ids
