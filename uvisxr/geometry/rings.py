"""Where rays cross a planet's equatorial plane, in which its rings lie.

Longitudes run prograde from the ascending node of the plane on the equator of J2000, the PDS Rings
Node's convention: they are fixed in inertial space, not on the rotating planet. Angles are measured
from the plane's northern normal, as in the labels of ring products: above 90 degrees the southern
side is seen, or lit.
"""

from __future__ import annotations

import numpy as np

from ..numerics import sphere
from .rays import Points, Rays, TargetState

#: Saturn's: inner and outer edges, km (Cassini's kernel of constants cpck15Dec2017.tpc,
#: BODY699_RING1 to 7).
RINGS = {
    "D": (66_970.0, 74_510.0),
    "C": (74_510.0, 92_000.0),
    "B": (92_000.0, 117_580.0),
    "A": (122_170.0, 136_780.0),
    "F": (140_180.0, 140_270.0),
}


def ring_fields(rays: Rays, points: Points, reach: np.ndarray) -> dict[str, np.ndarray]:
    """Fields where rays cross the plane.

    Parameters
    ----------
    rays : Rays, (n, m)
    points : Points
        From `uvisxr.geometry.rays.crossings`.
    reach : ndarray, (n, m)
        Distance of the intercepts with the planet, km, NaN where there is none.

    Returns
    -------
    dict of ndarray, (n, m)
        `ring_radius` km; `ring_longitude`, `ring_emission`, `ring_incidence`, `ring_phase` degrees;
        NaN where the plane is not crossed ahead. `ring_in_front` int8: 1 where the ray crosses the
        plane before meeting the planet, if at all.
    """
    sun = rays.state.sunlight(points.position, points.later, surface=False)
    place = ring_place(rays.state, points)
    in_front = np.isfinite(place["ring_radius"]) & ~(reach < points.distance)
    return {
        **place,
        "ring_emission": sphere.angle(points.normal, points.backward),
        "ring_incidence": sphere.angle(points.normal, sun),
        "ring_phase": sphere.angle(sun, points.backward),
        "ring_in_front": in_front.astype(np.int8),
    }


def ring_place(state: TargetState, points: Points) -> dict[str, np.ndarray]:
    """Of the fields of `ring_fields`, `ring_radius` and `ring_longitude`."""
    x, y = points.position[..., 0], points.position[..., 1]
    # The node is fixed in space while the planet turns eastward beneath it.
    node = state.node - state.spun(points.later)
    return {
        "ring_radius": np.sqrt(x * x + y * y),
        "ring_longitude": sphere.wrap(sphere.longitude(points.position) - node),
    }
