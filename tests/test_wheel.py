"""The built wheel, installed away from the repository, works like the checkout; the chapters stay in the sdist."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import files, requires
from pathlib import Path

import pytest
import SimpleITK as sitk
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SHIPPED = [
    path for part in ("identities", "recorded", "thesis", "weights") for path in (ROOT / "data" / part).rglob("*")
]
pytestmark = pytest.mark.slow


def run(*command, cwd, ok=0):
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [*map(str, command)]
    # text=True would decode by the locale, which a library in this process may have set to C
    done = subprocess.run(words, cwd=cwd, env=alone, capture_output=True, encoding="utf-8")
    assert done.returncode == ok and "Traceback" not in done.stderr, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", out, cwd=ROOT)
    return out


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """An environment with the wheel and, borrowed from the tests' own, what it requires: no extra, no more."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    (wheel,) = built.glob("*.whl")
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = folder.glob("lib/*/site-packages")
    for package in required("regthesis"):
        for file in {file.parts[0] for file in files(package) if file.parts[0] not in ("..", "__pycache__")}:
            (packages / file).symlink_to(Path(sysconfig.get_path("purelib")) / file)
    return folder


def required(package: str, found: frozenset = frozenset()) -> frozenset:
    """The installed packages that one requires, and those require, and so on."""
    for requirement in map(Requirement, requires(package) or ()):
        name = canonicalize_name(requirement.name)
        if name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            found = required(name, found | {name})
    return found


@pytest.fixture(scope="module")
def phantom(environment, tmp_path_factory):
    """A folder with two phantoms, made by the installed package."""
    folder = tmp_path_factory.mktemp("away")
    run(environment / "bin" / "regthesis", "data", "make", "acdc", "--out", "phantom", "--subjects", 2, cwd=folder)
    return folder


def frames(folder: Path, number: int) -> list[Path]:
    """The images, then the masks, of end diastole and end systole."""
    masks = sorted(folder.glob(f"phantom/patient{number:03}/*_frame*_gt.nii.gz"))
    return [mask.with_name(mask.name.replace("_gt", "")) for mask in masks] + masks


def test_the_wheel_holds_the_shipped_data_and_no_chapters(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"regthesis/{path.relative_to(ROOT)}" for path in SHIPPED if path.is_file()} <= names
    assert "regthesis/py.typed" in names
    assert {name.split("/")[0] for name in names} == {
        "regthesis",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    assert not [name for name in names if "phantom/acdc" in name or name.endswith((".md", ".nii.gz"))]


def test_the_sdist_holds_the_book(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"chapters/04_deformation.md", "book/start.md", "_toc.yml", "Makefile", "tests/test_wheel.py"} <= names
    assert not [name for name in names if name.startswith(("data/phantom", ".venv", "_build"))]


def test_the_installed_package_is_the_one_that_runs(environment):
    line = "import regthesis, regthesis.shipped as s; print(regthesis.__file__, s.DATA)"
    where = run(environment / "bin" / "python", "-c", line, cwd=environment).stdout.split()
    assert all(path.startswith(str(environment)) for path in where)


def test_own_images_are_registered_with_the_shipped_networks(environment, phantom):
    moving, fixed, *_ = frames(phantom, 1)
    words = "register", "--moving", moving, "--fixed", fixed, "--method", "s3", "--out", "result"
    run(environment / "bin" / "regthesis", *words, cwd=phantom)
    assert sitk.ReadImage(str(phantom / "result" / "displacement.nii.gz")).GetNumberOfComponentsPerPixel() == 3
    method = json.loads((phantom / "result" / "result.json").read_text())["method"]
    assert method["name"] == "s3" and method["parameters"]["weights"].startswith(str(environment))


def test_a_study_of_own_pairs(environment, phantom):
    rows = [",".join(map(str, frames(phantom, number))) for number in (1, 2)]
    (phantom / "pairs.csv").write_text("\n".join(["moving,fixed,moving_seg,fixed_seg", *rows]))
    words = "study", "pairs.csv", "--methods", "identity,s3", "--out", "studied"
    shown = run(environment / "bin" / "regthesis", *words, cwd=phantom).stdout
    assert "s3" in shown and "identity" in shown


def test_the_doctor_finds_weights_and_misses_the_chapters(environment, phantom):
    said = run(environment / "bin" / "regthesis", "doctor", cwd=phantom).stdout
    assert f"networks in {environment}" in said and f"thesis in {environment}" in said
    assert "no book here" in said and "broken" not in said
    assert "pip install 'regthesis[book]'" in said and "pip install 'regthesis[peers]'" in said


@pytest.mark.parametrize("words", [("book",), ("run", "2")])
def test_the_book_says_where_the_chapters_can_be_had(words, environment, phantom):
    done = run(environment / "bin" / "regthesis", *words, cwd=phantom, ok=2)
    (line,) = done.stderr.splitlines()
    assert "no book here" in line and "source distribution" in line
