"""Areas that a circle and polygons have in common: of each in closed form, of several by lines."""

from __future__ import annotations

import numpy as np

#: Lines across the circle on which it is told what lies in several polygons; how they are turned,
#: rad, so that few edges lie along them; and how many are worked on at a time.
_LINES, _TURN, _BLOCK = 512, 0.4, 16


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


def shared_in_circle(polygons: np.ndarray) -> float:
    """Area in the unit circle that polygons have in common: the sum of their areas in it, less that
    of their union.

    On each of many lines it is exact.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
        Corners (x, y) of convex polygons, in either sense. Those with a NaN are left out.

    Returns
    -------
    float
        0 of polygons side by side; to about 1e-4.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    >>> round(shared_in_circle(np.stack([square, square, square, 4 * square])), 3)
    3.0
    """
    known = np.isfinite(polygons).all(axis=(1, 2))
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    start = np.asarray(polygons, float)[known] @ np.array([[cos, sin], [-sin, cos]])
    if len(start) < 2:
        return 0.0
    lines = (np.arange(_LINES) + 0.5) * (2 / _LINES) - 1
    found = sum(_on_lines(start, some) for some in np.split(lines, _LINES // _BLOCK))
    return float(found * (2 / _LINES))


def _on_lines(start: np.ndarray, y: np.ndarray) -> float:
    """Lengths in the unit circle that convex polygons (n, k, 2) have in common on lines (m,)."""
    stop = np.roll(start, -1, axis=1)
    (x0, y0), (x1, y1) = ((one[..., 0, None], one[..., 1, None]) for one in (start, stop))
    met = (y0 <= y) != (y1 <= y)
    x = x0 + _ratio((y - y0) * (x1 - x0), np.abs(y1 - y0)) * np.sign(y1 - y0)
    chord = np.sqrt(1 - y * y)
    low = np.where(met, x, np.inf).min(axis=1).clip(-chord, chord)
    high = np.where(met, x, -np.inf).max(axis=1).clip(-chord, chord)
    high = np.maximum(high, low)
    order = np.argsort(low, axis=0)
    low, high = (np.take_along_axis(one, order, axis=0) for one in (low, high))
    reached = np.maximum.accumulate(high, axis=0)[:-1]
    shared = np.minimum(high[1:], reached) - low[1:]
    return float(np.maximum(shared, 0.0).sum())


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
