"""An invented flight past Titan or over Saturn: where everything is, and where UVIS looks.

Saturn moves around the Sun on its mean orbit, Titan around Saturn on a circle with the same side
always facing Saturn (as in its real rotation elements), and Cassini past its target on a hyperbola.
The Sun is at rest at the solar-system barycentre, from which it is really up to 0.01 au away. The
flight never took place: its dates only set the Sun, the seasons and the calibration.

Sources
-------
.. [S] Standish & Williams, Approximate positions of the planets (JPL, 1992): table 1, Saturn.
.. [J] Jacobson et al. 2006, The gravity field of the Saturnian system, AJ 132, 2520: masses.
.. [A] Archinal et al. 2011, Report of the IAU working group on cartographic coordinates, Celest.
   Mech. Dyn. Astr. 109, 101: rotation elements (as in NAIF's pck00010.tpc).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from ..numerics.constants import ASTRONOMICAL_UNIT
from ..numerics.sphere import dot, east, longitude, signed, unit, vectors

#: Masses of the Sun, Saturn and Titan times the gravitational constant, km3/s2 [S, J].
GM = {"SUN": 1.32712440018e11, "SATURN": 3.7931208e7, "TITAN": 8978.14}

#: Mean radius of Titan's orbit, km [J].
TITAN_ORBIT = 1221865.0

#: Right ascension and declination of the pole and angle of the prime meridian at J2000, degrees;
#: rotation in degrees a day [A].
ROTATION = {
    "TITAN": (39.4827, 83.4279, 186.5855, 22.5769768),
    "SATURN": (40.589, 83.537, 38.90, 810.7939024),
}

#: Equatorial and polar radii, km [A].
RADII = {"TITAN": (2575.15, 2574.78, 2574.47), "SATURN": (60268.0, 60268.0, 54364.0)}

#: Saturn's mean orbit and its change a century: semi-major axis (au), eccentricity, inclination,
#: mean longitude, longitudes of perihelion and of the node (degrees, ecliptic of J2000) [S].
_SATURN = (
    (9.53667594, 0.05386179, 2.48599187, 49.95424423, 92.59887831, 113.66242448),
    (-0.00125060, -0.00050991, 0.00193609, 1222.49362201, -0.41897216, -0.28867794),
)
_OBLIQUITY = np.deg2rad(23.43928)

_DAY = 86400.0


def saturn(et: np.ndarray) -> np.ndarray:
    """Position of Saturn seen from the Sun, J2000, km, (n, 3); et is TDB s past J2000."""
    start, rate = np.array(_SATURN)
    a, e, i, mean, perihelion, node = start[:, None] + rate[:, None] * et / (36525 * _DAY)
    anomaly = np.deg2rad(signed(mean - perihelion))
    eccentric = anomaly
    for _ in range(8):
        eccentric = anomaly + e * np.sin(eccentric)
    x = a * ASTRONOMICAL_UNIT * (np.cos(eccentric) - e)
    y = a * ASTRONOMICAL_UNIT * np.sqrt(1 - e**2) * np.sin(eccentric)
    w, i, node = np.deg2rad(perihelion - node), np.deg2rad(i), np.deg2rad(node)
    u, v = x * np.cos(w) - y * np.sin(w), x * np.sin(w) + y * np.cos(w)
    ecliptic = (
        u * np.cos(node) - v * np.sin(node) * np.cos(i),
        u * np.sin(node) + v * np.cos(node) * np.cos(i),
        v * np.sin(i),
    )
    c, s = np.cos(_OBLIQUITY), np.sin(_OBLIQUITY)
    x, y, z = ecliptic
    return np.stack([x, c * y - s * z, s * y + c * z], axis=-1)


def pole(body: str) -> np.ndarray:
    """Direction of a body's north pole, J2000."""
    ra, dec, *_ = ROTATION[body]
    return vectors(ra, dec)


def titan(et: np.ndarray) -> np.ndarray:
    """Position of Titan seen from Saturn, J2000, km, (n, 3): opposite its prime meridian."""
    north = pole("TITAN")
    node = east(longitude(north))
    angle = np.deg2rad(ROTATION["TITAN"][2] + ROTATION["TITAN"][3] * et / _DAY)[:, None]
    place: np.ndarray = -TITAN_ORBIT * (
        np.cos(angle) * node + np.sin(angle) * np.cross(north, node)
    )
    return place


def states(position: Callable[[np.ndarray], np.ndarray], et: np.ndarray) -> np.ndarray:
    """Positions and, by differences over 2 s, velocities of a function of time, (n, 6)."""
    return np.hstack([position(et), (position(et + 1.0) - position(et - 1.0)) / 2.0])


@dataclass(frozen=True)
class Encounter:
    """The geometry of a hyperbolic flyby, and how far along it is.

    Attributes
    ----------
    distance, periapsis : float
        From the target's centre, now and at closest approach, km.
    excess : float
        Speed at infinity, km/s.
    """

    distance: float
    periapsis: float
    excess: float


