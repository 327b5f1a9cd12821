"""Areas on bodies whose equator is no circle, beside those of the ellipsoid of revolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spheroid import Spheroid

#: Degrees over which the ratio of two areas is taken at the middle. Of a body as long as Enceladus
#: the mean over a cell is then within 3e-5.
_EVEN = 5.0


@dataclass(frozen=True, eq=False)
class Triaxial:
    """An ellipsoid beneath a grid.

    Attributes
    ----------
    radii : ndarray, (3,)
        Semi-axes, km.
    turn : float
        East longitude of the azimuth 0 of the grid, degrees.
    """

    radii: np.ndarray
    turn: float = 0.0

    def ratio(self, spheroid: Spheroid, azimuth: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Its area over that of a spheroid, seen from the centre under the same solid angle.

        Parameters
        ----------
        spheroid : Spheroid
        azimuth, lat : ndarray
            Azimuths and planetocentric latitudes, degrees.
        """
        lon, lat = np.deg2rad(azimuth + self.turn), np.deg2rad(lat)
        out = np.cos(lat)
        towards = np.stack(
            np.broadcast_arrays(out * np.cos(lon), out * np.sin(lon), np.sin(lat)), axis=-1
        )
        other = np.array([spheroid.equator, spheroid.equator, spheroid.pole])
        found: np.ndarray = _element(towards, self.radii) / _element(towards, other)
        return found


def parts(size: float) -> int:
    """Parts of a cell of so many degrees, over each of which a ratio of areas is even."""
    return max(int(np.ceil(size / _EVEN)), 1)


def _element(towards: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Areas a steradian, km2, in directions (..., 3): r³|n| with the gradient n, as r.n = 1."""
    square = ((towards / radii) ** 2).sum(axis=-1)
    normal = np.sqrt(((towards / radii**2) ** 2).sum(axis=-1))
    found: np.ndarray = normal / square**2
    return found
