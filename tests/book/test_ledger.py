"""The ledger: the transcription against the printed tables, and every verdict."""

import json
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from regthesis.book import ledger
from regthesis.book.printed import number
from regthesis.errors import UserError

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


# The entries as data


@pytest.mark.parametrize(
    "printed, expected",
    [
        (".80", {"value": 0.8, "sign": "", "rounding": 0.005}),
        ("85.2 ±09", {"value": 85.2, "sign": "", "rounding": 0.05, "spread": 9.0}),
        ("0.52 (0.38-0.55)", {"value": 0.52, "sign": "", "rounding": 0.005, "interval": (0.38, 0.55)}),
        ("<0.005", {"value": 0.005, "sign": "<", "rounding": 0.0005}),
        ("~420e3", {"value": 420e3, "sign": "~", "rounding": 500.0}),
        ("1e-15", {"value": 1e-15, "sign": "", "rounding": 0.5e-15}),
        ("13-35", {"sign": "", "interval": (13.0, 35.0)}),
    ],
)
def test_printed_numbers_keep_their_digits(printed, expected):
    assert number(printed) == expected | {"printed": printed}


@pytest.mark.parametrize("printed", ["", "about 5", "0.37 (0.17", "3,5", "1.2.3"])
def test_what_is_not_a_printed_number_is_refused(printed):
    with pytest.raises(UserError, match="not a printed number"):
        number(printed)


def test_every_entry_is_complete():
    for known in ledger.load().values():
        assert known.what and re.fullmatch(r"\d\.\d(\.\d)?", known.section), known.id
        assert known.section[0] == str(known.chapter) or known.item[0] in "FT", known.id
        assert known.item[1] == str(known.chapter), known.id
        if known.kind == "number":
            assert known.value is not None or known.interval, known.id
            assert known.dataset or known.skip, known.id
        if known.kind == "order":
            assert known.relation in ("better", "worse", "differs", "similar"), known.id
            assert known.better in ("higher", "lower"), known.id


def test_printed_means_agree_with_the_claims_of_order_about_them():
    """No transcription slip turned a row: every claimed order is the order of the printed means."""
    for known in ledger.load().values():
        if known.relation in ("better", "worse"):
            first, second = (number(text)["value"] for text in known.printed.split(" against "))
            assert (first > second) == ((known.better == "higher") == (known.relation == "better")), known.id


def test_a_folder_without_a_ledger_is_named(tmp_path):
    with pytest.raises(UserError, match="run from a checkout"):
        ledger.load(tmp_path / "data" / "thesis")


# Verdicts

FRAME = SimpleNamespace(shape=(32, 128, 128), spacing=(3.15, 1.5, 1.5))
QUICK = SimpleNamespace(shape=(32, 64, 64), spacing=(3.15, 3.0, 3.0))


def dice(mean: float, n: int = 80, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=n)
    return mean + 0.05 * (values - values.mean())


def test_a_number_on_the_same_data_is_reproduced():
    verdict = ledger.check("T4.1/Undef/DICE", dice(0.709), dataset="acdc", frame=FRAME)
    assert verdict.verdict == "reproduced"
    assert "80 of 100 cases" in verdict.why
    assert (verdict.printed, verdict.computed) == ("0.707 (0.145)", "0.709")


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_tolerance_has_sharp_edges(sign):
    edge = 0.01 * 0.707
    inside, outside = (0.707 + sign * edge * factor for factor in (1 - 1e-9, 1 + 1e-9))
    assert ledger.check("T4.1/Undef/DICE", inside, dataset="acdc").verdict == "reproduced"
    assert ledger.check("T4.1/Undef/DICE", outside, dataset="acdc").verdict == "fails"


def test_the_printed_rounding_is_allowed_where_it_is_wider_than_the_tolerance():
    """0.24 stands for anything from 0.235 to 0.245, which is more than one per cent."""
    assert ledger.check("T4.1/VM/RMSE", 0.2449, dataset="acdc").verdict == "reproduced"
    assert ledger.check("T4.1/VM/RMSE", 0.2451, dataset="acdc").verdict == "fails"


@pytest.mark.parametrize(
    "given, why",
    [
        ({"dataset": "phantom"}, "on phantom, not on acdc"),
        ({"dataset": "acdc", "frame": QUICK}, "not in the printed frame"),
        ({"dataset": "acdc", "cases": 79}, "79 of 100 cases are too few"),
    ],
)
def test_a_mere_number_on_other_data_is_not_comparable_even_if_it_is_equal(given, why):
    verdict = ledger.check("T4.1/S3/DICE", 0.812, **given)
    assert (verdict.verdict, why in verdict.why) == ("not comparable", True)