@dataclass(frozen=True)
class Flight:
    """A hyperbola about a target.

    Attributes
    ----------
    target : {"TITAN", "SATURN"}
    periapsis_time : float
        TDB s past J2000.
    periapsis, speed : float
        Distance from the centre, km, and speed there, km/s.
    p, q : ndarray, (3,)
        Unit vectors to the periapsis and along the velocity there, J2000.
    """

    target: str
    periapsis_time: float
    periapsis: float
    speed: float
    p: np.ndarray
    q: np.ndarray

    def _plane(self, elapsed: np.ndarray) -> np.ndarray:
        """Coordinates along p and q, (n, 2), at a time after periapsis."""
        gm = GM[self.target]
        e = self.periapsis * self.speed**2 / gm - 1
        a = self.periapsis / (e - 1)
        mean = np.sqrt(gm / a**3) * elapsed
        h = np.arcsinh(mean / e)
        for _ in range(50):
            h = h - (e * np.sinh(h) - h - mean) / (e * np.cosh(h) - 1)
        plane: np.ndarray = np.stack([e - np.cosh(h), np.sqrt(e**2 - 1) * np.sinh(h)], axis=-1)
        return a * plane

    def position(self, et: np.ndarray) -> np.ndarray:
        """Cassini seen from the target's centre, J2000, km, (n, 3)."""
        place: np.ndarray = self._plane(et - self.periapsis_time) @ np.stack([self.p, self.q])
        return place

    @classmethod
    def through(
        cls,
        target: str,
        et: float,
        encounter: Encounter,
        direction: np.ndarray,
        towards: np.ndarray,
    ) -> Flight:
        """The flight that is at a given place at a given time, outbound.

        Parameters
        ----------
        target : {"TITAN", "SATURN"}
        et : float
            TDB s past J2000.
        encounter : Encounter
            At `et`.
        direction : ndarray, (3,)
            From the target's centre to Cassini at `et`, J2000.
        towards : ndarray, (3,)
            Direction in which Cassini moves, perpendicular to `direction`.
        """
        distance, periapsis, excess = encounter.distance, encounter.periapsis, encounter.excess
        speed = np.sqrt(excess**2 + 2 * GM[target] / periapsis)
        canonical = cls(target, 0.0, periapsis, speed, np.eye(3)[0], np.eye(3)[1])

        def far(t: float) -> float:
            return float(np.linalg.norm(canonical.position(np.array([t])))) - distance

        elapsed = brentq(far, 0.0, 2 * distance / excess)
        x, y = canonical._plane(np.array([elapsed]))[0] / distance
        u = unit(direction)
        w = unit(towards - (towards @ u) * u)
        return cls(target, et - elapsed, periapsis, speed, x * u - y * w, y * u + x * w)


#: The simulated encounters.
_ENCOUNTERS = {
    "TITAN": Encounter(distance=9e4, periapsis=3525.0, excess=5.6),
    "SATURN": Encounter(distance=6e5, periapsis=2.5e5, excess=5.0),
}


def flyby(target: str, et: float) -> Flight:
    """The simulated flight, half-way through the observation at `et`.

    TITAN: 90,000 km after a close approach at 950 km, phase angle 60 degrees, as most airglow
    observations. SATURN: 600,000 km away over 50 degrees north, phase angle near 60 degrees.
    """
    sunward = unit(-saturn(np.array([et]))[0])
    north = pole(target)
    across = unit(np.cross(north, sunward))
    encounter = _ENCOUNTERS[target]
    if target == "TITAN":
        direction = np.cos(np.pi / 3) * sunward + np.sin(np.pi / 3) * across
        return Flight.through(target, et, encounter, direction, sunward + 0.3 * north)
    noon = unit(np.cross(across, north))
    direction = np.cos(np.deg2rad(50)) * unit(noon + across) + np.sin(np.deg2rad(50)) * north
    return Flight.through(target, et, encounter, direction, across)


@dataclass(frozen=True)
class Scan:
    """Where the slit looks: a slow scan across its length.

    Attributes
    ----------
    flight : Flight
    start, stop : float
        First and last moment of the scan, TDB s past J2000.
    """

    flight: Flight
    start: float
    stop: float

    def axes(self, et: np.ndarray) -> np.ndarray:
        """Axes of the instrument's frame, (n, 3, 3): rows are X, Y (along the slit) and Z.

        TITAN: the slit lies across the sunlit limb, with 20 rows on the disk and 44 on the sky, and
        moves along the limb over two radii. SATURN: the slit lies along the projected pole, centred
        on it, and moves over 0.9 radii.
        """
        flight = self.flight
        target = flight.target
        position = flight.position(et)
        distance = np.linalg.norm(position, axis=-1)
        radius = np.arcsin(RADII[target][2] / distance)
        z = -unit(position)
        sunward = unit(-saturn(et))
        up = sunward if target == "TITAN" else np.broadcast_to(pole(target), z.shape)
        y = unit(up - dot(up, z)[:, None] * z)
        x = np.cross(y, z)
        phase = np.clip((et - self.start) / (self.stop - self.start), 0, 1) - 0.5
        if target == "TITAN":
            along, across = radius + 0.012, 2.0 * radius * phase
        else:
            north = pole(target) * RADII[target][2] - position
            along, across = np.arcsin(dot(unit(north), y)), 0.9 * radius * phase
        bore = unit(z + np.tan(along)[:, None] * y + np.tan(across)[:, None] * x)
        y = unit(y - dot(y, bore)[:, None] * bore)
        return np.stack([np.cross(y, bore), y, bore], axis=-2)
