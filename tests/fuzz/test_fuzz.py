"""Spoilt inputs over all commands: one line of error and exit code 2, or what was promised, and nothing half-written.

REGTHESIS_FUZZ says how many inputs (default 100), REGTHESIS_FUZZ_FROM the first seed. A seed makes its input alone:

    REGTHESIS_FUZZ_FROM=437 REGTHESIS_FUZZ=1 pytest tests/fuzz -k spoilt
"""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import click
import corpus
import mutations
import pytest
from corpus import CALLS, Call
from expected import faults, tree
from runner import Result, Runner

from regthesis.cli import main

FIRST = int(os.environ.get("REGTHESIS_FUZZ_FROM", 0))
SEEDS = range(FIRST, FIRST + int(os.environ.get("REGTHESIS_FUZZ", 100)))
SHARES = {"data check": 5, "register": 7, "track": 3, "study": 4, "run": 3}  # of the inputs; once for all others


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    """The names of all commands below a group."""
    if isinstance(command, click.Group):
        for each, below in command.commands.items():
            yield from leaves(below, f"{name} {each}".strip())
    else:
        yield name


@pytest.fixture(scope="session")
def regthesis() -> Iterator[Runner]:
    runner = Runner("regthesis.cli:main", "regthesis")
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def inputs(regthesis, tmp_path_factory) -> Path:
    folder, logs = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("logs")
    corpus.make(folder, lambda words, where: regthesis.run(words, where, logs / words[0]).code)
    return folder


def told(call: Call, result: Result, found: list[str], seed: int | str) -> str:
    """A failure for people."""
    facts = [f"seed {seed}: regthesis {' '.join(map(repr, call.words))}", f"  in {call.folder}"]
    facts += [f"  spoilt, {what}" for what in call.spoilt] + [f"  FAULT {fault}" for fault in found]
    return "\n".join([*facts, result.out[-600:], result.err[-600:]])


def test_every_command_has_inputs_here():
    assert set(leaves(main)) == set(CALLS), "a command without an entry in corpus.CALLS, or an entry without a command"


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in CALLS if name != "book"])
def test_inputs_are_valid_until_they_are_spoilt(command, regthesis, inputs, tmp_path):
    call = corpus.call(command, Random(0), inputs, tmp_path / "here")
    before = tree(call.folder)
    result = regthesis.run(call.words, call.folder, tmp_path / "log")
    found = faults(call, before, result, regthesis.limit)
    assert result.code == 0 and not found, told(call, result, found, "none")


def spoilt(seed: int, inputs: Path, folder: Path) -> Call:
    """The input that a seed makes."""
    rng = Random(seed)
    turns = [command for command in CALLS for _ in range(SHARES.get(command, 1))]
    call = corpus.call(turns[seed % len(turns)], rng, inputs, folder)
    mutations.spoil(rng, call)
    return call


@pytest.mark.slow
def test_a_seed_makes_one_input(inputs, tmp_path):
    for seed in range(40):
        calls = [spoilt(seed, inputs, tmp_path / name / str(seed)) for name in ("once", "again")]
        once, again = ((call.words, call.spoilt, tree(call.folder)) for call in calls)
        for *_, files in (once, again):  # each DICOM file that is written has another UID
            files.update({name: "written" for name in files if name.endswith(".dcm")})
        assert once == again


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_spoilt_inputs_are_refused_in_a_line_or_give_what_was_promised(seed, regthesis, inputs, tmp_path):
    call = spoilt(seed, inputs, tmp_path / "here")
    before = tree(call.folder)
    result = regthesis.run(call.words, call.folder, tmp_path / "log")
    found = faults(call, before, result, regthesis.limit)
    assert not found, told(call, result, found, seed)


PLANTED = {
    "traceback": "traceback: outside of the package: KeyError",
    "one": "exit code 1",
    "hang": "nothing within 3 s",
    "crash": "killed by signal 6",
    "segmentation": "killed by signal 11",
    "half": "promised, not there: names.json",
    "unreadable": "'out/numbers.json': cannot be read",
    "nothing": "promised, not there: numbers.json",
    "left": "left after exit code 2: 'out/numbers.json'",
    "sibling": "left: 'out/.7.numbers.json'",
    "input": "written outside of the output folder: 'input.txt'",
    "torn": "last line is no",
    "twice": "more than one line of error",
    "warned": "a warning of Python",
    "silent": "last line is no",
}


@pytest.fixture(scope="session")
def planted() -> Iterator[Runner]:
    runner = Runner("planted:main", limit=3)
    yield runner
    runner.close()


@pytest.mark.parametrize("fault", [*PLANTED, "right", "refused"])
@pytest.mark.slow
def test_planted_faults_are_found_and_nothing_else(fault, planted, tmp_path):
    names = ("numbers.json", "names.json") if fault == "half" else ("numbers.json",)
    call = Call(fault, ["--out", "out"], tmp_path / "here", names)
    call.folder.mkdir()
    (call.folder / "input.txt").write_text("as it was")
    before = tree(call.folder)
    found = faults(call, before, planted.run(call.words, call.folder, tmp_path / "log"), planted.limit)
    if fault not in PLANTED:
        assert not found
    else:
        assert any(PLANTED[fault] in line for line in found), found
