"""Areas on an ellipsoid of revolution, in closed form.

The area between the equator and the planetographic latitude p, over one radian of longitude, is

    zone(p) = a²(1-e²)/2 (s / (1 - e²s²) + artanh(e s) / e),    s = sin p,

with the semi-axes a (equator) and c (pole) and e² = 1 - c²/a² (Snyder 1987, Map projections: a
working manual, USGS Professional Paper 1395, equation 3-12). It is linear in area, and so the
ordinate of an equal-area map, and 2 (zone(90) - zone(p)) is the square of the radius of Lambert's
azimuthal equal-area projection about the pole (ibid., equations 24-17 to 24-24).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Squares of the eccentricity below which a body is a sphere.
_ROUND = 1e-12

#: Newton's steps; 5 suffice for semi-axes of 0.2.
_STEPS = 20


@dataclass(frozen=True)
class Spheroid:
    """An ellipsoid of revolution.

    Attributes
    ----------
    equator, pole : float
        Semi-axes, km; of a triaxial body the geometric mean of those at the equator.
    """

    equator: float
    pole: float

    @classmethod
    def of(cls, radii: np.ndarray) -> Spheroid:
        """The one next to an ellipsoid with semi-axes (3,), km."""
        a, b, c = (float(r) for r in radii)
        return cls(float(np.sqrt(a * b)), c)

    @property
    def square(self) -> float:
        """Square of the eccentricity, negative where the poles are farther than the equator."""
        return 1.0 - (self.pole / self.equator) ** 2

    def sine(self, lat: np.ndarray) -> np.ndarray:
        """Sines of the planetographic latitudes at planetocentric ones, degrees."""
        # Not from the latitude itself: its tangent is infinite at the poles.
        up, out = np.sin(np.deg2rad(lat)), np.cos(np.deg2rad(lat))
        flat = (self.pole / self.equator) ** 2
        sine: np.ndarray = up / np.hypot(up, flat * out)
        return sine

    def centric(self, sine: np.ndarray) -> np.ndarray:
        """Planetocentric latitudes, degrees, at sines of planetographic ones."""
        flat = (self.pole / self.equator) ** 2
        lat: np.ndarray = np.rad2deg(np.arctan2(flat * sine, np.sqrt(1.0 - sine * sine)))
        return lat

    def zone(self, sine: np.ndarray | float) -> np.ndarray:
        """Areas from the equator to sines of planetographic latitudes, km2 a radian."""
        s, square = np.asarray(sine, float), self.square
        if abs(square) < _ROUND:
            return self.equator**2 * s
        e = np.sqrt(abs(square))
        inverse = np.arctanh(e * s) if square > 0 else np.arctan(e * s)
        area: np.ndarray = 0.5 * self.pole**2 * (s / (1.0 - square * s * s) + inverse / e)
        return area

    def sine_of(self, zone: np.ndarray) -> np.ndarray:
        """Sines of planetographic latitudes at areas from the equator: the inverse of `zone`."""
        whole = float(self.zone(1.0))
        s = np.clip(zone / whole, -1.0, 1.0)
        for _ in range(_STEPS):
            slope = self.pole**2 / (1.0 - self.square * s * s) ** 2
            step = (self.zone(s) - zone) / slope
            s = np.clip(s - step, -1.0, 1.0)
            if not np.any(np.abs(step) > 1e-15):
                break
        return s

    @property
    def surface(self) -> float:
        """Its whole area, km2."""
        return 4.0 * np.pi * float(self.zone(1.0))
