"""The loops behind `uvisxr.bins`, compiled: spectra are read once, statistics written once.

Operations and their order are those of the numpy way, see `uvisxr.bins.statistics`: the numbers are
the same where numpy multiplies before it adds, as on x86. Import it after
`uvisxr.numerics.compiled` has found numba.
"""

from __future__ import annotations

import numpy as np

from .fused import _add_product, _bounds, _compiled

_ZERO = np.float32(0)

# Rows of the sums, as `statistics._of_quantity` has them; those of common errors come after.
_N, _SUM, _SQUARES, _COUNTED, _VARIANCE, _SCALE, _SCALE_SQUARES, _WEIGHT, _WEIGHTED = range(9)
_WEIGHTED_COUNTED, _WEIGHTED_VARIANCE, _WEIGHTED_SCALE = 9, 10, 11

# Rows of the statistics; bounds and the like of either mean are four in a row.
_MEAN, _STD, _STDERR, _WEIGHTED_MEAN, _OF_PLAIN, _OF_WEIGHTED = 1, 2, 3, 4, 5, 9


@_compiled
def _add(sums: np.ndarray, a: np.ndarray) -> None:
    for i in range(sums.size):
        sums[i] += a[i]


@_compiled
def _share(planes: np.ndarray, row: int, first: int, stop: int) -> np.ndarray:
    """Columns of a row, or the only one there is, which holds for all."""
    return planes[row] if planes.shape[1] == 1 else planes[row, first:stop]


@_compiled
def _set_known(known: np.ndarray, a: np.ndarray, own: np.ndarray) -> None:
    """Zero where a value is not known."""
    for i in range(own.size):
        own[i] = a[i] if known[i] else _ZERO


@_compiled
def _set_shared(plane: np.ndarray, factor: float, own: np.ndarray) -> None:
    if plane.size == 1:
        own[:] = np.float32(plane[0] * factor)
    else:
        for i in range(own.size):
            own[i] = np.float32(plane[i] * factor)


@_compiled
def _set_without(bound: np.ndarray, other: np.ndarray, own: np.ndarray) -> None:
    """See `weighted_sums.without`."""
    for i in range(own.size):
        part = bound[i] * bound[i] - other[i] * other[i]
        own[i] = np.sqrt(_ZERO if part < _ZERO else part)


@_compiled
def _set_counted(
    upper: np.ndarray,
    lower: np.ndarray,
    inverse: np.ndarray,
    score: bool,
    place: np.ndarray,
    counted: np.ndarray,
    scale: np.ndarray,
) -> None:
    """See `weighted_sums.counted`."""
    if score:
        for i in range(upper.size):
            scale[i] = upper[i] - lower[i]
            counted[i] = upper[i] * lower[i] / scale[i]
        return
    n_steps = np.float32(inverse.shape[0])
    last = np.float32(inverse.shape[0] - 1)
    for i in range(upper.size):
        at = lower[i] / upper[i] * n_steps
        # A NaN gives the first one, and is NaN again as it meets the bound.
        at = at if at > _ZERO else _ZERO
        place[i] = np.int32(at if at < last else last)
    for i in range(upper.size):
        counted[i] = inverse[place[i], 0]
        scale[i] = inverse[place[i], 1]
    for i in range(upper.size):
        counted[i] *= upper[i]
        scale[i] *= upper[i]


@_compiled
def _set_observed(upper: np.ndarray, lower: np.ndarray, weight: np.ndarray) -> None:
    for i in range(weight.size):
        s = upper[i] + lower[i]
        w = np.float32(4) / (s * s)
        weight[i] = w if w - w == _ZERO else _ZERO


@_compiled
def _weigh(a: np.ndarray, weight: np.ndarray) -> None:
    """What has no weight may be anything."""
    for i in range(a.size):
        a[i] = a[i] * weight[i] if weight[i] != _ZERO else _ZERO


@_compiled
def _mean_of_run(
    value: np.ndarray,
    spectra: np.ndarray,
    first: int,
    stop: int,
    n: np.ndarray,
    mean: np.ndarray,
) -> bool:
    """Set numbers and means of the values of a run; whether all are known."""
    mean[:] = _ZERO
    for s in spectra:
        _add(mean, value[s, first:stop])
    n[:] = np.float32(spectra.size)
    odd = 0
    for i in range(mean.size):
        mean[i] /= np.float32(spectra.size)
        odd += mean[i] - mean[i] != _ZERO
    if odd:
        n[:] = mean[:] = _ZERO
        for s in spectra:
            x = value[s, first:stop]
            for i in range(mean.size):
                if x[i] - x[i] == _ZERO:
                    n[i] += np.float32(1)
                    mean[i] += x[i]
        for i in range(mean.size):
            mean[i] /= max(n[i], np.float32(1))
    return odd == 0


