"""Curves on an ellipsoid as an observer sees them: limb, terminator, night side, graticule.

Points and positions have shape (..., 3) in the body-fixed frame, km. Scaled by the semi-axes, x_i
to x_i / a_i, the ellipsoid is the unit sphere, planes stay planes and tangents tangents. The points
u whose tangent plane contains a (scaled) point w satisfy u.w = 1: a circle. That circle is the limb
seen from w, and the terminator of a point source at w. A surface point u is seen from w, or lit by
it, if u.w > 1 (equivalent to NAIF required reading *ELLIPSES*).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.sphere import dot, unit, vectors
from . import ellipsoid


@dataclass(frozen=True)
class Circle:
    """A circle on the unit sphere in scaled space.

    Attributes
    ----------
    source : ndarray, (3,)
        The scaled point from which the tangents are drawn; |source| > 1.
    centre, first, second : ndarray, (3,)
        Its points are ``centre + cos(angle) * first + sin(angle) * second``.
    """

    source: np.ndarray
    centre: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def seen_from(cls, position: np.ndarray, radii: np.ndarray) -> Circle:
        """The circle for a position (3,) outside the body, km."""
        source = np.asarray(position, float) / radii
        square = float(source @ source)
        axis = source / np.sqrt(square)
        helper = np.eye(3)[np.argmin(np.abs(axis))]
        first = unit(np.cross(axis, helper))
        radius = np.sqrt(max(1.0 - 1.0 / square, 0.0))
        return cls(source, source / square, radius * first, radius * np.cross(axis, first))

    def at(self, angle: np.ndarray) -> np.ndarray:
        """Scaled points at angles, rad: (..., 3)."""
        angle = np.asarray(angle)[..., None]
        point: np.ndarray = self.centre + np.cos(angle) * self.first + np.sin(angle) * self.second
        return point

    def angle(self, point: np.ndarray) -> np.ndarray:
        """Angles of scaled points of the circle, rad."""
        angle: np.ndarray = np.arctan2(point @ self.second, point @ self.first)
        return angle


def _turn(n: int) -> np.ndarray:
    return np.linspace(0.0, 2 * np.pi, n)


def limb(observer: np.ndarray, radii: np.ndarray, n: int = 361) -> np.ndarray:
    """Points of the limb; of the terminator if `observer` is the Sun.

    Parameters
    ----------
    observer : array_like, (3,)
        Outside the body, km.
    radii : array_like, (3,)
        Semi-axes, km.
    n : int
        Points on the closed curve; the last repeats the first.

    Returns
    -------
    ndarray, (n, 3)
        km.
    """
    radii = np.asarray(radii, float)
    points: np.ndarray = radii * Circle.seen_from(observer, radii).at(_turn(n))
    return points


def faces(point: np.ndarray, source: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Whether surface points (..., 3) are seen from, or lit by, an outside source (..., 3);
    bool."""
    radii = np.asarray(radii, float)
    return dot(np.asarray(point) / radii, np.asarray(source) / radii) > 1.0


def hides(
    observer: np.ndarray, direction: np.ndarray, radii: np.ndarray, distance: float = np.inf
) -> np.ndarray:
    """Whether the body hides what lies in the given directions.

    Parameters
    ----------
    observer : ndarray, (..., 3)
        km, body-fixed.
    direction : ndarray, (..., 3)
        Of any length.
    radii : array_like, (3,)
    distance : float
        Distance of what may be hidden, in units of the length of `direction`.

    Returns
    -------
    ndarray of bool, (...)
    """
    # Where the ray misses the body, NaN compares as False.
    return ellipsoid.intercept(observer, direction, radii) < distance


