"""The entries as data: characters and how they are read, settings, directions, units and what is counted."""

import re
import shutil

import pytest
import yaml

from regthesis.book import ledger
from regthesis.book.ledger.printed import number
from regthesis.errors import UserError
from regthesis.shipped import CHECKOUT as ROOT


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
        ("∼1-2", {"sign": "~", "interval": (1.0, 2.0)}),
        ("< 5", {"value": 5.0, "sign": "<", "rounding": 0.5}),
        ("≤35", {"value": 35.0, "sign": "≤", "rounding": 0.5}),
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
            assert known.printed and (known.dataset or known.skip), known.id
        if known.kind == "order":
            assert known.relation in ("better", "worse", "differs", "similar"), known.id
            assert known.better in ("higher", "lower"), known.id


def test_characters_that_are_a_number_are_read_as_this_number():
    """`read` stands in the data only beside characters that do not say it; two look like numbers and are others."""
    others = {"C3.6": ("1012", 1e12), "C7.1": ("10.030", 10030)}  # a lost superscript, and a point for the thousands
    for known in ledger.load().values():
        try:
            read = number(known.printed)
        except UserError:
            continue
        if known.kind == "number" and known.id not in others:
            assert (known.value, known.interval) == (read.get("value"), read.get("interval")), known.id
    for id, expected in others.items():
        assert (ledger.entry(id).printed, ledger.entry(id).value) == expected


@pytest.mark.parametrize(
    "id, printed, value, interval, sign",
    [
        ("C3.35", "1 day", 1, None, "~"),
        ("C4.15", "∼420k", 420e3, None, "~"),
        ("C4.22", "1.5 ∗ 10−4", 1.5e-4, None, ""),
        ("C4.51", "∼1-2", None, (1, 2), "~"),
        ("C5.4", "13 to 35", None, (13, 35), ""),
        ("C6.12", "6 · 104", 6e4, None, ""),
        ("C6.30", "≤35", 35, None, "≤"),
    ],
)
def test_what_is_printed_and_how_it_is_read(id, printed, value, interval, sign):
    known = ledger.entry(id)
    assert (known.printed, known.value, known.interval, known.sign) == (printed, value, interval, sign)


CLAIMS = sorted((ROOT / "data" / "thesis").glob("C*.yaml"))


@pytest.mark.parametrize("file", CLAIMS, ids=lambda file: file.stem)
def test_claims_are_numbered_without_a_gap_and_never_twice(file):
    """A reader of YAML takes the last of two entries with one id, without a word."""
    ids = re.findall(rf"^  ({file.stem}\.\d+):", file.read_text("utf-8"), re.M)
    assert ids == [f"{file.stem}.{n + 1}" for n in range(len(ids))]
    assert set(ids) == {known.item for known in ledger.load().values() if known.item.startswith(f"{file.stem}.")}


def mappings(node: yaml.Node) -> list[yaml.MappingNode]:
    """Every mapping of a file's tree of nodes, in which keys that a dict would hide are still there."""
    if isinstance(node, yaml.MappingNode):
        return [node, *(inner for _, value in node.value for inner in mappings(value))]
    return [inner for item in node.value for inner in mappings(item)] if isinstance(node, yaml.SequenceNode) else []


@pytest.mark.parametrize("file", sorted((ROOT / "data" / "thesis").glob("*.yaml")), ids=lambda file: file.stem)
def test_no_key_stands_twice(file):
    for mapping in mappings(yaml.compose(file.read_text("utf-8"), yaml.BaseLoader)):
        keys = [key.value for key, _ in mapping.value]
        assert len(keys) == len(set(keys)), (keys, str(mapping.start_mark))


def test_every_chapter_has_claims():
    assert [file.stem for file in CLAIMS] == [f"C{chapter}" for chapter in range(1, 8)]


