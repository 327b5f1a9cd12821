"""Sub-spacecraft and sub-solar points: the near points on the ellipsoid, as in `subpnt`."""

from __future__ import annotations

import numpy as np

from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from . import ellipsoid
from .rays import TargetState, apparent

#: Passes over light time and aberration; each shrinks the error by v/c.
_PASSES = 3


def sub_spacecraft(state: TargetState) -> tuple[np.ndarray, np.ndarray]:
    """Surface point nearest to the spacecraft (n, 1, 3) and the altitude above it (n, 1), km.

    Light time is that to the point, and the point is where it appears: aberration shifts the body
    by as much as it shifts the direction to the point.
    """
    later = np.zeros(state.light_time.shape)
    shift = np.zeros(state.spacecraft.shape)
    for _ in range(_PASSES):
        place = state.origin.at(later) - shift
        normal, altitude = ellipsoid.nearest(place, state.body.radii)
        seen, _ = apparent(-normal, state.spacecraft_velocity)
        shift = altitude[..., None] * (seen + normal)
        later = state.light_time - altitude / SPEED_OF_LIGHT
    return place - altitude[..., None] * normal, altitude


def sub_solar(state: TargetState) -> np.ndarray:
    """Surface point (n, 1, 3) nearest to the Sun as seen from the centre, km.

    This holds at the epoch at which light leaves the point for the spacecraft.
    """
    radii = state.body.radii
    later = np.zeros(state.light_time.shape)
    for _ in range(_PASSES):
        sun = state.sunward.at(later)
        far = np.sqrt(sphere.dot(sun, sun))[..., None]
        seen, _ = apparent(sun / far, state.velocity)
        point = ellipsoid.surface_point(ellipsoid.nearest(far * seen, radii).normal, radii)
        path = state.origin.at(later) - point
        later = state.light_time - np.sqrt(sphere.dot(path, path)) / SPEED_OF_LIGHT
    return point
