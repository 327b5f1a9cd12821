"""Where rays cross a planet's equatorial plane, in which its rings lie.

Longitudes run prograde from the ascending node of the plane on the equator of J2000, the PDS Rings
Node's convention: they are fixed in inertial space, not on the rotating planet. Angles are measured
from the plane's northern normal, as in the labels of ring products: above 90 degrees the southern
side is seen, or lit.
"""

from __future__ import annotations

import numpy as np

from ..numerics import sphere
from .rays import Points, Rays, crossings


def ring_fields(rays: Rays, surface: Points) -> dict[str, np.ndarray]:
    """Fields where rays cross the plane.

    Parameters
    ----------
    rays : Rays, (n, m)
    surface : Points
        Intercepts with the planet, NaN where there is none.

    Returns
    -------
    dict of ndarray, (n, m)
        `ring_radius` km; `ring_longitude`, `ring_emission`, `ring_incidence`, `ring_phase` degrees;
        NaN where the plane is not crossed ahead. `ring_in_front` int8: 1 where the ray crosses the
        plane before meeting the planet, if at all.
    """
    state, points = rays.state, crossings(rays)
    x, y = points.position[..., 0], points.position[..., 1]
    radius = np.sqrt(x * x + y * y)
    # The node is fixed in space while the planet turns eastward beneath it.
    node = state.node - state.spun(points.later)
    sun = state.sunlight(points.position, points.later, surface=False)
    in_front = np.isfinite(radius) & ~(surface.distance < points.distance)
    return {
        "ring_radius": radius,
        "ring_longitude": sphere.wrap(sphere.longitude(points.position) - node),
        "ring_emission": sphere.angle(points.normal, points.backward),
        "ring_incidence": sphere.angle(points.normal, sun),
        "ring_phase": sphere.angle(sun, points.backward),
        "ring_in_front": in_front.astype(np.int8),
    }
