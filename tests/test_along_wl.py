from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.interpolate import PchipInterpolator

from uvisxr.numerics import along_wl

N = 30
X = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, N))
MASKS = arrays(bool, (3, N), elements=st.booleans())
LAW = settings(derandomize=True, deadline=None, max_examples=60)


def spectra(mask: np.ndarray, seed: int = 1) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=mask.shape)
    a[mask] = np.nan
    return a


def filled_by_rows(a: np.ndarray, interpolate) -> np.ndarray:
    """Each row by itself, between its first and last finite element."""
    out = a.copy()
    for row in out:
        good = np.flatnonzero(np.isfinite(row))
        if good.size > 1:
            inner = np.arange(good[0], good[-1] + 1)
            row[inner] = interpolate(X[inner], X[good], row[good])
    return out


@LAW
@given(MASKS)
def test_linear_fill_is_np_interp(mask):
    a = spectra(mask)
    np.testing.assert_allclose(along_wl.fill(a, X), filled_by_rows(a, np.interp), atol=1e-12)


@LAW
@given(MASKS)
def test_pchip_fill_is_scipy(mask):
    a = spectra(mask)
    expected = filled_by_rows(a, lambda at, x, y: PchipInterpolator(x, y)(at))
    np.testing.assert_allclose(along_wl.fill(a, X, "pchip"), expected, atol=1e-12)


@pytest.mark.parametrize("method", get_args(along_wl.Interpolation))
def test_fill_of_many_planes_is_that_of_each(method):
    rng = np.random.default_rng(3)
    mask = rng.random((4, 3, N)) < 0.4
    mask[1] = mask[0]
    a = spectra(mask)
    whole = along_wl.fill(a, X, method)
    for plane, expected in zip(whole, a, strict=True):
        np.testing.assert_array_equal(plane, along_wl.fill(expected, X, method))


def test_fill_leaves_its_input():
    a = spectra(np.arange(N)[None] % 3 == 0)
    before = a.copy()
    along_wl.fill(a, X)
    np.testing.assert_array_equal(a, before)


def test_fill_of_another_memory_order():
    a = spectra(np.random.default_rng(9).random((4, 3, N)) < 0.3)
    np.testing.assert_array_equal(along_wl.fill(np.asfortranarray(a), X), along_wl.fill(a, X))


def test_fill_in_place_needs_contiguous_memory():
    plan = along_wl.FillPlan.of(np.zeros((3, N), bool), X)
    with pytest.raises(ValueError, match="contiguous"):
        plan.apply(np.zeros((N, 3)).T)


def test_fill_of_nothing_but_nan():
    assert np.isnan(along_wl.fill(np.full((2, N), np.nan), X)).all()


def test_fill_keeps_float32():
    assert along_wl.fill(spectra(X[None] > 9).astype(np.float32), X).dtype == np.float32


def smoothed_by_elements(a: np.ndarray, kernel: np.ndarray, squared: bool) -> np.ndarray:
    """Element by element, walking from each until a NaN or an end."""
    out = np.full(a.shape, np.nan)
    half = len(kernel) // 2
    for row, result in zip(a, out, strict=True):
        for i in np.flatnonzero(np.isfinite(row)):
            used = {i: kernel[half]}
            for sign in (-1, 1):
                for j in range(1, half + 1):
                    k = i + sign * j
                    if not 0 <= k < row.size or np.isnan(row[k]):
                        break
                    used[k] = kernel[half + sign * j]
            total = sum(used.values())
            power = 2 if squared else 1
            result[i] = sum((w / total) ** power * row[k] for k, w in used.items())
    return out


@LAW
@given(MASKS, st.booleans())
def test_smooth_never_crosses_a_gap(mask, squared):
    a = spectra(mask)
    kernel = np.array([0.1, 0.3, 0.35, 0.2, 0.05])
    np.testing.assert_allclose(
        along_wl.smooth(a, kernel, squared), smoothed_by_elements(a, kernel, squared), atol=1e-12
    )


@LAW
@given(MASKS)
def test_smooth_keeps_a_constant(mask):
    a = np.where(mask, np.nan, 2.5)
    np.testing.assert_allclose(along_wl.smooth(a, np.array(along_wl.SMOOTHING)), a, rtol=1e-12)


def test_smooth_of_one_element():
    np.testing.assert_allclose(along_wl.smooth(np.array([[3.0]]), np.array(along_wl.SMOOTHING)), 3)


def test_smooth_spreads_a_line_by_the_kernel():
    a = np.zeros((1, 11))
    a[0, 5] = 16
    np.testing.assert_allclose(
        along_wl.smooth(a, np.array(along_wl.SMOOTHING))[0, 3:8], [1, 4, 6, 4, 1]
    )


@pytest.mark.slow
def test_smoothed_variance_of_independent_elements():
    rng = np.random.default_rng(5)
    kernel = np.array(along_wl.SMOOTHING)
    sigma = np.linspace(1, 3, 12)
    sample = along_wl.smooth(rng.normal(size=(200_000, 12)) * sigma, kernel)
    expected = np.sqrt(along_wl.smooth((sigma**2)[None], kernel, squared=True)[0])
    np.testing.assert_allclose(sample.std(0), expected, rtol=0.01)


