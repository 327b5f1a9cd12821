"""Limb, terminator, night side, graticule and the picture's plane, against SPICE and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
import xarray as xr
from helpers.flyby import HALF, RADII, flyby
from matplotlib.path import Path

from uvisxr import UvisError
from uvisxr.errors import MissingStepError
from uvisxr.geometry import ellipsoid, outline, views
from uvisxr.instrument.detector import Window
from uvisxr.numerics import sphere

_BODIES = [
    np.array([2575.15, 2574.78, 2574.47]),
    np.array([60268.0, 60268.0, 54364.0]),
    np.array([256.6, 251.4, 248.3]),
    np.array([164.0, 130.0, 107.0]),
    np.array([1.0, 1.0, 1.0]),
]


def _outside(rng: np.random.Generator, radii: np.ndarray, far: float) -> np.ndarray:
    return sphere.unit(rng.normal(size=3)) * radii.max() * far


@pytest.mark.parametrize("radii", _BODIES)
@pytest.mark.parametrize("far", [1.05, 1.7, 10.0, 3e3])
def test_limb_is_that_of_edlimb(radii, far):
    observer = _outside(np.random.default_rng(int(radii[0] + far)), radii, far)
    points = outline.limb(observer, radii)
    oracle = spiceypy.edlimb(*radii, observer)
    axes = np.stack([oracle.semi_major, oracle.semi_minor])
    offset = points - oracle.center
    # In the basis of the ellipse's axes, the points are on the unit circle and in its plane.
    place = np.linalg.lstsq(axes.T, offset.T, rcond=None)[0].T
    np.testing.assert_allclose(np.sum(place**2, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(place @ axes, offset, atol=1e-6)
    np.testing.assert_allclose(points[0], points[-1], atol=1e-9 * radii[0])


def test_the_spacecraft_inside_the_body_sees_no_limb():
    with np.errstate(invalid="raise"):
        points = outline.limb([0.5, 0, 0], [1.0, 1.0, 1.0])
    assert np.ptp(points, axis=0).max() == 0.0


@pytest.mark.parametrize("radii", _BODIES)
def test_terminator_is_where_the_sun_grazes(radii):
    rng = np.random.default_rng(5)
    for _ in range(20):
        observer, sun = _outside(rng, radii, rng.uniform(1.2, 30)), _outside(rng, radii, 1e4)
        points = outline.terminator(observer, sun, radii)
        normal = ellipsoid.surface_normal(points, radii)
        grazing = np.einsum("ni,ni->n", normal, sphere.unit(sun - points))
        np.testing.assert_allclose(grazing, 0.0, atol=1e-12)
        facing = np.einsum("ni,ni->n", normal, sphere.unit(observer - points))
        assert facing.min() > -1e-9


@pytest.mark.parametrize("radii", _BODIES)
def test_night_side_holds_exactly_the_dark_points_seen(radii):
    rng = np.random.default_rng(6)
    for far in (1.3, 4.0, 200.0):
        observer, sun = _outside(rng, radii, far), _outside(rng, radii, 1e5)
        points = radii * sphere.unit(rng.normal(size=(4000, 3)))
        points = points[outline.faces(points, observer, radii)]
        dark = ~outline.faces(points, sun, radii)
        axes = np.linalg.svd(observer[None])[2]
        axes[0] *= np.sign(axes[0] @ -observer)

        def project(p, observer=observer, axes=axes):
            x = (p - observer) @ axes.T
            return x[:, 1:] / x[:, :1]

        edge = project(outline.night(observer, sun, radii, n=1441))
        flat = project(points)
        # Points within the chords' sagitta of the edge may fall to either side.
        scale = np.ptp(edge, axis=0).max()
        near = np.array([np.hypot(*(edge - p).T).min() for p in flat]) < 5e-3 * scale
        inside = Path(edge).contains_points(flat)
        assert dark[~near].any()
        assert (~dark[~near]).any()
        assert (inside == dark)[~near].all()


def test_night_of_a_full_and_of_a_new_disk():
    radii = np.array([3.0, 2.0, 1.0])
    observer = np.array([40.0, 10.0, 5.0])
    assert len(outline.night(observer, 1e6 * observer, radii)) == 0
    assert len(outline.terminator(observer, 1e6 * observer, radii)) == 0
    new = outline.night(observer, -1e6 * observer, radii, n=50)
    np.testing.assert_allclose(new, outline.limb(observer, radii, 50))


def test_hidden_directions_are_those_that_surfpt_meets():
    rng = np.random.default_rng(7)
    for radii in _BODIES:
        observer = _outside(rng, radii, 3.0)
        looks = sphere.unit(-observer / np.linalg.norm(observer) + rng.normal(0, 0.3, (200, 3)))
        found = outline.hides(observer, looks, radii)
        for look, hidden in zip(looks, found, strict=True):
            try:
                spiceypy.surfpt(observer, look, *radii)
                met = True
            except spiceypy.NotFoundError:
                met = False
            assert hidden == met
        assert found.any()
        assert not found.all()
        assert not outline.hides(observer, -looks[found], radii).any()


def test_a_body_hides_only_what_lies_behind_it():
    observer, look = np.array([10.0, 0.0, 0.0]), np.array([-1.0, 0.0, 0.0])
    radii = [1.0, 1.0, 1.0]
    assert outline.hides(observer, look, radii)
    assert outline.hides(observer, look, radii, distance=12.0)
    assert not outline.hides(observer, look, radii, distance=8.0)


def test_visible_keeps_the_near_side():
    radii = np.array([2.0, 1.5, 1.0])
    observer = np.array([9.0, 3.0, 4.0])
    for curve in outline.graticule(radii):
        seen = np.isfinite(outline.visible(curve, observer, radii)).all(axis=-1)
        normal = ellipsoid.surface_normal(curve, radii)
        facing = np.einsum("ni,ni->n", normal, observer - curve) > 0
        np.testing.assert_array_equal(seen, facing)


def test_graticule_lies_on_the_surface_at_its_coordinates():
    radii = np.array([3.0, 2.0, 1.0])
    lines = outline.graticule(radii, step=30.0)
    assert len(lines) == 12 + 5
    for k, line in enumerate(lines):
        np.testing.assert_allclose(np.sum((line / radii) ** 2, axis=-1), 1.0, atol=1e-12)
        if k >= 12:
            np.testing.assert_allclose(sphere.latitude(line), (k - 14) * 30.0, atol=1e-10)
        else:
            inner = sphere.longitude(line[1:-1])
            np.testing.assert_allclose(np.cos(np.deg2rad(inner - 30.0 * k)), 1.0, atol=1e-12)


def test_orientation_is_the_rotation_of_the_iau_angles():
    ra, dec, w = np.array([40.6, 300.0]), np.array([83.5, -20.0]), np.array([38.9, 211.0])
    for i, found in enumerate(views.orientation(ra, dec, w)):
        a, d, m = np.deg2rad([ra[i], dec[i], w[i]])
        oracle = spiceypy.eul2m(m, np.pi / 2 - d, np.pi / 2 + a, 3, 1, 3)
        np.testing.assert_allclose(found, oracle, atol=1e-14)


def test_target_is_rebuilt_from_the_dataset():
    ds = flyby(n_pic=3)
    view = views.target(ds)
    np.testing.assert_allclose(view.distance, ds.target_distance, rtol=1e-13)
    np.testing.assert_allclose(view.centre, sphere.vectors(ds.target_ra, ds.target_dec), atol=1e-14)
    np.testing.assert_allclose(
        ellipsoid.nearest(view.observer, RADII).altitude, ds.sc_alt, rtol=1e-12
    )
    # The near point and the sub-solar point.
    for vector, lon, lat in (
        (view.observer, ds.sc_lon, ds.sc_lat),
        (view.sun, ds.sub_solar_lon, ds.sub_solar_lat),
    ):
        normal, altitude = ellipsoid.nearest(vector, RADII)
        point = vector - altitude[:, None] * normal
        np.testing.assert_allclose(sphere.wrap(-sphere.longitude(point)), lon, atol=1e-5)
        np.testing.assert_allclose(sphere.latitude(point), lat, atol=1e-5)


def test_target_survives_a_file(tmp_path):
    ds = flyby(n_pic=2)
    ds.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as back:
        there, here = views.target(back), views.target(ds)
        np.testing.assert_allclose(there.observer, here.observer)
        np.testing.assert_allclose(views.corners(back), views.corners(ds))


def test_target_takes_the_middle_sample():
    parts = [flyby(n_pic=2, distance=d) for d in (5e4, 6e4, 7e4)]
    ds = xr.concat(parts, "sample", data_vars="all", coords="different", compat="equals")
    assert views.target(ds).distance == pytest.approx(parts[1].target_distance.values)


@pytest.mark.parametrize("lost", ["target_ra", "sc_velocity", "heliocentric_distance"])
def test_target_names_what_is_missing(lost):
    with pytest.raises(MissingStepError, match=lost) as caught:
        views.target(flyby(n_pic=2).drop_vars(lost))
    assert "geometry()" in str(caught.value)


def test_target_without_its_attributes():
    ds = flyby(n_pic=2)
    ds.attrs.pop("target_radii")
    with pytest.raises(MissingStepError, match="target_radii"):
        views.target(ds)


def test_corners_need_geometry():
    with pytest.raises(MissingStepError, match="ra_corners"):
        views.corners(flyby(n_pic=2).drop_vars("ra_corners"))
    with pytest.raises(MissingStepError, match="isel"):
        views.corners(flyby(n_pic=2).isel(pic=0))


def test_slit_continues_the_rows_of_the_dataset():
    whole = flyby(n_pic=2, window=Window(0, 0, 63, 1023, band_bin=512))
    part = flyby(n_pic=2, window=Window(20, 0, 23, 1023, band_bin=512))
    np.testing.assert_allclose(views.slit(part), views.corners(whole), atol=1e-13)
    one = flyby(n_pic=2, window=Window(20, 0, 20, 1023, band_bin=512))
    np.testing.assert_allclose(views.slit(one), views.corners(whole), atol=1e-12)
    binned = flyby(n_pic=2, window=Window(20, 0, 27, 1023, line_bin=4, band_bin=512))
    np.testing.assert_allclose(views.slit(binned), views.corners(whole), atol=1e-13)


def test_plane_has_the_north_up_and_the_scale_of_the_distance():
    ds = flyby(n_pic=3)
    view = views.target(ds)
    axes = views.tangent_plane(view)
    np.testing.assert_allclose(
        axes @ np.swapaxes(axes, -1, -2), np.eye(3)[None] + 0 * axes, atol=1e-13
    )
    assert np.linalg.det(axes[0]) == pytest.approx(-1.0)
    centre = views.on_plane(view, view.centre[:, None])
    np.testing.assert_allclose(centre, 0.0, atol=1e-8)
    north = view.at(0).sky(np.array([0.0, 0.0, RADII[2]]))
    x, y = views.on_plane(view.at(slice(0, 1)), north[None, None])[0, 0]
    assert abs(x) < 1e-6
    assert y > 0
    # A pixel of 1.5 by 1 mrad.
    size = np.linalg.norm(np.diff(views.on_plane(view, views.corners(ds)), axis=2), axis=-1)
    expected = 2 * np.array([HALF[0], HALF[1], HALF[0]]) * view.distance[:, None, None]
    np.testing.assert_allclose(size[1], expected[1].repeat(size.shape[1], 0), rtol=2e-3)


def test_plane_has_no_place_for_what_lies_behind():
    view = views.target(flyby(n_pic=1))
    assert np.isnan(views.on_plane(view, -view.centre[:, None])).all()


def test_east_longitudes_lie_to_the_right_with_north_up():
    view = views.target(flyby(n_pic=1)).at(0)
    # Seen from outside with the north up, eastern longitudes lie to the right.
    below = sphere.longitude(view.observer)
    east = view.sky(outline.surface(below + 20.0, 0.0, RADII))
    whole = views.target(flyby(n_pic=1))
    assert views.on_plane(whole, east[None, None])[0, 0, 0] > 0


def test_others_without_geometry():
    with pytest.raises(UvisError, match="geometry"):
        views.others(flyby(n_pic=1).drop_vars("geometry_et"))


def test_views_do_not_depend_on_the_order_of_dimensions():
    ds = flyby(n_pic=4)
    ds["sc_velocity"] = ("pic", "axis"), np.arange(12.0).reshape(4, 3)
    there, here = (views.target(one) for one in (ds.transpose(), ds))
    np.testing.assert_array_equal(there.velocity, here.velocity)
    np.testing.assert_array_equal(there.observer, here.observer)
    np.testing.assert_array_equal(views.velocity(ds.transpose()), views.velocity(ds))
