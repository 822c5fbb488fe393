"""Who is imaged: the five groups of ACDC by their clinical definitions (Bernard et al., IEEE TMI 2018, III).

A subject is drawn as a clinician would describe it (body, volumes per body surface, ejection fraction, wall
thickness); the geometry and contraction that give these volumes are then solved for.
"""

from dataclasses import dataclass, replace
from math import pi, radians, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from regthesis.datasets.phantom.acquisition import Scan
from regthesis.datasets.phantom.heart.motion import contraction
from regthesis.datasets.phantom.heart.shape import Heart, Pose, ventricles
from regthesis.datasets.phantom.heart.tissue import Body

GROUPS = ("DCM", "HCM", "MINF", "NOR", "RV")

# Ranges: end-diastolic volumes (ml/m²) and ejection fractions of both ventricles, wall (mm), length over
# radius, descent of the mitral plane (mm).
MEASURES = ("edv", "ef", "rv", "rv_ef", "wall", "long", "descent")
RANGES = {
    "DCM": ((115, 165), (0.19, 0.33), (72, 100), (0.34, 0.48), (6.5, 8.5), (2.4, 2.7), (3, 6)),
    "HCM": ((58, 74), (0.64, 0.76), (55, 78), (0.44, 0.56), (9.5, 11.5), (2.8, 3.1), (8, 12)),
    "MINF": ((82, 115), (0.26, 0.35), (60, 85), (0.42, 0.52), (8.0, 10.0), (2.6, 2.9), (5, 9)),
    "NOR": ((60, 76), (0.57, 0.68), (62, 84), (0.45, 0.54), (7.5, 9.3), (2.8, 3.1), (11, 16)),
    "RV": ((58, 82), (0.54, 0.64), (120, 155), (0.26, 0.46), (7.0, 9.0), (2.7, 3.0), (8, 12)),
}
CLINIC = {group: dict(zip(MEASURES, spans, strict=True)) for group, spans in RANGES.items()}

FRAMES = {"quick": (13, 13), "full": (13, 35)}


@dataclass(frozen=True)
class Subject:
    """Everything that decides one patient's files."""

    group: str
    height: float  # cm
    weight: float  # kg
    frames: int
    es: int  # 0-based
    heart: Heart
    body: Body
    pose: Pose
    scan: Scan
    seed: np.random.SeedSequence  # for texture and noise


def surface(height: float, weight: float) -> float:
    """Body surface in m² (Mosteller 1987), height in cm, weight in kg."""
    return sqrt(height * weight / 3600.0)


def volumes(heart: Heart, a: float) -> tuple[float, float]:
    """Volumes in ml of the left and right ventricle at contraction a (0 end-diastole, 1 end-systole)."""
    angle = np.linspace(-pi, pi, 72, endpoint=False)
    level = -(np.arange(120) + 0.5) / 120.0 * heart.length
    angle, level = np.meshgrid(angle, level)
    cos, sin = np.cos(angle), np.sin(angle)
    at = ventricles(heart, cos, sin, level)
    mu = 1.0 + a * heart.shortening / (heart.length - a * heart.shortening)
    k, k_rv = contraction(heart, a, cos, sin, level, mu)
    cell = 0.5 * (2.0 * pi / 72) * heart.length / 120 / mu / 1000.0
    left = (at.endo / (1.0 / mu + k)).sum() * cell
    right = ((at.rv - at.epi) * (at.rv - at.epi > 100.0) / (1.0 / mu + k_rv)).sum() * cell
    return float(left), float(right)


def _solve(heart: Heart, lv: float, ef: float, rv: float, rv_ef: float) -> Heart:
    """The same heart with these end-diastolic volumes (ml) and ejection fractions."""
    ratio = heart.length / heart.radius
    offset = heart.rv_offset / heart.rv_radius

    def left(radius):
        return replace(heart, radius=radius, length=ratio * radius)

    heart = left(brentq(lambda r: volumes(left(r), 0.0)[0] - lv, 10.0, 60.0, xtol=1e-3))
    heart = replace(heart, rv_length=0.9 * heart.length)

    def right(size):
        return replace(heart, rv_radius=size, rv_offset=offset * size)

    heart = right(brentq(lambda r: volumes(right(r), 0.0)[1] - rv, 20.0, 110.0, xtol=1e-3))

    def squeeze(k, which):
        both = replace(heart, **{("contraction", "rv_contraction")[which]: k})
        return volumes(both, 1.0)[which] / volumes(heart, 0.0)[which]

    k = brentq(lambda k: squeeze(k, 0) - (1.0 - ef), 0.0, 40.0, xtol=1e-3)
    k_rv = brentq(lambda k: squeeze(k, 1) - (1.0 - rv_ef), 0.0, 40.0, xtol=1e-3)
    return replace(heart, contraction=k, rv_contraction=k_rv)


def _heart(group: str, bsa: float, rng: np.random.Generator) -> Heart:
    draw = {name: float(rng.uniform(*span)) for name, span in CLINIC[group].items()}
    rough = Heart(
        radius=28.0,
        length=28.0 * draw["long"],
        wall=draw["wall"],
        apex_wall=0.7 * draw["wall"],
        hypertrophy=float(rng.uniform(7.5, 11.0)) if group == "HCM" else 0.0,
        hypertrophy_angle=float(rng.choice([pi, pi, -2.2, 0.3]) + rng.normal(0, 0.25)),
        rv_offset=45.0 * float(rng.uniform(0.56, 0.66)),
        rv_up=float(rng.uniform(-4, 10)),
        rv_wall=float(rng.uniform(2.5, 3.5)),
        shortening=draw["descent"],
        twist_apex=radians(rng.uniform(4, 9) if group in ("DCM", "MINF") else rng.uniform(8, 14)),
        twist_base=-radians(rng.uniform(1, 5)),
        sway=tuple(float(s) for s in rng.normal([2.5, -0.5], 1.2)),
        scar=1.0 if group == "MINF" else 0.0,
        scar_angle=float(rng.uniform(-pi, pi)),
        scar_level=float(rng.uniform(0.4, 0.7)),
        scar_focus=float(rng.uniform(1.6, 2.6)),
    )
    return _solve(rough, draw["edv"] * bsa, draw["ef"], draw["rv"] * bsa, draw["rv_ef"])


