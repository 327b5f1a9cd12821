"""Rays and ellipsoids against SPICE's scalar routines, closed forms and root finding."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from uvisxr.geometry import ellipsoid
from uvisxr.numerics import sphere

BODIES = {
    "Saturn": (60268.0, 60268.0, 54364.0),
    "Titan": (2575.15, 2574.78, 2574.47),
    "Enceladus": (256.6, 251.4, 248.3),
    "Phoebe": (109.4, 108.5, 101.8),
    "prolate": (1.0, 2.0, 3.0),
    "pancake": (100.0, 100.0, 10.0),
    "sphere": (5.0, 5.0, 5.0),
}


@pytest.fixture(params=BODIES, ids=str)
def radii(request) -> np.ndarray:
    return np.array(BODIES[request.param])


def rays(radii: np.ndarray, n: int = 400, reach: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Rays from 2 to 1000 radii away that aim up to `reach` radii beside the centre."""
    rng = np.random.default_rng(3)
    size = radii.max()
    origin = sphere.unit(rng.normal(size=(n, 3))) * size * 10 ** rng.uniform(0.3, 3, (n, 1))
    aim = sphere.unit(rng.normal(size=(n, 3))) * size * rng.uniform(0, reach, (n, 1))
    return origin, sphere.unit(aim - origin)


def depth(point: np.ndarray, radii: np.ndarray) -> float:
    """Signed distance of one point from the ellipsoid, by bracketing the root for its multiplier.

    The largest root belongs to the nearest point; on the medial axis it is minus the square of
    the shortest semi-axis, where the missing component follows from the surface's equation.
    """
    least = radii.min() ** 2
    extra = radii**2 - least

    def excess(log: float) -> float:
        return float(((radii * point / (extra + np.exp(log))) ** 2).sum() - 1)

    # In the logarithm of the multiplier's distance from minus the shortest semi-axis squared.
    low, high = np.log(1e-30 * least), np.log(np.linalg.norm(radii * point) + 2 * least)
    if excess(low) <= 0:
        others = extra > 0
        y = np.zeros(3)
        y[others] = (radii * point)[others] / extra[others]
        foot = radii * y
        rest = np.sqrt(max(0.0, 1 - (y**2).sum()))
        away = np.linalg.norm(foot - np.where(others, point, 0))
        return -float(np.hypot(away, radii.min() * rest))
    tau = np.exp(brentq(excess, low, high, xtol=1e-15, rtol=1e-15, maxiter=500))
    foot = radii**2 * point / (extra + tau)
    return float(np.sign(tau - least) * np.linalg.norm(point - foot))


def test_intercept_is_spices(radii):
    origin, direction = rays(radii)
    distance = ellipsoid.intercept(origin, direction, radii)
    assert 0 < np.isfinite(distance).sum() < distance.size
    for o, d, s in zip(origin, direction, distance, strict=True):
        try:
            point = spiceypy.surfpt(o, d, *radii)
        except spiceypy.NotFoundError:
            assert np.isnan(s)
        else:
            np.testing.assert_allclose(o + s * d, point, atol=1e-8 * radii.max())


def test_intercept_behind_the_origin_is_none():
    assert np.isnan(ellipsoid.intercept(np.array([3.0, 0, 0]), np.array([1.0, 0, 0]), [1, 1, 1]))


def test_intercept_from_inside_is_where_the_ray_leaves():
    distance = ellipsoid.intercept(np.array([0.5, 0, 0]), np.array([1.0, 0, 0]), [2, 1, 1])
    assert distance == pytest.approx(1.5)


def test_intercept_keeps_its_digits_from_afar():
    origin = np.array([1e9, 0.3, 0.0])
    distance = ellipsoid.intercept(origin, np.array([-1.0, 0, 0]), [1, 1, 1])
    assert origin[0] - distance == pytest.approx(np.sqrt(1 - 0.09), abs=2e-7)


