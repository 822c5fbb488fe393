"""Small valid inputs of every kind, and for every command a call that takes some of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import SimpleITK as sitk

PATIENTS = {1: "NOR", 2: "DCM", 6: "NOR", 7: "DCM", 8: "NOR", 9: "DCM"}
"""Number and group. Training validates on five; the networks of phantoms have not seen 1 and 2."""
SUFFIXES = {
    3: ("nii", "nii.gz", "mha", "mhd", "nrrd", "hdr", "dcm"),
    2: ("nii", "nii.gz", "mha", "mhd", "nrrd", "png", "tif"),
}
INTEGERS = ("png", "dcm")  # hold whole numbers only

PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---

# A page

```{code-cell} python
:tags: [parameters]

seed = 0
rate = 0.5
name = "a"  # one of: a, b
sizes = [1, 2]
quick = True
```

```{code-cell} python
print(name, seed, rate)
```
"""
TOC = (
    "format: jb-book\nroot: book/start\nparts:\n  - caption: Chapters\n    chapters:\n      - file: chapters/01_page\n"
)
KNOWN = '{"seed": 0}\n'  # a population that the shipped networks of phantoms know
PROFILE = "# A profile.\nseed: 1\nname: a\n01_page:\n  rate: 0.25\n  quick: true\n"


@dataclass
class Call:
    """A command line, the folder that it is typed in, and the names that it promises to leave in its output folder."""

    command: str
    options: list[str]
    folder: Path
    promised: tuple[str, ...] = ()
    default_out: str | None = None  # where the command writes without --out
    spoilt: list[str] = field(default_factory=list)  # what was done to it, in words

    @property
    def words(self) -> list[str]:
        return [*self.command.split(), *self.options]

    @property
    def out(self) -> Path | None:
        """The output folder, which need not be there; the last of several options counts."""
        given = [value for name, value in zip(self.options, self.options[1:], strict=False) if name == "--out"]
        name = given[-1] if given else self.default_out
        return None if name is None else self.folder / name


def make(folder: Path, run: Callable[[list[str], Path], int]) -> None:
    """Write all inputs under `folder`; what commands leave and take up again is made by them, through `run`."""
    _images(folder / "images")
    for number, group in PATIENTS.items():
        _patient(folder / "acdc" / f"patient{number:03d}", number, group)
    _table(folder / "pairs")
    _beat(folder / "beat")
    for name, text in {
        "_toc.yml": TOC,
        "book/start.md": "# Start\n",
        "chapters/01_page.md": PAGE,
        "chapters/profiles/quick.yaml": PROFILE,
        "chapters/profiles/full.yaml": "profile: full\n",
    }.items():
        _text(folder / "book" / name, text)
    for copy in ("kept/acdc", "trained/acdc", "compared/acdc", "known"):
        shutil.copytree(folder / "acdc", folder / copy)
    _patient(folder / "compared" / "acdc" / "patient099", 9, "NOR")  # whom a training can skip
    _text(folder / "known" / "phantom.json", KNOWN)
    for words, where in (
        ("data make acdc --out made --subjects 1", "phantom"),
        ("study acdc --out kept --grid quick --patients 1 --methods identity", "kept"),
        ("train deformation acdc --out trained --grid quick --steps 1", "trained"),
        ("train deformation acdc --out networks/one --grid quick --steps 1 --skip patient099", "compared"),
        ("run 1", "book"),
    ):
        (folder / where).mkdir(exist_ok=True)
        code = run(words.split(), folder / where)
        assert code == 0, f"regthesis {words}, on inputs without a fault, exits with {code}"
    shutil.copytree(folder / "book", folder / "paged")
    _text(folder / "paged" / "_config.yml", "title: A book\nonly_build_toc_files: true\n")


def _images(folder: Path) -> None:
    for rank, suffixes in SUFFIXES.items():
        for name, x in (("moving", 7.0), ("fixed", 8.5)):
            for suffix in suffixes:
                image = sitk.GetImageFromArray(_ball((6, 16, 16)[-rank:], x))
                image.SetSpacing((1.5, 1.5, 3.0)[:rank])
                image = sitk.Cast(image, sitk.sitkUInt16) if suffix in INTEGERS else image
                _write(image, folder / f"{rank}d" / suffix.replace(".", "-") / f"{name}.{suffix}")


