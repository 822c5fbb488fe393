"""`regthesis doctor` says what is there and what is missing, and never fails itself."""

import sys
from importlib.metadata import PackageNotFoundError, version

import pytest
from click.testing import CliRunner

import regthesis.weights
from regthesis.cli import doctor, main


def lines() -> dict[str, str]:
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0, result.output
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in result.stdout.splitlines()}


@pytest.mark.slow
def test_a_whole_installation_has_a_dozen_lines_and_nothing_broken():
    said = lines()
    assert 10 <= len(said) <= 12 and "broken" not in " ".join(said.values())
    assert f"torch {version('torch')}" in said["packages"] and "missing" not in said["packages"]
    assert f"{len(list(regthesis.weights.WEIGHTS.rglob('*.safetensors')))} networks" in said["weights"]


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    def lacking(name):
        if name in ("antspyx", "pandas"):
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", lacking)
    assert doctor.PARTS["packages"]().endswith("missing: pandas; add them with pip install regthesis")
    assert "missing: antspyx; add them with pip install 'regthesis[peers]'" in doctor.PARTS["baselines"]()


@pytest.mark.parametrize("part", ["processor", "kernels"])
def test_what_is_broken_is_a_line(part, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert lines()[part].startswith("broken: ModuleNotFoundError")


def test_missing_weights_are_a_line(monkeypatch, tmp_path):
    monkeypatch.setattr(regthesis.weights, "WEIGHTS", tmp_path)
    assert "no weights" in lines()["weights"]
