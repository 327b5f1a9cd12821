"""The gridded image: areas, averages, limits, errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.flyby import HALF, RADII, flyby

from uvisxr import UvisError, image
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.geometry import outline, views
from uvisxr.numerics import raster
from uvisxr.quality import flags as quality_flags


def test_a_uniform_radiance_gives_a_uniform_picture():
    found = image.image(flyby(n_pic=9, step=1e-3, brightness=1.7))
    seen = found.values[np.isfinite(found.values)]
    assert seen.size > 1000
    np.testing.assert_allclose(seen, 1.7, rtol=1e-6)
    assert np.ptp(seen) < 1e-6


def test_covered_area_is_that_of_the_footprints():
    ds = flyby(n_pic=5, step=5e-3)
    found = image.image(ds, nx=130, ny=110, exclude=())
    cell = np.diff(found.x)[0] * np.diff(found.y)[0]
    polygons = image.footprints(ds).reshape(-1, 4, 2)
    expected = np.abs(raster.signed_areas(polygons)).sum()
    assert float(found.footprints.sum()) * cell == pytest.approx(expected, rel=1e-9)
    # Pixels of 1.5 by 1 mrad on a plane that faces the spacecraft.
    solid = 4 * HALF[0] * HALF[1] * ds.target_distance.values**2
    one = np.abs(raster.signed_areas(image.footprints(ds).reshape(5, -1, 4, 2)))
    np.testing.assert_allclose(one[2], np.broadcast_to(solid[2], one[2].shape), rtol=5e-3)


def test_a_single_footprint_covers_its_own_area_to_a_percent():
    ds = flyby(n_pic=1)
    limits = {"xlim": (-4e3, 4e3), "ylim": (-4e3, 4e3)}
    for j in (5, 30, 55):
        found = image.image(ds.isel(pixel=[j]), nx=200, ny=200, **limits)
        covered = float(found.footprints.sum()) * (8e3 / 200) ** 2
        area = np.abs(raster.signed_areas(image.footprints(ds)[0, j]))
        assert covered == pytest.approx(float(area), rel=0.01)


def test_overlapping_exposures_are_averaged():
    ds = flyby(n_pic=1, brightness=1.0)
    two = ds.isel(pic=[0, 0]).assign_coords(pic=[0, 1])
    two["radiance"] = two["radiance"] * xr.DataArray([1.0, 3.0], dims="pic")
    one, both = image.image(ds), image.image(two)
    seen = np.isfinite(one.values)
    np.testing.assert_allclose(both.values[seen], 2.0 * one.values[seen], rtol=1e-6)
    np.testing.assert_allclose(both.footprints, 2.0 * one.footprints, rtol=1e-5, atol=4e-6)


def test_the_latest_of_overlapping_exposures():
    ds = flyby(n_pic=1, brightness=1.0)
    two = ds.isel(pic=[0, 0]).assign_coords(pic=[0, 1])
    two["radiance"] = two["radiance"] * xr.DataArray([1.0, 3.0], dims="pic")
    one, last = image.image(ds), image.image(two, overlap="latest")
    # At the rim, cells whose middle no footprint holds have the mean.
    inner = one.footprints.values > 0.99
    np.testing.assert_allclose(last.values[inner], 3.0 * one.values[inner], rtol=1e-6)
    np.testing.assert_allclose(last.footprints, 2.0 * one.footprints, rtol=1e-5, atol=4e-6)


def test_light_lies_where_the_body_is():
    ds = flyby(n_pic=24, distance=120_000.0)
    found = image.image(ds, nx=160)
    x, y = np.meshgrid(found.x, found.y)
    view = views.target(ds).at(slice(12, 13))
    limb = views.on_plane(view, view.at(0).sky(outline.limb(view.observer[0], RADII))[None])[0]
    radius = np.hypot(*limb.T).mean()
    disk = np.hypot(x, y) < 0.9 * radius
    far = np.hypot(x, y) > 1.6 * radius
    assert np.nanmedian(found.values[disk]) > 5 * np.nanmedian(found.values[far])
    # The Sun is to the right and above, in the dataset's own axes.
    sun = view.rotation[0].T @ view.sun[0]
    right, up, _ = views.tangent_plane(view)[0]
    lit = found.values[disk]
    toward = (x * (sun @ right) + y * (sun @ up))[disk]
    assert np.corrcoef(lit[np.isfinite(lit)], toward[np.isfinite(lit)])[0, 1] > 0.5


def test_flagged_spectra_are_left_out():
    ds = flyby(n_pic=2)
    dark = quality_flags.flag(ds, [(0, 10), (1, 40)], "star")
    limits = {"xlim": (-5e3, 5e3), "ylim": (-5e3, 5e3)}
    n = [float(image.image(d, **limits).footprints.sum()) for d in (ds, dark)]
    good = quality_flags.good(ds).values.sum()
    assert n[1] / n[0] == pytest.approx((good - 2) / good, rel=0.01)
    every = image.image(dark, exclude=(), **limits)
    assert float(every.footprints.sum()) > n[0]


def test_grid_and_its_limits():
    ds = flyby(n_pic=3)
    found = image.image(ds, nx=50, xlim=(-1000, 1000), ylim=(-500, 700))
    assert found.dims == ("y", "x")
    np.testing.assert_allclose(found.x, np.linspace(-980, 980, 50))
    assert np.diff(found.y).mean() == pytest.approx(40.0)
    assert found.x.attrs["units"] == "km"
    assert found.attrs["units"] == "kR"
    assert image.image(ds, nx=7, ny=5).shape == (5, 7)


def test_range_of_wavelengths():
    ds = flyby(n_pic=2)
    whole, half = image.image(ds), image.image(ds, wl_range=(1300, 1700))
    ratio = half.values / whole.values
    assert 0.4 < np.nanmedian(ratio) < 0.6
    assert half.attrs["wl_range"] == (1300.0, 1700.0)


def test_interpolation_fills_gaps_and_keeps_a_plane_flat():
    ds = flyby(n_pic=12, step=2.5e-3)
    raw, smooth = image.image(ds, nx=150), image.image(ds, nx=150, interpolate=True)
    assert np.isfinite(smooth.values).sum() > np.isfinite(raw.values).sum()
    flat = image.image(flyby(n_pic=12, brightness=2.0), nx=150, interpolate=True)
    assert np.nanmax(flat.values) - np.nanmin(flat.values) < 1e-6


def test_interpolation_of_three_footprints_is_the_raw_image():
    ds = flyby(n_pic=1).isel(pixel=slice(3, 6))
    raw, smooth = image.image(ds, nx=40), image.image(ds, nx=40, interpolate=True)
    np.testing.assert_array_equal(raw.values, smooth.values)


def test_interpolation_loses_no_cell_of_a_single_slit():
    ds = flyby(n_pic=1)
    raw, smooth = image.image(ds, nx=40), image.image(ds, nx=40, interpolate=True)
    assert np.isfinite(smooth.values[np.isfinite(raw.values)]).all()


def test_exposures_without_pointing_are_left_out():
    ds = flyby(n_pic=3)
    lost = ds.copy(deep=True)
    for name in ("ra_corners", "dec_corners"):
        lost[name].values[1] = np.nan
    limits = {"xlim": (-5e3, 5e3), "ylim": (-5e3, 5e3)}
    n = [float(image.image(d, **limits).footprints.sum()) for d in (ds, lost)]
    assert n[1] / n[0] == pytest.approx(2 / 3, rel=0.05)


def test_the_image_is_written_to_a_file(tmp_path):
    found = image.image(flyby(n_pic=2), nx=20)
    found.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataarray(tmp_path / "a.nc") as back:
        np.testing.assert_array_equal(back, found)


def test_the_dataset_stays_as_it_is():
    ds = flyby(n_pic=2)
    before = ds.copy(deep=True)
    image.image(ds)
    xr.testing.assert_identical(ds, before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"nx": 0}, "nx=0"),
        ({"nx": 2.5}, "nx=2.5"),
        ({"nx": True}, "nx=True"),
        ({"ny": -3}, "ny=-3"),
        ({"nx": 10**6}, "10000"),
        ({"xlim": (3, 3)}, "xlim"),
        ({"ylim": (0, np.nan)}, "ylim"),
        ({"ylim": 5}, "ylim=5: expected two distances .* km"),
        ({"wl_range": (500, 600)}, "range"),
        ({"exclude": "cloud"}, "cloud"),
        ({"overlap": "last"}, "overlap='last': expected .*latest"),
    ],
)
def test_bad_arguments(arguments, said):
    with pytest.raises(UvisError, match=said):
        image.image(flyby(n_pic=1), **arguments)


def test_nothing_to_draw():
    ds = flyby(n_pic=1)
    flagged = quality_flags.flag(ds, xr.ones_like(ds["alt"], dtype=bool), "user")
    with pytest.raises(ArgumentError, match="no footprint"):
        image.image(flagged)


def test_missing_steps():
    ds = flyby(n_pic=1)
    with pytest.raises(MissingStepError, match="geometry"):
        image.image(ds.drop_vars("ra_corners"))
    with pytest.raises(MissingStepError, match="calibrate"):
        image.image(ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"]))


@pytest.mark.parametrize("nx", [None, 0, 2.5, "a"])
def test_numbers_of_cells_are_checked(nx):
    with pytest.raises(ArgumentError, match=r"nx=.*expected a number of cells"):
        image.image(flyby(n_pic=2), nx=nx)


def test_limits_in_either_order():
    ds = flyby(n_pic=3)
    up = image.image(ds, nx=50, xlim=(-1000, 1000), ylim=(-500, 700))
    down = image.image(ds, nx=50, xlim=(1000, -1000), ylim=(700, -500))
    xr.testing.assert_identical(down, up)


def test_nothing_to_draw_says_what_rules():
    ds = flyby(n_pic=2)
    # Nothing beyond the tenth element, which the range takes in.
    short = ds.assign(radiance=ds["radiance"].where(ds["wl"] < float(ds["wl"][10])))
    low, high = (float(ds["wl_bounds"][i, j]) for i, j in ((0, 0), (9, 1)))
    said = (
        r"of 120 spectra 120 have no value over the whole of 1200 to 1900 angstrom, 2 are flagged; "
        rf"the rows have values from {np.ceil(low):g} to {np.floor(high):g}: see wl_range="
    )
    with pytest.raises(ArgumentError, match=said):
        image.image(short, (1200, 1900))
    flagged = quality_flags.flag(ds, ds["pixel"] > 9)
    with pytest.raises(ArgumentError, match="100 are flagged, 20 have no pointing; see exclude="):
        image.image(flagged.assign_coords(ra_corners=flagged["ra_corners"].where(ds["pixel"] > 9)))
    behind = ds.assign_coords(ra_corners=ds["ra_corners"] + 180, dec_corners=-ds["dec_corners"])
    with pytest.raises(ArgumentError, match="120 look more than 85 degrees past the body, 2 are"):
        image.image(behind)