def _ball(shape: tuple[int, ...], x: float, height: float = 200.0) -> np.ndarray:
    grid = np.indices(shape).astype(float)
    centre = [(n - 1) / 2 for n in shape[:-1]] + [x]
    distance = sum((g - c) ** 2 / (0.1 * n * n) for g, c, n in zip(grid, centre, shape, strict=True))
    return (height * np.exp(-distance) + 3 * np.sin(grid[-1])).round(2).clip(0).astype(np.float32)


def _patient(folder: Path, number: int, group: str) -> None:
    y, x = np.indices((24, 24))
    for frame, radius in ((1, 6.0 + 0.2 * number), (4, 4.0)):
        label = np.zeros((5, 24, 24), np.uint8)
        distance = np.hypot(y - 12, x - 13)
        label[:, distance < radius + 3], label[:, distance < radius] = 2, 3
        label[:, np.hypot(y - 12, x - 4) < 3] = 1
        image = (100 + 60 * label + 20 * np.sin(x / 2 + number) * np.cos(y / 3)).astype(np.int16)
        for suffix, array in (("", image), ("_gt", label)):
            _scan(array, folder / f"{folder.name}_frame{frame:02d}{suffix}.nii.gz")
    sequence = sitk.JoinSeries([sitk.GetImageFromArray(image)] * 12)
    sequence.SetSpacing((2.5, 2.5, 8.0, 1.0))
    _write(sequence, folder / f"{folder.name}_4d.nii.gz")
    _text(folder / "Info.cfg", f"ED: 1\nES: 4\nGroup: {group}\nHeight: 170.0\nNbFrame: 12\nWeight: 70.0\n")


def _scan(array: np.ndarray, path: Path) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.5, 2.5, 8.0))
    _write(image, path)


def _table(folder: Path) -> None:
    for name, x in (("a", 7.0), ("b", 8.5)):
        _scan(_ball((6, 16, 16), x), folder / f"{name}.nii.gz")
        _scan((_ball((6, 16, 16), x) > 100).astype(np.uint8), folder / f"{name}_seg.nii.gz")
    rows = "a.nii.gz,b.nii.gz,a_seg.nii.gz,b_seg.nii.gz,x\nb.nii.gz,a.nii.gz,,,y\n"
    _text(folder / "pairs.csv", f"moving,fixed,moving_seg,fixed_seg,group\n{rows}")


def _beat(folder: Path) -> None:
    """A cine of four frames in two formats, and the mask of its first frame."""
    frames = [sitk.GetImageFromArray(_ball((2, 16, 16), 7.0, height)) for height in (200.0, 150.0, 180.0, 190.0)]
    sequence = sitk.JoinSeries(frames)
    sequence.SetSpacing((2.5, 2.5, 8.0, 1.0))
    for suffix in ("nii.gz", "mha"):
        _write(sequence, folder / f"beat.{suffix}")
    _scan((_ball((2, 16, 16), 7.0) > 100).astype(np.uint8), folder / "mask.nii.gz")
    _text(folder / "points.csv", "frame,landmark,x,y,z\n1,a,17.5,20.0,4.0\n1,b,25.0,20.0,4.0\n3,a,18.0,20.0,4.0\n")


