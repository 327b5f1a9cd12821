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


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        (np.array([3, 65535], np.uint16), [False, True]),
        (np.array([65535, 2**32 - 1], np.uint32), [False, True]),
        (np.array([3, 65535, 70000]), [False, True, False]),
        (np.array([np.nan, 65535.0, 2.0**32 - 1, 7.0]), [True, True, True, False]),
    ],
)
def test_missing_counts_of_every_type(values, lost):
    np.testing.assert_array_equal(poisson.missing(values), lost)
    for part in (slice(0), slice(1), slice(None)):
        assert poisson.any_missing(values[part]) == np.any(lost[part])
    counts = poisson.as_counts(values)
    np.testing.assert_array_equal(poisson.missing(counts), lost)
    np.testing.assert_array_equal(counts[~np.array(lost)], values[~np.array(lost)])
    assert counts.dtype == (np.uint32 if (values[~np.array(lost)] > 65534).any() else np.uint16)
    assert poisson.missing(np.full(1, poisson.gap(values.dtype), values.dtype)).all()


@pytest.mark.parametrize("interval", ["garwood", "score"])
def test_sums_beyond_16_bits_have_the_same_errors(interval):
    """Continued beyond the tables by the formulas, without a step where these end."""
    counts = np.array([65534, 65535, 65536, 10**6, 4 * 10**9], np.uint32)
    upper, lower = poisson.count_errors(counts, interval)
    low, high = getattr(poisson, f"{interval}_bounds")(counts)
    np.testing.assert_allclose(upper, high - counts, rtol=1e-9)
    np.testing.assert_allclose(lower, counts - low, rtol=1e-9)
    np.testing.assert_allclose(upper, np.sqrt(counts), rtol=5e-3)
    np.testing.assert_allclose(poisson.count_variance(counts), counts, rtol=1e-6)
    rounded = poisson.count_variance(counts, quantization=True, summed=4)
    np.testing.assert_allclose(rounded, counts * (7 / 6), rtol=1e-6)


def test_rounding_of_sums():
    """A sixth of the count, as of its parts; below 128 in each there is none."""
    spacing = poisson.quantization_spacing()
    one = np.flatnonzero(spacing)[20:]
    of_parts = spacing[one[one < 16000]] ** 2 / 12
    found = poisson.rounding_variance(4 * one[one < 16000], 4) / 4
    np.testing.assert_allclose(found, of_parts, rtol=0.06)
    assert poisson.rounding_variance(np.array([4 * 128]), 4) == 0
    table = poisson.variance_tables("garwood", True, 4)[0] - poisson.variance_tables()[0]
    assert not table[: 4 * 128 + 1].any() and (table[4 * 128 + 1 : 4 * 200] > 85).all()


def test_rounding_of_sums_is_that_of_compressed_counts():
    rng = np.random.default_rng(3)
    counts = rng.poisson(600, (20000, 4))
    lattice = np.arange(0, 200) ** 2 // 2
    middle = (lattice[1:] + lattice[:-1]) / 2
    error = (lattice[np.searchsorted(middle, counts)] - counts).sum(1)
    expected = poisson.rounding_variance(np.array(2400), 4)
    assert error.var() == pytest.approx(expected, rel=0.05)


def test_unknown_interval():
    with pytest.raises(ArgumentError, match="'bayes': expected 'garwood' or 'score'"):
        poisson.half_widths(np.array([1]), "bayes")


@pytest.mark.parametrize("value", [-1, 2**32, np.inf])
def test_counts_out_of_range(value):
    with pytest.raises(ArgumentError, match="negative, or beyond 32 bits"):
        poisson.half_widths(np.array([value]))


def test_counts_that_are_not_whole():
    with pytest.raises(ArgumentError, match="whole"):
        poisson.half_widths(np.array([1.5]))
