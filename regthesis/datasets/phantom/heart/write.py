"""One patient's folder in the official ACDC layout, with the true motion beside it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

from regthesis.datasets.phantom.acquisition import Scan, detect, reconstruct, sensitivity
from regthesis.datasets.phantom.heart.motion import activation, pull_back
from regthesis.datasets.phantom.heart.population import Subject, draw
from regthesis.datasets.phantom.heart.tissue import labels, signal
from regthesis.datasets.phantom.texture import block
from regthesis.images import write_image

STILL = 0.05  # mm; what moves less at end-systole is painted once for all frames


def name(index: int) -> str:
    """ACDC's folder name of subject `index` (0-based)."""
    return f"patient{index + 1:03d}"


def cine(subject: Subject) -> np.ndarray:
    """The acquired sequence, int16 (t, z, y, x)."""
    scan, heart = subject.scan, subject.heart
    painting, noising = subject.seed.spawn(2)
    texture = block(np.random.default_rng(painting))
    beats = activation(subject.frames, subject.es)
    nx, ny = scan.dense()
    clean = np.empty((subject.frames, scan.size[2], ny, nx), np.float32)
    for z in range(scan.size[2]):
        points = subject.pose.to_heart(scan.points(z, (nx, ny), scan.offsets())).reshape(3, -1)
        full = signal(heart, subject.body, texture, points, np.ones_like(points[0]), 0.0)
        moves = np.abs(pull_back(heart, 1.0, points)[0] - points).max(0) > STILL
        moving = points[:, moves]
        for t, beat in enumerate(beats):
            at_ed, det = pull_back(heart, float(beat), moving)
            full[moves] = signal(heart, subject.body, texture, at_ed, det, t / subject.frames)
            clean[t, z] = full.reshape(-1, ny, nx).mean(0)
    image = reconstruct(clean, scan) * sensitivity(scan)
    return detect(image, scan.noise, np.random.default_rng(noising))


def truth(subject: Subject, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """At the voxel centres of `frame` (0-based): labels (z, y, x), and where the tissue was at end-diastole.

    The displacement (z, y, x, 3) is in mm (x, y, z). It is that of the tissue itself: a breath-hold shifts
    which tissue a slice shows, not how tissue moves.
    """
    scan = subject.scan
    beat = float(activation(subject.frames, subject.es)[frame])
    masks, fields = [], []
    for z in range(scan.size[2]):
        points = scan.points(z, scan.size[:2], [0.0])
        flat = subject.pose.to_heart(points).reshape(3, -1)
        at_ed, _ = pull_back(subject.heart, beat, flat)
        masks.append(labels(subject.heart, at_ed).reshape(points.shape[2:]))
        fields.append((subject.pose.to_scanner(at_ed).reshape(points.shape) - points)[:, 0])
    return np.stack(masks), np.stack(fields).transpose(0, 2, 3, 1)


def _save(array: np.ndarray, scan: Scan, path: Path, vector: bool = False) -> None:
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing((*scan.spacing, *[1.0] * (image.GetDimension() - 3)))
    write_image(image, path)


def patient(out: Path, seed: int, index: int, size: str) -> None:
    """Write subject `index` under `out`, whole or not at all; nothing is done where the folder is there."""
    target = out / name(index)
    if target.is_dir():
        return
    subject = draw(seed, index, size)
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{name(index)}-", dir=out, ignore_cleanup_errors=True) as scratch:
        whole = Path(scratch) / name(index)
        whole.mkdir()
        _write(whole, subject, index)
        try:
            os.replace(whole, target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise


def _write(folder: Path, subject: Subject, index: int) -> None:
    scan, es = subject.scan, subject.es
    images = cine(subject)
    sequence = sitk.JoinSeries([sitk.GetImageFromArray(i) for i in images])
    sequence.SetSpacing((*scan.spacing, 1.0))
    write_image(sequence, folder / f"{name(index)}_4d.nii.gz")
    for frame in (0, es):
        mask, motion = truth(subject, frame)
        stem = f"{name(index)}_frame{frame + 1:02d}"
        _save(images[frame], scan, folder / f"{stem}.nii.gz")
        _save(mask, scan, folder / f"{stem}_gt.nii.gz")
        if frame:
            _save(motion.astype(np.float32), scan, folder / f"{stem}_motion.nii.gz", vector=True)
    (folder / "Info.cfg").write_text(
        f"ED: 1\nES: {es + 1}\nGroup: {subject.group}\nHeight: {subject.height}\n"
        f"NbFrame: {subject.frames}\nWeight: {subject.weight}\n"
    )
