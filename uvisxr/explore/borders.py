"""Borders of selections, which are seen where their colour is that of the map."""

from __future__ import annotations

import numpy as np

#: In an image of selections: of the first, the second or both inside; dark beside a rim; and rims.
FIRST, SECOND, BOTH, DARK, FIRST_RIM, SECOND_RIM = range(1, 7)


def borders(mask: np.ndarray) -> np.ndarray:
    """Lines between what is in a mask and what is not.

    Parameters
    ----------
    mask : ndarray of bool, (x, y)

    Returns
    -------
    ndarray, (n, 4)
        Ends of each, x0, y0, x1, y1, in elements from the edge of the first.

    Examples
    --------
    >>> borders(np.array([[False, True]]))
    array([[0, 1, 0, 2],
           [1, 1, 1, 2],
           [0, 1, 1, 1],
           [0, 2, 1, 2]])
    """
    inside = np.pad(mask, 1)
    x, y = np.nonzero(inside[1:, 1:-1] != inside[:-1, 1:-1])
    u, v = np.nonzero(inside[1:-1, 1:] != inside[1:-1, :-1])
    return np.concatenate([np.stack([x, y, x, y + 1], axis=1), np.stack([u, v, u + 1, v], axis=1)])


def rimmed(image: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """An image of selections with a rim along their inner edges, and a dark line within.

    Parameters
    ----------
    image : ndarray of uint8, (y, x)
        0 for none, else FIRST, SECOND or BOTH.
    nothing : ndarray of bool, (y, x)
        Where there is no spectrum, at the gaps between which there is no rim.

    Returns
    -------
    ndarray of uint8, (y, x)

    Examples
    --------
    >>> image = np.pad(np.ones((6, 6), np.uint8), 1)
    >>> rimmed(image, np.zeros(image.shape, bool))[4]
    array([0, 5, 5, 4, 4, 5, 5, 0], dtype=uint8)
    """
    found = image.copy()
    for bit, rim in ((FIRST, FIRST_RIM), (SECOND, SECOND_RIM)):
        mask = (image & bit) != 0
        if not mask.any():
            continue
        wide = _shrunk(_shrunk(mask | nothing))
        found[mask & ~wide] = rim
        found[mask & wide & ~_shrunk(wide)] = DARK
    return found


def _shrunk(mask: np.ndarray) -> np.ndarray:
    """Without the elements that have a neighbour outside."""
    around = np.pad(mask, 1)
    return np.asarray(
        mask & around[2:, 1:-1] & around[:-2, 1:-1] & around[1:-1, 2:] & around[1:-1, :-2]
    )
