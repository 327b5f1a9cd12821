"""Statistics of spectra in bins, as sums that add up over blocks of spectra.

Every statistic here is a function of sums of elementwise terms over the members of a bin. Members
are taken in the order of their bins, some dozens at a time, so that the terms stay in the
processor's cache until one product with a sparse matrix has summed them; and sums over blocks of
exposures add up, one block after the other or by dask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import gammaln

from .poisson import MISSING

#: Statistics of spectra without and with bounds, as suffixes, in the order of `finish`.
PLAIN = ("", "_std", "_stderr")
WITH_BOUNDS = (*PLAIN, "_upper", "_lower", "_weighted", "_weighted_upper", "_weighted_lower")

#: Terms that `sums` adds up, by number of arrays.
TERMS = {1: 3, 3: 9}

#: Values of a block of terms: 4 MB of them.
_BLOCK = 2**19


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


def _fill(terms: np.ndarray, x: np.ndarray, *bounds: np.ndarray) -> None:
    """Write the elementwise terms of spectra x (member, wl) into terms (member, term, wl)."""
    finite = np.isfinite(x)
    if not finite.all():
        x = np.where(finite, x, 0)
        bounds = [np.where(finite, b, 0) for b in bounds]
    terms[:, 0], terms[:, 1] = finite, x
    x = terms[:, 1]
    np.multiply(x, x, out=terms[:, 2])
    if not bounds:
        return
    upper, lower = terms[:, 3], terms[:, 4]
    upper[...], lower[...] = bounds
    weight, weighted = terms[:, 5], terms[:, 6]
    np.add(upper, lower, out=weight)
    np.multiply(weight, weight, out=weight)
    # Errors of zero, which would weigh infinitely much, and unknown ones weigh nothing.
    usable = weight > 0
    if usable.all():
        np.divide(4.0, weight, out=weight)
    else:
        weight[...] = np.divide(4.0, weight, out=np.zeros_like(weight), where=usable)
    np.multiply(weight, x, out=weighted)
    for k, bound in ((7, upper), (8, lower)):
        np.multiply(weight, bound, out=terms[:, k])
        np.multiply(terms[:, k], terms[:, k], out=terms[:, k])
        np.multiply(bound, bound, out=bound)
        if not usable.all():
            terms[:, k][~usable] = 0


def _fill_mean(terms: np.ndarray, x: np.ndarray, other: np.ndarray) -> None:
    finite = np.isfinite(x) & np.isfinite(other)
    terms[:, 0], terms[:, 1] = finite, x if finite.all() else np.where(finite, x, 0)


def _fill_counts(terms: np.ndarray, counts: np.ndarray) -> None:
    terms[:, 0] = np.where(counts < MISSING, counts, 0)


def _add(
    fill: Callable[..., None], n_terms: int, members: Members, arrays: tuple[np.ndarray, ...]
) -> np.ndarray:
    """Sums over the members of each bin of the terms that `fill` writes, (bin, term, wl)."""
    n_wl = arrays[0].shape[1]
    result = np.zeros((members.n_bins, n_terms * n_wl))
    size = max(1, _BLOCK // (n_terms * n_wl))
    buffer = np.empty((size, n_terms, n_wl))
    for first in range(0, members.spectrum.size, size):
        spectrum = members.spectrum[first : first + size]
        place = members.place[first : first + size]
        terms = buffer[: spectrum.size]
        fill(terms, *(array[spectrum] for array in arrays))
        start = np.flatnonzero(np.diff(place, prepend=-1))
        ones = np.ones(spectrum.size)
        here = csr_array((ones, np.arange(spectrum.size), np.append(start, spectrum.size)))
        result[place[start]] += here @ terms.reshape(spectrum.size, -1)
    return result.reshape(members.n_bins, n_terms, n_wl)


def sums(members: Members, *arrays: np.ndarray) -> np.ndarray:
    """Sums over the members of each bin.

    Parameters
    ----------
    members : Members
    *arrays : ndarray, (spectrum, wl)
        The quantity, and either nothing or its upper and lower bounds.

    Returns
    -------
    ndarray of float, (bin, term, wl)
        What `finish` takes.
    """
    return _add(_fill, TERMS[len(arrays)], members, arrays)


def mean_sums(members: Members, x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number and sum of x where both it and another quantity are finite.

    Parameters
    ----------
    members : Members
    x, other : ndarray, (spectrum, wl)

    Returns
    -------
    ndarray of float, (bin, 2, wl)
    """
    return _add(_fill_mean, 2, members, (x, other))


