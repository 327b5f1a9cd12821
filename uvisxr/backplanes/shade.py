"""Sunlight on its way to points: what of other bodies and rings it meets.

The light that a point scatters at one epoch has passed the body in between earlier, by the light's
way between them, and comes from where the Sun was still earlier. All three places are taken at
their own epochs, so that edges of shadows are where SPICE's positions put them, to a metre. The Sun
is its centre, a point.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry.rays import Rays, crossings, intercepts
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT
from .registry import MAIN_RINGS
from .scene import SKEW, Caster, Seen


def towards_sun(
    on: Seen, caster: Caster, rows: np.ndarray, direction: np.ndarray, distance: np.ndarray
) -> Rays:
    """Rays from points to the Sun, in the frame of a body that may cast its shadow on them.

    Parameters
    ----------
    on : Seen
        The body that the points are of; for those of its rings, the planet.
    caster : Caster
        As seen from its centre.
    rows : ndarray of int, (k,)
        Instant of each point.
    direction : ndarray, (k, 3)
        Of the points from the spacecraft, true, J2000.
    distance : ndarray, (k,)
        km.

    Returns
    -------
    Rays, (k, 1)
    """
    near = on.ephemeris
    place = distance[:, None] * direction - near.position[rows]
    later = near.light_time[rows] - distance / SPEED_OF_LIGHT
    sunward = sphere.unit(near.sun[rows] - place)
    turn = caster.ephemeris.rotation[rows]
    state = caster.state.part(rows)
    moved = replace(
        state,
        spacecraft=state.spacecraft + np.einsum("kij,kj->ki", turn, place)[:, None],
        light_time=state.light_time + later[:, None],
    )
    return Rays(moved, np.einsum("kij,kj->ki", turn, sunward)[:, None], np.ones((rows.size, 1)))


def hidden(rays: Rays) -> np.ndarray:
    """Whether the body hides the Sun's centre from the origins of rays (k, 1), bool (k,)."""
    origin, direction = rays.start
    along = -sphere.dot(origin, direction)
    away = sphere.dot(origin, origin)
    # What passes the body far away does so at all epochs that differ by the light's way to it.
    far = rays.state.body.radii.max() + SKEW * np.sqrt(away)
    near = np.flatnonzero(((away - along * along < far * far) & (along > -far))[:, 0])
    found = np.zeros(len(origin), bool)
    if near.size:
        some = rays.some(near, np.zeros_like(near))
        found[near] = np.isfinite(intercepts(some).distance[:, 0])
    return found


def behind_rings(rays: Rays) -> np.ndarray:
    """Whether the main rings do, bool (k,)."""
    place = crossings(rays).position[:, 0]
    return in_rings(np.hypot(place[:, 0], place[:, 1]))


def in_rings(radius: np.ndarray) -> np.ndarray:
    """Whether radii, km, are those of the main rings, bool."""
    inner, outer = MAIN_RINGS
    inside: np.ndarray = (radius >= inner) & (radius <= outer)
    return inside