def _body(heart: Heart, weight: float, rng: np.random.Generator) -> Body:
    def normal(mean, sd):
        return float(rng.normal(mean, sd))

    outer = heart.radius + heart.wall
    left = -(heart.rv_offset + heart.rv_radius)  # the right ventricle's free wall
    skin = max(6.0, 0.22 * weight + normal(0, 3))
    axes = normal(135, 6), normal(165, 8)
    return Body(
        blood=normal(720, 50),
        muscle=normal(235, 25),
        fat=normal(690, 60),
        liver=normal(290, 40),
        lung=normal(45, 8),
        chest_centre=(left - 9.0 - skin - 16.0 + axes[0], normal(10, 12)),
        chest_axes=axes,
        skin_fat=skin,
        ribs=normal(0, 3),
        diaphragm=outer + normal(7, 3),
        dome=float(rng.uniform(0.25, 0.55)),
        heart_fat=(normal(1.5, 0.7), normal(-2.7, 0.6), float(rng.uniform(3, 8))),
        aorta=(outer + normal(18, 5), outer + normal(26, 5)),
        spine=(outer + normal(28, 5), outer + normal(58, 6)),
        papillary=((normal(-1.0, 0.15), normal(5.2, 0.7)), (normal(1.05, 0.15), normal(5.2, 0.7))),
        trabeculae=float(rng.uniform(0.28, 0.42)),
        grain=float(rng.uniform(1.6, 2.4)),
    )


def _shears(rng: np.random.Generator) -> list[tuple[int, np.ndarray, float, float]]:
    """Waves along the axes they do not displace, of some 100 mm, in-plane only."""
    out = []
    for axis in (0, 1, 0, 1):
        wave = 2.0 * pi / rng.uniform(90, 150) * rng.choice([-1.0, 1.0])
        along = 2.0 * pi / rng.uniform(180, 320) * rng.choice([-1.0, 1.0])
        vector = np.array([0.0 if axis == 0 else wave, 0.0 if axis == 1 else wave, along])
        out.append((axis, vector, float(rng.uniform(0, 2 * pi)), float(rng.normal(0, 2.2))))
    return out


def _scan(heart: Heart, size: str, rng: np.random.Generator) -> tuple[Scan, float]:
    """The stack, and the depth of the mitral plane in it (mm from the first slice)."""
    if size == "quick":
        pixel, matrix = (
            float(rng.uniform(2.4, 2.7)),
            (int(rng.integers(18, 21)) * 4, int(rng.integers(18, 21)) * 4),
        )
    else:
        pixel, matrix = float(rng.uniform(1.3, 1.7)), (int(rng.integers(26, 31)) * 8, 256)
    gap = float(rng.choice([8.0, 9.0, 10.0, 10.0]))
    above = float(rng.uniform(4, 14))
    slices = int(np.ceil((above + heart.length + heart.apex_wall + 3.0) / gap))
    scan = Scan(
        size=(*matrix, slices),
        spacing=(pixel, pixel, gap),
        thickness=min(gap, float(rng.choice([6.0, 7.0, 8.0]))),
        shifts=rng.normal(0, 1.1, (slices, 2)).clip(-2.5, 2.5),
        coil=rng.normal([-0.25, -0.15, 0.0, 0.0, 0.0, 0.0], [0.12, 0.12, 0.08, 0.06, 0.06, 0.08]),
        noise=float(rng.uniform(8, 17)),
    )
    return scan, above


def draw(seed: int, index: int, size: str) -> Subject:
    """Subject `index` (0-based) of the population `seed`: the same whatever the number of subjects."""
    sequence = np.random.SeedSequence(seed, spawn_key=(index,))
    drawing, painting = sequence.spawn(2)
    rng = np.random.default_rng(drawing)
    group = GROUPS[index % len(GROUPS)]
    male = rng.random() < 0.6
    height = float(round(rng.normal(176 if male else 164, 6)))
    weight = float(round(rng.normal(78 if male else 65, 9)))
    heart = _heart(group, surface(height, weight), rng)
    body = _body(heart, weight, rng)
    scan, above = _scan(heart, size, rng)
    low, high = FRAMES[size]
    frames = int(rng.integers(low, high + 1))
    es = int(round(frames * rng.uniform(0.32, 0.42)))

    field = [n * h for n, h in zip(scan.size, scan.spacing, strict=True)]
    turn = Rotation.from_euler("xyz", [rng.normal(0, 4), rng.normal(0, 4), rng.normal(0, 14)], degrees=True)
    flip = np.diag([1.0, 1.0, -1.0])  # slices run from base to apex, w from apex to base
    middle = turn.as_matrix() @ np.array([0.35 * (heart.rv_radius - heart.radius), 0.0, 0.0])
    centre = (
        0.5 * field[0] + middle[0] + rng.normal(0, 4),
        0.5 * field[1] + middle[1] + rng.normal(0, 4),
        above,
    )
    pose = Pose(tuple(float(c) for c in centre), flip @ turn.as_matrix().T, _shears(rng))
    return Subject(group, height, weight, frames, es, heart, body, pose, scan, painting)
