"""Chapter 2 runs whole on own pairs: stacks without labels, and slices with any labels."""

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest
import SimpleITK as sitk

from regthesis import datasets
from regthesis.book.chapters import find_page
from regthesis.book.press.needs import NEEDS, without
from regthesis.book.show import prose
from regthesis.shipped import CHECKOUT

pytestmark = pytest.mark.slow
LABELS = (3, 7, 500)


def written(folder, number: int, shape, labelled: bool) -> str:
    """A pair of blobs of its own size and spacing, the fixed ones smaller; its line of the CSV."""
    rng, files = np.random.default_rng(number), {"moving": "", "fixed": "", "moving_seg": "", "fixed_seg": ""}
    centred = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    distance = np.sqrt(sum(x**2 for x in centred))
    for role, radius in (("moving", 0.7), ("fixed", 0.6)):
        label = np.select([distance < radius * part for part in (0.3, 0.6, 1.0)], LABELS, 0)
        arrays = {role: label % 5 + rng.normal(0, 0.1, shape)} | ({f"{role}_seg": label} if labelled else {})
        for name, array in arrays.items():
            image = sitk.GetImageFromArray(array.astype(np.float32 if name == role else np.int16))
            image.SetSpacing([1.0 + number / 4] * len(shape))
            files[name] = f"{number}-{name}.nii.gz"
            sitk.WriteImage(image, folder / files[name])
    return ",".join(files.values())


@pytest.mark.parametrize("shape, labelled", [((7, 40, 36), False), ((48, 52), True)], ids=["stacks", "slices"])
def test_chapter_2_runs_on_own_pairs(tmp_path, monkeypatch, shape, labelled):
    lines = [written(tmp_path, k, [n + k for n in shape], labelled) for k in range(6)]
    (tmp_path / "pairs.csv").write_text("\n".join(["moving,fixed,moving_seg,fixed_seg", *lines]))
    page, said = find_page("2", CHECKOUT), {}
    monkeypatch.setattr(prose, "say", lambda **numbers: said.update(numbers))
    monkeypatch.delenv("REGTHESIS_RESULTS", raising=False)
    monkeypatch.chdir(page.source.parent)
    data = datasets.open("folder", tmp_path / "pairs.csv")
    given = {"dataset": "folder", "data_root": str(data.root), "subjects": 2, "methods": ["identity", "demons"]}
    names = {"display": lambda shown: None}
    cells = without(jupytext.read(page.source).cells, {need for need in NEEDS if not data.has(need)})
    for cell in cells:
        if cell.cell_type == "code":
            exec(compile(cell.source.replace("steps=300", "steps=3"), page.name, "exec"), names)
            names |= given if "parameters" in cell.metadata.get("tags", []) else {}
            plt.close("all")
    assert np.isfinite(float(said["error_free"])) and said["fitted"] == 4
    assert ("weakly supervised" in names["networks"]) == labelled == ("DICE" in set(names["results"]["metric"]))
