"""Where within a pixel the latitude of what rays look at is greatest or least.

Without them, the ranges of a pixel about as large as a body would not know its poles. A ray meets a
pole on the surface where the spacecraft is above the plane that touches the body there; another
passes the body at right angles to its axis, with its tangent point on the axis, as high above that
plane as the spacecraft. From below that plane the pole is seen by no ray, and the latitude is
greatest on the limb.
"""

from __future__ import annotations

import numpy as np

from ..geometry.rays import Motion, TargetState, apparent
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT

#: Passes over light times, each with the distance of the previous one; as of intercepts.
_PASSES = 3


def of(state: TargetState) -> tuple[np.ndarray, np.ndarray]:
    """Directions in which the latitude is greatest or least, and that latitude.

    Parameters
    ----------
    state : TargetState
        At n instants.

    Returns
    -------
    direction : ndarray, (n, 3, 3)
        Apparent unit vectors in the body-fixed frame at the light-time epoch of its centre: of the
        north pole or the limb at its northernmost, of the south likewise, and of the tangent point
        on the axis; NaN if there is none.
    lat : ndarray, (n, 3)
        Planetocentric, degrees; 90 or -90 exactly where it is a pole. Of triaxial bodies the limb
        reaches a little further.
    """
    radii, sign = state.body.radii, np.array([1.0, -1.0])
    later = np.zeros((len(state.spacecraft), 3))
    for _ in range(_PASSES):
        origin = state.origin.at(later)
        is_pole = sign * origin[:, :2, 2] > radii[2]
        point = np.empty(origin.shape)
        point[:, :2] = _limb(origin[:, :2] / radii, sign[:, None]) * radii
        point[:, :2][is_pole] = 0.0
        point[:, :2, 2][is_pole] = (is_pole * sign * radii[2])[is_pole]
        # Level with the spacecraft.
        point[:, 2] = origin[:, 2] * [0.0, 0.0, 1.0]
        point[:, 2][~is_pole.any(axis=1)] = np.nan
        way = point - origin
        distance = np.sqrt(sphere.dot(way, way))
        later = state.light_time - distance / SPEED_OF_LIGHT
    # Rays are given as they are at the epoch of the centre.
    true = Motion(way / distance[..., None], state.spin).at(-later)
    direction, _ = apparent(true, state.spacecraft_velocity)
    return direction, sphere.latitude(point)


def _limb(scaled: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Ends towards one axis of the limb of a unit sphere, seen from places (..., 3)."""
    square = sphere.dot(scaled, scaled)[..., None]
    up = sign * (np.array([0.0, 0.0, 1.0]) - scaled * scaled[..., 2:] / square)
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    found: np.ndarray = scaled / square + np.sqrt(1 - 1 / square) * up
    return found


def within(corners: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Whether directions are within pixels, or on their edges.

    Parameters
    ----------
    corners : ndarray, (m, 4, 3)
        Unit vectors, in their order around each pixel.
    direction : ndarray, (..., 3)
        In the same frame; within no pixel if NaN.

    Returns
    -------
    ndarray of bool, (..., m)

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([-1.0, 1.0, 1.0, -1.0]), np.array([-1.0, -1.0, 1.0, 1.0])
    >>> square = np.stack([1e-3 * x, 1e-3 * y, np.ones(4)], axis=-1)[None]
    >>> within(square, np.array([[0.0, 0.0, 1.0], [2e-3, 0.0, 1.0], [0.0, 0.0, -1.0]]))
    array([[ True],
           [False],
           [False]])
    """
    across = np.cross(corners, np.roll(corners, -1, axis=1)).reshape(-1, 3)
    side = (direction @ across.T).reshape(*direction.shape[:-1], len(corners), 4)
    inside = (side >= 0).all(axis=-1) | (side <= 0).all(axis=-1)
    ahead = direction @ corners.sum(axis=1).T > 0
    found: np.ndarray = inside & ahead
    return found
