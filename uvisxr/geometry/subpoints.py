"""Sub-spacecraft and sub-solar points: the near points on the ellipsoid, as in SPICE's `subpnt` and
`subslr`."""

from __future__ import annotations

import numpy as np

from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from . import ellipsoid
from .rays import Points, TargetState, apparent

#: Passes over light time and aberration; each shrinks the error by v/c.
_PASSES = 3


def sub_spacecraft(state: TargetState) -> Points:
    """Surface point nearest to the spacecraft, one for each instant.

    Light time is that to the point, and the point is where it appears: aberration shifts the body
    by as much as it shifts the direction to the point, so that the spacecraft is seen along the
    normal. `distance` is the spacecraft's altitude.
    """
    later = np.zeros(state.light_time.shape)
    shift = np.zeros(state.spacecraft.shape)
    for _ in range(_PASSES):
        origin = state.origin.at(later)
        normal, altitude = ellipsoid.nearest(origin - shift, state.body.radii)
        point = origin - shift - altitude[..., None] * normal
        away = np.sqrt(sphere.dot(point - origin, point - origin))
        true = (point - origin) / away[..., None]
        seen, _ = apparent(true, state.spacecraft_velocity)
        shift = away[..., None] * (seen - true)
        later = state.light_time - altitude / SPEED_OF_LIGHT
    return Points(altitude, later, point, normal, normal)


def sub_solar(state: TargetState) -> np.ndarray:
    """Surface point (n, 1, 3) at which the Sun appears in the zenith, km.

    This holds at the epoch at which light leaves the point for the spacecraft. The point moves with
    the surface: aberration by rotation is 0.002 degrees at Saturn's equator.
    """
    radii = state.body.radii
    later = np.zeros(state.light_time.shape)
    point = np.zeros(state.spacecraft.shape)
    for _ in range(_PASSES):
        point = ellipsoid.surface_point(state.sunlight(point, later), radii)
        path = state.origin.at(later) - point
        later = state.light_time - np.sqrt(sphere.dot(path, path)) / SPEED_OF_LIGHT
    return point
