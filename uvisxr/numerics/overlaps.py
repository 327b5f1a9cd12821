"""Which polygons cover which cells, by how much: exact areas, polygon by polygon.

`uvisxr.numerics.raster` sums over all polygons at once, which is enough for means. The variance of
a mean needs the square of each polygon's share. Here every polygon has a grid of its own, its box,
and the boxes of many lie one after the other in one array, so that a single running sum gives all
areas: what a closed polygon deposits along a row adds up to 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from . import raster

#: Approximate number of cells of boxes worked on at a time.
_CELLS = 2**19

#: Smaller areas are rounding noise of the running sum, cells.
_LEAST = 1e-9


class Overlaps(NamedTuple):
    """Pairs of polygon and cell, each pair once, in order of the polygons.

    Attributes
    ----------
    polygon : ndarray of int, (n,)
        Index of the polygon.
    cell : ndarray of int, (n,)
        Index of the cell, in C order.
    area : ndarray, (n,)
        Area that they share, in cells.
    """

    polygon: np.ndarray
    cell: np.ndarray
    area: np.ndarray


def overlaps(
    polygons: np.ndarray, shape: tuple[int, int], wraps: bool = False
) -> Iterator[Overlaps]:
    """Overlaps of polygons with the cells of a grid, some polygons at a time.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
        In cells, as in `raster.coverage`; those with a corner that is not finite are left out.
    shape : (int, int)
        Rows and columns of the grid. Whatever lies outside is clipped.
    wraps : bool
        Whether the columns are those of a circle. Polygons may then go beyond either end, but not
        more than once around.
    """
    polygons = np.asarray(polygons, float)
    rows, columns = shape
    known = np.flatnonzero(np.isfinite(polygons).all(axis=(1, 2)))
    polygons = polygons[known]
    if wraps:
        turns = np.floor(polygons[..., 0].min(axis=1, initial=np.inf) / columns) * columns
        polygons = polygons - np.stack([turns, np.zeros_like(turns)], axis=-1)[:, None]
        shape = rows, 2 * columns
    limits = np.array(shape[::-1])
    low = np.clip(np.floor(polygons.min(axis=1, initial=np.inf)), 0, limits).astype(int)
    high = np.clip(np.ceil(polygons.max(axis=1, initial=-np.inf)), 0, limits).astype(int)
    size = high - low
    inside = np.flatnonzero((size > 0).all(axis=1))
    total = np.cumsum((size[inside, 0] + 2) * size[inside, 1])
    bounds = np.flatnonzero(np.diff(total // _CELLS)) + 1
    for start, stop in pairwise([0, *bounds.tolist(), inside.size]):
        some = inside[start:stop]
        if some.size:
            found = _of(polygons[some], low[some], size[some], shape)
            cell = found.cell
            if wraps:
                row, column = np.divmod(cell, shape[1])
                cell = row * columns + column % columns
                found = _merged(found.polygon, cell, found.area, rows * columns)
            yield found._replace(polygon=known[some][found.polygon])


def _of(
    polygons: np.ndarray, low: np.ndarray, size: np.ndarray, shape: tuple[int, int]
) -> Overlaps:
    """Overlaps of polygons whose boxes begin at the cell `low` (column, row)."""
    n, corners = polygons.shape[:2]
    width = size[:, 0] + 2
    cells = width * size[:, 1]
    first = np.cumsum(cells) - cells
    edges = np.concatenate([polygons, np.roll(polygons, -1, axis=1)], axis=-1).reshape(-1, 4)
    index, amount, edge = raster.deposits(edges, shape)
    polygon = edge // corners
    row, column = np.divmod(index, shape[1] + 2)
    place = first[polygon] + (row - low[polygon, 1]) * width[polygon] + column - low[polygon, 0]
    # Positive is the area to the right of edges that run down.
    amount *= -np.sign(raster.signed_areas(polygons))[polygon]
    area = np.cumsum(np.bincount(place, amount, int(cells.sum())))
    kept = np.flatnonzero(area > _LEAST)
    polygon = np.repeat(np.arange(n), cells)[kept]
    row, column = np.divmod(kept - first[polygon], width[polygon])
    # The last two columns of a box take what edges leave beyond it.
    real = column < size[polygon, 0]
    kept, polygon, row, column = kept[real], polygon[real], row[real], column[real]
    cell = (row + low[polygon, 1]) * shape[1] + column + low[polygon, 0]
    return Overlaps(polygon, cell, area[kept])


def _merged(polygon: np.ndarray, cell: np.ndarray, area: np.ndarray, cells: int) -> Overlaps:
    """Overlaps with each pair once, though a polygon around a pole meets a cell from both sides."""
    key, index = np.unique(polygon * cells + cell, return_inverse=True)
    if key.size == cell.size:
        return Overlaps(polygon, cell, area)
    return Overlaps(*np.divmod(key, cells), np.bincount(index, area, key.size))
