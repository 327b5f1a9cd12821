"""Overlaps of polygons and cells against polygons clipped one by one."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.numerics import raster
from uvisxr.numerics.overlaps import overlaps


def _clipped(polygon: np.ndarray, axis: int, at: float, sign: float) -> np.ndarray:
    """The part of a polygon on one side of a line (Sutherland and Hodgman 1974)."""
    found = []
    for here, following in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        a, b = (sign * (p[axis] - at) for p in (here, following))
        if a >= 0:
            found.append(here)
        if a * b < 0:
            found.append(here + (following - here) * a / (a - b))
    return np.array(found).reshape(-1, 2)


def _area(polygon: np.ndarray, row: int, column: int) -> float:
    """Area of a polygon within a cell."""
    for axis, first in ((0, column), (1, row)):
        polygon = _clipped(polygon, axis, first, 1.0)
        polygon = _clipped(polygon, axis, first + 1, -1.0)
    x, y = polygon.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _dense(polygons: np.ndarray, shape: tuple[int, int], wraps: bool = False) -> np.ndarray:
    found = np.zeros((len(polygons), shape[0] * shape[1]))
    for part in overlaps(polygons, shape, wraps):
        assert not found[part.polygon, part.cell].any()
        found[part.polygon, part.cell] = part.area
    return found.reshape(-1, *shape)


def _convex(n: int, k: int, extent: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, (n, k)), axis=1)
    middle, radius = rng.uniform(-1, extent + 1, (n, 1, 2)), rng.uniform(0.1, 4, (n, 1, 1))
    return middle + radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def test_areas_are_those_of_polygons_clipped_to_each_cell():
    shape = (7, 9)
    polygons = _convex(40, 5, 8.0, 1)
    expected = [
        [[_area(p, r, c) for c in range(shape[1])] for r in range(shape[0])] for p in polygons
    ]
    assert np.abs(_dense(polygons, shape) - expected).max() < 1e-12


def test_both_senses_and_missing_corners():
    polygons = _convex(6, 4, 8.0, 2)
    turned = polygons[:, ::-1].copy()
    assert np.allclose(_dense(polygons, (8, 8)), _dense(turned, (8, 8)), atol=1e-12)
    polygons[3, 1, 0] = np.nan
    found = _dense(polygons, (8, 8))
    assert found[2].any() == _dense(turned, (8, 8))[2].any()
    assert not found[3].any()


def test_none_and_far_away():
    assert list(overlaps(np.zeros((0, 4, 2)), (3, 3))) == []
    assert list(overlaps(_convex(5, 4, 8.0, 3) + 100.0, (3, 3))) == []
    assert list(overlaps(np.full((2, 4, 2), np.nan), (3, 3), wraps=True)) == []


def test_many_boxes_at_once(monkeypatch):
    polygons = _convex(300, 6, 30.0, 4)
    whole = _dense(polygons, (31, 31))
    monkeypatch.setattr("uvisxr.numerics.overlaps._CELLS", 500)
    assert np.array_equal(whole > 1e-8, _dense(polygons, (31, 31)) > 1e-8)
    assert np.allclose(whole.sum(0), raster.coverage(polygons, np.ones((1, 300)), (31, 31))[0])


@pytest.mark.parametrize("turns", [-3, -1, 0, 1, 2])
def test_columns_of_a_circle(turns):
    square = np.array([[[-1.5, 0.0], [0.5, 0.0], [0.5, 1.0], [-1.5, 1.0]]])
    found = _dense(square + np.array([4.0 * turns, 0.0]), (2, 4), wraps=True)
    assert np.allclose(found[0], [[0.5, 0, 0.5, 1], [0, 0, 0, 0]])


def test_a_polygon_around_the_whole_circle_meets_a_cell_once():
    strip = np.array([[[0.25, 0.5], [4.25, 0.5], [4.25, 2.0], [0.25, 2.0]]])
    found = _dense(strip, (2, 4), wraps=True)
    assert np.allclose(found[0], [[0.5] * 4, [1.0] * 4])