def test_a_frame_that_is_not_given_is_said_to_be_assumed():
    assert "frame taken as printed" in ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc").why
    assert "frame" not in ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", frame=FRAME).why


def test_times_are_not_comparable_and_settings_need_no_data():
    assert ledger.check("C4.25", 0.32, dataset="acdc").verdict == "not comparable"
    assert ledger.check("C4.15", 421_000, dataset="phantom").verdict == "reproduced"
    assert ledger.check("C4.12", 16, dataset="phantom").verdict == "fails"


def test_a_count_is_exact_and_an_about_has_the_tolerance():
    assert ledger.check("C5.10", 1088, dataset="any").verdict == "reproduced"
    assert ledger.check("C5.10", 1089, dataset="any").verdict == "fails"
    assert ledger.check("C5.11", 1.0099 * 210e3, dataset="any").verdict == "reproduced"
    assert ledger.check("C5.11", 1.0101 * 210e3, dataset="any").verdict == "fails"


def test_a_verdict_reads_as_a_line():
    line = str(ledger.check("C4.12", 16, dataset="any"))
    assert line == "C4.12: printed 32, computed 16: fails; not within 0.5 of the printed value; needs no data"
    assert str(ledger.state("E4.7", "holds", "swap test")) == "E4.7: holds; swap test"


def test_a_median_is_compared_with_the_median():
    values = [10.0] * 30 + [11.7] * 31 + [30.0] * 30
    assert ledger.check("T3.1/2D/T/HD-median", values, dataset="prostate-thesis").verdict == "reproduced"


@pytest.mark.parametrize("dataset, kept", [("acdc", "reproduced"), ("phantom", "holds")])
def test_a_bound_holds_or_fails_on_any_data(dataset, kept):
    """Claim C4.40: no voxel folds. The smallest determinant of all cases counts, and 0 is folding."""
    assert ledger.check("C4.40", np.full(100, 0.2), dataset=dataset).verdict == kept
    assert ledger.check("C4.40", [*np.full(99, 0.2), 0.0], dataset=dataset).verdict == "fails"


def test_a_printed_range_is_compared_with_its_ends():
    data = "acdc-and-md-paedigree"
    assert ledger.check("C5.4", 35, dataset=data).verdict == "reproduced"
    assert ledger.check("C5.4", 36, dataset=data).verdict == "fails"


@pytest.mark.parametrize("dataset, kept", [("acdc", "reproduced"), ("phantom", "holds")])
def test_a_claim_of_order_is_tested_in_pairs(dataset, kept):
    """Claim C4.30: S3 beats demons in DICE. A small gain in every case counts, whatever the spread."""
    ours, theirs = dice(0.81) + 0.01, dice(0.81)
    given = {"dataset": dataset, "frame": FRAME}
    verdict = ledger.check("C4.30/DICE/Dem", ours, paired_with=theirs, **given)
    assert (verdict.verdict, "effect +1.00" in verdict.why) == (kept, True)
    assert ledger.check("C4.30/DICE/Dem", theirs, paired_with=ours, **given).verdict == "fails"
    assert ledger.check("C4.30/DICE/Dem", ours, paired_with=ours, **given).verdict == "fails"


def test_a_lower_distance_is_the_better_one():
    """Claim C4.31 on the Hausdorff distance, and C4.36 that VoxelMorph is rougher."""
    low, high = dice(7.0), dice(7.0) + 0.5
    assert ledger.check("C4.31/HD/Dem", low, dataset="phantom", paired_with=high).verdict == "holds"
    assert ledger.check("C4.31/HD/Dem", high, dataset="phantom", paired_with=low).verdict == "fails"
    assert ledger.check("C4.36/GradDetJac/S3", high, dataset="phantom", paired_with=low).verdict == "holds"
    assert ledger.check("C4.36/GradDetJac/S3", low, dataset="phantom", paired_with=high).verdict == "fails"


def test_similar_and_different_are_two_sided():
    same, noise = dice(0.8), dice(0.0, seed=1)
    above = same + 0.01
    assert ledger.check("C4.37/DICE/Dem", same, dataset="phantom", paired_with=same + noise).verdict == "holds"
    assert ledger.check("C4.37/DICE/Dem", same, dataset="phantom", paired_with=above).verdict == "fails"
    for first, second in ((same, above), (above, same)):
        assert ledger.check("C4.33/RMSE/VM", first, dataset="phantom", paired_with=second).verdict == "holds"


def test_few_pairs_cannot_settle_an_order():
    """Ten pairs reach p = 2^-9 at best, which is not below 0.001; twelve do."""
    for n, expected in ((10, "not comparable"), (12, "holds")):
        pair = {"paired_with": dice(0.7, n)}
        assert ledger.check("C4.30/DICE/Dem", dice(0.7, n) + 0.1, dataset="phantom", **pair).verdict == expected