def count_sums(members: Members, counts: np.ndarray) -> np.ndarray:
    """Counts of the members of each bin, missing values left out.

    Parameters
    ----------
    members : Members
    counts : ndarray, (spectrum, wl)

    Returns
    -------
    ndarray of int64, (bin, 1, wl)
    """
    # Sums of whole numbers in double precision are exact up to 2^53.
    return _add(_fill_counts, 1, members, (counts,)).astype(np.int64)


def finish(total: np.ndarray) -> np.ndarray:
    """Statistics from sums.

    Parameters
    ----------
    total : ndarray, (bin, term, wl)
        As `sums` gives them, added over all blocks.

    Returns
    -------
    ndarray, (1 + statistic, bin, wl)
        Number of finite values, then those named in `PLAIN` or `WITH_BOUNDS`. The standard error
        is the standard deviation (ddof 1) over c4(n) sqrt(n), and NaN like it for one value.
    """
    n, s, s2, *rest = np.moveaxis(total, 1, 0)
    result = np.empty((1 + len(WITH_BOUNDS if rest else PLAIN), *n.shape))
    some = np.where(n > 0, n, np.nan)
    factor = c4(np.arange(n.max(initial=0) + 1))[n.astype(int)]
    result[0], result[1] = n, s / some
    # Rounding may take the difference of equal values below zero.
    variance = np.maximum(s2 - s * result[1], 0.0) / np.where(n > 1, n - 1, np.nan)
    result[2] = np.sqrt(variance)
    result[3] = result[2] / (factor * np.sqrt(some))
    if rest:
        u2, l2, w, wx, w2u2, w2l2 = rest
        result[4], result[5] = np.sqrt(u2) / some, np.sqrt(l2) / some
        w = np.where(w > 0, w, np.nan)
        result[6], result[7], result[8] = wx / w, np.sqrt(w2u2) / w, np.sqrt(w2l2) / w
    return result


def c4(n: np.ndarray) -> np.ndarray:
    """Mean of the standard deviation of n normal values over the true one; NaN below two.

    sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2), by log-gamma so that large n do not
    overflow (Cramer 1946, Mathematical Methods of Statistics, 29.3).
    """
    n = np.where(np.asarray(n) > 1, n, np.nan)
    return np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))


def blockwise(
    function: Callable[..., np.ndarray], members: Members, arrays: list, n_terms: int, dtype: type
):
    """Add function(members, *blocks) over blocks of exposures: lazily if the arrays are dask's.

    Parameters
    ----------
    function : callable
        Takes some members and the arrays of their spectra (spectrum, wl); returns
        (bin, n_terms, wl).
    members : Members
        Of the spectra (pic, pixel), numbered in C order.
    arrays : list of arrays, (pic, pixel, wl)
        NumPy or dask.
    n_terms : int
    dtype : type
        Of the result.

    Returns
    -------
    array, (bin, n_terms, wl)
        Lazy where one of `arrays` is.
    """
    n_pixel = arrays[0].shape[1]
    lazy = [a for a in arrays if not isinstance(a, np.ndarray)]
    if not lazy:
        return function(members, *(a.reshape(-1, a.shape[2]) for a in arrays))

    import dask.array as da

    chunks = (lazy[0].chunks[0], (n_pixel,), lazy[0].chunks[2])
    arrays = [da.asarray(a).rechunk(chunks) for a in arrays]

    def block(*blocks: np.ndarray, block_info=None) -> np.ndarray:
        start, stop = block_info[0]["array-location"][0]
        here = members.within(start * n_pixel, stop * n_pixel)
        result = function(here, *(b.reshape(-1, b.shape[2]) for b in blocks))
        return result.reshape(1, members.n_bins * n_terms, -1)

    partial = da.map_blocks(
        block,
        *arrays,
        chunks=((1,) * len(chunks[0]), (members.n_bins * n_terms,), chunks[2]),
        dtype=dtype,
        meta=np.empty((0, 0, 0), dtype),
    )
    return partial.sum(axis=0).reshape(members.n_bins, n_terms, arrays[0].shape[2])
