"""Ways to spoil the files of a call: bytes, headers, voxels, geometry, texts and folders; `arguments` has the others.

A way takes a source of chance and a call, spoils one thing, and says in words what; None where it found nothing.
Nothing is written outside the call's own folder, and what is long or large by right is never asked for.
"""

from __future__ import annotations

import gzip
import re
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import SimpleITK as sitk
from arguments import NUMBERS, WORDS, argument, option, output, profile
from corpus import Call

NIFTI = {  # field: (format, offset) in the 348 bytes of a header, Cox et al. 2004
    "sizeof_hdr": ("i", 0),
    **{f"dim[{k}]": ("h", 40 + 2 * k) for k in range(6)},
    "intent_code": ("h", 68),
    "datatype": ("h", 70),
    "bitpix": ("h", 72),
    **{f"pixdim[{k}]": ("f", 76 + 4 * k) for k in range(5)},
    "vox_offset": ("f", 108),
    "scl_slope": ("f", 112),
    "scl_inter": ("f", 116),
    "xyzt_units": ("b", 123),
    "qform_code": ("h", 252),
    "sform_code": ("h", 254),
    "quatern_b": ("f", 256),
    "qoffset_x": ("f", 268),
    **{f"srow_{axis}[{k}]": ("f", 280 + 16 * n + 4 * k) for n, axis in enumerate("xyz") for k in range(4)},
    "magic": ("4s", 344),
}
HOSTILE = {
    "f": [float("nan"), float("inf"), -1.0, 0.0, 1e30, 1e-30, 351.0, 1e7],
    "i": [0, -1, 2**31 - 1, 540],
    "h": [0, 1, -1, 2, 7, 32, 128, 1792, 2304, 32767, -32768],
    "b": [0, 1, 3, 16, 127, -1],
    "4s": [b"ni1\0", b"n+2\0", b"\0\0\0\0", b"n+1x"],
}
IMAGES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".hdr", ".img", ".dcm", ".png", ".tif", ".raw")
TEXTS = (".cfg", ".csv", ".json", ".yaml", ".yml", ".mhd", ".ipynb")


def spoil(rng: Random, call: Call) -> None:
    """Spoil one to three things of a call; `call.spoilt` then says what."""
    ways = [profile] if call.command == "book" else WAYS
    for _ in range(1 if call.command == "book" else rng.choice([1, 1, 1, 2, 3])):
        for way in rng.sample(ways, len(ways)):
            try:
                words = way(rng, call)
            except OSError as error:  # two ways in each other's way, such as a file where a folder is wanted
                words = str(error)
            if words:
                call.spoilt.append(f"{way.__name__.strip('_')}: {words}")
                break


