"""What lies at a point of the body at end-diastole: labels, and the bSSFP-like signal of the tissue.

Organs are painted from far to near with soft borders. Inside the cavities, papillary muscles and trabeculae
keep their volume while the pool around them empties: at systole they take a larger share of it, and merge
with the wall.
"""

from dataclasses import dataclass
from math import cos as cosine
from math import sin as sine

import numpy as np

from regthesis.datasets.phantom.heart.shape import Heart, Ventricles, bump, smoothstep, ventricles
from regthesis.datasets.phantom.texture import Texture, grains, patches

BACKGROUND, RV, MYOCARDIUM, CAVITY = 0, 1, 2, 3
THIN = 1.5  # mm, the least width of right ventricle that is labelled
EDGE = 1.4  # mm, width of a painted border


@dataclass(frozen=True)
class Body:
    """What surrounds one heart, in the heart frame (mm), and the contrast of all (blood about 700)."""

    blood: float
    muscle: float
    fat: float
    liver: float
    lung: float
    chest_centre: tuple[float, float]
    chest_axes: tuple[float, float]
    skin_fat: float  # thickness
    ribs: float  # phase
    diaphragm: float  # level b under the heart
    dome: float  # rise towards the apex, mm per mm
    heart_fat: tuple[float, float, float]  # thickness, angle of most fat, extra thickness there
    aorta: tuple[float, float]
    spine: tuple[float, float]
    papillary: tuple[tuple[float, float], tuple[float, float]]  # (angle, radius) of each
    trabeculae: float  # share of the trabeculated layer that is muscle at end-diastole
    grain: float  # mm of one voxel of texture


def _soft(distance, width: float = EDGE):
    """1 where distance is positive, 0 where negative, linear between."""
    return np.clip(distance / width + 0.5, 0.0, 1.0)


def _paint(image, weight, value):
    image += weight * (value - image)


def _length(x, y):
    return np.sqrt(np.maximum(x * x + y * y, 1e-6))


def labels(heart: Heart, points: np.ndarray) -> np.ndarray:
    """uint8 labels (n,) at end-diastolic points (3, n): 0 background, 1 RV, 2 LV myocardium, 3 LV cavity."""
    x, y, w = points
    r = _length(x, y)
    s = r * r
    at = ventricles(heart, x / r, y / r, w)
    out = np.zeros(x.shape, np.uint8)
    heart_level = w < 0.0
    wide = np.sqrt(at.rv) - np.sqrt(at.epi) > THIN
    out[heart_level & wide & (s >= at.epi) & (s < at.rv) & (w > -heart.rv_length)] = RV
    out[heart_level & (s < at.epi) & (w > -heart.length - heart.apex_wall)] = MYOCARDIUM
    out[heart_level & (s < at.endo) & (w > -heart.length)] = CAVITY
    return out


