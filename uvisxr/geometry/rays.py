"""What each ray meets, with its own light time, aberration and rotation, as in SPICE's `sincpt`.

Pure numpy. A pixel's direction is apparent. The ray followed is that direction with the aberration
due to the spacecraft's motion removed; for the classical aberration of SPICE's `stelab` (sin of the
shift = v/c times sin of the angle) the true direction of an apparent unit vector a is exactly that
of a - v/c. The light left the point of the ray at `et` minus the light time to that point, not to
the body's centre: the body's position and rotation are propagated from the centre's epoch to the
point's with its velocity and spin, accurate to 1e-6 km over the fraction of a second between the
two.

Sunlight is as in `ilumin`: the Sun is seen from the point at that epoch, corrected for its light
time and for the aberration due to the point's motion, rotation included. Emission and phase angles
are measured from the apparent direction of the ray.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from ..kernels.bodies import Body
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from . import ellipsoid
from .ephemeris import Ephemeris

#: Passes over intercepts and crossings, each with the light time of the previous one. The error in
#: light time shrinks by v/c, 1e-4, from one pass to the next.
_PASSES = 3

#: Radii from the centre beyond which a ray passes a body far away.
_FAR = 10.0


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    (ux, uy, uz), (vx, vy, vz) = sphere.components(u), sphere.components(v)
    # Components first, so that numpy's inner loops run over the rays.
    cross = np.empty((3, *np.broadcast_shapes(ux.shape, vx.shape)))
    for out, (a, b), (c, d) in zip(
        cross, ((uy, vz), (uz, vx), (ux, vy)), ((uz, vy), (ux, vz), (uy, vx)), strict=True
    ):
        np.multiply(a, b, out=out)
        out -= c * d
    return sphere.joined(cross)


class Motion:
    """Vectors in the body-fixed frame as it rotates: second-order polynomials in time.

    Parameters
    ----------
    vector : ndarray, (n, m, 3)
        At the light-time epoch of the body's centre.
    spin : ndarray, (n, 1, 3)
        The body's angular velocity, rad/s.
    velocity : ndarray, (n, m, 3), optional
        Rate of change of the vector in inertial space, per second.
    """

    def __init__(self, vector: np.ndarray, spin: np.ndarray, velocity: np.ndarray | None = None):
        first = _cross(vector, spin)
        second = 0.5 * _cross(first, spin)
        if velocity is not None:
            first, second = first + velocity, second + _cross(velocity, spin)
        # Components first, so that numpy's inner loops run over the rays.
        terms = (vector, first, second)
        self._terms = tuple(np.ascontiguousarray(term.transpose(2, 0, 1)) for term in terms)

    @property
    def start(self) -> np.ndarray:
        """The vectors at that epoch, (n, m, 3)."""
        return sphere.joined(self._terms[0])

    def at(self, later: np.ndarray) -> np.ndarray:
        """The vectors (n, m, 3), `later` (n, m) s after that epoch."""
        return sphere.joined(self._at(later, slice(None)))

    def z(self, later: np.ndarray) -> np.ndarray:
        """Their components along the body's axis alone, (n, m)."""
        return self._at(later, 2)

    def _at(self, later: np.ndarray, axes: slice | int) -> np.ndarray:
        constant, first, second = (term[axes] for term in self._terms)
        value: np.ndarray = second * later
        value += first
        value *= later
        value += constant
        return value


