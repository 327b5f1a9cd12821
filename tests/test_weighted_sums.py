"""Bounds of weighted sums of counts: closed forms, laws, and Monte Carlo with known truth."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from uvisxr.numerics.poisson import TAIL, Interval, garwood_bounds, half_widths
from uvisxr.numerics.weighted_sums import bounds, counted, gamma_half_widths, without


def test_whole_counts_have_garwoods_half_widths():
    counts = np.array([0, 1, 2, 7, 40, 128, 9_999, 10_001, 65_535], float)
    lower, upper = garwood_bounds(counts)
    found = gamma_half_widths(counts)
    np.testing.assert_allclose(found[0], upper - counts, rtol=1e-3)
    np.testing.assert_allclose(found[1], counts - lower, rtol=2e-3)
    # Above the table's end.
    np.testing.assert_allclose(found[0][-2:], (upper - counts)[-2:], rtol=3e-6)


@given(st.floats(1e-6, 1e6))
def test_parts_of_counts_lie_on_the_gamma_distribution(n: float):
    upper, lower = gamma_half_widths(np.array([n]))
    assert upper[0] == pytest.approx(chi2.isf(TAIL, 2 * n + 2) / 2 - n, rel=1e-3)
    assert lower[0] == pytest.approx(n - chi2.ppf(TAIL, 2 * n) / 2, rel=1e-3, abs=2e-3)


@given(st.integers(0, 1000), st.integers(1, 50), st.floats(1e-3, 1e3))
def test_equal_weights_are_one_sum_of_counts(total: int, n: int, w: float):
    """However the counts are spread over elements of one weight, the sum is Poisson too."""
    y, v, s0 = w * total, w * w * total, n * w * w / (n * w)
    upper, lower = bounds(np.array([y]), np.array([v]), np.array([s0]))
    ends = garwood_bounds(total)
    assert upper[0] == pytest.approx(w * (ends[1] - total), rel=1e-3)
    assert lower[0] == pytest.approx(w * (total - ends[0]), rel=2e-3)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(0.1, 10)), min_size=1, max_size=20),
    st.floats(1e-3, 1e3),
)
def test_bounds_scale_with_the_unit(elements, factor: float):
    c, w = np.array(elements, float).T
    sums = [np.array([s]) for s in (w @ c, w * w @ c, (w * w).sum() / w.sum())]
    one = bounds(*sums)
    other = bounds(sums[0] * factor, sums[1] * factor**2, sums[2] * factor)
    np.testing.assert_allclose(other, np.multiply(one, factor), rtol=1e-9)


@pytest.mark.parametrize("interval", get_args(Interval))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bounds_tell_the_counts_behind_them(interval, dtype):
    counts = np.array([0, 1, 2, 5, 20, 100, 1000, 60_000])
    upper, lower = ((0.7 * a).astype(dtype) for a in half_widths(counts, interval))
    y, s = counted(upper, lower, interval)
    assert y.dtype == s.dtype == dtype
    np.testing.assert_allclose(y, 0.7 * counts, rtol=0.01)
    np.testing.assert_allclose(y[:5], 0.7 * counts[:5], rtol=1e-3)
    np.testing.assert_allclose(s, 0.7, rtol=0.01)
    np.testing.assert_allclose(s * y, 0.49 * counts, rtol=2e-3)


@given(st.floats(1e-3, 1e5), st.floats(1e-6, 1e6))
def test_bounds_of_parts_of_counts_tell_them_too(n: float, scale: float):
    both = bounds(np.array([n * scale]), np.array([n * scale**2]), np.array([scale]))
    y, s = counted(*both)
    # To the steps of the two tables at few counts.
    assert y[0] / scale == pytest.approx(n, rel=0.02, abs=0.01)
    assert s[0] * y[0] / scale**2 == pytest.approx(n, rel=0.01, abs=0.01)


def test_bounds_that_are_not_known_tell_nothing():
    y, s = counted(np.array([np.nan, 0.0]), np.array([np.nan, 0.0]))
    assert np.isnan([y[0], s[0]]).all()
    np.testing.assert_array_equal([y[1], s[1]], 0)


def test_statistical_part_of_bounds_that_hold_another():
    both = np.hypot([3.0, 1.0], [4.0, 2.0])
    np.testing.assert_allclose(without(both, np.array([4.0, 2.0])), [3, 1])
    np.testing.assert_array_equal(without(np.array([1.0]), np.array([1.5])), 0)


def test_nothing_known_has_no_bounds():
    upper, lower = bounds(np.array([np.nan, 1.0]), np.array([1.0, 1.0]), np.array([1.0, np.nan]))
    assert np.isnan(upper).all() and np.isnan(lower).all()


def test_an_empty_sum_may_have_missed_a_count():
    """No count at all: nothing below, and the first 1.84 counts of the usual scale above."""
    upper, lower = bounds(np.array([0.0]), np.array([0.0]), np.array([0.5]))
    assert upper[0] == pytest.approx(0.5 * 1.8410, rel=1e-4)
    assert lower[0] == 0.0


@pytest.mark.parametrize("total", [10, 100, 1000])
@pytest.mark.parametrize("weights", ["equal", "log-normal 0.5", "log-normal 1", "1 to 8"])
def test_coverage(total: int, weights: str):
    """68 % of trials, whatever the weights, from ten expected counts in all."""
    rng = np.random.default_rng(5)
    n, trials = 200, 4000
    w = {
        "equal": np.ones(n),
        "log-normal 0.5": np.exp(0.5 * rng.normal(size=n)),
        "log-normal 1": np.exp(rng.normal(size=n)),
        "1 to 8": np.linspace(1, 8, n),
    }[weights]
    counts = rng.poisson(total / n, (trials, n))
    y, v, s0 = counts @ w, counts @ (w * w), (w * w).sum() / w.sum()
    upper, lower = bounds(y, v, np.full(trials, s0))
    truth = total / n * w.sum()
    within = np.mean((truth >= y - lower) & (truth <= y + upper))
    assert 0.64 < within < 0.78
    pull = (y - truth) / np.where(truth > y, upper, lower)
    assert 0.85 < pull.std() < 1.10
