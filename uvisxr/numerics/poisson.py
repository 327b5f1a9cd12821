"""Uncertainty of photon counts: confidence intervals of a Poisson mean, and the on-board rounding.

All bounds are 1-sigma half-widths: the distance from the count to the ends of the central interval
of confidence erf(1/sqrt 2) = 0.682689..., so that each tail holds 0.158655.

Counts are 16-bit integers, so each function is a table of 65,536 entries, computed once with scipy
and then looked up.

References
----------
.. [G36] Garwood, F. 1936, Fiducial limits for the Poisson distribution, Biometrika 28, 437-442.
.. [B14] Barker, L. 2002, A comparison of nine confidence intervals for a Poisson parameter when the
   expected number of events is at most 5, The American Statistician 56, 85-89: the score interval.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import chdtri, gammaincinv, ndtr

from .. import checks
from ..errors import ArgumentError

#: Raw value of an element that was not transmitted (CORE_NULL = -1 read as unsigned).
MISSING = 65535

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
        0..65535, any shape.
    interval : {"garwood", "score"}

    Returns
    -------
    upper, lower : ndarray of float64, the shape of `counts`

    Raises
    ------
    ArgumentError
        Unknown interval, or values that are not 16-bit counts.
    """
    upper, lower = tables(interval)
    index = as_counts(counts)
    return upper[index], lower[index]


def as_counts(values: np.ndarray) -> np.ndarray:
    """Convert values to uint16 counts, with NaN as the missing value 65535.

    NetCDF readers turn integers that have a fill value into floats; this turns them back.

    Raises
    ------
    ArgumentError
        A value is negative, above 65535, or not whole.
    """
    values = np.asarray(values)
    if values.dtype == np.uint16:
        return values
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), MISSING, values)
    if values.size and not (values.min() >= 0 and values.max() <= MISSING):
        raise ArgumentError(
            "counts lie outside 0..65535: keep `counts` as the instrument gave them"
        )
    counts = values.astype(np.uint16)
    if values.dtype.kind == "f" and not np.array_equal(counts, values):
        raise ArgumentError(
            "counts are not whole numbers: keep `counts` as the instrument gave them, "
            "and average radiances instead"
        )
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


@lru_cache
def variance_tables(
    interval: Interval = "garwood", quantization: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Squared half-widths of the counts 0..65535, count**2.

    Parameters
    ----------
    interval : {"garwood", "score"}
    quantization : bool
        Add the variance spacing**2 / 12 of the SQRT_9 lattice.

    Returns
    -------
    upper, lower : read-only ndarray of float64, (65536,)
    """
    rounding = quantization_spacing() ** 2 / 12 if quantization else 0.0
    upper, lower = tables(interval)
    return _frozen(upper**2 + rounding), _frozen(lower**2 + rounding)


@lru_cache
def error_tables(
    interval: Interval = "garwood", quantization: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Half-widths of the counts 0..65535, the rounding on board included: see `variance_tables`.

    Returns
    -------
    upper, lower : read-only ndarray of float64, (65536,)
    """
    upper, lower = (np.sqrt(table) for table in variance_tables(interval, quantization))
    return _frozen(upper), _frozen(lower)


@lru_cache
def count_variance(quantization: bool = False) -> np.ndarray:
    """Variance of the counts 0..65535 as estimated from the count itself, count**2.

    Parameters
    ----------
    quantization : bool
        Add the variance spacing**2 / 12 of the SQRT_9 lattice.

    Returns
    -------
    read-only ndarray of float32, (65536,)
        For sums of counts: a single count has the bounds of `tables`.
    """
    rounding = quantization_spacing() ** 2 / 12 if quantization else 0.0
    return _frozen((np.arange(_N) + rounding).astype(np.float32))
