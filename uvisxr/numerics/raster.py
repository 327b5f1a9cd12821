"""Rasterise polygons by exact areas, all at once.

Each edge of a polygon bounds an area to its right, up to the end of each row it crosses; the
signed sum over a polygon's edges is the area it covers of every cell. That sum is linear, so that
all polygons, each with its weight, are put into one array: an edge leaves in the cell it crosses
the part of its height that falls into the cell, and in the next one the rest; a running sum along
the rows then gives the areas. Font renderers use this method, signed-area accumulation, for single
glyphs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from . import compiled

#: Approximate number of deposits of edges in cells made at a time: their arrays fit in a cache.
_DEPOSITS = 2**16

#: How many elements of spectra numpy calibrates in the time that it takes for an edge.
_PER_EDGE = 12

#: Approximate number of triangle-cell pairs processed at a time.
_CELLS = 2**20

#: Tolerance of the test whether a cell centre is in a triangle, so that neighbours leave no seam.
_EDGE = 1e-9

#: Cells with a smaller fraction covered are rounding noise of the running sum.
LEAST = 1e-6


def signed_areas(polygons: np.ndarray) -> np.ndarray:
    """Areas of polygons (n, k, 2), positive where the corners run from x to y."""
    x, y = polygons[..., 0], polygons[..., 1]
    following = np.roll(polygons, -1, axis=-2)
    twice = x * following[..., 1] - following[..., 0] * y
    # Sums over few corners: numpy's own go through them one polygon at a time.
    areas: np.ndarray = twice @ np.full(twice.shape[-1], 0.5)
    return areas


def box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest coordinates of points (..., 2)."""
    x, y = points[..., 0], points[..., 1]
    return np.array([x.min(), y.min()]), np.array([x.max(), y.max()])


def whole(polygons: np.ndarray) -> np.ndarray:
    """Which polygons (..., k, 2) have no corner that is not finite, bool (...)."""
    *outer, corners, axes = polygons.shape
    # A product takes a fifth of the time of `all` over so few.
    with np.errstate(invalid="ignore"):
        sums = polygons.reshape(*outer, corners * axes) @ np.ones(corners * axes)
    return np.asarray(np.isfinite(sums))


