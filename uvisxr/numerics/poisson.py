"""Uncertainty of photon counts: confidence intervals of a Poisson mean, and the on-board rounding.

All bounds are 1-sigma half-widths: the distance from the count to the ends of the central interval
of confidence erf(1/sqrt 2) = 0.682689..., so that each tail holds 0.158655.

Counts from the instrument are 16-bit integers, so each function is a table of 65,536 entries,
computed once with scipy and then looked up. Sums of elements (`uvisxr.rebin`) are 32-bit integers;
those beyond the tables are rare, and computed one by one.

References
----------
.. [G36] Garwood, F. 1936, Fiducial limits for the Poisson distribution, Biometrika 28, 437-442.
.. [B14] Barker, L. 2002, A comparison of nine confidence intervals for a Poisson parameter when the
   expected number of events is at most 5, The American Statistician 56, 85-89: the score interval.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy.special import chdtri, gammaincinv, ndtr

from .. import checks
from ..errors import ArgumentError
from .constants import MISSING, MISSING_SUM

#: Counts up to here are sent as they are, by the SQRT_9 compression too.
_EXACT = 128

#: Probability in each tail of a 1-sigma interval.
TAIL = float(ndtr(-1.0))

#: Confidence intervals of a Poisson mean.
Interval = Literal["garwood", "score"]

_N = 65536


def garwood_bounds(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the Garwood interval [G36]_, whose coverage is at least the nominal 68.27 %.

    lower = chi2.ppf(TAIL, 2 c) / 2 (0 for no count), upper = chi2.ppf(1 - TAIL, 2 c + 2) / 2.

    Parameters
    ----------
    counts : array_like of non-negative numbers

    Returns
    -------
    lower, upper : ndarray of float64, the shape of `counts`
    """
    counts = np.asarray(counts, float)
    upper = chdtri(2 * counts + 2, TAIL) / 2
    lower = np.where(counts > 0, gammaincinv(np.maximum(counts, 1), TAIL), 0.0)
    return lower, upper