def _surroundings(body: Body, x, y, w, fine, coarse, branch):
    """Lung with vessels, chest wall, diaphragm with liver and stomach, spine, descending aorta."""
    image = body.lung * (1.0 + 0.25 * fine)
    _paint(image, _soft(fine + 0.6 * coarse - 2.5, 0.5), 0.55 * body.blood)

    rise = -body.dome * np.maximum(-w - 20.0, 0.0)
    under = y - body.diaphragm - rise - (x - 10.0) ** 2 / 260.0 - 2.0 * coarse
    _paint(image, _soft(under + 2.5), 0.75 * body.fat)
    _paint(image, _soft(under), 90.0)
    vessel = _soft(0.13 - np.abs(branch), 0.15) * _soft(coarse - 0.2, 0.8)
    liver = body.liver * (1.0 + 0.05 * fine) * (1.0 + 0.7 * vessel)
    stomach = _soft(x - 38.0 - 6.0 * coarse, 6.0)
    _paint(image, _soft(under - 2.5), liver + stomach * (0.55 * body.liver * (1.0 + 0.9 * fine) - liver))

    aorta = _length(x - body.aorta[0], y - body.aorta[1])
    spine = _length(x - body.spine[0], (y - body.spine[1]) / 1.15)
    _paint(image, _soft(34.0 - spine, 8.0), 0.65 * body.muscle * (1.0 + 0.2 * fine))
    _paint(image, _soft(21.0 - spine), 1.1 * body.muscle * (1.0 + 0.12 * fine))
    _paint(image, _soft(13.5 - aorta), 0.5 * body.muscle)
    _paint(image, _soft(11.5 - aorta), 1.05 * body.blood * (1.0 + 0.03 * coarse))

    u, v = x - body.chest_centre[0], y - body.chest_centre[1]
    q = np.sqrt((u / body.chest_axes[0]) ** 2 + (v / body.chest_axes[1]) ** 2)
    depth = (1.0 - q) * np.minimum(*body.chest_axes) + 1.5 * coarse  # mm below the skin
    angle = np.arctan2(v, u)
    wall = body.skin_fat + 16.0
    _paint(image, _soft(wall + 3.0 - depth), 0.6 * body.fat)
    _paint(image, _soft(wall - depth), 0.8 * body.muscle * (1.0 + 0.12 * fine))
    rib = np.cos(14.0 * angle + body.ribs + 0.05 * w)
    bone = _soft(4.5 * np.sqrt(np.maximum(rib, 0.0)) - np.abs(wall - 6.0 - depth))
    _paint(image, bone, 0.35 * body.muscle)
    marrow = _soft(2.6 * np.sqrt(np.maximum(rib - 0.2, 0.0)) - np.abs(wall - 6.0 - depth))
    _paint(image, marrow, 0.9 * body.fat)
    _paint(image, _soft(body.skin_fat - depth, 2.5), body.fat * (1.0 + 0.06 * coarse))
    _paint(image, _soft(1.5 - depth), 0.5 * body.fat)
    _paint(image, _soft(-depth), 8.0)
    return image


def _cavity_muscle(heart: Heart, body: Body, at: Ventricles, x, y, w, det, mesh):
    """Share of muscle in the pools, of the left and of the right ventricle."""
    r = _length(x, y)
    cos, sin = x / r, y / r
    endo = np.sqrt(at.endo)
    q = np.clip(-w / heart.length, 0.0, 1.0)
    grown = np.sqrt(np.maximum(det, 1.0))
    left = np.zeros_like(r)
    for angle, size in body.papillary:
        lean = (0.62 + 0.12 * np.abs(q - 0.5)) * endo
        away = _length(x - lean * cosine(angle), y - lean * sine(angle)) + 0.9 * mesh
        level = smoothstep((q - 0.18) / 0.15) * smoothstep((0.9 - q) / 0.15)
        left = np.maximum(left, _soft(size * grown * level - away, 2.0) * (level > 0.05))
    share = np.clip(body.trabeculae * det, 0.02, 0.995)
    bias = 2.0 * share - 1.0
    threshold = -1.2 * bias * (1.0 + 0.9 * bias * bias * bias * bias)  # near the Gaussian quantile
    muscle = _soft(mesh - threshold, 0.6)
    layer = (2.5 + 5.5 * q) * (0.35 + 0.65 * bump(cos, sin, 0.0, 0.6))
    left = np.maximum(left, muscle * _soft(r - endo + layer, 3.0) * smoothstep(q / 0.25))
    outwards = (r * r - at.epi) / np.maximum(at.rv - at.epi, 1.0)
    right = muscle * _soft(outwards + 1.1 * q - 1.1, 0.5) * smoothstep((q + 0.05) / 0.3)
    return left, right