def _write(image: sitk.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _data_make(rng: Random) -> tuple:
    out = rng.choice(["made", "made", "made", "anew"])
    options = ["acdc", "--out", out, "--subjects", "1", "--seed", "0", "--size", "quick"]
    return "phantom", options, ("phantom.json",), "data/phantom/acdc"


def _data_check(rng: Random) -> tuple:
    return "acdc", ["acdc", "."], (), None


def _register(rng: Random) -> tuple:
    rank = rng.choice([2, 3, 3])
    suffix = rng.choice(SUFFIXES[rank])
    method = rng.choice(["identity"] * 9 + ["demons"] * 5 + ["s3", "elastix8"])
    options = ["--moving", f"moving.{suffix}", "--fixed", f"fixed.{suffix}", "--out", "out", "--method", method]
    promised = "moved.nii.gz", "displacement.nii.gz", "jacobian.nii.gz"
    return f"images/{rank}d/{suffix.replace('.', '-')}", options, promised, None


def _track(rng: Random) -> tuple:
    method, cine = rng.choice(["identity"] * 6 + ["demons"] * 2 + ["motion"]), rng.choice(["beat.nii.gz", "beat.mha"])
    options = [cine, "--out", "out", "--mask", "mask.nii.gz", "--first", "1", "--method", method]
    promised = "moved.nii.gz", "displacement_02.nii.gz", "labels.nii.gz", "volumes.csv", "player.html", "result.json"
    return "beat", options, promised, None


def _landmarks(rng: Random) -> tuple:
    options = [rng.choice(["beat.nii.gz", "beat.mha"]), "points.csv", "--out", "out", "--methods", "identity"]
    return "beat", options, ("records.csv", "run.json"), None


def _study(rng: Random) -> tuple:
    promised = "records.csv", "run.json"
    if rng.random() < 0.25:
        return "pairs", ["pairs.csv", "--out", "out", "--methods", "identity"], promised, None
    options = ["acdc", "--out", rng.choice(["kept", "out"]), "--grid", "quick", "--patients", rng.choice("12")]
    return "kept", [*options, "--methods", "identity"], promised, None


def _trade_off(rng: Random) -> tuple:
    options = [".", "--out", "out", "--grid", "quick", "--patients", "1", "--methods", "s3"]
    return "known", options, ("records.csv", "run.json"), None


def _recorded(rng: Random) -> tuple:
    return "known", [".", "--out", "out", "--grid", "quick"], ("run.json",), None


def _levers(rng: Random) -> tuple:
    options = ["acdc", "--networks", "networks", "--out", "out", "--grid", "quick"]
    return "compared", options, ("records.csv", "run.json"), None


def _judge(rng: Random) -> tuple:
    return "kept", ["kept"], (), None


def _deformation(rng: Random) -> tuple:
    return _train(rng.choice(["trained", "trained", "out"]))


def _train_anew(rng: Random) -> tuple:
    return _train("out")


def _train(out: str) -> tuple:
    options = ["acdc", "--out", out, "--grid", "quick", "--steps", "1"]
    options += ["--fold", "0", "--folds", "5", "--seed", "0", "--rate", "1e-3", "--skip", "", "--device", "cpu"]
    return "trained", options, ("checkpoint.safetensors", "weights.safetensors"), None


def _doctor(rng: Random) -> tuple:
    return "acdc", [], (), None


def _run(rng: Random) -> tuple:
    chosen = rng.choice([["-p", "seed", "3"], ["-p", "rate", "0.1"], ["-p", "name", "b"], ["-p", "sizes", "[3]"], []])
    return "paged", ["1", *chosen, "--profile", "quick"], (), "_build"


def _book(rng: Random) -> tuple:
    """Refused at the latest for want of a _config.yml: building pages takes half a minute."""
    return "book", ["--profile", "quick"], (), "_build"


CALLS = {
    "data make": _data_make,
    "data check": _data_check,
    "register": _register,
    "track": _track,
    "landmarks": _landmarks,
    "study": _study,
    "trade-off": _trade_off,
    "codes": _recorded,
    "transport": _recorded,
    "missing-frames": _recorded,
    "levers": _levers,
    "judge": _judge,
    "doctor": _doctor,
    "train deformation": _deformation,
    "train voxelmorph": _train_anew,
    "train motion": _train_anew,
    "run": _run,
    "book": _book,
}


def call(command: str, rng: Random, corpus: Path, folder: Path) -> Call:
    """A valid call of a command, in a copy of those inputs that it needs."""
    needs, options, promised, default_out = CALLS[command](rng)
    shutil.copytree(corpus / needs, folder, symlinks=True)
    return Call(command, options, folder, promised, default_out)
