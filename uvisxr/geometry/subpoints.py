"""Sub-spacecraft and sub-solar points: the near points on the ellipsoid, as `subpnt` has them."""

from __future__ import annotations

import numpy as np

from ..numerics.constants import SPEED_OF_LIGHT
from . import ellipsoid
from .rays import Scene, apparent

#: Passes over light time and aberration; each shrinks the error by v/c.
_PASSES = 3


def sub_spacecraft(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Surface point nearest to the spacecraft (n, 1, 3) and the altitude above it (n, 1), km.

    Light time is that to the point, and the point is where it appears: aberration shifts the body
    by what it shifts the direction to the point.
    """
    later = np.zeros(scene.light_time.shape)
    shift = np.zeros(scene.spacecraft.shape)
    for _ in range(_PASSES):
        place = scene.origin.at(later) - shift
        normal, altitude = ellipsoid.nearest(place, scene.body.radii)
        seen, _ = apparent(-normal, scene.spacecraft_velocity)
        shift = altitude[..., None] * (seen + normal)
        later = scene.light_time - altitude / SPEED_OF_LIGHT
    return place - altitude[..., None] * normal, altitude


def sub_solar(scene: Scene) -> np.ndarray:
    """Surface point (n, 1, 3) nearest to the Sun as seen from the centre, km.

    At the epoch at which light leaves the point for the spacecraft.
    """
    radii = scene.body.radii
    later = np.zeros(scene.light_time.shape)
    for _ in range(_PASSES):
        sun = scene.sunward.at(later)
        far = np.sqrt(ellipsoid.dot(sun, sun))[..., None]
        seen, _ = apparent(sun / far, scene.velocity)
        point = ellipsoid.surface_point(ellipsoid.nearest(far * seen, radii).normal, radii)
        path = scene.origin.at(later) - point
        later = scene.light_time - np.sqrt(ellipsoid.dot(path, path)) / SPEED_OF_LIGHT
    return point
