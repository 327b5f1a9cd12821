"""Errors of weighted sums of photon counts.

Everything that is published from counts is a weighted sum of them: an element (one count), a filled
one (its neighbours), a smoothed one, an integral, the mean of a bin, the integral of a bin. With
weights w on independent counts c that have further variances q (the on-board rounding)

    y = sum w c,    v = sum w^2 (c + q),    s0 = sum w^2 / sum w,

`y` is the sum, `v` estimates its variance and `s0` is the scale of one more count. All four sums,
sum w and sum w^2 included, add up when sums are added with further weights (`Sums.combined`), so
that they can be carried through any chain of linear steps, where half-widths cannot: those of
empty elements (1.84 counts up, none down) would add up to bounds many times too wide.

The bounds are those of N = y / s counts of the scale s = (v + s0^2) / (y + s0):

    lower half-width = s (N - chi2.ppf(a / 2, 2 N) / 2),
    upper half-width = s (chi2.ppf(1 - a / 2, 2 N + 2) / 2 - N).

Conversely, bounds tell N and s, hence y = N s and v = s y, so that steps which only find bounds go
on from these (`counted`), with s in place of s0.

For equal weights the bounds are Garwood's. The gamma distribution of a weighted sum is that of
[D91]_ and [FF97]_, who take the largest weight for s0 and cover too much where weights are uneven.

References
----------
.. [D91] Dobson, A. J., Kuulasmaa, K., Eberle, E., Scherer, J. 1991, Confidence intervals for
   weighted sums of Poisson parameters, Statistics in Medicine 10, 457-462.
.. [FF97] Fay, M. P., Feuer, E. J. 1997, Confidence intervals for directly standardized rates: a
   method based on the gamma distribution, Statistics in Medicine 16, 791-801.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import gammaincinv

from .poisson import TAIL, Interval

#: The table of half-widths goes up to this number of counts, in equal steps of its root.
_MOST, _STEPS = 1e4, 2**15

#: Steps of the ratio of the half-widths, 0 to 1, in the table of their inverse.
_RATIOS = 2**14


def _frozen(*tables: np.ndarray, dtype: np.dtype[np.floating[Any]]) -> tuple[np.ndarray, ...]:
    typed = tuple(table.astype(dtype) for table in tables)
    for table in typed:
        table.setflags(write=False)
    return typed


@lru_cache
def _table(dtype: np.dtype[np.floating[Any]]) -> tuple[np.ndarray, ...]:
    """Upper and lower half-widths of N counts, in the middle of equal steps of sqrt(N)."""
    n = ((np.arange(_STEPS) + 0.5) * (np.sqrt(_MOST) / _STEPS)) ** 2
    # No count at all is the one number that is often met exactly.
    n[0] = 0.0
    return _frozen(*_exact(n), dtype=dtype)


def _exact(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return gammaincinv(n + 1, 1 - TAIL) - n, n - gammaincinv(np.maximum(n, 1e-300), TAIL) * (n > 0)


@lru_cache
def steps_of_counts() -> tuple[np.ndarray, float]:
    """What `gamma_half_widths` looks up.

    Returns
    -------
    table : ndarray of float32, (2, step)
        Upper and lower half-widths.
    steps : float
        To a unit of the root of the number of counts.
    """
    return np.stack(_table(np.dtype(np.float32))), float(_STEPS / np.sqrt(_MOST))


def gamma_half_widths(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower 1-sigma half-widths of n counts, n any number from 0 on.

    Parameters
    ----------
    n : ndarray of float32 or float64
        What is NaN gives any value.

    Returns
    -------
    upper, lower : ndarray of the shape and type of `n`
        Garwood's for whole numbers, to 1e-3 of themselves.
    """
    # numpy makes scalars of arrays without dimensions, and no item of these can be set.
    flat = np.reshape(n, -1)
    place = np.sqrt(flat)
    place *= _STEPS / np.sqrt(_MOST)
    with np.errstate(invalid="ignore"):
        index = place.astype(np.intp)
    upper, lower = (table.take(index, mode="clip") for table in _table(flat.dtype))
    beyond = place >= _STEPS
    if beyond.any():
        # Wilson and Hilferty's cubes: 2e-6 of a standard deviation off at ten thousand counts.
        m = flat[beyond].astype(float)
        upper[beyond] = _wilson_hilferty(m + 1, 1.0) - m
        lower[beyond] = m - _wilson_hilferty(m, -1.0)
    return upper.reshape(n.shape), lower.reshape(n.shape)


