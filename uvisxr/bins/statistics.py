"""Statistics of spectra in bins, as sums that add up over blocks of spectra.

Every statistic here is a function of sums of elementwise terms over the members of a bin. Bins of
equally many members are stacked as (bin, member, wl), few enough at a time that they stay in the
processor's cache, so that one array operation serves them all. Terms keep the precision of the
spectra: they are summed over a short run of members, about the mean of that run, and runs, as
blocks of exposures, are added in double precision, one after the other or by dask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import gammaln

from ..numerics.poisson import MISSING

_PLAIN = ("", "_std", "_stderr")
_BOUNDS = ("_upper", "_lower", "_weighted", "_weighted_upper", "_weighted_lower")
_COMMON = ("_systematic",)

#: Statistics as suffixes, in the order of `finish`, by number of arrays: the quantity itself, then
#: its upper and lower bounds if known, then its common error if known.
STATISTICS = {
    1: _PLAIN,
    2: (*_PLAIN, *_COMMON),
    3: (*_PLAIN, *_BOUNDS),
    4: (*_PLAIN, *_BOUNDS, *_COMMON),
}

#: Terms that `_add_terms` sums, by number of arrays.
_TERMS = {1: 3, 2: 5, 3: 9, 4: 11}

#: Members of a run: so few that sums in single precision are good to 5e-7 even where the same
#: rounding repeats, as among spectra without a count.
_RUN = 16

#: Values of one array stacked at a time: 0.5 MB in single precision.
_BLOCK = 2**17


@dataclass(frozen=True, eq=False)
class Members:
    """Which spectra lie in which bin.

    Attributes
    ----------
    spectrum, place : ndarray of int, (member,)
        Spectrum and bin of each member, bins ascending. A spectrum may be in several bins.
    n_bins : int
    """

    spectrum: np.ndarray
    place: np.ndarray
    n_bins: int

    @classmethod
    def of(cls, spectrum: np.ndarray, place: np.ndarray, n_bins: int) -> Members:
        """Members in any order."""
        order = np.lexsort((spectrum, place))
        return cls(spectrum[order], place[order], n_bins)

    @property
    def count(self) -> np.ndarray:
        """Members of each bin, (bin,)."""
        return np.bincount(self.place, minlength=self.n_bins)

    def matrix(self, n_spectra: int) -> csr_array:
        """Matrix (bin, spectrum) of ones where a spectrum is a member."""
        start = np.concatenate([[0], np.cumsum(self.count)])
        ones = np.ones(self.spectrum.size)
        return csr_array((ones, self.spectrum, start), shape=(self.n_bins, n_spectra))

    def within(self, first: int, stop: int) -> Members:
        """Those among the spectra first..stop-1, numbered from `first`."""
        here = (self.spectrum >= first) & (self.spectrum < stop)
        return Members(self.spectrum[here] - first, self.place[here], self.n_bins)

    def blocks(self, n_wl: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Bins of equally many members, (bin,), and their spectra, (bin, member).

        N members have at most sqrt(2 N) different counts, so these are few however many the bins.
        """
        count = self.count
        start = np.cumsum(count) - count
        for n in np.unique(count):
            bins = np.flatnonzero(count == n)
            size = max(1, _BLOCK // (max(1, min(n, _RUN)) * n_wl))
            for first in range(0, bins.size, size):
                some = bins[first : first + size]
                yield some, self.spectrum[start[some, None] + np.arange(n)]


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def _add_terms(total: np.ndarray, x: np.ndarray, *others: np.ndarray) -> None:
    """Add the terms of some members of each bin to total (term, bin, wl).

    x (bin, member, wl) is the quantity, the others its bounds, its common error or both.
    """
    dtype = np.result_type(np.float32, *(a.dtype for a in (x, *others)))
    x, *others = (a.astype(dtype, copy=False) for a in (x, *others))
    n, mean = x.shape[1], x.mean(axis=1)
    finite = None
    # Any value that is not finite shows in the mean.
    if not np.isfinite(mean).all():
        finite = np.isfinite(x)
        n = finite.sum(axis=1)
        x, *others = (np.where(finite, a, 0) for a in (x, *others))
        mean = x.sum(axis=1) / np.maximum(n, 1).astype(dtype)
    if len(others) > 1:
        _add_bounds(total[3:9], x, *others[:2])
    # About the mean of the run few digits suffice, even where it is far larger than the scatter.
    x -= mean[:, None]
    if finite is not None:
        x[~finite] = 0
    mean, rest = mean.astype(float), x.sum(axis=1)
    s = n * mean + rest
    total[0] += n
    total[1] += s
    total[2] += _squares(x) + mean * (s + rest)
    if len(others) % 2:
        common = others[-1]
        s = common.sum(axis=1)
        if finite is not None or not np.isfinite(s).all():
            known = np.isfinite(common) if finite is None else finite & np.isfinite(common)
            n = known.sum(axis=1)
            s = np.where(known, common, 0).sum(axis=1)
        total[-2] += n
        total[-1] += s


def _add_bounds(total: np.ndarray, x: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> None:
    """Add squares of the bounds, weights and the weighted terms."""
    total[0] += _squares(upper)
    total[1] += _squares(lower)
    width = upper + lower
    weight = np.square(width)
    np.divide(4, weight, out=weight)
    sum_of_weights = weight.sum(axis=1)
    unusable = None
    if not np.isfinite(sum_of_weights).all():
        # Errors of zero, which would weigh infinitely much, and unknown ones weigh nothing.
        unusable = ~(np.square(width) > 0)
        weight[unusable] = 0
        sum_of_weights = weight.sum(axis=1)
    total[2] += sum_of_weights
    total[3] += np.einsum("bmw,bmw->bw", weight, x)
    for k, bound in ((4, upper), (5, lower)):
        np.multiply(weight, bound, out=width)
        if unusable is not None:
            width[unusable] = 0
        total[k] += _squares(width)


def _squares(x: np.ndarray) -> np.ndarray:
    """Sums of squares over the members, (bin, member, wl) -> (bin, wl)."""
    return np.einsum("bmw,bmw->bw", x, x)


def _add_counts(total: np.ndarray, counts: np.ndarray) -> None:
    valid = counts < MISSING
    if not valid.all():
        counts = np.where(valid, counts, 0)
    # Sums of a run of 16-bit integers are exact in single precision.
    total[0] += counts.astype(np.float32 if counts.dtype.itemsize <= 2 else float).sum(axis=1)


def _sums(
    add: Callable[..., None], n_terms: int, spectra: np.ndarray, arrays: list[np.ndarray]
) -> np.ndarray:
    """Sums of terms over the members (bin, member) of arrays (spectrum, wl): (term, bin, wl)."""
    total = np.zeros((n_terms, spectra.shape[0], arrays[0].shape[1]))
    for first in range(0, spectra.shape[1], _RUN):
        run = spectra[:, first : first + _RUN]
        add(total, *(array[run] for array in arrays))
    return total


def finish(total: np.ndarray) -> np.ndarray:
    """Statistics from sums.

    Parameters
    ----------
    total : ndarray, (term, bin, wl)
        Sums of `_add_terms`, added over all blocks.

    Returns
    -------
    ndarray, (1 + statistic, bin, wl)
        Number of finite values, then those of `STATISTICS`. The standard error is the standard
        deviation (ddof 1) over c4(n) sqrt(n), and NaN like it for one value.
    """
    n_arrays = next(k for k, n_terms in _TERMS.items() if n_terms == len(total))
    result = np.empty((1 + len(STATISTICS[n_arrays]), *total.shape[1:]))
    result[0] = total[0]
    n = _column(total[0])
    some = np.where(n > 0, n, np.nan)
    mean = np.divide(total[1], some, out=result[1])
    variance = np.multiply(total[1], mean, out=result[2])
    np.subtract(total[2], variance, out=variance)
    # Rounding may take the difference of equal values below zero.
    np.maximum(variance, 0.0, out=variance)
    variance *= 1 / np.where(n > 1, n - 1, np.nan)
    std = np.sqrt(variance, out=variance)
    factor = c4(np.arange(n.max(initial=0) + 1))[n.astype(int)]
    np.multiply(std, 1 / (factor * np.sqrt(some)), out=result[3])
    if n_arrays > 2:
        u2, l2, w, wx, w2u2, w2l2 = total[3:9]
        by_n, by_weight = 1 / some, 1 / np.where(w > 0, w, np.nan)
        np.multiply(wx, by_weight, out=result[6])
        for k, squares, norm in (
            (4, u2, by_n),
            (5, l2, by_n),
            (7, w2u2, by_weight),
            (8, w2l2, by_weight),
        ):
            np.sqrt(squares, out=result[k])
            result[k] *= norm
    if n_arrays % 2 == 0:
        n = _column(total[-2])
        np.divide(total[-1], np.where(n > 0, n, np.nan), out=result[-1])
    return result


def _column(n: np.ndarray) -> np.ndarray:
    """Numbers of values (bin, wl) as (bin, 1) where nothing is missing: all alike along wl."""
    return n[:, :1] if (n == n[:, :1]).all() else n


def c4(n: np.ndarray) -> np.ndarray:
    """Mean of the standard deviation of n normal values over the true one; NaN below two.

    sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2), by log-gamma so that large n do not
    overflow (Cramer 1946, Mathematical Methods of Statistics, 29.3).
    """
    n = np.where(np.asarray(n) > 1, n, np.nan)
    return np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))


