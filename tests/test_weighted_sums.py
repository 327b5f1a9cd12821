"""Bounds of weighted sums of counts: closed forms, laws, and Monte Carlo with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from uvisxr.numerics.poisson import TAIL, garwood_bounds
from uvisxr.numerics.weighted_sums import bounds, gamma_half_widths


def test_whole_counts_have_garwoods_half_widths():
    counts = np.array([0, 1, 2, 7, 40, 128, 9_999, 10_001, 65_535], float)
    lower, upper = garwood_bounds(counts)
    found = gamma_half_widths(counts)
    np.testing.assert_allclose(found[0], upper - counts, atol=2e-4, rtol=3e-6)
    np.testing.assert_allclose(found[1], counts - lower, atol=2e-4, rtol=3e-6)


@given(st.floats(1e-6, 1e6))
def test_parts_of_counts_lie_on_the_gamma_distribution(n: float):
    upper, lower = gamma_half_widths(np.array([n]))
    assert upper[0] == pytest.approx(chi2.isf(TAIL, 2 * n + 2) / 2 - n, abs=2e-4 + 1e-5 * n**0.5)
    assert lower[0] == pytest.approx(n - chi2.ppf(TAIL, 2 * n) / 2, abs=2e-4 + 1e-5 * n**0.5)


@given(st.integers(0, 1000), st.integers(1, 50), st.floats(1e-3, 1e3))
def test_equal_weights_are_one_sum_of_counts(total: int, n: int, w: float):
    """However the counts are spread over elements of one weight, the sum is Poisson too."""
    y, v, s0 = w * total, w * w * total, n * w * w / (n * w)
    upper, lower = bounds(np.array([y]), np.array([v]), np.array([s0]))
    ends = garwood_bounds(total)
    assert upper[0] == pytest.approx(w * (ends[1] - total), rel=2e-4)
    assert lower[0] == pytest.approx(w * (total - ends[0]), rel=2e-4, abs=2e-4 * w)


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
