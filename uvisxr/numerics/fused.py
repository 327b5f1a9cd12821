"""The loops behind `uvisxr.calibration`, compiled: counts are read once, results written once.

Operations and their order are those of the numpy way, spectrum by spectrum: the numbers are the
same, but for the last bit where the systematic error is added to the bounds. Import it by
`uvisxr.numerics.compiled`: it needs numba.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Division by zero is as numpy has it; other threads run meanwhile.
_compiled = njit(cache=True, nogil=True, error_model="numpy")

_NAN = np.float32(np.nan)
_ZERO = np.float32(0)


@_compiled
def compose(
    valid: np.ndarray,
    hole: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    near: np.ndarray,
    far: np.ndarray,
    weights: np.ndarray,
    invalid: np.ndarray,
    special: np.ndarray,
    special_weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Filling and smoothing as a sparse matrix, see `uvisxr.numerics.composition`.

    Parameters
    ----------
    valid : ndarray of bool, (row * n,)
    hole, left, right : ndarray of int
        See `FillPlan`.
    near, far : ndarray
        Weights of `left` and `right`.
    weights : ndarray, (2 k + 1,)
        Of the smoothing; empty for none.
    invalid, special, special_weights : ndarray
        See `SmoothingPlan`.

    Returns
    -------
    data, indices, indptr : ndarray
        Columns in the order that scipy's product of the two steps leaves: descending.
    """
    size = valid.size
    number = np.full(size, -1, np.int32)
    for h in range(hole.size):
        number[hole[h]] = h
    n_taps = max(weights.size, 1)
    half = weights.size // 2
    most = 2 * n_taps
    data = np.empty(size * (n_taps + 1), np.float64)
    indices = np.empty(size * (n_taps + 1), np.int32)
    indptr = np.zeros(size + 1, np.int32)
    columns = np.empty(most, np.int32)
    values = np.empty(most, np.float64)
    end = 0
    next_special = 0
    for i in range(size):
        m = 0
        own = -1
        if next_special < special.size and special[next_special] == i:
            own = next_special
            next_special += 1
        if not (weights.size and invalid[i]):
            for k in range(n_taps):
                w = 1.0
                if weights.size:
                    w = weights[k] if own < 0 else special_weights[k, own]
                if w == 0:
                    continue
                c = i + k - half
                h = number[c]
                for side in range(2):
                    if h >= 0:
                        column = left[h] if side == 0 else right[h]
                        value = w * (near[h] if side == 0 else far[h])
                    elif valid[c] and side == 0:
                        column, value = c, w
                    else:
                        continue
                    at = m - 1
                    while at >= 0 and columns[at] != column:
                        at -= 1
                    if at >= 0:
                        values[at] += value
                    else:
                        columns[m], values[m] = column, value
                        m += 1
        if end + m > data.size:
            data = np.concatenate((data, np.empty(size, np.float64)))
            indices = np.concatenate((indices, np.empty(size, np.int32)))
        for j in range(m - 1, -1, -1):
            if values[j] != 0:
                data[end], indices[end] = values[j], columns[j]
                end += 1
        indptr[i + 1] = end
    return data[:end].copy(), indices[:end].copy(), indptr