def coverage(polygons: np.ndarray, weights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Area of each cell that polygons cover, summed with weights.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
        Corners (x, y) in cells: cell (i, j) is the square j <= x < j+1, i <= y < i+1. Edges must
        not cross; corners may run in either sense. Polygons with a non-finite corner are left out.
    weights : ndarray, (m, n)
        m sets of weights.
    shape : (int, int)
        Rows and columns of the grid. Whatever lies outside is clipped.

    Returns
    -------
    ndarray, (m, rows, columns)
        In cells.
    """
    weights = np.asarray(weights, float)
    polygons = np.asarray(polygons, float)
    finite = whole(polygons)
    if not finite.all():
        polygons, weights = polygons[finite], weights[:, finite]
    rows, columns = shape
    sums = np.zeros((len(weights), rows, columns + 2))
    if polygons.size:
        # Positive weight is the area to the right of edges that run down.
        weights = -weights * np.sign(signed_areas(polygons))
        _accumulate(polygons, weights, sums)
    return np.cumsum(sums, axis=-1, out=sums)[..., :columns]


def _accumulate(polygons: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add what the edges of polygons deposit to `sums`, (m, rows, columns + 2)."""
    columns = sums.shape[2] - 2
    if compiled.loops(_PER_EDGE * polygons[..., 0].size) is not None:
        from .fused_raster import accumulate

        accumulate(polygons, np.ascontiguousarray(weights.T), columns, _DEPOSITS, sums)
        return
    shape = sums.shape[1], columns
    edges = np.concatenate([polygons, np.roll(polygons, -1, axis=1)], axis=-1).reshape(-1, 4)
    owner = np.repeat(np.arange(len(polygons)), polygons.shape[1])
    total = sums.reshape(len(sums), -1)
    for part in _parts(edges, shape):
        index, amount, which = deposits(edges[part], shape)
        for k, weight in enumerate(weights[:, owner[part]]):
            total[k] += np.bincount(index, amount * weight[which], total.shape[1])


def _parts(edges: np.ndarray, shape: tuple[int, int]) -> Iterator[slice]:
    """Successive edges (n, 4) that make about `_DEPOSITS` deposits together, or one that makes
    more."""
    limits = np.array(shape[::-1])
    across, up = np.abs(np.diff(np.clip(edges.reshape(-1, 2, 2), 0, limits), axis=1))[:, 0].T
    # An edge enters a cell for every row and column that it crosses, and shares each with the next.
    count = np.cumsum(2 * (across + up + 2))
    bounds = np.flatnonzero(np.diff(count // _DEPOSITS)) + 1
    for start, stop in pairwise([0, *bounds.tolist(), len(edges)]):
        yield slice(start, stop)


def deposits(
    edges: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What edges (n, 4) deposit: flat index, amount, and the edge it comes from."""
    rows, columns = shape
    x0, y0, x1, y1 = edges.T
    low, high = np.clip(np.minimum(y0, y1), 0, rows), np.clip(np.maximum(y0, y1), 0, rows)
    which = np.flatnonzero(high > low)
    x0, y0, x1, y1, low, high = (v[which] for v in (x0, y0, x1, y1, low, high))

    # One piece for each row an edge crosses ...
    first = np.floor(low).astype(int)
    piece, row = ranges(first, np.ceil(high).astype(int))
    bottom, top = np.maximum(low[piece], row), np.minimum(high[piece], row + 1)
    slope = (x1 - x0)[piece] / (y1 - y0)[piece]
    start = x0[piece] + slope * (bottom - y0[piece])
    stop = x0[piece] + slope * (top - y0[piece])
    height = np.where(y1[piece] > y0[piece], top - bottom, bottom - top)
    left, right = np.minimum(start, stop), np.maximum(start, stop)

    # ... and of those, one for each cell; -1 and `columns` stand for all beyond the grid.
    begin = np.clip(np.floor(left), -1, columns).astype(int)
    end = np.clip(np.ceil(right), begin + 1, columns + 1).astype(int)
    part, cell = ranges(begin, end)
    span = (right - left)[part]
    inner_left = np.where(cell == begin[part], left[part], cell)
    inner_right = np.where(cell == end[part] - 1, right[part], cell + 1)
    share = np.where(span > 0, (inner_right - inner_left) / np.where(span > 0, span, 1.0), 1.0)
    amount = height[part] * share
    middle = np.clip(0.5 * (inner_left + inner_right) - cell, 0.0, 1.0)
    # Left of the grid the whole height counts from the first cell on, right of it from none.
    middle = np.where(cell < 0, 1.0, middle)
    here = row[part] * (columns + 2) + np.maximum(cell, 0)
    following = row[part] * (columns + 2) + cell + 1
    edge = which[piece[part]]
    return (
        np.stack([here, following], axis=1).ravel(),
        np.stack([amount * (1.0 - middle), amount * middle], axis=1).ravel(),
        np.repeat(edge, 2),
    )


def ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole numbers start[i] <= k < stop[i] of all i, one after the other: (i, k)."""
    count = stop - start
    index = np.repeat(np.arange(count.size), count)
    return index, np.arange(index.size) - np.repeat(np.cumsum(count) - count, count) + start[index]


def average(
    polygons: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the polygons over each cell, weighted by the area of it that each covers.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
        In cells, see `coverage`.
    values : ndarray, (n,)
        Polygons whose value is not finite are left out.
    shape : (int, int)

    Returns
    -------
    mean : ndarray, (rows, columns)
        NaN where there is no polygon.
    covered : ndarray, (rows, columns)
        Sum over polygons of the fraction of each cell that they cover.
    """
    values = np.asarray(values, float)
    used = np.isfinite(values)
    # Relative to one of the values, so that rounding scales with their spread.
    base = values[used][0] if used.any() else 0.0
    weights = np.stack([values[used] - base, np.ones(int(used.sum()))])
    polygons = np.asarray(polygons)
    total, covered = coverage(polygons if used.all() else polygons[used], weights, shape)
    there = covered > LEAST
    mean = np.full(shape, np.nan)
    mean[there] = base + total[there] / covered[there]
    return mean, np.where(there, covered, 0.0)


def linear(triangles: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Linear functions on non-overlapping triangles, evaluated at cell centres.

    The cost grows only with the number of triangles and cells. scipy's LinearNDInterpolator, which
    walks from triangle to triangle, is 2 to 14 times faster on compact ones, but searches all of
    them whenever its walk fails, as it does among the slivers of a scan and outside its outline:
    images of such scans take it 4 to 25 times as long, seconds each.

    Parameters
    ----------
    triangles : ndarray, (n, 3, 2)
        Corners (x, y) in cells, see `coverage`.
    values : ndarray, (n, 3)
        At the corners.
    shape : (int, int)

    Returns
    -------
    ndarray, (rows, columns)
        NaN where there is no triangle.
    """
    found = np.full(shape, np.nan)
    for which, row, column, u, v in _inside(triangles, shape):
        weights = np.stack([u, v, 1 - u - v], axis=-1)
        found[row, column] = (weights * values[which]).sum(axis=-1)
    return found


def latest(polygons: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Value of the last quadrilateral that holds the centre of each cell.

    Parameters
    ----------
    polygons : ndarray, (n, 4, 2)
        Convex, in cells, see `coverage`.
    values : ndarray, (n,)
    shape : (int, int)

    Returns
    -------
    ndarray, (rows, columns)
        NaN where there is none.
    """
    triangles = polygons[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 2)
    last = np.full(shape, -1)
    for which, row, column, _, _ in _inside(triangles, shape):
        np.maximum.at(last, (row, column), which // 2)
    return np.where(last >= 0, np.append(values, np.nan)[last], np.nan)


def _inside(triangles: np.ndarray, shape: tuple[int, int]) -> Iterator[tuple[np.ndarray, ...]]:
    """Which cells' centres lie in which triangles: triangle, row, column, weights of the first two
    corners."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    twice = _cross(b - a, c - a)
    # A cell's centre is half a cell from its corner.
    first = np.ceil(triangles.min(axis=1) - 0.5).astype(int)
    last = np.floor(triangles.max(axis=1) - 0.5).astype(int) + 1
    limits = np.array(shape[::-1])
    first, last = np.clip(first, 0, limits), np.clip(last, 0, limits)
    last = np.where((twice == 0)[:, None], first, np.maximum(first, last))
    cells = np.cumsum((last - first).prod(axis=1))
    for part in np.split(np.arange(len(cells)), np.flatnonzero(np.diff(cells // _CELLS)) + 1):
        piece, row = ranges(first[part, 1], last[part, 1])
        line, column = ranges(first[part, 0][piece], last[part, 0][piece])
        which, row = part[piece[line]], row[line]
        point = np.stack([column, row], axis=-1) + 0.5
        u = _cross(b[which] - point, c[which] - point) / twice[which]
        v = _cross(c[which] - point, a[which] - point) / twice[which]
        inside = (u >= -_EDGE) & (v >= -_EDGE) & (u + v <= 1 + _EDGE)
        yield which[inside], row[inside], column[inside], u[inside], v[inside]


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    product: np.ndarray = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return product
