"""Areas that polygons share with the unit circle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uvisxr.numerics.circle import area_in_circle, shared_in_circle
from uvisxr.numerics.raster import coverage, signed_areas

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def moved(x: float, y: float) -> np.ndarray:
    return np.add(SQUARE, [x, y])


@pytest.mark.parametrize(
    ("polygon", "area"),
    [
        (10 * SQUARE, np.pi),
        (0.1 * SQUARE, 0.04),
        (0.5 * SQUARE[::-1], 1.0),
        (moved(1, 0), np.pi / 2),
        (moved(1, 1), np.pi / 4),
        (moved(5, 5), 0.0),
        # A segment of height 1/2, beyond the line x = 1/2.
        (moved(1.5, 0), np.pi / 3 - np.sqrt(3) / 4),
        # A wedge of 30 degrees with its point in the centre.
        ([[0, 0], [9, 0], [9 * np.cos(np.pi / 6), 9 * np.sin(np.pi / 6)]], np.pi / 12),
        # The inscribed triangle, and one whose corner is there twice.
        ([[np.cos(t), np.sin(t)] for t in (0, 2 * np.pi / 3, 4 * np.pi / 3)], 3 * np.sqrt(3) / 4),
        ([[0, 0], [0, 0], [0.5, 0], [0, 0.5]], 0.125),
    ],
)
def test_closed_forms(polygon, area):
    assert area_in_circle(np.array(polygon, float)) == pytest.approx(area, abs=1e-12)


@settings(derandomize=True, max_examples=60)
@given(st.lists(st.floats(-1.5, 1.5), min_size=6, max_size=6))
def test_parts_add_up(numbers):
    a, b, c = np.array(numbers).reshape(3, 2)
    middle = (a + b + c) / 3
    whole = area_in_circle(np.stack([a, b, c]))
    parts = sum(area_in_circle(np.stack([middle, *pair])) for pair in ((a, b), (b, c), (c, a)))
    assert parts == pytest.approx(whole, abs=1e-9)
    assert 0 <= whole <= abs(signed_areas(np.stack([a, b, c]))) + 1e-12


def test_against_a_raster_of_the_circle():
    """A polygon of 2000 corners, of which a raster takes exact areas."""
    turn = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    cells = coverage((circle[None] + 1.5) * 10 / 3, np.ones((1, 1)), (10, 10))[0] * 0.09
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    i, j = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    squares = (np.stack([j, i], axis=-1)[:, :, None] + corner) * 0.3 - 1.5
    np.testing.assert_allclose(area_in_circle(squares), cells, atol=2e-5)


def test_what_is_not_known_stays_so():
    polygons = np.stack([SQUARE, SQUARE * np.nan])
    np.testing.assert_array_equal(np.isnan(area_in_circle(polygons)), [False, True])


@pytest.mark.parametrize(
    ("polygons", "area"),
    [
        ([0.5 * SQUARE], 0.0),
        ([moved(1, 0), moved(-1, 0)], 0.0),
        ([0.3 * SQUARE] * 5, 4 * 0.36),
        # Two rectangles that cross, and a corner of one beyond the circle.
        ([SQUARE * [0.9, 0.1], SQUARE * [0.1, 0.7]], 0.04),
        ([10 * SQUARE] * 2, np.pi),
        ([moved(1, 0), moved(1, 1), SQUARE * np.nan], np.pi / 4),
        ([0.5 * SQUARE, 0.5 * SQUARE[::-1] + [0.5, 0.5]], 0.25),
    ],
)
def test_what_polygons_have_in_common_in_the_circle(polygons, area):
    assert shared_in_circle(np.array(polygons, float)) == pytest.approx(area, abs=3e-4)


def test_what_many_turned_polygons_have_in_common_by_points():
    rng = np.random.default_rng(5)
    angles = rng.uniform(0, 6, 12)
    turn = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in angles]
    polygons = [(SQUARE * [0.7, 0.07] + [0, rng.uniform(-0.5, 0.5)]) @ one for one in turn]
    points = rng.uniform(-1, 1, (400_000, 2))
    points = points[np.hypot(*points.T) < 1]
    number = np.zeros(len(points))
    for corners in polygons:
        edges = np.roll(corners, -1, axis=0) - corners
        away = points[:, None] - corners
        number += (edges[:, 0] * away[..., 1] - edges[:, 1] * away[..., 0] > 0).all(axis=1)
    expected = np.maximum(number - 1, 0).mean() * np.pi
    assert shared_in_circle(np.array(polygons)) == pytest.approx(expected, abs=8e-3)