@_compiled
def diagonals(
    data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, n_rows: int, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sparse matrix by its diagonals, those that each row of the plane has.

    Returns
    -------
    weights : ndarray of float32, (diagonal, n)
        Ascending, one row of the plane after the other.
    lowest, start : ndarray of int, (n_rows,), (n_rows + 1,)
        Distance of the first diagonal of each row, and its place.
    """
    low = np.zeros(n_rows, np.int64)
    high = np.zeros(n_rows, np.int64)
    start = np.zeros(n_rows + 1, np.int64)
    for p in range(n_rows):
        for i in range(n):
            e = p * n + i
            for j in range(indptr[e], indptr[e + 1]):
                low[p] = min(low[p], indices[j] - e)
                high[p] = max(high[p], indices[j] - e)
        start[p + 1] = start[p] + high[p] - low[p] + 1
    weights = np.zeros((start[n_rows], n), np.float32)
    for p in range(n_rows):
        for i in range(n):
            e = p * n + i
            for j in range(indptr[e], indptr[e + 1]):
                weights[start[p] + indices[j] - e - low[p], i] = data[j]
    return weights, low, start


@_compiled
def _slope(h0: float, h1: float, m0: float, m1: float) -> float:
    w0, w1 = 2 * h1 + h0, h1 + 2 * h0
    if m0 * m1 > 0:
        return (w0 + w1) / (w0 / m0 + w1 / m1)
    return m0 * m1 * 0.0


@_compiled
def _end(h0: float, h1: float, m0: float, m1: float) -> float:
    slope = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if np.sign(slope) != np.sign(m0):
        slope = 0.0 * slope
    if np.sign(m0) != np.sign(m1) and abs(slope) > 3 * abs(m0):
        return 3 * m0
    return slope


@_compiled
def _pchip(
    row: np.ndarray, x: np.ndarray, before: int, left: int, right: int, after: int, t: float
) -> float:
    """A value between two elements of a row, see `FillPlan`."""
    has0, has2 = before >= 0, after >= 0
    h1 = x[right] - x[left]
    m1 = (row[right] - row[left]) / h1
    h0 = h2 = 1.0
    m0 = m2 = 0.0
    if has0:
        h0 = x[left] - x[before]
        m0 = (row[left] - row[before]) / h0
    if has2:
        h2 = x[after] - x[right]
        m2 = (row[after] - row[right]) / h2
    d_left = d_right = m1
    if has0:
        d_left = _slope(h0, h1, m0, m1)
        d_right = _end(h1, h0, m1, m0)
    if has2:
        d_right = _slope(h1, h2, m1, m2)
        if not has0:
            d_left = _end(h1, h2, m1, m2)
    s = 1 - t
    cubic: float = (
        row[left] * s * s * (1 + 2 * t)
        + row[right] * t * t * (1 + 2 * s)
        + h1 * t * s * (d_left * s - d_right * t)
    )
    return cubic


@_compiled
def _add_product(sums: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    for i in range(sums.size):
        sums[i] += a[i] * b[i]


@_compiled
def _add_scaled(sums: np.ndarray, a: float, b: np.ndarray) -> None:
    for i in range(sums.size):
        sums[i] += a * b[i]


@_compiled
def _quantile(shape: float, z: float) -> float:
    """See `uvisxr.numerics.weighted_sums`."""
    return shape * math.pow(1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape)), 3.0)


@_compiled
def _bounds(
    y: np.ndarray,
    v: np.ndarray,
    s0: np.ndarray,
    table: np.ndarray,
    steps: float,
    place: np.ndarray,
    scale: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
) -> None:
    """`weighted_sums.bounds` of the elements of a row, float32."""
    n_steps = np.float32(table.shape[1])
    large = 0
    for i in range(y.size):
        scale[i] = (v[i] + s0[i] * s0[i]) / (y[i] + s0[i])
        place[i] = np.float32(np.float64(np.sqrt(y[i] / scale[i])) * steps)
        large += place[i] >= n_steps
    last = np.int32(table.shape[1] - 1)
    for i in range(y.size):
        at = place[i]
        index = last
        if at < n_steps:
            index = np.int32(at)
        # A NaN gives any index, and is NaN again as it meets the scale.
        if not at >= _ZERO:
            index = np.int32(0)
        upper[i] = table[0, index] * scale[i]
        lower[i] = table[1, index] * scale[i]
    if large:
        for i in range(y.size):
            if place[i] >= n_steps:
                m = np.float64(y[i] / scale[i])
                upper[i] = np.float32(_quantile(m + 1, 1.0) - m) * scale[i]
                lower[i] = np.float32(m - _quantile(m, -1.0)) * scale[i]


@_compiled
def radiances(
    counts: np.ndarray,
    weight: np.ndarray,
    exposure: np.ndarray,
    sensitivity: np.ndarray,
    dark: np.ndarray,
    levels: np.ndarray,
    hole_start: np.ndarray,
    hole: np.ndarray,
    ends: np.ndarray,
    position: np.ndarray,
    gain: np.ndarray,
    x: np.ndarray,
    pchip: bool,
    near: np.ndarray,
    far: np.ndarray,
    smoothing: np.ndarray,
    known: np.ndarray,
    special_start: np.ndarray,
    special: np.ndarray,
    special_weights: np.ndarray,
    squares: np.ndarray,
    lowest: np.ndarray,
    square_start: np.ndarray,
    guess: np.ndarray,
    common: np.ndarray,
    single: np.ndarray,
    variances: np.ndarray,
    table: np.ndarray,
    steps: float,
    total: bool,
    value: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    systematic: np.ndarray,
    left_over: np.ndarray,
) -> None:
    """Radiances of exposures that have all but their counts in common.

    Parameters
    ----------
    counts : ndarray of uint16 or uint32, (pic, pixel, wl)
    weight, exposure : ndarray, (pic, term), (pic,)
    sensitivity : ndarray, (term, pixel, wl)
    dark : ndarray, (pixel, wl)
        Background of the elements, count/s.
    levels : ndarray of float32, (2,)
        Background and its error.
    hole_start, hole, ends : ndarray of int, (pixel + 1,), (hole,), (4, hole)
        Where the holes of each row start; the element; columns of `left`, `right`, `before`,
        `after`.
    position, gain : ndarray, (hole,)
    x : ndarray, (wl,)
    pchip : bool
        See `FillPlan`.
    near, far : ndarray of float32, (hole,)
        Squared weights of the two ends.
    smoothing : ndarray, (2 k + 1,)
        Empty for none.
    known : ndarray of bool, (pixel, wl)
        What has a value in the end.
    special_start, special, special_weights : ndarray, (pixel + 1,), (special,), (2 k + 1, special)
    squares, lowest, square_start : ndarray
        Squared weights of the counts in smoothed values, see `diagonals`.
    guess : ndarray of float32, (pixel, wl)
        Relative systematic error that filling leaves.
    common : ndarray of float32, (3, pixel, wl)
        See `Scale`.
    single : ndarray, (2, 65536)
        Half-widths of single counts.
    variances : ndarray of float32, (65536,)
        Of counts.
    table : ndarray of float32, (2, steps)
    steps : float
        Of the root of the number of counts, see `gamma_half_widths`.
    total : bool
        Whether the bounds hold the systematic error too.
    value, upper, lower, systematic : ndarray of float32, (pic, pixel, wl)
        Results.
    left_over : ndarray of bool, (pic, pixel)
        True where the row has missing counts, or such as are beyond the tables: it is not done.
    """
    n_pic, n_rows, n = counts.shape
    n_terms = weight.shape[1]
    half = smoothing.size // 2
    smooth = smoothing.size > 0
    background = levels[0] != _ZERO
    limit = variances.size - 1
    reach = 0
    for p in range(lowest.size):
        reach = max(reach, -lowest[p], square_start[p + 1] - square_start[p] - 1 + lowest[p])
    factor = np.empty(n, np.float64)
    padded = np.zeros(n + 2 * half, np.float64)
    row = padded[half : half + n]
    smoothed = np.empty(n, np.float64)
    padded_own = np.zeros(n + 2 * reach, np.float32)
    own = padded_own[reach : reach + n]
    of_counts = np.empty(n, np.float32)
    v = np.empty(n, np.float32)
    y = np.empty(n, np.float32)
    one = np.empty(n, np.float32)
    place = np.empty(n, np.float32)
    scale = np.empty(n, np.float32)
    filled = np.empty((2, n), np.float32)
    wide = np.empty((2, n), np.float64)
    for p in range(n_rows):
        n_holes = hole_start[p + 1] - hole_start[p]
        per_count, per_dark, relative = common[0, p], common[1, p], common[2, p]
        has, unknown, rate = known[p], guess[p], dark[p]
        last = -1
        for k in range(n_pic):
            c = counts[k, p]
            # Counts of 16 bits are beyond the tables where they are missing.
            if c.max() >= limit:
                left_over[k, p] = True
                continue
            same = last >= 0
            for t in range(n_terms):
                same = same and weight[k, t] == weight[last, t]
            if not same:
                factor[:] = 0.0
                for t in range(n_terms):
                    _add_scaled(factor, weight[k, t], sensitivity[t, p])
                for i in range(n):
                    factor[i] = 1 / factor[i] if factor[i] > 0 else np.nan
            last = k
            seconds = exposure[k]
            if background:
                for i in range(n):
                    row[i] = (c[i] / seconds - rate[i]) * factor[i]
            else:
                for i in range(n):
                    row[i] = c[i] / seconds * factor[i]
            for h in range(hole_start[p], hole_start[p + 1]):
                a, b = ends[0, h], ends[1, h]
                if pchip:
                    row[hole[h]] = _pchip(row, x, ends[2, h], a, b, ends[3, h], position[h])
                else:
                    row[hole[h]] = ((row[b] - row[a]) * position[h] + row[a]) * gain[h]
            out = value[k, p]
            up, down = upper[k, p], lower[k, p]
            if smooth or n_holes:
                for i in range(n):
                    of_counts[i] = variances[c[i]]
                for i in range(n):
                    f = np.float32(factor[i] / seconds)
                    f = f * f * of_counts[i]
                    own[i] = f if f == f else _ZERO
            if smooth:
                for i in range(n):
                    if not has[i]:
                        row[i] = 0.0
                smoothed[:] = 0.0
                for t in range(smoothing.size):
                    _add_scaled(smoothed, smoothing[t], padded[t : t + n])
                for s in range(special_start[p], special_start[p + 1]):
                    at = special[s]
                    sums = 0.0
                    for t in range(smoothing.size):
                        if special_weights[t, s] != 0:
                            sums += padded[at + t] * special_weights[t, s]
                    smoothed[at] = sums
                for i in range(n):
                    out[i] = np.float32(smoothed[i]) if has[i] else _NAN
                v[:] = _ZERO
                for d in range(square_start[p], square_start[p + 1]):
                    offset = reach + lowest[p] + d - square_start[p]
                    _add_product(v, squares[d], padded_own[offset : offset + n])
            else:
                for i in range(n):
                    out[i] = np.float32(row[i])
                for i in range(n):
                    f = factor[i] / seconds
                    wide[0, i] = single[0, c[i]] * f
                    wide[1, i] = single[1, c[i]] * f
            short = np.float32(seconds)
            if smooth:
                for i in range(n):
                    y[i] = out[i]
                    one[i] = per_count[i] / short
                if background:
                    for i in range(n):
                        f = y[i] + levels[0] * per_dark[i]
                        y[i] = _ZERO if f < _ZERO else f
                _bounds(y, v, one, table, steps, place, scale, up, down)
            elif n_holes:
                for j in range(n_holes):
                    h = hole_start[p] + j
                    at = hole[h]
                    f = out[at]
                    if background:
                        f = f + levels[0] * per_dark[at]
                    y[j] = _ZERO if f < _ZERO else f
                    f = per_count[at] / short
                    one[j] = _ZERO if f < _ZERO else f
                    v[j] = near[h] * own[ends[0, h]] + far[h] * own[ends[1, h]]
                few = y[:n_holes]
                _bounds(few, v, one, table, steps, place, scale, filled[0], filled[1])
                for j in range(n_holes):
                    at = hole[hole_start[p] + j]
                    wide[0, at], wide[1, at] = filled[0, j], filled[1, j]
            error = systematic[k, p]
            for i in range(n):
                dim = levels[1] * per_dark[i]
                f = out[i] * out[i] * (relative[i] * relative[i] + unknown[i] * unknown[i])
                error[i] = np.sqrt(f + dim * dim)
            if smooth and total:
                for i in range(n):
                    wide[0, i], wide[1, i] = up[i], down[i]
            if total:
                for i in range(n):
                    e = np.float64(error[i]) * np.float64(error[i])
                    wide[0, i] = np.sqrt(wide[0, i] * wide[0, i] + e)
                    wide[1, i] = np.sqrt(wide[1, i] * wide[1, i] + e)
            if total or not smooth:
                for i in range(n):
                    up[i], down[i] = np.float32(wide[0, i]), np.float32(wide[1, i])
