"""The node of the rings: where lines of sight cross a planet's equator plane."""

from __future__ import annotations

import numpy as np

from ..geometry.rays import Points, Rays, local_time
from ..geometry.rings import ring_fields
from ..numerics import sphere
from .registry import EDGE_ON

#: Passes over the light time to the point nearest to the axis.
_PASSES = 3


def fields(rays: Rays, points: Points, reach: np.ndarray) -> dict[str, np.ndarray]:
    """Fields of the rings, (n, m), but for shadows.

    Parameters
    ----------
    rays : Rays
        In the planet's frame.
    points : Points
        Their crossings.
    reach : ndarray, (n, m)
        Distance of the planet's surface, km, NaN where they miss it.
    """
    found = ring_fields(rays, points, reach)
    del found["ring_in_front"]
    lon = sphere.longitude(points.position)
    out = sphere.longitude(points.backward)
    radius, elevation = _edge_on(rays)
    return found | {
        "ring_distance": points.distance,
        "ring_azimuth": sphere.wrap(lon - out),
        "ring_hour_angle": 15.0 * local_time(rays.state, lon, points.later),
        "solar_elevation": 90.0 - found["ring_incidence"],
        "sc_elevation": 90.0 - found["ring_emission"],
        "in_front": (points.distance < reach).astype(np.int8),
        "behind": (points.distance > reach).astype(np.int8),
        "edge_on_radius": radius,
        "edge_on_elevation": elevation,
    }


def _edge_on(rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the axis and height above the plane where rays come nearest to the axis, km."""
    flat = abs(sphere.latitude(rays.state.spacecraft)) < EDGE_ON
    unknown = np.full(rays.scale.shape, np.nan)
    if not flat.any():
        return unknown, unknown
    later = np.zeros(rays.scale.shape)
    for _ in range(_PASSES):
        origin, direction = rays.at(later)
        (ox, oy, oz), (dx, dy, dz) = sphere.components(origin), sphere.components(direction)
        distance = np.maximum(-(ox * dx + oy * dy) / (dx * dx + dy * dy), 0.0)
        later = rays.later(distance)
    radius = np.hypot(ox + distance * dx, oy + distance * dy)
    return np.where(flat, radius, np.nan), np.where(flat, oz + distance * dz, np.nan)
