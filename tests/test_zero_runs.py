"""The gap estimator against brute force, closed forms and simulated spectra."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from helpers.slow import rest_slow
from hypothesis import given, settings
from hypothesis import strategies as st

from uvisxr.numerics import zero_runs

SECONDS = 240.0


def runs_by_hand(row: np.ndarray) -> list[int]:
    return [len(list(group)) for hit, group in groupby(row) if not hit]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 40), st.floats(0, 1))
def test_histogram_equals_counting_by_hand(seed, n, size, p):
    hits = np.random.default_rng(seed).random((n, size)) < p
    expected = np.zeros(size + 1, int)
    for row in hits:
        for length in runs_by_hand(row):
            expected[length] += 1
    found = zero_runs.Runs(hits).histogram()[0]
    np.testing.assert_array_equal(found[1:], expected[1:])
    # One stretch more than counts in each spectrum, and together they cover every zero.
    assert found.sum() == hits.sum() + n
    assert found @ np.arange(size + 1) == (~hits).sum()


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0, 1))
def test_histograms_of_groups_and_sums_over_spectra(seed, size, p):
    rng = np.random.default_rng(seed)
    hits, group = rng.random((9, size)) < p, np.arange(9) % 2
    found = zero_runs.Runs(hits)
    for k in range(2):
        alone = zero_runs.Runs(hits[group == k]).histogram()
        np.testing.assert_array_equal(found.histogram(group, 2)[k], alone[0])
    weight = rng.random((2, size + 1))
    weight[:, 0] = 0
    expected = [
        sum(weight[k, x] for x in runs_by_hand(row)) for k, row in zip(group, hits, strict=True)
    ]
    np.testing.assert_allclose(found.sums(weight, group), expected, rtol=1e-12, atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_longest_run_of_each_spectrum(seed, p):
    hits = np.random.default_rng(seed).random((7, 30)) < p
    expected = [max(runs_by_hand(row), default=0) for row in hits]
    np.testing.assert_array_equal(zero_runs.Runs(hits).longest(), expected)


@pytest.mark.parametrize("mu", [0.02, 0.3, 2.0])
def test_expectation_equals_the_mean_over_all_spectra(mu):
    size = 8
    hits = (np.arange(2**size)[:, None] >> np.arange(size)) & 1 == 1
    p = 1 - np.exp(-mu)
    probability = np.prod(np.where(hits, p, 1 - p), axis=1)
    exact = sum(
        w * zero_runs.Runs(row[None]).histogram()[0]
        for w, row in zip(probability, hits, strict=True)
    )
    h, dh = zero_runs.expectation(mu, size)
    np.testing.assert_allclose(h, exact, rtol=1e-12)
    step = 1e-6
    slope = zero_runs.expectation(mu + step, size)[0] - zero_runs.expectation(mu - step, size)[0]
    np.testing.assert_allclose(dh, slope / (2 * step), rtol=1e-6, atol=1e-8)


def test_longest_expected_bounds_the_tail_of_the_expectation():
    for mu, size in ((0.1, 450), (0.03, 1024), (0.001, 300)):
        longest = int(zero_runs.longest_expected(np.array(mu), size))
        h, _ = zero_runs.expectation(mu, size)
        assert h[longest + 1 :].sum() <= 1e-4
        assert longest == size or h[longest:].sum() > 1e-4


def test_longest_expected_of_an_array():
    mu = np.array([[0.1, 0.2], [0.2, 1e-5]])
    found = zero_runs.longest_expected(mu, 200)
    assert found.shape == mu.shape
    assert found[0, 1] == found[1, 0] < found[0, 0]
    assert found[1, 1] == 200  # so faint that an empty spectrum is nothing special


def trials(rate: float, size: int, n: int, number: int = 300) -> np.ndarray:
    """(estimate, error) of many simulated sets of spectra, (number, 2)."""
    rng = np.random.default_rng(20260)
    p = 1 - np.exp(-rate * SECONDS)
    scale = np.full(n, SECONDS)
    result = []
    for _ in range(number):
        # Drawing the number of elements with counts, then their places, is as good as drawing
        # each, and quicker for few counts.
        hits = np.zeros(n * size, bool)
        if p < 0.05:
            hits[rng.choice(n * size, rng.binomial(n * size, p), replace=False, shuffle=False)] = 1
        else:
            hits = rng.random(n * size, dtype=np.float32) < p
        result.append(zero_runs.fit(hits.reshape(n, size), scale))
    return np.array(result)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "size", "n"),
    rest_slow(
        [
            (1e-4, 450, 40),
            (3e-3, 1024, 40),
            (4e-4, 450, 40),
            (1e-4, 1024, 40),
            (4e-4, 1024, 400),
            (1e-3, 450, 400),
            (3e-3, 450, 40),
            (3e-3, 450, 400),
        ],
        3,
    ),
)
def test_unbiased_and_its_error_covers(rate, size, n):
    found, error = trials(rate, size, n).T
    assert abs(found.mean() / rate - 1) < 0.02
    assert 0.60 <= np.mean(np.abs(found - rate) <= error) <= 0.76


def test_error_of_many_spectra_covers():
    found, error = trials(1e-4, 450, 4000, number=100).T
    assert abs(found.mean() / 1e-4 - 1) < 0.002
    assert 0.55 <= np.mean(np.abs(found - 1e-4) <= error) <= 0.81


def test_exposures_of_different_length_share_one_rate():
    rng = np.random.default_rng(5)
    scale = np.repeat([30.0, 240.0, 480.0], 100)
    pulls = []
    for _ in range(150):
        hits = rng.random((300, 300)) < -np.expm1(-5e-4 * scale)[:, None]
        rate, error = zero_runs.fit(hits, scale)
        pulls.append((rate - 5e-4) / error)
    assert abs(np.mean(pulls)) < 0.3
    assert 0.8 < np.std(pulls) < 1.2


def test_one_spectrum_has_the_error_of_independent_counts():
    rng = np.random.default_rng(6)
    found = np.array([zero_runs.fit(rng.random((1, 1024)) < 0.1, np.ones(1)) for _ in range(200)])
    pulls = (found[:, 0] + np.log(0.9)) / found[:, 1]
    assert 0.8 < np.std(pulls) < 1.2


def test_spectra_that_differ_have_a_larger_error():
    rng = np.random.default_rng(7)
    p = np.repeat([0.02, 0.2], 200)[:, None]
    _, even = zero_runs.fit(rng.random((400, 450)) < 0.11, np.ones(400))
    _, uneven = zero_runs.fit(rng.random((400, 450)) < p, np.ones(400))
    assert uneven > 2 * even


def test_a_bright_line_disturbs_less_than_it_does_the_mean():
    rng = np.random.default_rng(8)
    mu = np.full(450, 0.1)
    mu[200:210] += 3.0
    counts = rng.poisson(mu, (400, 450))
    rate, _ = zero_runs.fit(counts > 0, np.ones(400))
    assert abs(rate / 0.1 - 1) < 0.05
    assert counts.mean() / 0.1 > 1.5


def test_no_count_at_all():
    assert zero_runs.fit(np.zeros((10, 100), bool), np.full(10, 2.0)) == (0.0, 1 / 2000)


def test_no_zero_at_all():
    rate, error = zero_runs.fit(np.ones((10, 100), bool), np.ones(10))
    assert np.isinf(rate)
    assert np.isinf(error)