@pytest.mark.parametrize(
    "file, right, wrong",
    [
        ("C3.yaml", "statistic: max", "statistik: max"),
        ("T4.1.yaml", "better: higher", "beter: higher"),
        ("T5.1.yaml", "patients: 100", "patient: 100"),
        ("equations.yaml", "as_extracted: a superscript", "extracted_as: a superscript"),
        ("T6.1.yaml", "GM/C: Figure", "GM/D: Figure"),
        ("T3.1.yaml", "3D/e8/DICE-median: its", "3D/e9/DICE-median: its"),
        ("C4.yaml", "setting: true", "setting: yes"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(tmp_path, file, right, wrong):
    shutil.copytree(ROOT / "data" / "thesis", tmp_path / "thesis")
    text = (tmp_path / "thesis" / file).read_text("utf-8")
    assert right in text
    (tmp_path / "thesis" / file).write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(UserError, match=f"has '{wrong.split(': ')[0]}.*', which nothing reads"):
        ledger.load(tmp_path / "thesis")


def test_what_needs_no_data_is_a_setting_or_follows_by_arithmetic():
    """Degrees of freedom, numbers of actions and of elements, and parameters that a network's layers determine."""
    plain = {known.id for known in ledger.load().values() if known.dataset == "any" and not known.setting}
    assert plain == {"C2.2", "C2.3", "C3.24", "C3.25", "C4.15", "C5.10", "C5.11", "C5.12"}


def test_a_setting_needs_no_data_and_prints_what_was_chosen():
    settings = [known for known in ledger.load().values() if known.setting]
    assert {known.chapter for known in settings} == {3, 4, 5, 6}
    for known in settings:
        assert known.dataset == "any" and known.printed and not known.device, known.id
        assert known.kind in ("number", "statement"), known.id


def values(known) -> tuple[float, float]:
    """The two printed values of a claim of order, by plain string surgery."""
    first, second = (float(re.split(r"[ (±]", text)[0]) for text in known.printed.split(" against "))
    return first, second


def test_printed_values_agree_with_the_claims_of_order_about_them():
    """No transcription slip turned a row: every claimed order is the order of the printed values."""
    for known in ledger.load().values():
        if known.relation in ("better", "worse"):
            first, second = values(known)
            assert (first > second) == ((known.better == "higher") == (known.relation == "better")), known.id


def test_a_claim_of_order_has_the_direction_of_its_printed_values():
    orders = [known for known in ledger.load().values() if known.kind == "order"]
    for known in orders:
        first, second = values(known)
        assert known.direction == ("higher" if first > second else "lower" if first < second else "equal"), known.id
        assert known.direction != "equal" or known.relation == "similar", known.id
    turned = {known.id: known.direction for known in orders if known.id.startswith("C4.33/")}
    others = ["Undef", "Dem", "SyN", "VM", "S1"]
    assert [turned[f"C4.33/RMSE/{other}"] for other in others] == ["lower", "higher", "lower", "higher", "lower"]
    assert not any(known.direction for known in ledger.load().values() if known.kind != "order")


@pytest.mark.parametrize(
    "id, patients",
    [("T3.1/2D/our/DICE", 8), ("T4.1/S3/DICE", 100), ("T4.2/DCM/PL/predicted", 5), ("T5.1/Our/DICE", 100)],
)
def test_patients_are_counted_where_they_have_several_cases(id, patients):
    """Slices or pairs of one patient are no independent cases."""
    assert ledger.entry(id).counted == patients <= ledger.entry(id).cases


def test_what_may_be_the_extraction_s_fault_says_why():
    """Signs, superscripts and bars are lost on the way from the page to the text."""
    named = {known.id for known in ledger.load().values() if known.as_extracted}
    assert {"C3.6", "C6.11", "C6.12", "E2.2", "E3.a", "E4.6", "E4.a", "E4.b", "E5.3"} <= named
    assert all("as extracted" not in known.note for known in ledger.load().values())


def test_a_unit_that_is_not_printed_is_a_question_mark():
    unknown = {
        known.id.split("/")[-1] for known in ledger.load().values() if "?" in known.unit and known.item[0] == "T"
    }
    assert unknown == {"RMSE", "GradDetJac", "SpatialGrad", "TemporalGrad"}


def test_a_folder_without_a_ledger_is_named(tmp_path):
    with pytest.raises(UserError, match="run from a checkout"):
        ledger.load(tmp_path / "data" / "thesis")
