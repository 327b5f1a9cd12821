"""What lies under any of many polygons, against sampling, closed forms and repetition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.numerics import raster
from uvisxr.numerics.unions import union

LINES = 8


def _turned(x: float, y: float, size: float, turn: float, corners: int = 4) -> np.ndarray:
    angle = turn + np.arange(corners) * 2 * np.pi / corners
    return np.stack([x + size * np.cos(angle), y + size * np.sin(angle)], axis=-1)


polygons = st.lists(
    st.builds(
        _turned,
        st.floats(-2, 9),
        st.floats(-2, 7),
        st.floats(0.05, 4),
        st.floats(0, 6.3),
        st.just(5),
    ),
    min_size=1,
    max_size=6,
).map(np.stack)


def _under(polygons: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether points are in any polygon: to the left of all its edges."""
    ahead = np.roll(polygons, -1, axis=1)
    along = ahead - polygons
    cross = along[..., 0] * (y[..., None, None] - polygons[..., 1]) - along[..., 1] * (
        x[..., None, None] - polygons[..., 0]
    )
    return (cross > 0).all(axis=-1).any(axis=-1)


@given(polygons)
def test_as_points_along_the_lines(some):
    rows, columns, fine = 5, 7, 40
    x, y = np.meshgrid(
        (np.arange(columns * fine) + 0.5) / fine, (np.arange(rows * LINES) + 0.5) / LINES
    )
    expected = _under(some, x, y).reshape(rows, LINES, columns, fine).mean(axis=(1, 3))
    found = union(some, (rows, columns), LINES, wraps=False)
    # An end of a piece of a line is a point apart at the most.
    assert np.abs(found - expected).max() <= 2 * len(some) / fine
    # Either sense, and once more, is the same.
    again = union(np.concatenate([some[:, ::-1], some]), (rows, columns), LINES, wraps=False)
    assert np.allclose(again, found, atol=1e-12)


@pytest.mark.parametrize("looks", [1, 2, 40])
def test_however_often_it_is_seen(looks):
    one = _turned(3.3, 2.6, 1.7, 0.4, 32)[None]
    area = float(np.abs(raster.signed_areas(one))[0])
    shifted = np.repeat(one, looks, axis=0)
    found = union(shifted, (6, 7), LINES, wraps=False)
    assert found.sum() == pytest.approx(area, rel=2e-3)


def test_what_goes_beyond_the_end_of_a_circle():
    one = _turned(6.9, 2.5, 1.2, 0.3)[None]
    inner = union(one - [3.0, 0.0], (5, 7), LINES, wraps=True)
    for turn in (-7.0, 0.0, 7.0):
        both = np.concatenate([one, one + np.array([turn, 0.0])])
        found = union(both, (5, 7), LINES, wraps=True)
        assert np.allclose(found, np.roll(inner, 3, axis=1), atol=1e-12)


def test_all_around_is_covered_once():
    """Footprints around a pole reach over the seam, and others lie beneath them."""
    band = np.array([[3.0, 1.0], [10.0, 1.0], [10.0, 2.5], [3.0, 2.5]])[None]
    found = union(np.concatenate([band, _turned(0.2, 1.8, 0.5, 0.1)[None]]), (4, 7), LINES, True)
    assert np.allclose(found[1], 1.0) and np.allclose(found[2], 0.5) and not found[[0, 3]].any()


def test_none():
    assert not union(np.empty((0, 4, 2)), (2, 3), LINES, wraps=True).any()
    assert not union(np.full((2, 4, 2), np.nan), (2, 3), LINES, wraps=False).any()
