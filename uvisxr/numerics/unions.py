"""How much of cells lies under any of many polygons, however many lie over one another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from . import raster

#: Edges worked on at a time.
_EDGES = 2**20


def union(polygons: np.ndarray, shape: tuple[int, int], lines: int, wraps: bool) -> np.ndarray:
    """Share of each cell that lies under any polygon.

    Exact along lines through each cell, evenly spaced; areas are means over these. Going along a
    line, the number of polygons that it is in changes by one at every edge.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
        Corners (x, y) in cells, as of `uvisxr.numerics.raster.coverage`. Edges must not cross.
    shape : (int, int)
        Rows and columns of the grid. Whatever lies outside is clipped.
    lines : int
        Through each row of cells.
    wraps : bool
        Whether columns are a circle: polygons may then go beyond its ends.

    Returns
    -------
    ndarray, (rows, columns)
        0 to 1.
    """
    rows, columns = shape
    polygons = polygons[np.isfinite(polygons).all(axis=(1, 2))]
    if wraps:
        polygons = _unrolled(polygons, columns)
    sense = np.sign(raster.signed_areas(polygons))
    # Lines are rows of their own, whose middles they are: at whole numbers of y.
    polygons = polygons * [1.0, lines] - [0.0, 0.5]
    found = [
        _crossings(polygons[some], sense[some], rows * lines)
        for some in _parts(len(polygons), polygons.shape[1])
    ]
    line, x, change = (np.concatenate(parts) for parts in zip(*found, strict=True))
    x = np.clip(x, 0.0, columns)
    order = np.lexsort((x, line))
    line, x = line[order], x[order]
    # Those of one line add up to none, so that each begins with none.
    within = np.cumsum(change[order]) > 0.5
    start = np.flatnonzero(within)
    return _lengths(line[start], x[start], x[start + 1], (rows, columns), lines)


def _unrolled(polygons: np.ndarray, columns: int) -> np.ndarray:
    """Polygons that begin on the circle's one turn, and once more those that end on the next."""
    turns = np.floor(polygons[..., 0].min(axis=1, initial=np.inf) / columns) * columns
    first = polygons - np.stack([turns, np.zeros_like(turns)], axis=-1)[:, None]
    beyond = first[..., 0].max(axis=1, initial=-np.inf) > columns
    return np.concatenate([first, first[beyond] - [columns, 0.0]])


def _parts(n: int, k: int) -> Iterator[slice]:
    step = max(1, _EDGES // k)
    for start in range(0, max(n, 1), step):
        yield slice(start, start + step)


def _crossings(
    polygons: np.ndarray, sense: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where polygons cross lines at y = 0, 1, ... below `count`: line, x, and +1 going in."""
    following = np.roll(polygons, -1, axis=1)
    x0, y0, x1, y1 = (
        part.ravel()
        for part in (polygons[..., 0], polygons[..., 1], following[..., 0], following[..., 1])
    )
    first = np.clip(np.ceil(np.minimum(y0, y1)), 0, count).astype(int)
    stop = np.clip(np.ceil(np.maximum(y0, y1)), 0, count).astype(int)
    edge, line = raster.ranges(first, stop)
    part = (line - y0[edge]) / (y1 - y0)[edge]
    x = x0[edge] + part * (x1 - x0)[edge]
    down = np.where(y1 < y0, 1, -1) * np.repeat(sense, polygons.shape[1]).astype(int)
    return line, x, down[edge]


def _lengths(
    line: np.ndarray, start: np.ndarray, stop: np.ndarray, shape: tuple[int, int], lines: int
) -> np.ndarray:
    """What pieces of lines cover of each cell, as a share of all that goes through it."""
    row = line // lines
    corners = (start, row), (stop, row), (stop, row + 1), (start, row + 1)
    pieces = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    share = raster.coverage(pieces, np.full((1, len(pieces)), 1.0 / lines), shape)[0]
    return np.asarray(np.clip(share, 0.0, 1.0))