def test_tangent_altitude_of_outer_rays_is_spices(radii):
    origin, direction = rays(radii)
    found = ellipsoid.tangent(origin, direction, radii)
    outer = np.isnan(ellipsoid.intercept(origin, direction, radii)) & (found.distance > 0)
    assert outer.sum() > 100
    for i in np.flatnonzero(outer):
        foot, distance = spiceypy.npedln(*radii, origin[i], direction[i])
        assert found.altitude[i] == pytest.approx(distance, abs=1e-8 * radii.max())
        point = origin[i] + found.distance[i] * direction[i]
        np.testing.assert_allclose(
            point - found.altitude[i] * found.normal[i], foot, atol=1e-6 * radii.max()
        )


def test_tangent_altitude_is_the_signed_distance_of_the_tangent_point(radii):
    origin, direction = rays(radii, reach=1.2)
    found = ellipsoid.tangent(origin, direction, radii)
    inner = found.altitude < 0
    assert inner.sum() > 100
    points = origin + found.distance[:, None] * direction
    for i in np.flatnonzero(inner):
        assert found.altitude[i] == pytest.approx(depth(points[i], radii), abs=2e-9 * radii.max())


def test_no_point_of_a_ray_lies_lower_than_its_tangent_point(radii):
    origin, direction = rays(radii, reach=1.2)
    # Also rays through the centre, along an axis, and through the medial disk.
    direction[:10] = sphere.unit(-origin[:10])
    direction[10:20] = np.eye(3)[radii.argmin()]
    origin[10:20] = -3 * radii.max() * direction[10:20] + 0.1 * np.roll(direction[10:20], 1, axis=1)
    found = ellipsoid.tangent(origin, direction, radii)
    for step in (1e-5, 1e-3, 0.1, 0.7):
        for sign in (-1, 1):
            beside = found.distance + sign * step * radii.max()
            points = origin + beside[:, None] * direction
            lower = [depth(p, radii) for p in points]
            assert (found.altitude <= np.array(lower) + 2e-9 * radii.max()).all()


def test_a_ray_along_the_axis_of_a_flat_body_has_its_lowest_point_in_the_equator():
    radii = np.array([100.0, 100.0, 10.0])
    origin = np.array([[50.0, 20.0, 300.0]])
    found = ellipsoid.tangent(origin, np.array([[0.0, 0.0, -1.0]]), radii)
    # Half way between the two faces: closed form of the distance from the medial disk.
    rho2 = 50.0**2 + 20.0**2
    assert found.altitude[0] == pytest.approx(-10 * np.sqrt(1 - rho2 / (100**2 - 10**2)), rel=1e-12)
    assert found.distance[0] == pytest.approx(300)
    assert found.normal[0, 2] > 0


def test_a_ray_through_the_centre_is_as_deep_as_the_shortest_axis(radii):
    origin = sphere.unit(np.array([[0.3, -0.5, 0.8]])) * 50 * radii.max()
    found = ellipsoid.tangent(origin, -sphere.unit(origin), radii)
    assert found.altitude[0] == pytest.approx(-radii.min(), rel=1e-6)


def test_a_ray_that_leads_away_is_lowest_at_its_origin(radii):
    origin, direction = rays(radii, n=50, reach=0.5)
    found = ellipsoid.tangent(origin, -direction, radii)
    np.testing.assert_array_equal(found.distance, 0)
    for o, altitude in zip(origin, found.altitude, strict=True):
        assert altitude == pytest.approx(spiceypy.nearpt(o, *radii)[1], rel=1e-10)


def test_scaled_tangent_point_is_the_nearest_in_scaled_space(radii):
    origin, direction = rays(radii, n=100, reach=3)
    found = ellipsoid.tangent(origin, direction, radii, "scaled")
    inside = found.distance > 0
    points = (origin + found.distance[:, None] * direction) / radii
    across = (points * direction / radii).sum(axis=-1)
    assert np.abs(across[inside]).max() < 1e-9 / radii.min()
    least = ellipsoid.tangent(origin, direction, radii)
    assert (found.altitude >= least.altitude - 1e-9 * radii.max()).all()


def test_scaled_and_least_altitude_part_by_up_to_300_m_at_saturn():
    radii = np.array(BODIES["Saturn"])
    angle = np.deg2rad(np.arange(0, 90, 3.0))
    place = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=-1) * (radii + 1000)
    origin = np.array([0.0, 1e6, 3e5])
    direction = sphere.unit(place - origin)
    gap = (
        ellipsoid.tangent(origin, direction, radii, "scaled").altitude
        - ellipsoid.tangent(origin, direction, radii).altitude
    )
    assert gap.min() > -1e-6 and 0.01 < gap.max() < 0.5


