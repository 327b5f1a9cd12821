"""Ranges of a pixel's coordinates over its centre and its corners."""

from __future__ import annotations

import numpy as np

from ..numerics import sphere


def arcs(lon: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shortest arcs of longitude that hold the centres and corners of pixels.

    Parameters
    ----------
    lon : ndarray, (n,)
        Of the centres, degrees.
    corners : ndarray, (n, k)
        Of the corners; NaN of those that do not count.

    Returns
    -------
    low, high : ndarray, (n,)
        Where the arcs begin and end, 0 up to 360 degrees, the larger first if they run through 360.

    Examples
    --------
    >>> import numpy as np
    >>> lon = np.array([359.0, 10.0])
    >>> corners = np.array([[358.0, 358.0, 1.0, 1.0], [40.0, 130.0, 220.0, 300.0]])
    >>> arcs(lon, corners)
    (array([358., 130.]), array([ 1., 40.]))
    """
    corners = np.where(np.isnan(corners), lon[:, None], corners)
    aside = sphere.signed(corners - lon[:, None])
    first, last = np.minimum(aside.min(axis=1), 0.0), np.maximum(aside.max(axis=1), 0.0)
    low, high = lon + first, lon + last
    # Less than half a circle is the shortest; others are rare.
    wide = np.flatnonzero(last - first >= 180.0)
    if wide.size:
        low[wide], high[wide] = _beside_gap(np.column_stack([lon[wide], corners[wide]]))
    return sphere.wrap(low), sphere.wrap(high)


def _beside_gap(lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the arcs that leave out the widest gaps between longitudes (n, k)."""
    lon = np.sort(lon, axis=1)
    after = np.roll(lon, -1, axis=1)
    gap = after - lon
    gap[:, -1] += 360.0
    row, at = np.arange(len(lon)), gap.argmax(axis=1)
    return after[row, at], lon[row, at]