@_compiled
def _add_members(
    value: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    systematic: np.ndarray,
    weights: np.ndarray,
    weight_row: np.ndarray,
    weight_factor: np.ndarray,
    dark: np.ndarray,
    dark_row: np.ndarray,
    inverse: np.ndarray,
    total: bool,
    score: bool,
    run: int,
    spectra: np.ndarray,
    first: int,
    stop: int,
    sums: np.ndarray,
    at: int,
) -> None:
    """Add the terms of the members of a bin to its sums (term, wl), from column `at` on."""
    size = stop - first
    bounds, common, background = upper.size > 0, systematic.size > 0, dark.size > 0
    shared = weights.size > 0
    precise = weights.shape[1] == 1
    of_calibration = 12 if bounds else 3
    of_background = of_calibration + 1
    further = 2 if background else 1
    parts = np.empty((sums.shape[0], size), np.float32)
    light = np.empty(size, np.float64)
    rows = np.empty((11, size), np.float32)
    n, mean, own_x, own_up, own_down = rows[0], rows[1], rows[2], rows[3], rows[4]
    own_error, of_dark, weight = rows[5], rows[6], rows[7]
    counted, scale, part = rows[8], rows[9], rows[10]
    known = np.empty(size, np.bool_)
    place = np.empty(size, np.uint32)
    for begin in range(0, spectra.size, run):
        some = spectra[begin : begin + run]
        whole = _mean_of_run(value, some, first, stop, n, mean)
        parts[:] = _ZERO
        light[:] = 0.0
        for s in some:
            x = value[s, first:stop]
            if not whole:
                for i in range(size):
                    known[i] = x[i] - x[i] == _ZERO
                _set_known(known, x, own_x)
                x = own_x
            error = own_error
            if common:
                error = systematic[s, first:stop]
                if not whole:
                    _set_known(known, error, own_error)
                    error = own_error
            if bounds:
                up, down = upper[s, first:stop], lower[s, first:stop]
                if not whole:
                    _set_known(known, up, own_up)
                    _set_known(known, down, own_down)
                    up, down = own_up, own_down
                if total:
                    _set_without(up, error, own_up)
                    _set_without(down, error, own_down)
                    up, down = own_up, own_down
                if not shared:
                    _set_observed(up, down, weight)
                else:
                    plane = _share(weights, weight_row[s], first, stop)
                    _set_shared(plane, weight_factor[s], weight)
                    if not whole:
                        _set_known(known, weight, weight)
                _set_counted(up, down, inverse, score, place, counted, scale)
                if not whole:
                    _set_known(known, counted, counted)
                    _set_known(known, scale, scale)
                if precise:
                    _add(light, weight)
                else:
                    _add(parts[_WEIGHT], weight)
                _add_product(parts[_WEIGHTED], weight, x)
                _add_product(parts[_SCALE_SQUARES], scale, scale)
                _add(parts[_COUNTED], counted)
                _add(parts[_SCALE], scale)
                _add_product(parts[_VARIANCE], counted, scale)
                _weigh(counted, weight)
                _weigh(scale, weight)
                _add(parts[_WEIGHTED_COUNTED], counted)
                _add(parts[_WEIGHTED_SCALE], scale)
                _add_product(parts[_WEIGHTED_VARIANCE], counted, scale)
            if common:
                if background:
                    of_dark[:] = _share(dark, dark_row[s], first, stop)
                    if not whole:
                        _set_known(known, of_dark, of_dark)
                    _set_without(error, of_dark, part)
                    _add(parts[of_background], of_dark)
                    if bounds:
                        _add_product(parts[of_background + further], weight, of_dark)
                    error = part
                for i in range(size):
                    part[i] = np.copysign(error[i], x[i])
                _add(parts[of_calibration], part)
                if bounds:
                    _add_product(parts[of_calibration + further], weight, part)
            for i in range(size):
                part[i] = x[i] - mean[i]
            if not whole:
                _set_known(known, part, part)
            _add(parts[_SUM], part)
            _add_product(parts[_SQUARES], part, part)
        for i in range(size):
            middle, rest = np.float64(mean[i]), np.float64(parts[_SUM, i])
            own = n[i] * middle + rest
            sums[_N, at + i] += n[i]
            sums[_SUM, at + i] += own
            sums[_SQUARES, at + i] += parts[_SQUARES, i] + middle * (own + rest)
        for term in range(_COUNTED, sums.shape[0]):
            _add(sums[term, at : at + size], parts[term])
        if bounds and precise:
            _add(sums[_WEIGHT, at : at + size], light)