def _above(heart: Heart, body: Body, x, y, r, epi, blood, fine):
    """Above the mitral plane, inside the outline of the left ventricle: atrium and aortic root in fat."""
    image = body.fat * (0.7 + 0.1 * fine)
    _paint(image, _soft(epi - r) * _soft(r - epi + 2.5), 0.8 * body.muscle)
    depth = []
    for angle, away, size in ((0.9, 0.2, 0.86), (-2.3, 0.5, 0.52)):
        cx, cy = away * heart.radius * cosine(angle), away * heart.radius * sine(angle)
        depth.append(size * heart.radius - _length(x - cx, y - cy))
    depth = np.maximum(*depth)
    _paint(image, _soft(depth + 2.5), 0.85 * body.muscle)
    _paint(image, _soft(depth), blood)
    return image


def signal(heart: Heart, body: Body, texture: Texture, points: np.ndarray, det, phase: float) -> np.ndarray:
    """Signal (n,) float32 at end-diastolic points (3, n).

    `det` (n,) is the determinant of the map that led there (how much the tissue has shrunk since
    end-diastole); `phase`, the time in the cycle, moves the blood's texture, which does not follow the wall.
    """
    x, y, w = points
    r = _length(x, y)
    at = ventricles(heart, x / r, y / r, w)
    outer, epi, endo = (np.sqrt(v) for v in (at.outer, at.epi, at.endo))
    fine = grains(texture, points, (body.grain, body.grain, 3.0 * body.grain))

    span = _soft(w + heart.length + heart.apex_wall + 6.0, 8.0)
    image = body.muscle * (1.0 + 0.09 * fine)
    around = np.flatnonzero((r > outer - EDGE) | (span < 1.0))
    border = (v[around] for v in (r, outer, span))
    image[around] = _outside(body, texture, points[:, around], *border, image[around], fine[around])
    pools = np.flatnonzero(((r < endo + EDGE) | (r > epi - EDGE) | (w > -EDGE)) & (r < outer) & (span > 0.0))
    image[pools] = _chambers(
        heart, body, texture, points[:, pools], at.take(pools), det[pools], phase, image[pools], fine[pools]
    )
    return image


def _outside(body, texture, points, r, outer, span, muscle, fine):
    """Around the heart: its fat, the pericardium, and the rest of the body."""
    x, y, w = points
    coarse = patches(texture, points, (8.0, 8.0, 12.0), 17.0)
    branch = patches(texture, points, (11.0, 11.0, 16.0), 71.0)
    image = _surroundings(body, x, y, w, fine, coarse, branch)
    thickness, angle, extra = body.heart_fat
    apical = np.clip(-w / 80.0, 0.0, 1.2)
    fat = thickness * (1.0 + 0.35 * coarse) + extra * (bump(x / r, y / r, angle, 1.5) + 0.7 * apical * apical)
    fat = np.maximum(fat, 0.0)
    _paint(image, span * _soft(outer + fat + 2.2 - r), 60.0)
    _paint(image, span * _soft(outer + fat - r), body.fat * (0.85 + 0.08 * fine))
    _paint(image, span * _soft(outer - r), muscle)
    return image


def _chambers(heart, body, texture, points, at, det, phase, muscle, fine):
    """Blood, with the muscle in it, painted over the heart's muscle."""
    x, y, w = points
    r = _length(x, y)
    epi, endo, rv = np.sqrt(at.epi), np.sqrt(at.endo), np.sqrt(at.rv)
    mesh = grains(texture, points, (1.8, 1.8, 6.0), 31.0)
    blood = body.blood * (1.0 + 0.08 * grains(texture, points, (2.5, 2.5, 6.0), 7.0 + 46.0 * phase))
    left, right = _cavity_muscle(heart, body, at, x, y, w, det, mesh)
    image = muscle.copy()
    _paint(image, _soft(epi - r) * _soft(w, 3.0), _above(heart, body, x, y, r, epi, blood, fine))
    room = _soft(rv - epi - THIN) * _soft(r - epi) * _soft(rv - r)
    _paint(image, room, 0.93 * blood + right * (muscle - 0.93 * blood))
    pool = _soft(endo - r) * _soft(w + heart.length, 3.0) * _soft(-w, 3.0)
    _paint(image, pool, blood + left * (muscle - blood))
    return image
