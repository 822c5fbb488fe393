"""The beating heart as an analytic map from a point now to the same tissue at end-diastole.

The map is a composition of twist, long-axis descent, radial motion and sway. In the coordinates (squared
radius s, angle, w) each is triangular, so the determinant is a product of one-dimensional derivatives: it
equals one in the wall (incompressible muscle) and is positive everywhere. With mu = dW/dw the long-axis
stretch, the radial part is

    S = s / mu + k s_endo f(s / s_endo) + k_rv (s_rv - s_epi) g((s - s_epi) / (s_rv - s_epi))

where f and g rise from 0 to 1 inside the blood pools and are constant in muscle: there dS/ds = 1 / mu.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator

from regthesis.datasets.phantom.heart.shape import Heart, disc, scar, smoothstep, ventricles

SOFT = 5.0  # mm over which the long-axis stretch sets in
ATRIUM = 62.0  # mm above the mitral plane where the descent has faded
MARGIN = 2.6  # width of the outer fade over the displacement (squared mm); above 1.875 keeps dS/ds positive


def activation(frames: int, es: int) -> np.ndarray:
    """Contraction at each frame, 0 at frame 0 (end-diastole) and 1 at frame `es` (both 0-based).

    Systole, isovolumic relaxation, rapid filling, diastasis and atrial kick, monotone between the knots.
    """
    t = np.arange(frames) / frames
    peak = es / frames
    rest = 1.0 - peak
    time = [
        0.0,
        0.15 * peak,
        0.8 * peak,
        peak,
        peak + 0.1 * rest,
        peak + 0.42 * rest,
        peak + 0.72 * rest,
        0.97,
        1.0,
    ]
    value = [0.0, 0.06, 0.92, 1.0, 0.93, 0.3, 0.24, 0.01, 0.0]
    return PchipInterpolator(time, value)(t)


def _descent(heart: Heart, a: float, w):
    """Fraction of the mitral descent at level w now, and its derivative."""
    drop = a * heart.shortening
    span = heart.length - drop
    up, top = w + heart.length, w + drop
    bend_up, bend_top = np.sqrt(up * up + SOFT * SOFT), np.sqrt(top * top + SOFT * SOFT)
    rise = 0.5 * (up + bend_up - top - bend_top) / span
    slope = 0.5 * (up / bend_up - top / bend_top) / span
    x = np.clip((w + drop) / ATRIUM, 0.0, 1.0)
    fade = 1.0 - smoothstep(x)
    return rise * fade, slope * fade - rise * 30.0 * (x * (1.0 - x)) ** 2 / ATRIUM


def _pool(q):
    """Expansion of the left cavity: 0 on the axis, 1 from the endocardium on; with its derivative."""
    q = np.minimum(q, 1.0)
    return q * (1.5 - 0.5 * q * q), 1.5 - 1.5 * q * q


def _crescent(q):
    q = np.clip(q, 0.0, 1.0)
    return q * q * (3.0 - 2.0 * q), 6.0 * q * (1.0 - q)


def contraction(heart: Heart, a: float, cos, sin, w, mu):
    """k of both ventricles: scar keeps its endocardium still, the apex tip and the atria do not contract."""
    window = smoothstep((w + heart.length) / (0.3 * heart.length)) * smoothstep((14.0 - w) / 16.0)
    dead = scar(heart, cos, sin, w)
    k = a * heart.contraction * (1.0 - dead) + dead * np.maximum(1.0 - 1.0 / mu, 0.0)
    return window * k, window * a * heart.rv_contraction


def radial(heart: Heart, a: float, s, cos, sin, w, mu):
    """S and dS/ds for a squared radius s now, at the end-diastolic angle and level."""
    at = ventricles(heart, cos, sin, w)
    k, k_rv = contraction(heart, a, cos, sin, w, mu)
    shrink = 1.0 / mu
    endo = at.endo / (shrink + k)
    epi = mu * (at.epi - k * endo)
    crescent = (at.rv - at.epi) / (shrink + k_rv)
    outer = epi + crescent + mu * (at.outer - at.rv)

    f, df = _pool(s / endo)
    g, dg = _crescent((s - epi) / crescent)
    inside = s * shrink + k * endo * f + k_rv * crescent * g
    inside_slope = shrink + k * df + k_rv * dg

    step = at.outer - outer
    width = np.maximum(0.6 * outer, MARGIN * np.abs(step))
    x = np.clip((s - outer) / width, 0.0, 1.0)
    outside = s + step * (1.0 - smoothstep(x))
    outside_slope = 1.0 - step / width * 30.0 * (x * (1.0 - x)) ** 2
    within = s < outer
    return np.where(within, inside, outside), np.where(within, inside_slope, outside_slope)


def _sway(heart: Heart, a: float, x, y, w):
    """In-plane drift of the whole heart, and its determinant."""
    r = np.sqrt(x * x + y * y)
    q = np.clip((r - 45.0) / 45.0, 0.0, 1.0)
    level = ((w + 0.45 * heart.length) / heart.length) ** 2
    level = np.exp(-level * level)
    reach = a * (1.0 - smoothstep(q)) * level
    slope = -a * 30.0 * (q * (1.0 - q)) ** 2 / 45.0 * level
    det = 1.0 + slope * (heart.sway[0] * x + heart.sway[1] * y) / np.maximum(r, 1e-3)
    return x + heart.sway[0] * reach, y + heart.sway[1] * reach, det


def _twist(heart: Heart, a: float, x, y, w):
    """Rotation about the long axis, apex against base, fading outwards; determinant one."""
    level = np.clip(-w / heart.length, -0.3, 1.1)
    angle = a * (heart.twist_base + (heart.twist_apex - heart.twist_base) * level)
    angle = angle * (1.0 - smoothstep((np.sqrt(x * x + y * y) - heart.radius) / 50.0))
    angle = angle * smoothstep((45.0 - w) / 45.0) * smoothstep((w + 1.1 * heart.length + 40.0) / 40.0)
    cos, sin = np.cos(angle), np.sin(angle)
    return x * cos - y * sin, x * sin + y * cos


def pull_back(heart: Heart, a: float, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heart-frame points (3, n) at contraction a, to the same tissue at end-diastole, and the determinant
    (n,).

    The determinant is exact inside the heart; outside, where all motion fades, it leaves out one small mixed
    term.
    """
    x, y, w = points
    if a == 0.0:
        return points.copy(), np.ones_like(x)
    x, y, det = _sway(heart, a, x, y, w)
    x, y = _twist(heart, a, x, y, w)
    s = np.maximum(x * x + y * y, 1e-6)
    r = np.sqrt(s)
    cos, sin = x / r, y / r

    border = np.maximum(disc(heart, cos, sin), heart.radius + heart.wall + heart.hypertrophy) + heart.rv_wall
    lateral = 1.0 - smoothstep((r - border) / 35.0)
    rise, slope = _descent(heart, a, w)
    drop = a * heart.shortening
    mu = 1.0 + drop * slope
    level = w + drop * rise * lateral
    big, growth = radial(heart, a, s, cos, sin, level, mu)
    scale = np.sqrt(np.maximum(big, 0.0)) / r
    return np.stack([x * scale, y * scale, level]), det * (1.0 + drop * slope * lateral) * growth
