"""The ventricles as surfaces over the long axis, and the shears that make every heart its own.

Heart frame (x, y, w), mm: x from septum to lateral wall, y from anterior to inferior, w along the long axis
of the left ventricle (0 at the mitral plane, negative towards the apex). Surfaces are star-shaped around the
long axis and given as squared radius over (angle, w), because an incompressible radial motion is linear in
the squared radius.
"""

from dataclasses import dataclass, field
from math import cos as cosine
from math import pi
from math import sin as sine

import numpy as np

WIDEST = 0.15  # where along the long axis (0 base, 1 apex) the ellipsoid is widest
TIP = 9.0  # mm², squared radius that the surfaces keep below the apex so that ratios stay finite
TIP_WALL = 36.0  # mm²


@dataclass(frozen=True)
class Heart:
    """Geometry (at end-diastole, mm) and motion (at end-systole) of one heart."""

    radius: float  # endocardial radius at the widest level
    length: float  # endocardial length, mitral plane to apex
    wall: float  # thickness
    apex_wall: float
    hypertrophy: float = 0.0  # extra thickness at the centre of the thickened segments
    hypertrophy_angle: float = pi
    rv_radius: float = 45.0  # the right ventricle is a disc of this radius ...
    rv_offset: float = 27.0  # ... whose centre lies this far to the septal side ...
    rv_up: float = 6.0  # ... and this far to the anterior side at the base
    rv_length: float = 72.0
    rv_wall: float = 3.0
    contraction: float = 1.0  # k of the left ventricle, see motion.py
    rv_contraction: float = 1.0
    shortening: float = 12.0  # descent of the mitral plane
    twist_apex: float = 0.15  # rad
    twist_base: float = -0.06
    sway: tuple[float, float] = (0.0, 0.0)  # in-plane drift of the whole heart
    scar: float = 0.0  # 0 none, 1 akinetic at its centre
    scar_angle: float = 0.0
    scar_level: float = 0.6  # along the long axis, 0 base, 1 apex
    scar_focus: float = 1.5  # von Mises concentration

    @property
    def stretch(self) -> float:
        """End-diastolic over end-systolic length of the left ventricle."""
        return self.length / (self.length - self.shortening)


@dataclass(frozen=True)
class Ventricles:
    """Squared radii in mm² at given angles and levels."""

    endo: np.ndarray
    epi: np.ndarray
    rv: np.ndarray  # outer border of the right ventricle's blood; equals epi where there is none
    outer: np.ndarray  # outer border of the heart

    def take(self, at) -> "Ventricles":
        return Ventricles(self.endo[at], self.epi[at], self.rv[at], self.outer[at])


def bump(cos, sin, angle: float, focus: float):
    """Smooth periodic window of height one around `angle` (von Mises)."""
    return np.exp(focus * (cos * cosine(angle) + sin * sine(angle) - 1.0))


def smoothstep(x):
    """0 below 0, 1 above 1, twice differentiable."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * x * (x * (6.0 * x - 15.0) + 10.0)


def scar(heart: Heart, cos, sin, w):
    """How far the wall is akinetic, 0 to 1."""
    if heart.scar == 0.0:
        return np.float32(0.0)
    level = (-w / heart.length - heart.scar_level) / 0.38
    return heart.scar * bump(cos, sin, heart.scar_angle, heart.scar_focus) * np.exp(-level * level)


def _ellipsoid(w, length: float):
    q = (np.maximum(-w / length, 0.0) - WIDEST) / (1.0 - WIDEST)
    return 1.0 - q * q


def disc(heart: Heart, cos, sin, taper=1.0):
    """Distance from the long axis to the rim of the right ventricle's disc, mm."""
    along = -taper * (heart.rv_offset * cos + heart.rv_up * taper * sin)
    centre = taper**2 * (heart.rv_offset**2 + (heart.rv_up * taper) ** 2)
    return along + np.sqrt(np.maximum((taper * heart.rv_radius) ** 2 - centre + along * along, 1.0))


def ventricles(heart: Heart, cos, sin, w) -> Ventricles:
    """Squared radii of the end-diastolic surfaces at angles (cos, sin) and levels w, all of shape (n,)."""
    endo = np.maximum(heart.radius**2 * _ellipsoid(w, heart.length), TIP)
    thickness = heart.wall * (1.0 - 0.3 * scar(heart, cos, sin, w))
    if heart.hypertrophy:
        level = np.exp(-(((-w / heart.length) - 0.4) ** 2) / 0.18)
        thickness = thickness + heart.hypertrophy * bump(cos, sin, heart.hypertrophy_angle, 1.3) * level
    profile = _ellipsoid(w, heart.length + heart.apex_wall)
    epi = np.maximum((heart.radius + thickness) ** 2 * profile, TIP_WALL)

    taper = np.maximum(1.0 - (np.maximum(-w, 0.0) / heart.rv_length) ** 2.2, 0.01) ** 0.5
    rim = disc(heart, cos, sin, taper)
    beyond = rim * np.abs(rim) - epi
    rv = epi + 0.5 * (beyond + np.sqrt(beyond * beyond + 80.0**2))
    outer = (np.sqrt(rv) + heart.rv_wall * np.clip((rv - epi) / 300.0, 0.0, 1.0)) ** 2
    return Ventricles(endo, epi, rv, outer)


@dataclass(frozen=True)
class Pose:
    """From scanner to heart frame: shift, tilt of the slices, rotation, then volume-preserving sine shears.

    Every step is inverted in closed form and keeps volume. The scanner counts slices from base to apex, so
    the rotation holds a reflection.
    """

    centre: tuple[float, float, float]  # mm in the scanner (x, y, z) of the mitral plane's centre
    rotation: np.ndarray  # (3, 3), scanner to heart
    shears: list[tuple[int, np.ndarray, float, float]] = field(default_factory=list)  # axis, wave, phase, mm

    def to_heart(self, points: np.ndarray) -> np.ndarray:
        """Scanner (3, ...) mm to heart frame (3, ...) mm."""
        centre = np.asarray(self.centre, points.dtype).reshape(3, *[1] * (points.ndim - 1))
        x = np.tensordot(self.rotation.astype(points.dtype), points - centre, 1)
        for axis, wave, phase, amplitude in self.shears:
            x[axis] += amplitude * np.sin(np.tensordot(wave.astype(x.dtype), x, 1) + x.dtype.type(phase))
        return x

    def to_scanner(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `to_heart`."""
        x = points.copy()
        for axis, wave, phase, amplitude in reversed(self.shears):
            x[axis] -= amplitude * np.sin(np.tensordot(wave.astype(x.dtype), x, 1) + x.dtype.type(phase))
        centre = np.asarray(self.centre, points.dtype).reshape(3, *[1] * (points.ndim - 1))
        return np.tensordot(self.rotation.T.astype(points.dtype), x, 1) + centre