def statistics(members: Members, arrays: list):
    """Statistics of the members of each bin.

    Parameters
    ----------
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    arrays : list of arrays, (pic, pixel, wl)
        NumPy or dask: the quantity; then, if known, its upper and lower bounds; then, if known,
        its common error.

    Returns
    -------
    array of float, (1 + statistic, bin, wl)
        As `finish` gives it; lazy where one of `arrays` is.
    """
    n_terms, n_values = _TERMS[len(arrays)], 1 + len(STATISTICS[len(arrays)])
    if all(isinstance(a, np.ndarray) for a in arrays):
        return _eager(_add_terms, n_terms, members, arrays, finish, n_values)
    total = _lazy(_add_terms, n_terms, members, arrays)
    total = total.rechunk({0: -1, 1: -1})
    chunks = ((n_values,), *total.chunks[1:])
    return total.map_blocks(finish, chunks=chunks, dtype=float, meta=np.empty((0, 0, 0)))


def count_sums(members: Members, counts):
    """Counts of the members of each bin, missing values left out.

    Parameters
    ----------
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    counts : array, (pic, pixel, wl)
        NumPy or dask.

    Returns
    -------
    array of int64, (bin, wl)
        Lazy where `counts` is.
    """
    # Sums of whole numbers in double precision are exact up to 2^53.
    if isinstance(counts, np.ndarray):
        return _eager(_add_counts, 1, members, [counts], lambda sums: sums, 1, np.int64)[0]
    return _lazy(_add_counts, 1, members, [counts])[0].astype(np.int64)