EDGES = along_wl.edges_of_neighbours(X, np.ones(N - 1, bool))


@pytest.mark.parametrize("method", ["trapezoid", "simpson"])
@pytest.mark.parametrize("x_range", [(X[2] + 0.1, X[9] - 0.3), (X[4] - 0.2, X[4] + 0.1)])
def test_weights_take_the_whole_of_the_range(method, x_range):
    weights = along_wl.integration_weights(X, EDGES, x_range, method)
    assert weights.sum() == pytest.approx(x_range[1] - x_range[0])


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_simpson_weights_are_exact_for_parabolas(degree):
    low, high = X[2] + 0.17, X[8] - 0.4
    weights = along_wl.integration_weights(X, EDGES, (low, high), "simpson")
    expected = (high ** (degree + 1) - low ** (degree + 1)) / (degree + 1)
    assert X**degree @ weights == pytest.approx(expected, rel=1e-10)


def test_trapezoid_weights_are_those_of_the_polygon():
    y = np.random.default_rng(2).normal(size=N)
    low, high = X[3] - 0.1, X[9] + 0.1
    weights = along_wl.integration_weights(X, EDGES, (low, high), "trapezoid")
    corners = np.concatenate([[low], X[3:10], [high]])
    assert y @ weights == pytest.approx(np.trapezoid(np.interp(corners, X, y), corners))


@pytest.mark.parametrize("method", ["trapezoid", "simpson"])
def test_weights_of_stretches_are_those_of_each(method):
    kept = np.r_[0:5, 8:12]
    low, high = EDGES[8, 0], EDGES[11, 1]
    weights = along_wl.integration_weights(X[kept], EDGES[kept], (low, high), method)
    alone = along_wl.integration_weights(X[8:12], EDGES[8:12], (low, high), method)
    np.testing.assert_allclose(weights, np.append(np.zeros(5), alone))
    two = np.r_[0:4, 6]
    assert not along_wl.integration_weights(X[two], EDGES[two], tuple(EDGES[6]), method).any()


def test_bins_weights_are_overlaps():
    edges = np.array([[0.0, 2.0], [2.0, 5.0], [5.0, 6.0]])
    weights = along_wl.integration_weights(edges.mean(1), edges, (1.5, 5.25), "bins")
    np.testing.assert_allclose(weights, [0.5, 3, 0.25])


def test_between_values():
    known = np.array([[0, 1, 0, 1, 0], [0] * 5, [1] * 5], bool)
    expected = np.array([[0, 1, 1, 1, 0], [0] * 5, [1] * 5], bool)
    np.testing.assert_array_equal(along_wl.between_values(known), expected)


@pytest.mark.parametrize("method", ["linear", "pchip"])
@pytest.mark.parametrize("cut", [1, 4, 9])
def test_stretches_are_filled_and_smoothed_as_if_alone(method, cut):
    rng = np.random.default_rng(cut)
    a = spectra(rng.random((40, N)) > 0.4)
    joined = np.ones(N - 1, bool)
    joined[cut - 1] = False
    parts = [(a[:, :cut], X[:cut]), (a[:, cut:], X[cut:])]
    alone = np.hstack([along_wl.fill(p, x, method) for p, x in parts])
    np.testing.assert_allclose(along_wl.fill(a, X, method, joined=joined), alone, atol=1e-12)
    kernel = np.array([1.0, 2.0, 5.0, 1.0, 3.0])
    alone = np.hstack([along_wl.smooth(p, kernel) for p, _ in parts])
    np.testing.assert_allclose(along_wl.smooth(a, kernel, joined=joined), alone, atol=1e-12)


def test_neighbours_are_told_by_edges_and_by_steps():
    edges = np.stack([np.arange(8.0), np.arange(8.0) + 1], -1)[[0, 1, 2, 4, 5, 7]]
    apart = [True, True, False, True, False]
    assert along_wl.neighbours(edges).tolist() == apart
    assert along_wl.neighbours(edges[::-1]).tolist() == apart[::-1]
    assert along_wl.neighbours(edges.astype("uint32")).tolist() == apart
    steps = np.array([1.0] * 6 + [2.0] + [1.0] * 5)
    assert np.flatnonzero(~along_wl.neighbours_by_steps(np.append(0, steps.cumsum()))).tolist() == [
        6
    ]
    for x in ([0, 1, 3], [0, 1, 3, 4, 6, 7, 9], [0, 32, 80.5], [5, 4, 2, 1]):
        assert not along_wl.neighbours_by_steps(np.array(x, float)).all() or x[-1] == 80.5
    # Steps that grow along a spectrum, and a last element that is narrower, are no holes.
    assert along_wl.neighbours_by_steps(np.geomspace(100, 3000, 200)).all()
    assert along_wl.neighbours_by_steps(np.array([0, 32.0, 64.0, 96.0, 112.5])).all()
