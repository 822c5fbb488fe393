"""References from one page to what the built pages do not have become plain text, so that Sphinx misses nothing."""

import re
from collections.abc import Collection, Iterable

__all__ = ["glued", "labels", "plain", "plain_html"]

ROLE = re.compile(r"\{(numref|ref|prf:ref|eq|doc|term|glue:text)\}`([^`]+)`")
LINK = re.compile(r"\[([^]]*)\]\((?!https?:)[^)\s]*(?:\.md|\.ipynb|\.html|#)[^)\s]*\)")
ANCHOR = re.compile(r"<a href=\"\.\./(?:\w+/)?(\w+)\.html[^>]*>(.*?)</a>", re.DOTALL)
LABEL = re.compile(r"^\((\S+)\)=|\$\$\s*\((\S+)\)|^\s*:(?:name|label):\s*(\S+)", re.MULTILINE)
KINDS = {"fig": "a figure", "tab": "a table", "eq": "an equation", "ex": "an exercise", "alg": "an algorithm"}
ABSENT = "–"
GLOSSARY = "glossary"  # the page that explains terms


def labels(cells: Iterable) -> set[str]:
    """What a page's cells can be referred to by: its figures, tables, equations, exercises and places."""
    found = set()
    for cell in cells:
        for text in [cell.source] * (cell.cell_type == "markdown") + _printed(cell):
            found |= {label for labels in LABEL.findall(text) for label in labels if label}
        if cell.get("outputs"):
            found.add(cell.metadata.get("mystnb", {}).get("figure", {}).get("name"))
    return found - {None}


def glued(cells: Iterable) -> set[str]:
    """The numbers that a page's cells have made known to its prose."""
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return {name for it in outputs if (name := it.get("metadata", {}).get("scrapbook", {}).get("name"))}


def plain(text: str, known: Collection[str], pages: Collection[str], numbers: Collection[str]) -> str:
    """Markdown in which references to other labels, pages and numbers than these are words.

    `pages` are names without folder, such as `04_deformation`. A link keeps its words.
    """

    def words(found: re.Match) -> str:
        role, content = found.groups()
        title, _, target = content.rpartition("<")
        target, title = target.rstrip(">").strip(), title.strip()
        if role == "glue:text":
            return found[0] if target in numbers else ABSENT
        if role == "term":
            return found[0] if GLOSSARY in pages else title or target
        if role == "doc":
            name = target.rpartition("/")[2]
            return found[0] if name in pages else title or name.replace("_", " ")
        if target in known:
            return found[0]
        kind = f"{KINDS.get(target.partition('-')[0], 'a section')} that is not shown here"
        before = text[: found.start()].rstrip()
        return title or (kind.capitalize() if not before or before[-1] in ".!?" else kind)

    return LINK.sub(lambda found: found[1], ROLE.sub(words, text))


def plain_html(text: str, pages: Collection[str]) -> str:
    """HTML in which links to other pages of the book than these are words."""
    return ANCHOR.sub(lambda found: found[0] if found[1] in pages else found[2], text)


def _printed(cell) -> list[str]:
    """The markdown that a cell printed."""
    return [it.data["text/markdown"] for it in cell.get("outputs", []) if "text/markdown" in it.get("data", {})]
