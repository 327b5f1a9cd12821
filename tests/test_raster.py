"""The rasteriser: areas, weights, cuts at the grid's edge, against closed forms and sampling."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from matplotlib.tri import LinearTriInterpolator, Triangulation

from uvisxr.numerics import compiled
from uvisxr.numerics.raster import average, coverage, latest, linear, signed_areas

_ONE = np.ones((1, 1))


def _quads(rng: np.random.Generator, n: int, low: float, high: float, size: float) -> np.ndarray:
    centre = rng.uniform(low, high, (n, 1, 2))
    angle = rng.uniform(0, 2 * np.pi, n)
    along = np.stack([np.cos(angle), np.sin(angle)], -1) * rng.uniform(0.05, size, (n, 1))
    across = np.stack([-along[:, 1], along[:, 0]], -1) * rng.uniform(0.1, 1, (n, 1))
    return centre + np.stack([-along - across, along - across, along + across, across - along], 1)


def test_a_square_of_cells_covers_them_whole():
    square = np.array([[[2, 1], [5, 1], [5, 3], [2, 3]]], float)
    found = coverage(square, _ONE, (4, 6))[0]
    expected = np.zeros((4, 6))
    expected[1:3, 2:5] = 1
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_triangle_covers_half_its_diagonal_cells():
    triangle = np.array([[[0, 0], [3, 0], [3, 3]]], float)
    found = coverage(triangle, _ONE, (3, 3))[0]
    np.testing.assert_allclose(found, np.tri(3).T - 0.5 * np.eye(3), atol=1e-14)


def test_area_is_kept_whatever_the_size_and_the_sense():
    polygons = _quads(np.random.default_rng(1), 300, 10, 40, 8)
    polygons[::2] = polygons[::2, ::-1]
    weights = np.eye(300)
    found = coverage(polygons, weights, (50, 50)).sum(axis=(1, 2))
    np.testing.assert_allclose(found, np.abs(signed_areas(polygons)), rtol=1e-10)


def test_cells_agree_with_dense_sampling():
    fine = (np.arange(20 * 16) + 0.5) / 16
    points = np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)
    for quad in _quads(np.random.default_rng(2), 20, -2, 22, 12):
        sampled = Path(quad).contains_points(points).reshape(20, 16, 20, 16).mean(axis=(1, 3))
        np.testing.assert_allclose(coverage(quad[None], _ONE, (20, 20))[0], sampled, atol=0.05)


def test_what_lies_outside_is_cut_off():
    huge = np.array([[[-50, -40], [90, -60], [80, 70], [-70, 60]]], float)
    np.testing.assert_allclose(coverage(huge, _ONE, (7, 9))[0], 1.0, atol=1e-12)
    for offset in ([-30, 0], [30, 0], [0, -30], [0, 30]):
        away = np.array([[[0, 0], [4, 1], [5, 6], [1, 4]]], float) + offset
        np.testing.assert_allclose(coverage(away, _ONE, (8, 8)), 0.0, atol=1e-14)


def test_polygons_that_are_not_finite_are_left_out():
    square = np.array([[[1, 1], [2, 1], [2, 2], [1, 2]]], float)
    broken = square.copy()
    broken[0, 2, 1] = np.nan
    found = coverage(np.concatenate([square, broken]), np.ones((1, 2)), (3, 3))
    assert found.sum() == pytest.approx(1.0)
    assert coverage(broken, _ONE, (3, 3)).sum() == 0.0
    assert coverage(np.empty((0, 4, 2)), np.empty((1, 0)), (3, 3)).shape == (1, 3, 3)


def test_overlapping_polygons_average():
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)
    pair = np.stack([square, square + np.array([2, 0])])
    mean, covered = average(pair, np.array([1.0, 4.0]), (4, 6))
    np.testing.assert_allclose(mean[0], [1, 1, 2.5, 2.5, 4, 4], atol=1e-12)
    np.testing.assert_allclose(covered[0], [1, 1, 2, 2, 1, 1], atol=1e-12)


def test_a_polygon_without_value_leaves_no_trace():
    square = np.array([[[0, 0], [2, 0], [2, 2], [0, 2]]], float)
    mean, covered = average(square, np.array([np.nan]), (2, 2))
    assert np.isnan(mean).all()
    assert not covered.any()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 2**31), st.floats(-1e3, 1e3), st.integers(1, 60))
def test_a_uniform_value_stays_uniform(seed: int, value: float, n: int):
    polygons = _quads(np.random.default_rng(seed), n, -3, 23, 9)
    mean, covered = average(polygons, np.full(n, value), (20, 20))
    np.testing.assert_allclose(mean[covered > 0], value, rtol=1e-12)
    assert np.isnan(mean[covered == 0]).all()


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 2**31), st.integers(2, 40))
def test_means_lie_between_the_values(seed: int, n: int):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-2, 5, n)
    mean, covered = average(_quads(rng, n, -3, 23, 9), values, (20, 20))
    seen = mean[covered > 1e-3]
    assert ((seen >= values.min() - 1e-9) & (seen <= values.max() + 1e-9)).all()


def test_linear_functions_on_triangles_are_those_of_matplotlib():
    rng = np.random.default_rng(4)
    points = rng.uniform(-3, 33, (60, 2))
    values = rng.normal(size=60)
    mesh = Triangulation(*points.T)
    x, y = np.meshgrid(np.arange(30) + 0.5, np.arange(20) + 0.5)
    expected = LinearTriInterpolator(mesh, values)(x, y).filled(np.nan)
    found = linear(points[mesh.triangles], values[mesh.triangles], (20, 30))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_triangles_without_area_and_outside_leave_no_trace():
    flat = np.array([[[1, 1], [2, 2], [3, 3]], [[50, 50], [60, 50], [50, 60]]], float)
    assert np.isnan(linear(flat, np.ones((2, 3)), (5, 5))).all()
    assert np.isnan(linear(np.empty((0, 3, 2)), np.empty((0, 3)), (5, 5))).all()


def test_many_cells_are_worked_on_in_parts(monkeypatch):
    half = np.array([[[0, 0], [40, 0], [40, 40]], [[0, 0], [40, 40], [0, 40]]], float)
    values = half[..., 0] + 2 * half[..., 1]
    whole = linear(half, values, (40, 40))
    x, y = np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5)
    np.testing.assert_allclose(whole, x + 2 * y)
    monkeypatch.setattr("uvisxr.numerics.raster._CELLS", 100)
    np.testing.assert_array_equal(linear(half, values, (40, 40)), whole)


def test_deposits_are_made_in_parts_of_bounded_memory(monkeypatch):
    polygons = _quads(np.random.default_rng(3), 400, -20, 220, 60)
    weights = np.random.default_rng(4).normal(size=(2, 400))
    peaks, found = [], []
    monkeypatch.setattr(compiled, "WORTH", np.inf)
    for limit in (2**30, 2**12):
        monkeypatch.setattr("uvisxr.numerics.raster._DEPOSITS", limit)
        tracemalloc.start()
        found.append(coverage(polygons, weights, (200, 200)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-12 * np.abs(weights).sum())
    assert peaks[1] < 0.3 * peaks[0]


def test_the_latest_lies_on_top():
    def square(x, y, side):
        return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], float)

    polygons = np.stack([square(0, 0, 4), square(2, 2, 4), square(9, 9, 0.1)])
    found = latest(polygons, np.array([1.0, 2.0, 3.0]), (8, 8))
    expected = np.full((8, 8), np.nan)
    expected[:4, :4], expected[2:6, 2:6] = 1.0, 2.0
    np.testing.assert_array_equal(found, expected)
    # Corners in the other sense, and none at all.
    np.testing.assert_array_equal(latest(polygons[:, ::-1], np.arange(1.0, 4.0), (8, 8)), expected)
    assert np.isnan(latest(np.empty((0, 4, 2)), np.empty(0), (3, 3))).all()


@pytest.mark.parametrize(
    ("n", "size", "shape"), [(5000, 3, (40, 50)), (300, 60, (25, 70)), (40, 2000, (30, 20))]
)
def test_compiled_it_gives_the_same_bits(monkeypatch, n, size, shape):
    pytest.importorskip("numba")
    rng = np.random.default_rng(11)
    polygons = _quads(rng, n, -20, 60, size)
    # Edges along the grid, and corners on it.
    polygons[::7] = np.round(polygons[::7])
    polygons[3, 0] = np.nan
    weights = rng.normal(size=(2, n))
    monkeypatch.setattr(compiled, "WORTH", np.inf)
    plain = coverage(polygons, weights, shape)
    monkeypatch.setattr(compiled, "WORTH", 0)
    np.testing.assert_array_equal(coverage(polygons, weights, shape), plain)