def _eager(
    add: Callable[..., None],
    n_terms: int,
    members: Members,
    arrays: list[np.ndarray],
    finish: Callable[[np.ndarray], np.ndarray],
    n_values: int,
    dtype: type = float,
) -> np.ndarray:
    """finish(sums of terms), (value, bin, wl), block by block while it is in the cache."""
    n_wl = arrays[0].shape[2]
    arrays = [a.reshape(-1, n_wl) for a in arrays]
    result = np.empty((n_values, members.n_bins, n_wl), dtype)

    for bins, spectra in members.blocks(n_wl):
        result[:, bins] = finish(_sums(add, n_terms, spectra, arrays))
    return result


def _lazy(add: Callable[..., None], n_terms: int, members: Members, arrays: list):
    """Sums of terms over blocks of exposures, (term, bin, wl), by dask."""
    import dask.array as da

    n_pixel = arrays[0].shape[1]
    first = next(a for a in arrays if not isinstance(a, np.ndarray))
    chunks = (first.chunks[0], (n_pixel,), first.chunks[2])
    arrays = [da.asarray(a).rechunk(chunks) for a in arrays]

    def block(*blocks: np.ndarray, block_info=None) -> np.ndarray:
        start, stop = block_info[0]["array-location"][0]
        here = members.within(start * n_pixel, stop * n_pixel)
        n_wl = blocks[0].shape[2]
        flat = [b.reshape(-1, n_wl) for b in blocks]
        result = np.zeros((n_terms, members.n_bins, n_wl))
        for bins, spectra in here.blocks(n_wl):
            result[:, bins] = _sums(add, n_terms, spectra, flat)
        return result.reshape(1, -1, n_wl)

    partial = da.map_blocks(
        block,
        *arrays,
        chunks=((1,) * len(chunks[0]), (members.n_bins * n_terms,), chunks[2]),
        dtype=float,
        meta=np.empty((0, 0, 0)),
    )
    return partial.sum(axis=0).reshape(n_terms, members.n_bins, arrays[0].shape[2])
