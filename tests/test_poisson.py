import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, norm
from scipy.stats import poisson as poisson_law

from uvisxr.errors import ArgumentError
from uvisxr.numerics import poisson

COUNTS = np.arange(65536)


def test_tail_is_that_of_one_sigma():
    np.testing.assert_allclose(poisson.TAIL, norm.sf(1), rtol=1e-14)


def test_garwood_is_chi2_for_all_counts():
    lower, upper = poisson.garwood_bounds(COUNTS)
    alpha = norm.sf(1)
    np.testing.assert_allclose(upper, chi2.ppf(1 - alpha, 2 * COUNTS + 2) / 2, rtol=1e-12)
    np.testing.assert_allclose(lower[1:], chi2.ppf(alpha, 2 * COUNTS[1:]) / 2, rtol=1e-12)
    assert lower[0] == 0


def test_table_holds_the_garwood_half_widths():
    upper, lower = poisson.half_widths(COUNTS.astype(np.uint16))
    bounds = poisson.garwood_bounds(COUNTS)
    np.testing.assert_allclose(upper + COUNTS, bounds[1], rtol=1e-12)
    np.testing.assert_allclose(COUNTS - lower, bounds[0], rtol=1e-12, atol=1e-12)


def test_no_count_has_an_upper_bound_only():
    upper, lower = poisson.half_widths(np.array([0]))
    assert upper[0] == pytest.approx(1.841, abs=5e-4)
    assert lower[0] == 0


@pytest.mark.parametrize("count", [0, 1, 2, 10, 300, 60000])
def test_score_bounds_are_one_sigma_from_the_count(count):
    lower, upper = poisson.score_bounds(count)
    assert (upper - count) ** 2 == pytest.approx(upper)
    assert (count - lower) ** 2 == pytest.approx(lower)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0.05, 60))
def test_garwood_covers_at_least_its_level(mean):
    counts = np.arange(400)
    lower, upper = poisson.garwood_bounds(counts)
    inside = (lower <= mean) & (mean <= upper)
    assert poisson_law.pmf(counts, mean)[inside].sum() >= 0.6826


def test_intervals_agree_for_many_counts():
    for pair in zip(
        poisson.half_widths(np.array([40000]), "garwood"),
        poisson.half_widths(np.array([40000]), "score"),
        strict=True,
    ):
        np.testing.assert_allclose(pair, 200.0, rtol=6e-3)


def test_shape_is_kept():
    upper, lower = poisson.half_widths(np.zeros((2, 3, 4), np.uint16))
    assert upper.shape == lower.shape == (2, 3, 4)


def test_quantization_lattice():
    spacing = poisson.quantization_spacing()
    np.testing.assert_array_equal(np.flatnonzero(spacing)[:6], [144, 162, 180, 200, 220, 242])
    # Half way to 128 and half way to 162; then half way to 144 and to 180.
    assert spacing[144] == (162 - 128) / 2
    assert spacing[162] == (180 - 144) / 2
    assert not spacing[:129].any()
    assert spacing[145] == 0


def test_quantization_cells_tile_the_counts():
    spacing = poisson.quantization_spacing()
    values = np.flatnonzero(spacing)
    ends = (values[1:] + values[:-1]) / 2
    first = values[0] - (values[0] - 128) / 2
    assert spacing[values[:-1]].sum() == pytest.approx(ends[-1] - first)


def test_quantization_variance_is_that_of_rounding():
    # All true counts that come back as 288 (k = 24), equally likely.
    lattice = np.arange(16, 60) ** 2 // 2
    true = np.arange(128, 1000)
    sent = lattice[np.abs(true[:, None] - lattice).argmin(1)]
    rounding = np.var((true - sent)[sent == 288])
    plain, with_rounding = (poisson.variance_tables("garwood", q)[0][288] for q in (False, True))
    assert with_rounding - plain == pytest.approx(rounding, rel=0.05)


def test_tables_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        poisson.tables()[0][0] = 1


def test_counts_read_back_as_floats():
    counts = poisson.as_counts(np.array([0.0, 7.0, np.nan]))
    assert counts.dtype == np.uint16
    np.testing.assert_array_equal(counts, [0, 7, poisson.MISSING])


def test_unknown_interval():
    with pytest.raises(ArgumentError, match="'bayes': expected 'garwood' or 'score'"):
        poisson.half_widths(np.array([1]), "bayes")


@pytest.mark.parametrize("value", [-1, 70000, np.inf])
def test_counts_out_of_range(value):
    with pytest.raises(ArgumentError, match=r"0\.\.65535"):
        poisson.half_widths(np.array([value]))


def test_counts_that_are_not_whole():
    with pytest.raises(ArgumentError, match="whole"):
        poisson.half_widths(np.array([1.5]))
