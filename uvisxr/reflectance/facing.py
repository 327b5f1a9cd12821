"""When the Sun showed the Earth the face that it showed a target.

Spectra of the Sun are measured near the Earth. What of the Sun varies within weeks, active regions,
turns with it: the face that a target saw was towards the Earth earlier if the target is ahead of
the Earth in longitude, and later if it is behind, by up to half a rotation, 13.6 days.

The Earth's place is that of Keplerian elements, right to 0.01 degrees: 1e-3 days; that of Saturn,
where a dataset does not say where its target was, to 0.2 degrees. Longitudes are along the
ecliptic; along the Sun's equator, tilted by 7.25 degrees, they differ by up to 0.23 degrees, 0.02
days. Regions live for weeks and the Sun turns faster at its equator, so that days are all that one
can ask for.

Sources
-------
.. [SW] Standish, E. M., Williams, J. G., Keplerian elements for approximate positions of the major
   planets, JPL Solar System Dynamics: table 1, 1800 to 2050. Of the Earth, its and the Moon's
   barycentre.
.. [C] Carrington's rotation, sidereal, 25.38 days.
"""

from __future__ import annotations

import numpy as np

from ..numerics.constants import ASTRONOMICAL_UNIT, SPEED_OF_LIGHT

#: Degrees per second.
_ROTATION = 360.0 / (25.38 * 86400.0)

#: Of the Earth, the same as seen from there: once in 27.2753 days.
_SYNODIC = 360.0 / (27.2753 * 86400.0)

#: Semi-major axis, au; eccentricity; inclination, mean longitude, longitudes of perihelion and of
#: the ascending node, degrees, ecliptic and equinox J2000; each at J2000 and its change in a
#: century [SW].
_ELEMENTS = {
    "VENUS": (
        *((0.72333566, 0.00000390), (0.00677672, -0.00004107), (3.39467605, -0.00078890)),
        *((181.97909950, 58517.81538729), (131.60246718, 0.00268329), (76.67984255, -0.27769418)),
    ),
    "EARTH": (
        *((1.00000261, 0.00000562), (0.01671123, -0.00004392), (-0.00001531, -0.01294668)),
        *((100.46457166, 35999.37244981), (102.93768193, 0.32327364), (0.0, 0.0)),
    ),
    "JUPITER": (
        *((5.20288700, -0.00011607), (0.04838624, -0.00013253), (1.30439695, -0.00183714)),
        *((34.39644051, 3034.74612775), (14.72847983, 0.21252668), (100.47390909, 0.20469106)),
    ),
    "SATURN": (
        *((9.53667594, -0.00125060), (0.05386179, -0.00050991), (2.48599187, 0.00193609)),
        *((49.95424423, 1222.49362201), (92.59887831, -0.41897216), (113.66242448, -0.28867794)),
    ),
}

#: Those of which Cassini saw anything.
PLANETS = tuple(_ELEMENTS)

_CENTURY = 36525.0 * 86400.0

#: Obliquity of the ecliptic at J2000.
_OBLIQUITY = np.deg2rad(23.4392911)
_COS, _SIN = np.cos(_OBLIQUITY), np.sin(_OBLIQUITY)

#: Passes over the Earth's place at the time that is found; each shrinks the error by its motion
#: over the rotation, a thirteenth.
_PASSES = 6


def planet(name: str, et: np.ndarray) -> np.ndarray:
    """Position of a planet relative to the Sun, (..., 3), km, in the equatorial frame J2000.

    Parameters
    ----------
    name : str
        One of `PLANETS`.
    et : ndarray, (...)
        TDB s past J2000.
    """
    t = np.asarray(et, float) / _CENTURY
    axis, e, tilt, mean, perihelion, node = (start + rate * t for start, rate in _ELEMENTS[name])
    anomaly = np.deg2rad(np.mod(mean - perihelion, 360.0))
    eccentric = anomaly
    for _ in range(_PASSES):
        eccentric = anomaly + e * np.sin(eccentric)
    along = axis * (np.cos(eccentric) - e)
    across = axis * np.sqrt(1 - e**2) * np.sin(eccentric)
    turn, lean, rise = np.deg2rad(perihelion - node), np.deg2rad(tilt), np.deg2rad(node)
    u = np.cos(turn) * along - np.sin(turn) * across
    v = np.sin(turn) * along + np.cos(turn) * across
    x = np.cos(rise) * u - np.sin(rise) * np.cos(lean) * v
    y = np.sin(rise) * u + np.cos(rise) * np.cos(lean) * v
    z = np.sin(lean) * v
    equatorial = np.stack([x, _COS * y - _SIN * z, _SIN * y + _COS * z], axis=-1)
    return np.asarray(ASTRONOMICAL_UNIT * equatorial)


def longitude(position: np.ndarray) -> np.ndarray:
    """Ecliptic longitude of positions (..., 3) in the equatorial frame J2000, degrees."""
    x, y, z = np.moveaxis(np.asarray(position, float), -1, 0)
    return np.asarray(np.mod(np.rad2deg(np.arctan2(_COS * y + _SIN * z, x)), 360.0))


def at_earth(et: np.ndarray, position: np.ndarray) -> np.ndarray:
    """When light from the same face of the Sun reached the Earth.

    Parameters
    ----------
    et : ndarray, (n,)
        When the target was lit, TDB s past J2000.
    position : ndarray, (n, 3)
        Of the target relative to the Sun, J2000, km.

    Returns
    -------
    ndarray, (n,)
        TDB s past J2000, at most half a rotation earlier or later.
    """
    left = np.asarray(et, float) - np.linalg.norm(position, axis=-1) / SPEED_OF_LIGHT
    target = longitude(position)
    found = left
    light_time = np.zeros(found.shape)
    for _ in range(_PASSES):
        earth = planet("EARTH", found + light_time)
        light_time = np.linalg.norm(earth, axis=-1) / SPEED_OF_LIGHT
        apart = longitude(earth) - target - _ROTATION * (found - left)
        found = found + _turned(apart) / _SYNODIC
    return np.asarray(found + light_time)


def _turned(angle: np.ndarray) -> np.ndarray:
    """Angles within half a turn of 0, degrees."""
    return np.asarray(np.mod(angle + 180.0, 360.0) - 180.0)
