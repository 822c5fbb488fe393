"""The package is a house of floors: a file imports only from its own floor and from floors below."""

import ast
import re
import sys
from pathlib import Path

import pytest

from regthesis.case import CAVITY
from regthesis.datasets.acdc import ACDC

PACKAGE = Path(__file__).parents[1] / "regthesis"
FLOORS = [
    {"kernels", "errors", "shipped"},
    {"models", "files", "nifti", "dicom"},
    {"images"},
    {"geometry", "train", "identity"},
    {"case", "deformation"},
    {"datasets", "weights"},
    {"methods"},
    {"evaluate", "register"},
    {"book"},
    {"experiments"},
    {"track"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
BARE = set(sys.stdlib_module_names) | {"torch", "numpy", "jaxtyping", "regthesis"}  # jaxtyping has a stand-in
COMPILERS = {"compiled": {"numba"}, "triton": {"triton"}}  # imported at the first call of a kernel that has them
BASELINES = {"voxelmorph": {"neurite"}}  # has the U-Net of VoxelMorph; imported where the network is built
BARE_ROOMS = {"kernels": BARE, "models": BARE, "train": BARE | {"safetensors", "tqdm"}}


def imports(path: Path) -> set[str]:
    """Dotted names of what a file imports anywhere in it, `from regthesis import x` as `regthesis.x`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_below(path):
    own = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "regthesis" and parts[1] != own:
            assert LEVEL[parts[1]] < LEVEL[own], f"{own} stands below {parts[1]}, which it imports"


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) in BARE_ROOMS], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_kernels_models_and_training_run_on_a_bare_machine(path):
    allowed = BARE_ROOMS[room(path)] | COMPILERS.get(path.parent.name, set()) | BASELINES.get(path.stem, set())
    assert {name.split(".")[0] for name in imports(path)} <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_compilers_are_reached_through_the_dispatcher_alone(path):
    if path.parent.name not in COMPILERS:
        assert not [name for name in imports(path) for room in COMPILERS if f"kernels.{room}" in name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_can_be_read_in_a_sitting(path):
    assert len(path.read_text().splitlines()) <= 310


GENERAL = [path for path in FILES if room(path) in ("book", "evaluate", "methods", "models", "train")]
NAMES = {"acdc", *ACDC.structures, *ACDC.labels.values()} - {"background", CAVITY}
ANATOMY = {"methods": {"right ventricle"}}  # which tells how a heart lies, whatever the data


@pytest.mark.parametrize("path", GENERAL, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_general_room_names_no_data_set_and_none_of_its_labels(path):
    """What such a room needs to know of a data set comes with it, or with its cases."""
    text, names = path.read_text(), NAMES - ANATOMY.get(room(path), set())
    assert not [name for name in names if re.search(rf"(?i)(?<![\w-]){re.escape(name)}(?![\w-])", text)]
    assert room(path) == "book" or "phantom" not in text.lower()  # the book is about phantoms
