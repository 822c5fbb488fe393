"""What the thesis printed: two transcriptions of every table, and the thesis itself where it is at hand."""

import os
import re
from pathlib import Path

import pytest

from regthesis.book import ledger

# The rows of the six tables copied from the thesis by machine; the lower half of Table 3.1 is 3-D*.
PRINTED = {
    "T3.1": """\
T e16 e8 our T e16 e8 dem our
DICE Mean .76 .74 .77 .87 .62 .63 .64 .67 .75
DICE Med. .78 .79 .81 .88 .61 .71 70 .67 .76
DICE StD. .10 .15 .13 .05 .11 .22 .20 .11 .06
HD Mean 11.6 15.2 14.5 7.7 16.1 21.2 25.3 15.9 11.8
HD Med. 11.7 13.2 13.0 7.2 15.2 18.0 21.7 15.8 11.2
HD StD. 4.3 6.8 6.7 2.5 3.9 10.7 10.9 3.9 2.9
T* e16 e8 dem nfc our
DICE Mean .74 .72 .67 .79 .79 .80
DICE Med. .75 .77 .76 .80 .79 .81
DICE StD. .08 .17 .23 .07 .05 .04
HD Mean 9.2 13.4 14.5 10.4 8.9 8.0
HD Med. 9.0 11.6 13.5 10.8 8.8 7.9
HD StD. 2.3 6.8 6.4 2.5 2.2 1.9
""",
    "T4.1": """\
Undef 0.37 (0.17) 0.707 (0.145) 10.1 (2.2) –
Dem 0.29 (0.16) 0.799 (0.096) 8.3 (2.7) 2.9 (1.0)
SyN 0.32 (0.16) 0.801 (0.091) 8.1 (3.6) 3.4 (0.5)
VM 0.24 (0.08) 0.790 (0.096) 8.4 (2.6) 9.2 (0.5)
Our S1 0.31 (0.15) 0.797 (0.093) 7.9 (2.6) 1.2 (0.3)
Our S3 0.30 (0.14) 0.812 (0.085) 7.3 (2.7) 1.4 (0.3)
""",
    "T4.2": """\
HCM 29.4 (6) 44.1 (7) 35.5 (8) 38.6 (13) 6.1 5.5
DCM 10.8 (2) 12.7 (7) 16.7 (4) 13.9 (7) 5.9 1.2
""",
    "T5.1": """\
Undef 72.8 ±14 9.70 ±4.20 – –
SyN 82.7 ±12 7.02 ±4.34 0.23 ±0.06 0.43 ±0.19
LPR 82.1 ±10 6.60 ±3.07 0.16 ±0.06 0.32 ±0.13
4D-Elastix 83.7 ±11 6.27 ±3.91 0.15 ±0.06 0.33 ±0.15
No-GP 84.6 ±10 6.24 ±3.30 0.14 ±0.08 0.15 ±0.08
Our 85.2 ±09 6.11 ±3.28 0.10 ±0.03 0.12 ±0.05
""",
    "T5.2": """\
Undef 0.19 70.1 ±12 7.7 ±2.7 – –
4D-El. 0.18 79.2 ±10 5.1 ±2.1 0.15 ±0.06 0.62 ±0.32
Our 0.16 79.5 ±09 5.4 ±2.1 0.07 ±0.02 0.09 ±0.03
""",
    "T6.1": """\
GM 0.92 (0.64-1.32) 0.52 (0.38-0.55) 0.66
VmaxI 1.85 (1.31-2.60) 0.63 (0.55-0.69) <0.005
VminI 2.03 (1.44-2.87) 0.66 (0.59-0.72) <0.005
SRmax 2.30 (1.63-3.26) 0.65 (0.59-0.71) <0.005
SRA 2.02 (1.43-2.85) 0.62 (0.55-0.68) <0.005
SpreA 1.98 (1.41-2.79) 0.63 (0.56-0.69) <0.005
Fingerprint 2.93 (2.05-4.18) 0.69 (0.60-0.72) <0.005
Best Clinical Params. 2.39 (1.69-3.39) 0.67 (0.61-0.74) <0.005
Fingerp. + Best Clinical Params. 3.02 (2.11-4.32) 0.70 (0.63-0.75) <0.005
""",
}

ROWS = {
    "T4.1": (["Undef", "Dem", "SyN", "VM", "S1", "S3"], ["RMSE", "DICE", "HD", "GradDetJac"]),
    "T5.1": (
        ["Undef", "SyN", "LPR", "4D-Elastix", "No-GP", "Our"],
        ["DICE", "HD", "SpatialGrad", "TemporalGrad"],
    ),
    "T5.2": (["Undef", "4D-Elastix", "Our"], ["RMSE", "DICE", "HD", "SpatialGrad", "TemporalGrad"]),
    "T6.1": (
        ["GM", "VmaxI", "VminI", "SRmax", "SRA", "SpreA", "Fingerprint", "Clinical", "Fingerprint+Clinical"],
        ["HR", "C", "p"],
    ),
}
CELL = re.compile(r"(?<![\w.(-])(<?[\d.]+(?: \([\d.-]+\)| ±[\d.]+)?|–)(?![\w-])")


