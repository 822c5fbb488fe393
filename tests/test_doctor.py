"""`regthesis doctor` says what is there and what is missing, and never fails itself."""

import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from click.testing import CliRunner

import regthesis.weights
from regthesis.cli import doctor, main


def said(part: str) -> str:
    return doctor.say_or_why(doctor.PARTS[part])


@pytest.mark.slow
def test_a_whole_installation_has_a_dozen_lines_and_nothing_broken():
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0 and "broken" not in result.stdout, result.output
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines.keys() == doctor.PARTS.keys() and len(lines) <= 12
    assert f"torch {version('torch')}" in lines["packages"] and "missing" not in lines["packages"]
    assert f"{len(list(regthesis.weights.WEIGHTS.rglob('*.safetensors')))} networks" in lines["weights"]


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    def lacking(name):
        if name in ("antspyx", "pandas"):
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", lacking)
    assert said("packages").endswith("missing: pandas; add them with pip install regthesis")
    assert "missing: antspyx; add them with pip install 'regthesis[peers]'" in said("baselines")


@pytest.mark.parametrize("part", ["processor", "kernels"])
def test_what_is_broken_is_a_line(part, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert said(part).startswith("broken: ModuleNotFoundError")


def test_missing_weights_are_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(regthesis.weights, "WEIGHTS", tmp_path)
    assert "no weights" in said("weights")
