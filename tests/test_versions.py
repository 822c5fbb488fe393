"""pyproject.toml, the locks and environment.yml agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONTENT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, BUILD = CONTENT["project"], CONTENT["build-system"]["requires"]


def lock(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.\-]+==[\w.]+", line) for line in lines), "a lock holds exact versions only"
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


@pytest.mark.parametrize("extra", [None, "book", "test", "peers"])
def test_the_locks_satisfy_every_range(extra):
    locked = lock("requirements.lock")
    if extra == "peers":
        locked |= lock("requirements-peers.lock") | lock("requirements-test.lock")
    wanted = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_locks_hold_what_builds_the_package():
    assert {canonicalize_name(Requirement(text).name) for text in BUILD} <= lock("requirements.lock").keys()


def test_the_peers_do_not_move_what_the_book_runs_on():
    names = [*lock("requirements.lock"), *lock("requirements-peers.lock"), *lock("requirements-test.lock")]
    assert len(set(names)) == len(names)


def test_exact_versions_stand_in_the_locks_alone():
    assert lock("requirements.lock")["torch"] == "2.13.0"
    wanted = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    assert not [text for text in wanted if "==" in str(Requirement(text).specifier)]


def test_conda_installs_the_same_locks():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(d for d in dependencies if isinstance(d, str) and d.startswith("python="))
    assert python.removeprefix("python=") in PROJECT["requires-python"]
    (pip,) = [d["pip"] for d in dependencies if isinstance(d, dict)]
    assert pip == ["-r requirements.lock", "-r requirements-peers.lock", "-r requirements-test.lock", "-e ."]
