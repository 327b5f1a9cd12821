"""The loop behind `uvisxr.numerics.raster.coverage`, compiled: no array of deposits is made.

Operations and their order are those of the numpy way: the numbers are the same where numpy
multiplies before it adds, as on x86. Import it after `uvisxr.numerics.compiled` has found numba.
"""

from __future__ import annotations

import math

import numpy as np

from .fused import _compiled


@_compiled
def _within(value: float, most: float) -> float:
    return min(max(value, 0.0), most)


@_compiled
def _deposit(
    x0: float,
    y0: float,
    x1: float,
    y1: float,
    weights: np.ndarray,
    p: int,
    columns: int,
    sums: np.ndarray,
) -> None:
    """Add what an edge of polygon p deposits in the cells it crosses, and in the next of each."""
    rows = sums.shape[1]
    low, high = _within(min(y0, y1), rows), _within(max(y0, y1), rows)
    if not high > low:
        return
    slope = (x1 - x0) / (y1 - y0)
    for row in range(math.floor(low), math.ceil(high)):
        bottom, top = max(low, float(row)), min(high, float(row + 1))
        start, stop = x0 + slope * (bottom - y0), x0 + slope * (top - y0)
        height = top - bottom if y1 > y0 else bottom - top
        left, right = min(start, stop), max(start, stop)
        begin = int(min(max(math.floor(left), -1.0), float(columns)))
        end = int(min(max(math.ceil(right), begin + 1.0), columns + 1.0))
        span = right - left
        for cell in range(begin, end):
            inner_left = left if cell == begin else float(cell)
            inner_right = right if cell == end - 1 else cell + 1.0
            amount = height
            if span > 0 and end - begin > 1:
                amount = height * ((inner_right - inner_left) / span)
            middle = 0.5 * (inner_left + inner_right) - cell
            middle = 1.0 if middle > 1 or cell < 0 else max(middle, 0.0)
            rest, here = 1.0 - middle, max(cell, 0)
            for k in range(weights.shape[1]):
                sums[k, row, here] += amount * rest * weights[p, k]
                sums[k, row, cell + 1] += amount * middle * weights[p, k]


@_compiled
def accumulate(
    polygons: np.ndarray, weights: np.ndarray, columns: int, most: int, total: np.ndarray
) -> None:
    """Add what the edges of polygons deposit.

    Parameters
    ----------
    polygons : ndarray, (n, k, 2)
    weights : ndarray, (n, m)
    columns : int
        Of the grid.
    most : int
        Approximate number of deposits that are summed apart.
    total : ndarray, (m, rows, columns + 2)
    """
    rows, corners = total.shape[1], polygons.shape[1]
    sums = np.zeros_like(total)
    count, full = 0.0, float(most)
    for p in range(polygons.shape[0]):
        for c in range(corners):
            x0, y0 = polygons[p, c, 0], polygons[p, c, 1]
            x1, y1 = polygons[p, (c + 1) % corners, 0], polygons[p, (c + 1) % corners, 1]
            across = abs(_within(x1, columns) - _within(x0, columns))
            up = abs(_within(y1, rows) - _within(y0, rows))
            count += 2.0 * (across + up + 2.0)
            if count >= full:
                full = (count // most + 1.0) * most
                total += sums
                sums[:] = 0.0
            _deposit(x0, y0, x1, y1, weights, p, columns, sums)
    total += sums
