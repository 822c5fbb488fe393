"""Every test runs with the shapes in the package's type hints switched on, and draws without a screen."""

import os
import sys
from pathlib import Path

import matplotlib
import pytest
from jaxtyping import install_import_hook

PACKAGE = Path(__file__).parents[1] / "regthesis"
matplotlib.use("Agg")
COMPILED = {PACKAGE / "kernels/compiled", PACKAGE / "kernels/triton"}  # their compilers want the bare functions
install_import_hook(
    [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" and path.parent not in COMPILED
    ],
    "beartype.beartype",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data named by REGTHESIS_DATA; without it the test is skipped."""
    root = os.environ.get("REGTHESIS_DATA")
    if not root:
        pytest.skip("REGTHESIS_DATA is not set: no real data at hand")
    return Path(root).resolve()


@pytest.fixture(autouse=True)
def figures_alone():
    """A test draws in matplotlib's own style, whatever a page has set before it, and leaves no figure open."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.use("Agg")
        yield
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
