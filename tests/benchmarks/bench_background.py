"""The gap histogram of 5,400 spectra, and how well the estimator does on simulated spectra."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from timing import compare

from uvisxr.numerics import zero_runs

SECONDS = 240.0


def by_element(hits: np.ndarray) -> np.ndarray:
    """A loop over spectra and their runs, in Python."""
    result = np.zeros(hits.shape[1] + 1, int)
    for row in hits:
        for hit, group in groupby(row):
            if not hit:
                result[sum(1 for _ in group)] += 1
    return result


def by_spectrum(hits: np.ndarray) -> np.ndarray:
    """One spectrum at a time, runs by differences and a histogram each, as Cassini-UPyP has it.

    Rather less work than the package's: it also tests for spectra all of zeros or without any, and
    mends the two ends one by one.
    """
    result = np.zeros(hits.shape[1] + 1)
    for row in hits:
        zero = np.array(row, int) == 0
        change = np.diff(np.r_[False, zero, False].astype(int))
        runs = np.where(change < 0)[0] - np.where(change > 0)[0]
        result += np.bincount(runs, minlength=result.size)
    return result.astype(int)


def at_once(hits: np.ndarray) -> np.ndarray:
    """The edges of all runs of all spectra by one difference."""
    padded = np.pad(hits, ((0, 0), (1, 1)), constant_values=True)
    place = np.flatnonzero(padded)
    runs = np.diff(place) - 1
    return np.bincount(runs[runs > 0], minlength=hits.shape[1] + 1)


def coverage() -> None:
    """Bias and coverage of one standard error, 300 sets of spectra of 240 s each."""
    print("   rate    elements spectra    bias   covered   scatter of the estimate")
    rng = np.random.default_rng(1)
    for rate in (1e-4, 4e-4, 1e-3, 3e-3):
        p = -np.expm1(-rate * SECONDS)
        for size, n in ((450, 40), (1024, 40), (450, 400), (1024, 400), (450, 4000), (1024, 4000)):
            scale = np.full(n, SECONDS)
            found = []
            for _ in range(300):
                # The gaps between hits of independent elements are geometric: as good as drawing
                # each element, and quicker.
                total = n * size
                expected = int(total * p + 8 * np.sqrt(total * p) + 20)
                position = np.cumsum(rng.geometric(p, expected)) - 1
                hits = np.zeros(total, bool)
                hits[position[position < total]] = True
                found.append(zero_runs.fit(hits.reshape(n, size), scale))
            level, error = np.array(found).T
            covered = np.mean(np.abs(level - rate) <= error)
            print(
                f"{rate:8.0e} {size:8d} {n:8d} {100 * (level.mean() / rate - 1):+8.2f} % "
                f"{100 * covered:6.1f} % {100 * level.std() / rate:8.2f} %"
            )


def main() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random((5400, 1024)) < -np.expm1(-4e-4 * SECONDS)
    expected = by_element(hits)
    np.testing.assert_array_equal(by_spectrum(hits), expected)
    np.testing.assert_array_equal(zero_runs.Runs(hits).histogram()[0, 1:], expected[1:])
    np.testing.assert_array_equal(at_once(hits), expected)
    compare(
        "gaps between counts in 5,400x1,024 elements, histogram",
        lambda: at_once(hits),
        lambda: zero_runs.Runs(hits).histogram(),
        seed=lambda: by_spectrum(hits),
    )
    coverage()
