"""Sets of spectra as few rectangles of exposures and pixels, as scripts name them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import reals, refused

#: First and last position of exposures, and of pixels, each with the end left out.
Block = tuple[tuple[int, int], tuple[int, int]]


def blocks(mask: np.ndarray) -> list[Block]:
    """Rectangles that cover the spectra of a mask, each once.

    Parameters
    ----------
    mask : ndarray of bool, (pic, pixel)

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.explore.blocks import blocks
    >>> mask = np.zeros((5, 6), bool)
    >>> mask[1:4, 2:5] = mask[4, 0] = True
    >>> blocks(mask)
    [((1, 4), (2, 5)), ((4, 5), (0, 1))]
    """
    found: list[Block] = []
    running: dict[tuple[int, int], int] = {}
    rows = np.zeros((mask.shape[0] + 1, mask.shape[1] + 2), np.int8)
    rows[:-1, 1:-1] = mask
    other = (rows[1:] != rows[:-1]).any(axis=1)
    for pic in map(int, np.flatnonzero([True, *other])):
        edges = np.flatnonzero(np.diff(rows[pic]))
        runs = {(int(a), int(b)) for a, b in edges.reshape(-1, 2)}
        found += [((running.pop(run), pic), run) for run in sorted(running.keys() - runs)]
        running |= {run: pic for run in runs - running.keys()}
    return sorted(found)


def inside(points: np.ndarray, corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Which points (..., 2) lie in a polygon; NaN in none."""
    from matplotlib.path import Path

    flat = points.reshape(-1, 2)
    known = np.isfinite(flat).all(axis=1)
    found = np.zeros(len(flat), bool)
    polygon = reals(corners)
    if polygon is None or (polygon.size and polygon.shape[1:] != (2,)):
        raise refused("corners", corners, "pairs of numbers")
    if len(polygon) > 2:
        found[known] = Path(polygon).contains_points(flat[known])
    return found.reshape(points.shape[:-1])