@_compiled
def _pieces(
    value: np.ndarray, spectra: np.ndarray, first: int, stop: int, run: int
) -> tuple[int, int]:
    """Where the columns begin and end that the first and last of many members know.

    Those beside them, as a rule unknown to all, are better gone through by themselves: where
    something is not known all along a run costs more.
    """
    low, high = first, stop
    if spectra.size > run:
        for s in (spectra[0], spectra[-1]):
            x = value[s]
            while low < high and x[low] - x[low] != _ZERO:
                low += 1
            while high > low and x[high - 1] - x[high - 1] != _ZERO:
                high -= 1
    return low, high


@_compiled
def _divide(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = a[i] / b[i]


@_compiled
def _join(error: np.ndarray, other: np.ndarray) -> None:
    for i in range(error.size):
        error[i] = np.sqrt(error[i] * error[i] + other[i] * other[i])


@_compiled
def _finish(
    sums: np.ndarray,
    of_number: np.ndarray,
    table: np.ndarray,
    steps: float,
    bounds: bool,
    common: bool,
    background: bool,
    total: bool,
    result: np.ndarray,
    b: int,
    first: int,
    stop: int,
) -> None:
    """Statistics of a bin from its sums, see `statistics._finish_quantity`."""
    size = sums.shape[1]
    some = np.empty(size, np.float64)
    weight = np.empty(size, np.float64)
    scales = np.empty((2, size), np.float64)
    y, v, s0 = np.empty(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    place, scale = np.empty(size, np.float32), np.empty(size, np.float32)
    up, down = np.empty(size, np.float32), np.empty(size, np.float32)
    n = sums[_N]
    result[_N, b, first:stop] = n
    for i in range(size):
        some[i] = n[i] if n[i] > 0 else np.nan
    mean, std = result[_MEAN, b, first:stop], result[_STD, b, first:stop]
    _divide(sums[_SUM], some, mean)
    for i in range(size):
        f = sums[_SQUARES, i] - sums[_SUM, i] * mean[i]
        std[i] = 0.0 if f < 0 else f
    stderr = result[_STDERR, b, first:stop]
    for i in range(size):
        number = np.int64(n[i])
        std[i] = np.sqrt(std[i] * of_number[0, number])
        stderr[i] = std[i] * of_number[1, number]
    at_systematic = 13 if bounds else 4
    further = 2 if background else 1
    for k in range(2 if bounds else 1):
        norm = some
        if k:
            norm = weight
            for i in range(size):
                w = sums[_WEIGHT, i]
                weight[i] = w if w > 0 else np.nan
            _divide(sums[_WEIGHTED], weight, result[_WEIGHTED_MEAN, b, first:stop])
        systematic = some
        if common:
            calibration = (12 if bounds else 3) + k * further
            systematic = result[at_systematic + k, b, first:stop]
            _divide(sums[calibration], norm, systematic)
            if background:
                at = at_systematic + (2 if bounds else 1) + k
                dark = result[at, b, first:stop]
                _divide(sums[calibration + 1], norm, dark)
                _join(systematic, dark)
            else:
                for i in range(size):
                    systematic[i] = abs(systematic[i])
        if not bounds:
            continue
        if k:
            of_counted, of_variance, at = _WEIGHTED_COUNTED, _WEIGHTED_VARIANCE, _OF_WEIGHTED
            _divide(sums[_WEIGHTED_SCALE], some, scales[k])
        else:
            of_counted, of_variance, at = _COUNTED, _VARIANCE, _OF_PLAIN
            _divide(sums[_SCALE_SQUARES], sums[_SCALE], scales[k])
        own = scales[k]
        for i in range(size):
            y[i] = np.float32(sums[of_counted, i])
            v[i] = np.float32(sums[of_variance, i])
            s0[i] = np.float32(own[i])
        _bounds(y, v, s0, table, steps, place, scale, up, down)
        for side in range(2):
            out = result[at + side, b, first:stop]
            _divide(up if side == 0 else down, norm, out)
            if total:
                _join(out, systematic)
        variance, per_count = result[at + 2, b, first:stop], result[at + 3, b, first:stop]
        for i in range(size):
            variance[i] = sums[of_variance, i] / (norm[i] * norm[i])
        _divide(own, norm, per_count)


@_compiled
def statistics(
    value: np.ndarray,
    upper: np.ndarray,
    lower: np.ndarray,
    systematic: np.ndarray,
    weights: np.ndarray,
    weight_row: np.ndarray,
    weight_factor: np.ndarray,
    dark: np.ndarray,
    dark_row: np.ndarray,
    inverse: np.ndarray,
    total: bool,
    score: bool,
    run: int,
    spectrum: np.ndarray,
    start: np.ndarray,
    n_terms: int,
    of_number: np.ndarray,
    table: np.ndarray,
    steps: float,
    result: np.ndarray,
    first: int,
    stop: int,
) -> None:
    """Sums over the members of bins, or the statistics that these give, at some wavelengths.

    What comes out at one wavelength does not depend on the others.

    Parameters
    ----------
    value, upper, lower, systematic : ndarray of float32, (spectrum, wl)
        Size 0 where they are not known.
    weights, weight_row, weight_factor : ndarray of float32, (row, wl) or (row, 1), (spectrum,)
        See `Shared`; size 0 for those of the bounds.
    dark, dark_row : ndarray, (row, wl), (spectrum,)
        Error of the background; size 0 where it is not known.
    inverse : ndarray of float32, (step, 2)
        See `weighted_sums.steps_of_ratios`.
    total, score : bool
        Whether the bounds hold the common error too; of which interval they are.
    run : int
        Members that are summed in single precision.
    spectrum, start : ndarray of int, (member,), (bin + 1,)
        Members, bins ascending, and where those of each begin.
    n_terms : int
        Of the sums.
    of_number : ndarray, (2, n + 1)
        By the number of values: 1 / (n - 1) and 1 / (c4 sqrt(n)). Size 0 for sums alone.
    table, steps
        See `weighted_sums.steps_of_counts`.
    result : ndarray of float64, (statistic or term, bin, wl)
    first, stop : int
        Only the columns first..stop-1 along wl are read and written. They are taken row by row,
        so that they lie side by side in memory.
    """
    sums = np.empty((n_terms, stop - first), np.float64)
    for b in range(start.size - 1):
        spectra = spectrum[start[b] : start[b + 1]]
        if spectra.size == 0:
            for row in range(result.shape[0]):
                nothing = 0.0 if row == _N or of_number.size == 0 else np.nan
                result[row, b, first:stop] = nothing
            continue
        sums[:] = 0.0
        low, high = _pieces(value, spectra, first, stop, run)
        for begin, end in ((first, low), (low, high), (high, stop)):
            if begin < end:
                _add_members(
                    value,
                    upper,
                    lower,
                    systematic,
                    weights,
                    weight_row,
                    weight_factor,
                    dark,
                    dark_row,
                    inverse,
                    total,
                    score,
                    run,
                    spectra,
                    begin,
                    end,
                    sums,
                    begin - first,
                )
        if of_number.size == 0:
            for row in range(n_terms):
                result[row, b, first:stop] = sums[row]
            continue
        _finish(
            sums,
            of_number,
            table,
            steps,
            upper.size > 0,
            systematic.size > 0,
            dark.size > 0,
            total,
            result,
            b,
            first,
            stop,
        )


@_compiled
def sum_counts(
    counts: np.ndarray, gap: int, spectrum: np.ndarray, start: np.ndarray, result: np.ndarray
) -> None:
    """Sums of the counts of the members of bins.

    Parameters
    ----------
    counts : ndarray of uint16 or uint32, (spectrum, wl)
    gap : int
        What stands for a missing count.
    spectrum, start : ndarray of int
        As in `statistics`.
    result : ndarray of float64 or int64, (1, bin, wl)
    """
    result[:] = 0
    for b in range(start.size - 1):
        row = result[0, b]
        for s in spectrum[start[b] : start[b + 1]]:
            c = counts[s]
            for i in range(c.size):
                row[i] += 0 if c[i] == gap else c[i]
