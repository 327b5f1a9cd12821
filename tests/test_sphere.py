"""Directions against SPICE and hand calculation."""

import numpy as np
import pytest
import spiceypy
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.geometry import ellipsoid
from uvisxr.numerics import sphere

_LON = st.floats(0.0, 359.999)
_LAT = st.floats(-89.999, 89.999)


@given(_LON, _LAT)
def test_vectors_are_spices_and_come_back(lon, lat):
    found = sphere.vectors(lon, lat)
    np.testing.assert_allclose(
        found, spiceypy.latrec(1.0, np.deg2rad(lon), np.deg2rad(lat)), atol=1e-15
    )
    assert abs(sphere.signed(sphere.longitude(found) - lon)) < 1e-9
    assert sphere.latitude(found) == pytest.approx(lat, abs=1e-9)


@given(_LON, _LAT)
def test_east_is_level_and_across(lon, lat):
    east = sphere.east(lon)
    assert east[2] == 0
    assert abs(east @ sphere.vectors(lon, lat)) < 1e-15
    assert sphere.longitude(east) == pytest.approx((lon + 90) % 360, abs=1e-9)


def test_longitudes_and_latitudes_broadcast():
    found = sphere.vectors(np.array([[0.0], [90.0]]), np.array([0.0, 30.0, 90.0]))
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found[0, 1], [np.sqrt(0.75), 0, 0.5], atol=1e-15)
    np.testing.assert_allclose(found[1, 0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(found[:, 2], [[0, 0, 1]] * 2, atol=1e-15)


def test_circles_are_closed():
    np.testing.assert_array_equal(sphere.wrap(np.array([-1e-20, 24.0, -6.0]), 24.0), [0, 0, 18])
    np.testing.assert_array_equal(
        sphere.signed(np.array([0.0, 179.0, 180.0, -180.0, 350.0, -190.0])),
        [0, 179, -180, -180, -10, 170],
    )


def test_latitudes_are_spices():
    a, c = 60268.0, 54364.0
    normal = sphere.unit(np.array([1.0, -2.0, 0.7]))
    point = ellipsoid.surface_point(normal, np.array([a, a, c]))
    lon, lat, _ = spiceypy.recgeo(point, a, (a - c) / a)
    assert sphere.latitude(normal) == pytest.approx(np.rad2deg(lat), abs=1e-12)
    assert sphere.longitude(point) == pytest.approx(np.rad2deg(lon) % 360, abs=1e-12)
    _, _, centric = spiceypy.reclat(point)
    assert sphere.latitude(point) == pytest.approx(np.rad2deg(centric), abs=1e-12)


def test_pole_and_prime_meridian_are_finite_and_wrapped():
    assert sphere.latitude(np.array([0.0, 0.0, 3.0])) == 90
    assert sphere.longitude(np.array([0.0, 0.0, 3.0])) == 0
    assert sphere.longitude(np.array([1.0, -1e-20, 0.0])) == 0
    np.testing.assert_array_equal(sphere.wrap(np.array([-1e-20, 360.0, -90.0])), [0, 0, 270])


def test_angle_is_accurate_at_both_ends():
    for degrees in (0.0, 1e-9, 1e-4, 45.0, 90.0, 179.9999, 180 - 1e-9, 180.0):
        v = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees)), 0])
        assert sphere.angle(np.array([1.0, 0, 0]), v) == pytest.approx(degrees, abs=1e-13)
