"""Directions: unit vectors, their longitudes and latitudes, and the angles between them.

Vectors have shape (..., 3); angles are in degrees, longitudes increase eastward. Right ascension
and declination are longitude and latitude in J2000. Components are processed one at a time, so
arrays whose component axis was moved from the front are fastest.
"""

from __future__ import annotations

import numpy as np


def components(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and z of vectors (..., 3)."""
    return vector[..., 0], vector[..., 1], vector[..., 2]


def joined(parts: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) from an array of their components (3, ...), as a view."""
    return parts.transpose(*range(1, parts.ndim), 0)


def stacked(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) from their components, which are broadcast."""
    return joined(np.stack(np.broadcast_arrays(x, y, z)))


def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Scalar product of vectors (..., 3)."""
    (ux, uy, uz), (vx, vy, vz) = components(u), components(v)
    product: np.ndarray = ux * vx
    product += uy * vy
    product += uz * vz
    return product


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) scaled to length 1."""
    scaled: np.ndarray = vector / np.sqrt(dot(vector, vector))[..., None]
    return scaled


def vectors(lon: np.ndarray | float, lat: np.ndarray | float) -> np.ndarray:
    """Unit vectors (..., 3) at longitudes and latitudes, which are broadcast."""
    lon, lat = np.deg2rad(lon), np.deg2rad(lat)
    across = np.cos(lat)
    return stacked(across * np.cos(lon), across * np.sin(lon), np.sin(lat))


def east(lon: np.ndarray | float) -> np.ndarray:
    """Unit vectors (..., 3) that point east at longitudes.

    East at the longitude of a pole is the ascending node of its equator.
    """
    lon = np.deg2rad(lon)
    return stacked(-np.sin(lon), np.cos(lon), np.zeros_like(lon))


def longitude(vector: np.ndarray) -> np.ndarray:
    """Longitude of vectors (..., 3), 0 up to but not including 360."""
    return _positive(np.rad2deg(np.arctan2(vector[..., 1], vector[..., 0])), 360.0)


def latitude(vector: np.ndarray) -> np.ndarray:
    """Latitude of vectors (..., 3): of points planetocentric, of normals planetographic."""
    x, y, z = components(vector)
    degrees: np.ndarray = np.rad2deg(np.arctan2(z, np.sqrt(x * x + y * y)))
    return degrees


def angle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Angle between unit vectors (..., 3), accurate at 0 and 180 too (Kahan)."""
    difference, total = u - v, u + v
    across, along = dot(difference, difference), dot(total, total)
    degrees: np.ndarray = np.rad2deg(2.0 * np.arctan2(np.sqrt(across), np.sqrt(along)))
    return degrees


def wrap(values: np.ndarray, period: float = 360.0) -> np.ndarray:
    """Wrap positions on a circle into 0 <= x < period."""
    return _positive(np.fmod(values, period), period)


def _positive(values: np.ndarray, period: float) -> np.ndarray:
    turned = np.where(values < 0, values + period, values)
    # A tiny negative number plus the period rounds to the period itself.
    return np.where(turned == period, 0.0, turned)


def hour_angle(lon: np.ndarray, noon: np.ndarray | float) -> np.ndarray:
    """Angles from midnight, 0 <= x < 360 degrees, of east longitudes; 15 degrees an hour."""
    return wrap(180.0 + lon - noon)


def signed(degrees: np.ndarray) -> np.ndarray:
    """Wrap angles into -180 <= x < 180."""
    return wrap(degrees + 180.0) - 180.0