def visible(curve: np.ndarray, observer: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The curve (n, 3), with NaN where the body hides it from the observer."""
    seen = faces(curve, observer, radii)
    return np.where(seen[..., None], curve, np.nan)


def _crossings(first: Circle, second: Circle) -> np.ndarray | None:
    """The two scaled points where two circles intersect, (2, 3), or None."""
    axis = np.cross(first.source, second.source)
    square = float(axis @ axis)
    if square == 0.0:
        return None
    # The point of the line u.w1 = u.w2 = 1 that is nearest to the centre.
    foot = (np.cross(second.source, axis) + np.cross(axis, first.source)) / square
    room = 1.0 - float(foot @ foot)
    if room <= 0.0:
        return None
    step = np.sqrt(room / square) * axis
    return np.stack([foot + step, foot - step])


def _arc(circle: Circle, ends: np.ndarray, source: np.ndarray, facing: bool, n: int) -> np.ndarray:
    """The arc between two points of a circle that faces, or does not face, a scaled source."""
    start, stop = circle.angle(ends)
    stop = start + np.mod(stop - start, 2 * np.pi)
    middle = circle.at(0.5 * (start + stop))
    if bool(middle @ source > 1.0) != facing:
        stop -= 2 * np.pi
    return circle.at(np.linspace(start, stop, n))


def terminator(
    observer: np.ndarray, sun: np.ndarray, radii: np.ndarray, n: int = 181
) -> np.ndarray:
    """The part of the terminator that the observer sees.

    Parameters
    ----------
    observer, sun : array_like, (3,)
        Positions outside the body, km. The Sun is taken as a point.
    radii : array_like, (3,)
    n : int

    Returns
    -------
    ndarray, (n, 3)
        km; (0, 3) if none of it is seen.
    """
    radii = np.asarray(radii, float)
    seen, lit = Circle.seen_from(observer, radii), Circle.seen_from(sun, radii)
    ends = _crossings(lit, seen)
    if ends is None:
        return np.empty((0, 3))
    points: np.ndarray = radii * _arc(lit, ends, seen.source, True, n)
    return points


def night(observer: np.ndarray, sun: np.ndarray, radii: np.ndarray, n: int = 181) -> np.ndarray:
    """Outline of the part of the night side that the observer sees.

    Parameters
    ----------
    observer, sun : array_like, (3,)
    radii : array_like, (3,)
    n : int
        Points on the terminator, and as many on the limb.

    Returns
    -------
    ndarray, (2 n, 3) or (n, 3) or (0, 3)
        km; the arc of the terminator, then that of the limb. The whole limb if everything in view
        is dark, nothing if it is all lit.
    """
    radii = np.asarray(radii, float)
    seen, lit = Circle.seen_from(observer, radii), Circle.seen_from(sun, radii)
    ends = _crossings(lit, seen)
    if ends is None:
        dark = not faces(limb(observer, radii, 2)[0], sun, radii)
        return limb(observer, radii, n) if dark else np.empty((0, 3))
    edge = _arc(lit, ends, seen.source, True, n)
    rim = _arc(seen, ends[::-1], lit.source, False, n)
    points: np.ndarray = radii * np.concatenate([edge, rim])
    return points


def surface(lon: np.ndarray, lat: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Surface points at east longitudes and planetocentric latitudes, degrees: (..., 3), km."""
    direction = vectors(lon, lat)
    scaled = direction / np.asarray(radii, float)
    point: np.ndarray = direction / np.sqrt(dot(scaled, scaled))[..., None]
    return point


def graticule(radii: np.ndarray, step: float = 30.0, n: int = 121) -> list[np.ndarray]:
    """Meridians, then parallels, every `step` degrees.

    Returns
    -------
    list of ndarray, (n, 3)
        km; meridians eastward from 0, then parallels from the south, without the poles.
    """
    line = np.linspace(0.0, 1.0, n)
    meridians = [
        surface(np.full(n, lon), 180.0 * line - 90.0, radii)
        for lon in np.arange(0.0, 360.0 - 1e-9, step)
    ]
    north = np.arange(step, 90.0 - 1e-9, step)
    parallels = [
        surface(360.0 * line, np.full(n, lat), radii) for lat in [*-north[::-1], 0.0, *north]
    ]
    return meridians + parallels