def apparent(true: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apparent unit directions for true ones, as seen by an observer moving at `velocity`, km/s.

    Returns
    -------
    direction : ndarray, (..., 3)
    scale : ndarray, (...)
        `direction` is ``scale * true + velocity / c``.
    """
    beta = velocity / SPEED_OF_LIGHT
    along = sphere.dot(true, beta)
    scale = along * along
    scale += 1.0
    scale -= sphere.dot(beta, beta)
    scale = np.sqrt(scale)
    scale -= along
    seen = scale[..., None] * true
    seen += beta
    return seen, scale


@dataclass(frozen=True)
class TargetState:
    """One target at n instants, in its body-fixed frame at the light-time epoch of its centre.

    Vectors have shape (n, 1, 3), to broadcast over the rays of each instant; km, km/s, rad/s.

    Attributes
    ----------
    body : Body
    light_time : ndarray, (n, 1)
        To the centre, s.
    spacecraft, sun : ndarray
        Positions seen from the centre, corrected for light time.
    velocity, spacecraft_velocity : ndarray
        Barycentric velocities of target and spacecraft.
    spin : ndarray
    node : ndarray, (n, 1)
        East longitude of the equator's ascending node on the equator of J2000, degrees.
    """

    body: Body
    light_time: np.ndarray
    spacecraft: np.ndarray
    sun: np.ndarray
    velocity: np.ndarray
    spacecraft_velocity: np.ndarray
    spin: np.ndarray
    node: np.ndarray

    @classmethod
    def of(cls, body: Body, ephemeris: Ephemeris) -> TargetState:
        """The state from an ephemeris."""

        def rows(vector: np.ndarray) -> np.ndarray:
            return ephemeris.to_body(vector)[:, None, :]

        north = ephemeris.rotation[:, 2, :]
        node = sphere.east(sphere.longitude(north))
        return cls(
            body=body,
            light_time=ephemeris.light_time[:, None],
            spacecraft=rows(-ephemeris.position),
            sun=rows(ephemeris.sun),
            velocity=rows(ephemeris.target_velocity),
            spacecraft_velocity=rows(ephemeris.spacecraft_velocity),
            spin=ephemeris.spin[:, None, :],
            node=sphere.longitude(rows(node)),
        )

    def part(self, rows: slice | np.ndarray) -> TargetState:
        """The state at some of the instants."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return TargetState(**{k: v if k == "body" else v[rows] for k, v in values.items()})

    @cached_property
    def origin(self) -> Motion:
        """Position of the spacecraft at `et`, relative to the centre as the body moves on."""
        return Motion(self.spacecraft, self.spin, -self.velocity)

    @cached_property
    def sunward(self) -> Motion:
        """Position of the Sun."""
        return Motion(self.sun, self.spin)

    def spun(self, later: np.ndarray) -> np.ndarray:
        """Degrees that the body turns eastward in `later` s."""
        turn: np.ndarray = np.rad2deg(self.spin[..., 2] * later)
        return turn

    def sunlight(self, point: np.ndarray, later: np.ndarray, surface: bool = True) -> np.ndarray:
        """Apparent unit direction of the Sun from points, which may move with the surface."""
        true = self.sunward.at(later)
        true -= point
        true /= np.sqrt(sphere.dot(true, true))[..., None]
        motion = self.velocity + _cross(self.spin, point) if surface else self.velocity
        return apparent(true, motion)[0]


@dataclass(frozen=True)
class Rays:
    """Rays at n instants, m each, in the body-fixed frame.

    Attributes
    ----------
    state : TargetState
    direction : ndarray, (n, m, 3)
        Unit vectors of the true directions.
    scale : ndarray, (n, m)
        The apparent direction is ``scale * direction + spacecraft_velocity / c``.
    """

    state: TargetState
    direction: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, state: TargetState, apparent_direction: np.ndarray) -> Rays:
        """Rays along apparent unit directions (n, m, 3), given in the body-fixed frame."""
        true = apparent_direction - state.spacecraft_velocity / SPEED_OF_LIGHT
        scale = np.sqrt(sphere.dot(true, true))
        return cls(state, true / scale[..., None], scale)

    def some(self, rows: np.ndarray, columns: np.ndarray) -> Rays:
        """Some of the rays, (k, 1), by the indices (k,) of their instants and of themselves."""
        direction, scale = self.direction[rows, columns], self.scale[rows, columns]
        return Rays(self.state.part(rows), direction[:, None], scale[:, None])

    @property
    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """Origins (n, 1, 3) and directions in the body-fixed frame at the centre's epoch."""
        return self.state.origin.start, self._turning.start

    def at(self, later: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origins and directions in the body-fixed frame at `later` (n, m)."""
        return self.state.origin.at(later), self._turning.at(later)

    def heights(self, later: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The components of both along the body's axis, (n, m)."""
        return self.state.origin.z(later), self._turning.z(later)

    @cached_property
    def _turning(self) -> Motion:
        return Motion(self.direction, self.state.spin)

    def later(self, distance: np.ndarray) -> np.ndarray:
        """Seconds from the centre's epoch to that of points at `distance`, km."""
        return self.state.light_time - distance / SPEED_OF_LIGHT

    def backward(self, direction: np.ndarray) -> np.ndarray:
        """Apparent directions back towards the spacecraft, for rays turned to `direction`."""
        backward: np.ndarray = direction * -self.scale[..., None]
        backward -= self.state.spacecraft_velocity / SPEED_OF_LIGHT
        return backward


@dataclass(frozen=True)
class Points:
    """Points on rays, in the body-fixed frame at the time light leaves them.

    Attributes
    ----------
    distance, later : ndarray, (n, m)
        Distance from the spacecraft, km; time of departure after the centre's epoch, s.
    position, normal, backward : ndarray, (n, m, 3)
        Position, km; outward normal of the surface below; apparent direction to the spacecraft.
    """

    distance: np.ndarray
    later: np.ndarray
    position: np.ndarray
    normal: np.ndarray
    backward: np.ndarray

    def some(self, rows: np.ndarray) -> Points:
        """The points of some of the instants."""
        return Points(*(getattr(self, f.name)[rows] for f in fields(self)))


def tangents(rays: Rays, kind: ellipsoid.TangentKind) -> tuple[Points, np.ndarray]:
    """Tangent points of rays, and their altitudes (n, m), km.

    `kind` as in `ellipsoid.tangent`.
    """
    radii = rays.state.body.radii
    # While light crosses the body, or from far rays to it, the body moves by 1e-4 of that way: one
    # pass gives the epoch to a millisecond.
    distance = _approach(*rays.start, radii, kind)
    later = rays.later(np.maximum(distance, 0.0))
    origin, direction = rays.at(later)
    found = ellipsoid.tangent(origin, direction, radii, kind)
    # Only metres are left to correct, so the normal and the distance stay.
    later = rays.later(found.distance)
    start = origin + found.distance[..., None] * direction
    origin, direction = rays.at(later)
    position = found.distance[..., None] * direction
    position += origin
    altitude = found.altitude + sphere.dot(found.normal, np.subtract(position, start, out=start))
    points = Points(found.distance, later, position, found.normal, rays.backward(direction))
    return points, altitude


def _approach(
    origin: np.ndarray, direction: np.ndarray, radii: np.ndarray, kind: ellipsoid.TangentKind
) -> np.ndarray:
    """Distance of about the tangent point.

    Near the body the scaled tangent point is a close start, and cheap. Of a flat body it is far
    from the lowest point where rays pass at many radii: there the one nearest to the centre is.
    """
    plain: np.ndarray = -sphere.dot(origin, direction)
    far = sphere.dot(origin, origin) - plain * plain > (_FAR * radii.max()) ** 2
    if kind == "minimum" and far.all():
        return plain
    scaled = ellipsoid.scaled_distance(origin, direction, radii)
    return scaled if kind == "scaled" else np.where(far, plain, scaled)


def intercepts(rays: Rays) -> Points:
    """First surface points on rays, NaN where a ray misses the body."""
    radii = rays.state.body.radii
    later = np.zeros(rays.scale.shape)
    origin, direction = rays.start
    for k in range(_PASSES):
        if k:
            origin, direction = rays.at(later)
        distance = ellipsoid.intercept(origin, direction, radii)
        # A ray that just misses at the centre's epoch may still meet the body at its own.
        reach = ellipsoid.scaled_distance(origin, direction, radii)
        used = later
        later = rays.later(np.where(np.isnan(distance), np.maximum(reach, 0.0), distance))
    position = origin + distance[..., None] * direction
    normal = ellipsoid.surface_normal(position, radii)
    return Points(distance, used, position, normal, rays.backward(direction))


def crossings(rays: Rays) -> Points:
    """Points where rays cross the equatorial plane ahead, NaN where they do not."""
    found = []
    later = np.zeros(rays.scale.shape)
    for _ in range(_PASSES):
        distance = _crossed(rays, later)
        found.append(distance)
        later = rays.later(distance)
    # Of a plane that is seen edge-on and moves, passes shrink the error but slowly, by the same
    # share each: the limit follows from three of them (Aitken).
    step, second = found[1] - found[0], found[2] - 2 * found[1] + found[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = found[0] - step * step / second
    later = rays.later(np.where(np.isfinite(limit) & (limit > 0), limit, found[2]))
    distance = _crossed(rays, later)
    origin, direction = rays.at(later)
    position = origin + distance[..., None] * direction
    north = np.broadcast_to([0.0, 0.0, 1.0], position.shape)
    return Points(distance, later, position, north, rays.backward(direction))


def _crossed(rays: Rays, later: np.ndarray) -> np.ndarray:
    """Distances of the crossings with the plane of one epoch."""
    height, slope = rays.heights(later)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = -height / slope
    ahead = (distance > 0) & np.isfinite(distance)
    return np.where(ahead, distance, np.nan)


def surface_fields(state: TargetState, points: Points) -> dict[str, np.ndarray]:
    """Coordinates and angles at points: each (n, m), in degrees, `lt` in hours; `lon` is east."""
    sun = state.sunlight(points.position, points.later)
    lon = sphere.longitude(points.position)
    return {
        "lon": lon,
        "lat": sphere.latitude(points.position),
        "lat_graphic": sphere.latitude(points.normal),
        "sza": sphere.angle(points.normal, sun),
        "phase": sphere.angle(sun, points.backward),
        "ems": sphere.angle(points.normal, points.backward),
        "lt": local_time(state, lon, points.later),
    }


def local_time(state: TargetState, lon: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Local solar time at east longitudes, hours, as in `et2lst`.

    The Sun is seen from the body's centre. For a body that rotates westward, longitudes are
    reversed, so that the Sun always rises before noon.
    """
    noon = _solar_longitude(state) - state.spun(later)
    sense = np.where(state.spin[..., 2] < 0, -1.0, 1.0)
    return sphere.hour_angle(sense * (lon - noon), 0.0) / 15.0


def _solar_longitude(state: TargetState) -> np.ndarray:
    seen, _ = apparent(sphere.unit(state.sun), state.velocity)
    return sphere.longitude(seen)