def _wilson_hilferty(shape: np.ndarray, z: float) -> np.ndarray:
    """Quantile of a gamma distribution at z standard deviations of the normal one."""
    return np.asarray(shape * (1 - 1 / (9 * shape) + z / (3 * np.sqrt(shape))) ** 3)


def bounds(y: np.ndarray, v: np.ndarray, s0: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower 1-sigma half-widths of weighted sums of counts.

    Parameters
    ----------
    y : ndarray
        The sum of all that was counted, the background included; not negative.
    v : ndarray
        Its variance as estimated from the counts.
    s0 : ndarray
        Scale of one more count, sum w^2 / sum w.

    Returns
    -------
    upper, lower : ndarray
        In the unit of `y`; NaN where an argument is, or no weight is left.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.asarray((v + s0 * s0) / (y + s0))
        upper, lower = gamma_half_widths(np.asarray(y / scale))
    # A scale that is not known makes them NaN.
    return np.asarray(upper * scale), np.asarray(lower * scale)


@lru_cache
def _inverse(dtype: np.dtype[np.floating[Any]]) -> tuple[np.ndarray, ...]:
    """N / u and 1 / u of N counts of upper half-width u, at equal steps of lower / upper."""
    n = np.concatenate([np.linspace(0, 10, 20001), np.logspace(1, 9, 20001)[1:]])
    few = n < _MOST
    cubes = _wilson_hilferty(n + 1, 1.0) - n, n - _wilson_hilferty(np.maximum(n, 1), -1.0)
    upper, lower = (np.where(few, a, b) for a, b in zip(_exact(n), cubes, strict=True))
    ratio = np.arange(_RATIOS) / _RATIOS
    found = (np.interp(ratio, lower / upper, a) for a in (n / upper, 1 / upper))
    return _frozen(*found, dtype=dtype)


@lru_cache
def steps_of_ratios() -> np.ndarray:
    """What `counted` looks up, in single precision: (step, 2), N / u and 1 / u side by side."""
    return np.stack(_inverse(np.dtype(np.float32)), axis=-1)


def counted(
    upper: np.ndarray, lower: np.ndarray, interval: Interval = "garwood"
) -> tuple[np.ndarray, np.ndarray]:
    """What was counted, and its scale, that give these bounds: the inverse of `bounds`.

    Parameters
    ----------
    upper, lower : ndarray of float32 or float64
        Half-widths in any unit.
    interval : {"garwood", "score"}
        That of the half-widths; "score" for single counts only.

    Returns
    -------
    y, s : ndarray
        N s and s, in that unit: N counts of the scale s have these bounds, and the variance s y.
        The ratio of the bounds tells N, to 1e-4 of itself near N = 1 and 0.01 at N = 1e4; s y is
        right to 1e-4 everywhere.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if interval == "score":
            scale = np.asarray(upper - lower)
            return np.asarray(upper * lower / scale), scale
        place = np.asarray(lower / upper)
        place *= _RATIOS
        # NaN become any index and are NaN again as they meet `upper`.
        index = place.astype(np.intp)
    y, s = (table.take(index, mode="clip") for table in _inverse(upper.dtype))
    y *= upper
    s *= upper
    return y, s


def without(bound: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is left of errors without another one that they hold too, in quadrature."""
    part = np.asarray(np.square(bound))
    part -= np.square(other)
    return np.asarray(np.sqrt(np.maximum(part, 0, out=part), out=part))


def calibration_part(
    systematic: np.ndarray, background: np.ndarray | None, value: np.ndarray
) -> np.ndarray:
    """The part of systematic errors that goes as the value, with its sign.

    The error of a calibration is a factor that all values share: what noise takes below zero must
    take as much off the error of a sum. The error of the background has one sign everywhere.
    """
    rest = systematic if background is None else without(systematic, background)
    return np.asarray(np.copysign(rest, value))