def cell(text: str) -> tuple[float, ...]:
    """A printed cell by plain string surgery, independent of the package: value, then spread or interval."""
    return tuple(float(part) for part in text.strip("<)").replace(" (", "-").replace(" ±", "-").split("-"))


def cells(line: str) -> list[tuple[float, ...] | None]:
    return [None if text == "–" else cell(text) for text in CELL.findall(line)]


def transposed(block: str) -> dict[str, tuple[float, ...]]:
    """Table 3.1: a column a method, a line a statistic; mean and standard deviation make one cell."""
    read, prefixes, methods = {}, [], []
    for line in block.splitlines():
        if line.startswith("T"):
            methods = line.split()
            prefixes = ["2D"] * 4 + ["3D"] * 5 if methods[0] == "T" else ["3D*"] * 6
            continue
        metric, statistic, *numbers = line.split()
        for prefix, method, text in zip(prefixes, methods, numbers, strict=True):
            id = f"{prefix}/{method}/{metric}" + ("-median" if statistic == "Med." else "")
            read[id] = read.get(id, ()) + (float(text),)
    return read


def second_transcription(table: str) -> dict[str, tuple[float, ...]]:
    if table == "T3.1":
        return transposed(PRINTED[table])
    if table == "T4.2":
        columns = [
            "PL/predicted",
            "Our/predicted",
            "PL/transported",
            "Our/transported",
            "PL/difference",
            "Our/difference",
        ]
        names = [[f"{group}/{column}" for column in columns] for group in ("HCM", "DCM")]
    else:
        names = [[f"{row}/{column}" for column in ROWS[table][1]] for row in ROWS[table][0]]
    lines = PRINTED[table].splitlines()
    pairs = [zip(ids, cells(line), strict=True) for line, ids in zip(lines, names, strict=True)]
    return {id: value for row in pairs for id, value in row if value is not None}


@pytest.mark.parametrize("table", PRINTED)
def test_both_transcriptions_agree_on_every_number(table):
    entries = {id: known for id, known in ledger.load().items() if id.startswith(f"{table}/")}
    first = {
        id.removeprefix(f"{table}/"): (
            known.value,
            *(known.interval or ()),
            *(() if known.spread is None else (known.spread,)),
        )
        for id, known in entries.items()
    }
    assert first == second_transcription(table)


@pytest.fixture(scope="session")
def thesis() -> str:
    path = os.environ.get("REGTHESIS_THESIS")
    if not path:
        pytest.skip("REGTHESIS_THESIS does not point to the text of the thesis")
    return Path(path).read_text("utf-8")


@pytest.mark.parametrize("table", PRINTED)
def test_every_printed_row_occurs_in_the_thesis(thesis, table):
    assert [line for line in PRINTED[table].splitlines() if line not in thesis.splitlines()] == []


def test_every_caption_and_equation_number_of_the_thesis_is_listed(thesis):
    items = {known.item for known in ledger.load().values()}
    captions = {f"F{n}" for n in re.findall(r"^ ?Fig\. (\d\.\d+):", thesis, re.M)}
    captions |= {f"T{n}" for n in re.findall(r"^ ?Tab\. (\d\.\d+):", thesis, re.M)}
    # a number that stands alone at the end of a line is an equation's own, not a reference
    equations = {f"E{n}" for n in re.findall(r"\(([2-6]\.\d+)\)$", thesis, re.M)}
    assert len(captions) > 40 and len(equations) > 35
    assert captions | equations <= items


HEADING = re.compile(r" ?([1-7]\.\d(?:\.\d)?) [A-Z].*(?<!\d)$")  # a page's header ends with the number of the page


def sections(text: str) -> dict[str, str]:
    """The text of each numbered section, every run of blanks made one; the table of contents of chapter 1 left out."""
    found, own = {}, None
    for line in text.splitlines():
        own = match[1] if (match := HEADING.fullmatch(line)) and ". . ." not in line else own
        found[own] = found.get(own, "") + " " + line
    return {section: re.sub(r"\s+", " ", lines) for section, lines in found.items() if section}


def test_the_characters_of_every_claim_stand_in_its_section_of_the_thesis(thesis):
    found, missing = sections(thesis), []
    assert len(found) > 40
    for known in ledger.load().values():
        if known.item[0] == "C" and known.kind != "order" and known.printed:
            edges = r"(?<![\d.])", r"(?!\d)"  # 1 is not found in 100, nor in 0.1
            pattern = edges[0] * known.printed[0].isdigit() + re.escape(known.printed)
            if not re.search(pattern + edges[1] * known.printed[-1].isdigit(), found[known.section]):
                missing.append((known.id, known.section, known.printed))
    assert missing == []
