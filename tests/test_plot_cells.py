"""Cells of drawn images: gaps between exposures are shown all along, or closed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from uvisxr.numerics import raster
from uvisxr.plot import cells


def _slits(gaps, width=3.0, turn=0.0, backwards=False) -> np.ndarray:
    """Exposures (pic, 20, 4, 2) of pixels of `width` by 2, with gaps between, turned by degrees."""
    left = np.concatenate([[0.0], np.cumsum(width + np.asarray(gaps))])
    up = 2.0 * np.arange(20)
    corners = np.array([(0, 0), (width, 0), (width, 2.0), (0, 2.0)])
    found = corners + np.stack(np.broadcast_arrays(left[:, None], up), -1)[:, :, None]
    angle = np.deg2rad(turn)
    turned = found @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return turned[::-1] if backwards else turned


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("turn", [0.0, 33.0, 90.0, 170.0])
def test_narrow_gaps_are_closed_in_the_middle_and_wide_ones_stay(turn, backwards):
    found, _ = cells.closed(_slits([0.7, 2.0, 0.0], turn=turn, backwards=backwards), 1.0)
    expected = _slits([0.0, 2.0, 0.0], turn=turn, backwards=backwards)
    areas = np.abs(raster.signed_areas(found)).sum(axis=1) / 40.0
    wide = [3.35, 3.35, 3.0, 3.0]
    assert areas == pytest.approx(wide[::-1] if backwards else wide)
    gaps = np.diff(np.sort(np.concatenate([found[:, 0, :, 0], found[:, 0, :, 1]]).ravel()))
    assert gaps.min() >= -1e-9
    assert expected.shape == found.shape


def test_only_what_is_beside_is_joined():
    ahead = _slits([0.5])
    # One slit further along, and one that overlaps.
    along = ahead + np.array([[0.0, 0.0], [0.0, 41.0]])[:, None, None]
    over = _slits([-0.5])
    for polygons in (along, over, ahead[:1]):
        found, told = cells.closed(polygons, 1.0)
        np.testing.assert_array_equal(found, polygons)
        assert not told
    lost = ahead.copy()
    lost[0] = np.nan
    np.testing.assert_array_equal(cells.closed(lost, 1.0)[0], lost)


def test_neighbours_of_exposures_without_pointing_stay():
    scan = _slits([0.7] * 4)
    scan[2] = np.nan
    found, told = cells.closed(scan, 1.0)
    assert told
    assert np.isfinite(found[[0, 1, 3, 4]]).all() and np.isnan(found[2]).all()
    # They reach to their other neighbours, and not to what is not there.
    assert found[0, 0, 1, 0] == pytest.approx(found[1, 0, 0, 0])
    np.testing.assert_array_equal(found[1, :, [1, 2]], scan[1, :, [1, 2]])


def test_a_scan_has_all_of_its_gaps_or_none():
    for gap, seen in ((0.3, False), (0.8, False), (1.2, False), (1.6, True), (2.5, True)):
        polygons, told = cells.closed(_slits(np.full(40, gap), width=4.1), 1.0)
        assert told is (0.5 < gap < 1.5)
        corners = polygons.reshape(-1, 4, 2)
        shape = (40, int(np.ceil(corners[..., 0].max())))
        mean, covered = raster.average(corners, np.ones(len(corners)), shape)
        axes = {"y": np.arange(shape[0]) + 0.5, "x": np.arange(shape[1]) + 0.5}
        found = xr.DataArray(mean, axes | {"footprints": (("y", "x"), covered)}, ("y", "x"))
        empty = cells.filled(found, corners).isnull().all("y").values
        runs = np.diff(np.flatnonzero(np.diff(np.pad(empty, 1).astype(int))).reshape(-1, 2))
        # The last column may be empty for its greater part.
        assert len(runs) - int(empty[-1]) == (40 if seen else 0), gap


def test_where_some_gaps_are_too_narrow_none_is_shown():
    # All between 3.1 and 0.2 cells; half a footprint is a hole.
    found, told = cells.closed(_slits([3.1, 2.2, 1.3, 0.2, 5.5], width=10.0), 1.0)
    sides = np.sort(np.concatenate([found[:, 0, 0, 0], found[:, 0, 1, 0]])).reshape(-1, 2)
    assert told
    assert sides[1:, 0] - sides[:-1, 1] == pytest.approx([0, 0, 0, 0, 5.5])
    assert not cells.closed(_slits([3.1, 2.2, 0.4], width=10.0), 1.0)[1]


def test_footprints_no_larger_than_cells_all_count():
    found = xr.DataArray(
        np.ones((1, 3)),
        {"y": [0.5], "x": [0.5, 1.5, 2.5], "footprints": (("y", "x"), [[1.0, 0.2, 0.6]])},
        ("y", "x"),
    )
    small = np.array([[(0, 0), (1, 0), (1, 1), (0, 1)]], float)
    assert cells.filled(found, small).notnull().all()
    assert cells.filled(found, 3 * small).notnull().values.tolist() == [[True, False, True]]


def test_as_many_cells_as_points_if_there_are_gaps():
    assert cells.point(np.array([0.0, 0.0]), np.array([4e3, 1e3]), 4.0, 2.0) == 10.0
    gaps = _slits([2.0])
    assert cells.number(gaps, 3200.0, 10.0) == 320
    assert cells.number(gaps, 1e4, 10.0) == 500
    assert cells.number(_slits([-0.5]), 3200.0, 10.0) == 200
