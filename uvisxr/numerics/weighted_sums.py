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

For equal weights they are Garwood's. The gamma distribution of a weighted sum is that of [D91]_ and
[FF97]_, who take the largest weight for s0 and cover too much where weights are uneven.

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

from .poisson import TAIL

#: The table of half-widths goes up to this number of counts, in equal steps of its root.
_MOST, _STEPS = 1e4, 4096


@lru_cache
def _table(dtype: np.dtype[np.floating[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower half-widths of N counts, not whole, at equal steps of sqrt(N)."""
    n = np.linspace(0.0, np.sqrt(_MOST), _STEPS + 1) ** 2
    upper = gammaincinv(n + 1, 1 - TAIL) - n
    lower = n - gammaincinv(np.maximum(n, 1e-300), TAIL)
    lower[0] = 0.0
    tables = upper.astype(dtype), lower.astype(dtype)
    for table in tables:
        table.setflags(write=False)
    return tables


def gamma_half_widths(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower 1-sigma half-widths of n counts, n any number from 0 on.

    Parameters
    ----------
    n : ndarray of float32 or float64
        NaN where unknown.

    Returns
    -------
    upper, lower : ndarray of the shape and type of `n`
        Garwood's for whole numbers, to 2e-4 of a count or 2e-6 of the root of n.
    """
    shape, n = n.shape, n.reshape(-1)
    place = np.sqrt(n)
    place *= _STEPS / np.sqrt(_MOST)
    # NaN compare as False, and any index serves them.
    inside = place < _STEPS
    everywhere = inside.all()
    below = (place if everywhere else np.where(inside, place, 0)).astype(np.int32)
    place -= below
    found = []
    for table in _table(n.dtype):
        first = table.take(below, mode="clip")
        second = table.take(below + 1, mode="clip")
        second -= first
        second *= place
        second += first
        found.append(second)
    if not everywhere:
        # Wilson and Hilferty's cubes: 2e-6 of a standard deviation off at ten thousand counts.
        beyond = ~inside
        m = n[beyond].astype(float)
        found[0][beyond] = _wilson_hilferty(m + 1, 1.0) - m
        found[1][beyond] = m - _wilson_hilferty(m, -1.0)
    return found[0].reshape(shape), found[1].reshape(shape)


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
    upper *= scale
    lower *= scale
    return upper, lower