@pytest.mark.parametrize("values", [math.nan, [0.8, math.inf], []])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(UserError, match="NaN or infinite"):
        ledger.check("T4.1/S3/DICE", values, dataset="acdc")


@pytest.mark.parametrize(
    "id, nearest", [("T4.1/S3/dice", "T4.1/S3/DICE"), ("T4.1/S4/HD", "T4.1/S[13]/HD"), ("E4.77", "E4.7")]
)
def test_a_wrong_id_names_the_nearest(id, nearest):
    with pytest.raises(UserError, match=f"the nearest is '{nearest}'"):
        ledger.check(id, 0.8, dataset="acdc")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ledger.check("C4.30/DICE/Dem", [0.8] * 20, dataset="acdc"), "need it"),
        (lambda: ledger.check("T4.1/S3/DICE", [1], dataset="acdc", paired_with=[1]), "is a number"),
        (lambda: ledger.check("C4.30/DICE/Dem", [1] * 20, dataset="acdc", paired_with=[1]), "same cases"),
        (lambda: ledger.check("E4.7", 1, dataset="acdc"), "use ledger.state"),
        (lambda: ledger.state("T4.1/S3/DICE", "holds", "seen"), "ledger.check"),
        (lambda: ledger.state("E4.7", "fine", "seen"), "one of reproduced"),
        (lambda: ledger.state("E4.7", "holds", ""), "needs a reason"),
    ],
)
def test_a_call_of_the_wrong_kind_says_what_to_do(call, message):
    with pytest.raises(UserError, match=message):
        call()


# Results and scorecard


def test_verdicts_are_merged_by_id_into_the_page_s_file(tmp_path, monkeypatch):
    monkeypatch.setenv("REGTHESIS_RESULTS", str(tmp_path))
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    ledger.state("E4.7", "holds", "swap test")
    last = ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc")
    ledger.state("E4.6", "fails", "wrong sign", page="errata")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["4.json", "errata.json"]
    noted = json.loads((tmp_path / "4.json").read_text("utf-8"))["verdicts"]
    assert [each["id"] for each in noted] == ["E4.7", "T4.1/S3/DICE"]
    assert noted[1]["why"] == last.why


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("REGTHESIS_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    ledger.check("T4.1/S3/DICE", 0.7, dataset="acdc")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_results_file_is_named_and_kept(tmp_path):
    (tmp_path / "4.json").write_text("{")
    with pytest.raises(UserError, match="4.json holds no verdicts"):
        ledger.state("E4.7", "holds", "swap test", results=tmp_path)
    assert (tmp_path / "4.json").read_text() == "{"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        ledger.state("E4.7", "holds", "swap test", results=tmp_path / "file")


def test_the_scorecard_lists_every_entry_with_every_verdict(tmp_path):
    results, recorded, chapters = tmp_path / "results", tmp_path / "recorded", tmp_path / "chapters"
    chapters.mkdir()
    (chapters / "04_deformation.md").write_text("")
    ledger.check("T4.1/S3/DICE", 0.9, dataset="phantom", results=results)
    ledger.check("T4.1/S3/DICE", 0.812, dataset="acdc", page="results", results=recorded / "acdc-full")
    ledger.state("E5.3", "fails", "not finite", page="errata", results=results)
    card = ledger.scorecard(results, recorded, chapters)
    assert set(card["id"]) == set(ledger.load())
    assert len(card) == len(ledger.load()) + 1
    both = card[card["id"] == "T4.1/S3/DICE"].set_index("source")["verdict"].to_dict()
    assert both == {"this run": "not comparable", "recorded acdc-full": "reproduced"}
    row = card.set_index("id").loc
    assert (row["E5.3", "verdict"], row["E5.3", "link"]) == ("fails", "book/errata.html")
    assert row["T4.1/S1/HD", "link"] == "chapters/04_deformation.html"
    assert row["T4.1/S1/HD", "why"] == "chapter 4 does not check it yet"
    assert row["T5.1/Our/HD", "why"] == "chapter 5 is not written yet"
    assert row["F7.4", "why"] == "a picture of another work"
    assert set(card["verdict"]) <= set(ledger.VERDICTS)
    assert not card.isna().any().any()


def test_results_of_an_unknown_id_are_refused(tmp_path):
    verdict = {"id": "T4.1/S9/DICE", "printed": "", "computed": "", "verdict": "holds", "why": "?"}
    (tmp_path / "4.json").write_text(json.dumps({"verdicts": [verdict]}))
    with pytest.raises(UserError, match="no entry 'T4.1/S9/DICE'"):
        ledger.scorecard(tmp_path)