def _files(call: Call, suffixes: tuple[str, ...] = ("",)) -> list[Path]:
    found = (path for path in sorted(call.folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if path.name.lower().endswith(suffixes) and "chapters/0" not in str(path)]


def _chosen(rng: Random, call: Call, suffixes: tuple[str, ...] = ("",)) -> Path | None:
    """A file of the call; those in the output folder, which a command takes up again, more often than others."""
    files = _files(call, suffixes)
    left = [path for path in files if call.out and call.out in path.parents and call.out != call.folder]
    files = left if left and rng.random() < 0.4 else files
    return rng.choice(files) if files else None


def _named(path: Path, call: Call) -> str:
    return str(path.relative_to(call.folder))


def _bytes(rng: Random, call: Call) -> str | None:
    if (path := _chosen(rng, call)) is None:
        return None
    inside = path.name.endswith(".gz") and rng.random() < 0.5
    content = _unzipped(path.read_bytes()) if inside else path.read_bytes()
    at, length = rng.randrange(len(content) + 1), rng.choice([1, 7, 64, 4096])
    what, new = rng.choice(
        [
            ("cut", content[:at]),
            ("cut to half", content[: len(content) // 2]),
            ("emptied", b""),
            ("a bit flipped", content[:at] + bytes(255 - b for b in content[at : at + 1]) + content[at + 1 :]),
            ("zeros", content[:at] + bytes(length) + content[at + length :]),
            ("noise", content[:at] + rng.randbytes(length) + content[at + length :]),
            ("twice", content + content),
            ("noise in front", rng.randbytes(length) + content),
            ("zipped", gzip.compress(content, mtime=0)),
            ("unzipped", _unzipped(content)),
        ]
    )
    path.write_bytes(gzip.compress(new, mtime=0) if inside else new)
    return f"{what} at {at}, {length} bytes, of {_named(path, call)}" + (", zipped again" if inside else "")


def _unzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError):
        return content


def _header(rng: Random, call: Call) -> str | None:
    """A hostile value in the header of a NIfTI file, or in one that is text (MetaImage, NRRD)."""
    if (path := _chosen(rng, call, (".nii", ".nii.gz", ".hdr", ".mha", ".mhd", ".nrrd"))) is None:
        return None
    content = _unzipped(path.read_bytes())
    if not path.name.endswith((".mha", ".mhd", ".nrrd")):
        field = rng.choice(sorted(NIFTI))
        code, at = NIFTI[field]
        value = rng.choice(HOSTILE[code])
        new = bytearray(content)
        with suppress(struct.error):  # it is spoilt and short already
            struct.pack_into(f"<{code}", new, at, value)
        path.write_bytes(gzip.compress(bytes(new), mtime=0) if path.name.endswith(".gz") else bytes(new))
        return f"{field} = {value!r} in {_named(path, call)}"
    lines = content.split(b"\n")
    heads = [n for n, line in enumerate(lines[:20]) if re.match(rb"[\w ]+(=|:)", line)]
    if not heads:
        return None
    several = ["-1 -1 -1", "0 0 0", "16 16", "nan nan nan", "65535 65535 65535", "0 0 0 " * 3]
    n, value = rng.choice(heads), rng.choice([*NUMBERS, *several])
    head = re.match(rb"([\w ]+(=|:) ?)", lines[n])[0]
    lines[n] = head + value.encode()
    path.write_bytes(b"\n".join(lines))
    return f"{head.decode()}{value} in {_named(path, call)}"


def _voxels(rng: Random, call: Call) -> str | None:
    """Values that are no values, constants, the largest and smallest floats, labels that no mask has."""
    if (path := _chosen(rng, call, IMAGES)) is None or (image := _read(path)) is None:
        return None
    voxels = sitk.GetArrayFromImage(image)
    kind = rng.choice(["float32", "float64", "int32", "uint8", str(voxels.dtype)])
    value = rng.choice([float("nan"), float("inf"), 0, -1, 7, 255, 1e38, -3e38, 1e-42, 1e300, 2**31 - 1])
    some = rng.choice(["one", "all", "half", "times"])
    with np.errstate(all="ignore"):
        if some == "times":
            voxels = voxels.astype(float) * value
        else:
            voxels = voxels.astype(float)
            voxels.flat[{"one": slice(200, 201), "all": slice(None), "half": slice(0, None, 2)}[some]] = value
        voxels = voxels.astype(kind)
    new = sitk.GetImageFromArray(voxels, isVector=image.GetNumberOfComponentsPerPixel() > 1)
    new.CopyInformation(image)
    return f"{some} {value:g} as {kind} in {_named(path, call)}" if _write(new, path) else None


def _geometry(rng: Random, call: Call) -> str | None:
    """A grid elsewhere, mirrored, oblique, tiny, large, or of another kind: colour, complex, more dimensions."""
    if (path := _chosen(rng, call, IMAGES)) is None or (image := _read(path)) is None:
        return None
    rank = image.GetDimension()
    turn = np.eye(rank)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    name, change = rng.choice(
        [
            ("origin far away", lambda it: it.SetOrigin([1e6] * rank)),
            ("origin without end", lambda it: it.SetOrigin([float("inf")] * rank)),
            ("mirrored", lambda it: it.SetDirection((-np.eye(rank)).ravel())),
            ("oblique", lambda it: it.SetDirection(turn.ravel())),
            ("tiny spacing", lambda it: it.SetSpacing([1e-6] * rank)),
            ("large spacing", lambda it: it.SetSpacing([1e6] * rank)),
            ("one voxel", lambda it: it[(slice(0, 1),) * rank]),
            ("one line", lambda it: it[(slice(0, 1),) * (rank - 1)]),
            ("one slice", lambda it: it[(slice(None),) * (rank - 1) + (slice(0, 1),)]),
            ("one dimension less", lambda it: it[(slice(None),) * (rank - 1) + (0,)] if rank > 2 else None),
            ("one dimension more", lambda it: sitk.JoinSeries([it, it])),
            ("two dimensions more", lambda it: sitk.JoinSeries([sitk.JoinSeries([it])] * 2)),
            ("colour", lambda it: sitk.Compose(*[sitk.Cast(it, sitk.sitkUInt8)] * 3)),
            ("complex", lambda it: sitk.RealAndImaginaryToComplex(*[sitk.Cast(it, sitk.sitkFloat32)] * 2)),
        ]
    )
    new = None
    with suppress(RuntimeError):
        new = change(image) or image
    return f"{name}, {_named(path, call)}" if new is not None and _write(new, path) else None


def _read(path: Path) -> sitk.Image | None:
    with suppress(RuntimeError):
        return sitk.ReadImage(str(path))


def _write(image: sitk.Image, path: Path) -> bool:
    try:
        sitk.WriteImage(image, str(path))
    except (RuntimeError, NotImplementedError):
        return False
    return True


def _text(rng: Random, call: Call) -> str | None:
    if (path := _chosen(rng, call, TEXTS)) is None:
        return None
    text = path.read_bytes().decode("utf-8", "replace")
    lines = text.splitlines() or [""]
    n = rng.randrange(len(lines))
    number = list(re.finditer(r"\d+(\.\d+)?", text))
    spot = rng.choice(number).span() if number else (0, 0)
    value = rng.choice([*NUMBERS, *WORDS])
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9))
    what, new = rng.choice(
        [
            ("as UTF-16", text.encode("utf-16")),
            ("as UTF-8 with a mark", text.encode("utf-8-sig")),
            ("with a letter in Latin-1", text[: spot[0]].encode() + b"\xe9" + text[spot[0] :].encode()),
            ("lines that end in CR", text.replace("\n", "\r").encode()),
            ("lines that end in CR LF", text.replace("\n", "\r\n").encode()),
            ("without its last end of line", text.rstrip("\n").encode()),
            ("with a NUL", text[: spot[0]].encode() + b"\0" + text[spot[0] :].encode()),
            ("5000 brackets", b"[" * 5000 + text.encode()),
            ("5000 braces below", text.encode() + b"x: " + b"{a: " * 5000),
            ("anchors of anchors", (bomb + text).encode()),
            ("a tag of Python", text.encode() + b"\nx: !!python/object/apply:os.getpid []\n"),
            ("a very long line", text.encode() + b"x: " + b"y" * 300_000),
            ("an open quote", text[: spot[0]].encode() + b'"' + text[spot[0] :].encode()),
            ("emptied", b""),
            ("a line less", "\n".join(lines[:n] + lines[n + 1 :]).encode()),
            ("a line twice", "\n".join([*lines[: n + 1], *lines[n:]]).encode()),
            ("a list", b"- a\n- b\n"),
            ("null", b"null"),
            *[(f"{value[:40]!r} for {text[slice(*spot)]!r}", _replaced(text, spot, value))] * 6,
        ]
    )
    path.write_bytes(new)
    return f"{what}, {_named(path, call)}"