def test_nearest_is_spices_outside(radii):
    rng = np.random.default_rng(5)
    points = sphere.unit(rng.normal(size=(200, 3))) * radii * rng.uniform(1, 9, (200, 1))
    normal, altitude = ellipsoid.nearest(points, radii)
    for p, n, h in zip(points, normal, altitude, strict=True):
        foot, distance = spiceypy.nearpt(p, *radii)
        assert h == pytest.approx(distance, abs=1e-9 * radii.max())
        np.testing.assert_allclose(p - h * n, foot, atol=1e-7 * radii.max())
        np.testing.assert_allclose(n, spiceypy.surfnm(*radii, foot), atol=1e-7)


def test_nearest_inside_agrees_with_root_finding(radii):
    rng = np.random.default_rng(6)
    points = sphere.unit(rng.normal(size=(200, 3))) * radii * rng.uniform(0, 1, (200, 1))
    points[:20, radii.argmin()] = 0
    points[0] = 0
    altitude = ellipsoid.nearest(points, radii).altitude
    expected = [depth(p, radii) for p in points]
    np.testing.assert_allclose(altitude, expected, atol=2e-9 * radii.max())


def test_surface_point_and_normal_are_inverse(radii):
    normal = sphere.unit(np.random.default_rng(7).normal(size=(50, 3)))
    point = ellipsoid.surface_point(normal, radii)
    np.testing.assert_allclose(((point / radii) ** 2).sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(ellipsoid.surface_normal(point, radii), normal, atol=1e-14)


def test_any_leading_shape_gives_the_same_numbers():
    radii = np.array(BODIES["Phoebe"])
    origin, direction = rays(radii, n=24)
    flat = ellipsoid.tangent(origin, direction, radii)
    shaped = ellipsoid.tangent(origin.reshape(2, 3, 4, 3), direction.reshape(2, 3, 4, 3), radii)
    np.testing.assert_array_equal(shaped.altitude.ravel(), flat.altitude)
    np.testing.assert_array_equal(shaped.normal.reshape(-1, 3), flat.normal)
    front = np.moveaxis(np.ascontiguousarray(np.moveaxis(direction, -1, 0)), 0, -1)
    np.testing.assert_array_equal(ellipsoid.tangent(origin, front, radii).altitude, flat.altitude)
    one = ellipsoid.tangent(origin[3], direction[3], radii)
    assert one.altitude.shape == () and one.altitude == flat.altitude[3]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    shape=st.tuples(*[st.floats(0.3, 1.0)] * 3),
    start=st.tuples(*[st.floats(-4, 4)] * 3),
    aim=st.tuples(*[st.floats(-1.5, 1.5)] * 3),
)
def test_altitude_is_negative_exactly_where_the_ray_meets_the_body(shape, start, aim):
    radii = np.array(shape)
    origin, target = np.array(start), np.array(aim)
    if np.linalg.norm(origin) < 1.05 or np.linalg.norm(target - origin) < 1e-3:
        return
    direction = sphere.unit(target - origin)
    found = ellipsoid.tangent(origin, direction, radii)
    distance = ellipsoid.intercept(origin, direction, radii)
    if abs(found.altitude) > 1e-9:
        assert (found.altitude < 0) == np.isfinite(distance)


def test_a_point_does_not_depend_on_its_neighbours():
    """Those that need more steps do not change those that need fewer."""
    rng = np.random.default_rng(3)
    radii = np.array([60268.0, 60268.0, 54364.0])
    points = rng.normal(size=(400, 3)) * rng.choice([1e3, 5e4, 7e4, 1e6], (400, 1))
    together = ellipsoid.nearest(points, radii)
    alone = [ellipsoid.nearest(point[None], radii) for point in points]
    np.testing.assert_array_equal(together.altitude, [one.altitude[0] for one in alone])
    np.testing.assert_array_equal(together.normal, [one.normal[0] for one in alone])