def score_bounds(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the score (Wilson-like) interval, the roots m of (c - m)**2 = m [B14]_.

    Shorter than Garwood's; its coverage is 68.27 % when averaged over the mean.

    Parameters
    ----------
    counts : array_like of non-negative numbers

    Returns
    -------
    lower, upper : ndarray of float64, the shape of `counts`
    """
    counts = np.asarray(counts, float)
    half = np.sqrt(counts + 0.25)
    return counts + 0.5 - half, counts + 0.5 + half


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


@lru_cache
def tables(interval: Interval = "garwood") -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower half-widths of the counts 0..65535.

    Parameters
    ----------
    interval : {"garwood", "score"}

    Returns
    -------
    upper, lower : read-only ndarray of float64, (65536,)

    Raises
    ------
    ArgumentError
        The interval has another name.
    """
    checks.choice("interval", interval, Interval)
    counts = np.arange(_N, dtype=float)
    lower, upper = (garwood_bounds if interval == "garwood" else score_bounds)(counts)
    return _frozen(upper - counts), _frozen(counts - lower)


def half_widths(
    counts: np.ndarray, interval: Interval = "garwood"
) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower 1-sigma half-widths of Poisson counts.

    Parameters
    ----------
    counts : array_like of int
        Any shape.
    interval : {"garwood", "score"}

    Returns
    -------
    upper, lower : ndarray of float64, the shape of `counts`

    Raises
    ------
    ArgumentError
        Unknown interval, or values that are no counts.
    """
    return count_errors(as_counts(counts), interval)


def missing(counts: Any) -> Any:
    """Elements that were not transmitted.

    Parameters
    ----------
    counts : ndarray, Variable or DataArray
        65535 in 16 bits, 4294967295 in 32 bits; NaN and either of these in other types.

    Returns
    -------
    As `counts`, of bool; lazy where that is.
    """
    if counts.dtype == np.uint16:
        return counts == MISSING
    if counts.dtype == np.uint32:
        return counts == MISSING_SUM
    either = (counts == MISSING) | (counts == MISSING_SUM)
    # NaN alone is not itself.
    return either | (counts != counts) if counts.dtype.kind == "f" else either


def any_missing(counts: np.ndarray) -> bool:
    """Whether elements were not transmitted, as `missing` has them."""
    if counts.dtype in (np.uint16, np.uint32):
        # A quarter of the time of a comparison of each.
        return bool(counts.max(initial=0) == gap(counts.dtype))
    return bool(missing(counts).any())


def gap(dtype: np.dtype[Any]) -> int:
    """What stands for an element that was not transmitted, among counts of a type."""
    return MISSING_SUM if dtype == np.uint32 else MISSING


def as_counts(values: np.ndarray, binned: bool = False) -> np.ndarray:
    """Convert values to uint16 counts or, if some are larger, to uint32; see `missing`.

    NetCDF readers turn integers that have a fill value into floats; this turns them back.

    Parameters
    ----------
    values : ndarray
    binned : bool
        They are sums over the members of bins, of which none is missing: any number counts.

    Raises
    ------
    ArgumentError
        A value is negative, above 4294967295, or not whole.
    """
    values = np.asarray(values)
    if values.dtype in (np.uint16, np.uint32):
        return values
    lost = values != values if binned else missing(values)
    known = np.where(lost, 0, values)
    most = known.max(initial=0)
    if not (known.min(initial=0) >= 0 and most < MISSING_SUM):
        raise ArgumentError(
            "counts are negative, or beyond 32 bits: keep `counts` as the instrument gave them"
        )
    counts = known.astype(np.uint16 if most < MISSING else np.uint32)
    if values.dtype.kind == "f" and not np.array_equal(counts, known):
        raise ArgumentError(
            "counts are not whole numbers: keep `counts` as the instrument gave them, "
            "and average radiances instead"
        )
    counts[lost] = gap(counts.dtype)
    return counts


@lru_cache
def quantization_spacing() -> np.ndarray:
    """Width of the range of counts that SQRT_9 compression maps to each count.

    The instrument sends square roots; counts above 128 come back only as floor(k**2 / 2), k > 16.
    Each count comes back as the nearest such value, so the width is half the distance between its
    two neighbours, about k.

    Returns
    -------
    read-only ndarray of float64, (65536,)
        0 for counts up to 128, which are sent unchanged, and for counts off the lattice.
    """
    k = np.arange(16, 364)
    lattice = k**2 // 2
    spacing = np.zeros(_N)
    spacing[lattice[1:-1]] = (lattice[2:] - lattice[:-2]) / 2
    return _frozen(spacing)


def rounding_variance(counts: np.ndarray, summed: int) -> np.ndarray:
    """Variance of sums of several counts by the SQRT_9 compression of each, count**2.

    A count above 128 lies on floor(k**2 / 2), whose spacing k gives it the variance
    k**2 / 12 = count / 6: so has a sum of such counts. Which of them were above is not known any
    more; here they are taken as equal.

    Parameters
    ----------
    counts : ndarray
        The sums.
    summed : int
        Number of counts in each.
    """
    return np.where(counts > _EXACT * summed, counts / 6, 0.0)


@lru_cache
def _rounding(quantization: bool, summed: int) -> np.ndarray | float:
    """Variance of the counts 0..65535 by the compression; see `variance_tables`."""
    if not quantization:
        return 0.0
    if summed == 1:
        return _frozen(quantization_spacing() ** 2 / 12)
    return _frozen(rounding_variance(np.arange(_N), summed))


@lru_cache
def variance_tables(
    interval: Interval = "garwood", quantization: bool = False, summed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Squared half-widths of the counts 0..65535, count**2.

    Parameters
    ----------
    interval : {"garwood", "score"}
    quantization : bool
        Add the variance spacing**2 / 12 of the SQRT_9 lattice.
    summed : int
        Number of transmitted counts in each: see `rounding_variance`.

    Returns
    -------
    upper, lower : read-only ndarray of float64, (65536,)
    """
    rounding = _rounding(quantization, summed)
    upper, lower = tables(interval)
    return _frozen(upper**2 + rounding), _frozen(lower**2 + rounding)


@lru_cache
def _error_tables(
    interval: Interval, quantization: bool, summed: int
) -> tuple[np.ndarray, np.ndarray]:
    upper, lower = (np.sqrt(table) for table in variance_tables(interval, quantization, summed))
    return _frozen(upper), _frozen(lower)


@lru_cache
def _count_variances(quantization: bool, summed: int) -> np.ndarray:
    return _frozen((np.arange(_N) + _rounding(quantization, summed)).astype(np.float32))


@lru_cache
def single_tables(
    interval: Interval = "garwood", quantization: bool = False, summed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """What `count_errors` and `count_variance` look up, for the counts 0..65535.

    Returns
    -------
    errors : read-only ndarray of float64, (2, 65536)
        Upper and lower half-widths.
    variance : read-only ndarray of float32, (65536,)
    """
    errors = np.stack(_error_tables(interval, quantization, summed))
    return _frozen(errors), _count_variances(quantization, summed)


def count_errors(
    counts: np.ndarray,
    interval: Interval = "garwood",
    quantization: bool = False,
    summed: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Half-widths of counts, the rounding on board included.

    Parameters
    ----------
    counts : ndarray of uint16 or uint32
        As `as_counts` gives them; of missing ones the result means nothing.
    interval, quantization, summed
        As in `variance_tables`.

    Returns
    -------
    upper, lower : ndarray of float64, the shape of `counts`
    """
    tables = _error_tables(interval, quantization, summed)
    upper, lower = (table.take(counts, mode="clip") for table in tables)
    large = _beyond(counts)
    if large.size:
        values = counts.flat[large].astype(float)
        bounds = (garwood_bounds if interval == "garwood" else score_bounds)(values)
        rounding = rounding_variance(values, summed) if quantization else 0.0
        lower.flat[large] = np.sqrt((values - bounds[0]) ** 2 + rounding)
        upper.flat[large] = np.sqrt((bounds[1] - values) ** 2 + rounding)
    return upper, lower


def count_variance(counts: np.ndarray, quantization: bool = False, summed: int = 1) -> np.ndarray:
    """Variance of counts as estimated from the count itself, count**2.

    For sums of counts: a single count has the bounds of `tables`.

    Parameters
    ----------
    counts : ndarray of uint16 or uint32
        As `as_counts` gives them; of missing ones the result means nothing.
    quantization, summed
        As in `variance_tables`.

    Returns
    -------
    ndarray of float32, the shape of `counts`
    """
    variance: np.ndarray = _count_variances(quantization, summed).take(counts, mode="clip")
    large = _beyond(counts)
    if large.size:
        values = counts.flat[large].astype(float)
        rounding = rounding_variance(values, summed) if quantization else 0.0
        variance.flat[large] = values + rounding
    return variance


def _beyond(counts: np.ndarray) -> np.ndarray:
    """Positions, in the flat array, of counts beyond the tables."""
    if counts.dtype.itemsize <= 2:
        return np.empty(0, int)
    return np.flatnonzero((counts >= MISSING) & ~missing(counts))
