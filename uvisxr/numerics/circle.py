"""Areas that a circle and polygons have in common, in closed form."""

from __future__ import annotations

import numpy as np


def area_in_circle(polygons: np.ndarray) -> np.ndarray:
    """Area that polygons share with the unit circle around the origin.

    Each edge adds the signed area that it spans with the origin: of its part within the circle a
    triangle, of those beyond it sectors.

    Parameters
    ----------
    polygons : ndarray, (..., k, 2)
        Corners (x, y), in either sense; edges must not cross.

    Returns
    -------
    ndarray, (...)
        Not negative; NaN where a corner is.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> area_in_circle(np.stack([square, square / 2, square + 1])).round(4)
    array([3.1416, 1.    , 0.7854])
    """
    start = np.asarray(polygons, float)
    along = np.roll(start, -1, axis=-2) - start
    # Where the edge's line meets the circle, in units of its length: none beyond a tangent.
    square = (along**2).sum(-1)
    nearest = -_ratio((start * along).sum(-1), square)
    half = np.sqrt(np.maximum(_ratio(1.0 - _distance2(start, along), square), 0.0))
    enter, leave = np.clip(nearest - half, 0.0, 1.0), np.clip(nearest + half, 0.0, 1.0)
    first, last = (start + t[..., None] * along for t in (enter, leave))
    spanned = _sector(start, first) + _cross(first, last) + _sector(last, start + along)
    found: np.ndarray = np.abs(spanned.sum(-1)) / 2
    return found


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """A ratio that is 0 where an edge has no length."""
    return np.asarray(above / np.where(below > 0, below, np.inf))


def _distance2(start: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Squared distance of lines from the origin."""
    return _ratio(_cross(start, along) ** 2, (along**2).sum(-1))


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    product: np.ndarray = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return product


def _sector(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Twice the area of the sector between two directions, with its sign."""
    return np.asarray(np.arctan2(_cross(u, v), (u * v).sum(-1)))