def _replaced(text: str, spot: tuple[int, int], value: str) -> bytes:
    return (text[: spot[0]] + value + text[spot[1] :]).encode("utf-8", "surrogateescape")


def _folders(rng: Random, call: Call) -> str | None:
    """Files and folders that are missing, too many, something else, or oddly named."""
    path = rng.choice(sorted(call.folder.rglob("*")) or [call.folder])
    if path == call.folder or "chapters/0" in str(path):
        return None
    odd = rng.choice(["new\nline", "50% {0}", "心", "-x", ".hidden", "a\udce9", "a" * 200])
    suffix = rng.choice([".nii", ".nii.gz", ".png", ".NII.GZ", "", ".mha", ".gz"])
    name, other = _named(path, call), path.with_name(path.name.split(".")[0] + suffix)
    choice = rng.choice(
        ["missing", "a link to nowhere", "a link to itself", "a folder", "a file", "odd", "suffix", "more"]
    )
    if choice == "odd":
        copy = path.with_name(odd)
        shutil.copytree(path, copy, symlinks=True) if path.is_dir() else shutil.copy(path, copy, follow_symlinks=False)
        return f"{name} again as {odd!r}"
    if choice == "more":
        (path if path.is_dir() else path.parent).joinpath(odd).write_text("not yours")
        return f"{odd!r} beside {name}"
    if choice == "suffix":
        if path.is_dir() or other.exists():
            return None
        path.rename(other)
        call.options = [str(other.relative_to(call.folder)) if word == name else word for word in call.options]
        return f"{name} renamed to {other.name}"
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if choice == "a folder":
        path.mkdir()
    elif choice == "a file":
        path.write_text("ED: 1\n")
    elif choice != "missing":
        path.symlink_to("nowhere" if choice == "a link to nowhere" else path.name)
    return f"{choice} for {name}"


WAYS = [_bytes, _header, _voxels, _geometry, _text, _folders, output, argument, option]
