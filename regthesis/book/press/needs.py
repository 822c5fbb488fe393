"""What a cell needs of the data: where the data lack it, a note takes the cell's place."""

import ast
import symtable
from collections.abc import Collection, Iterable, Iterator

from nbformat.v4 import new_markdown_cell

from regthesis.errors import UserError

__all__ = ["NEEDS", "left_out", "needs_of", "stale_names", "without"]

NEEDS = {
    "masks": "masks",
    "groups": "groups of patients",
    "truth": "the true motion",
    "cavity": "a mask of the left cavity",
}
PREFIX = "needs-"


def needs_of(cells: Iterable) -> set[str]:
    """What the cells of a notebook need of the data, by their tags `needs-masks`, `needs-groups` and so on.

    Raises UserError for a tag that names no known need.
    """
    tags = {tag for cell in cells for tag in cell.metadata.get("tags", []) if tag.startswith(PREFIX)}
    needs = {tag.removeprefix(PREFIX) for tag in tags}
    if unknown := sorted(needs - NEEDS.keys()):
        raise UserError(f"unknown tag {PREFIX}{unknown[0]}; known: {', '.join(PREFIX + need for need in NEEDS)}")
    return needs


def without(cells: Iterable, lacking: Collection[str]) -> list:
    """The cells in which every cell that needs something of `lacking` has become a sentence that says so.

    Neighbours that need the same share one sentence.
    """
    kept = []
    for cell in cells:
        lacks = needs_of([cell]) & set(lacking)
        new = _note(cell, lacks) if lacks else cell
        if not (lacks and kept and kept[-1].source == new.source):
            kept.append(new)
    return kept


def left_out(cells: Iterable) -> bool:
    """Whether some of these cells are notes in the place of others."""
    return any(cell.metadata.get("left_out") for cell in cells)


def _note(cell, lacks: set[str]):
    words = [NEEDS[need] for need in NEEDS if need in lacks]
    text = f"*Not shown: this needs {' and '.join(words)}, which these data do not have.*"
    return new_markdown_cell(text, id=cell.id, metadata={"left_out": True})


def stale_names(cells: Iterable, lacking: Collection[str]) -> Iterator[str]:
    """Names that a cell uses although the last cell to define them is left out for data that lack all of `lacking`.

    A page without any runs on such data. The names are found by reading the code: a name that a function takes from
    outside counts where the function is defined, and one that only some branch defines counts as defined.
    """
    stale = set()
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        statements = ast.parse(cell.source).body
        if needs_of([cell]) & set(lacking):
            stale |= set().union(*(_names(statement)[0] for statement in statements))
            continue
        for statement in statements:
            defined, used = _names(statement)
            for name in sorted(used & stale):
                yield f"code cell {number}: {name} in `{ast.unparse(statement).splitlines()[0]}`"
            stale -= defined


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Names of the page that a statement defines, and those that it takes from before it."""
    table = symtable.symtable(ast.unparse(statement), "page", "exec")
    defined = {it.get_name() for it in table.get_symbols() if it.is_assigned() or it.is_imported() or it.is_namespace()}
    used = set(_read(table))
    if isinstance(statement, ast.AugAssign):
        return defined, used | defined
    return defined, used - defined if hasattr(statement, "body") else used  # a loop reads what it has set itself


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (table.get_type() == "module" or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _read(inner)
