"""Maps against simulations of known truth, integrals over solid angle, and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby, without_pointing
from helpers.sunlight import flat

import uvisxr
from uvisxr import UvisError
from uvisxr.dataset import overview
from uvisxr.errors import ArgumentError, MissingStepError, UvisWarning
from uvisxr.geometry import ellipsoid, views
from uvisxr.instrument.detector import Window
from uvisxr.maps import footprints, means
from uvisxr.maps.grids import Cylindrical
from uvisxr.maps.passing import steps
from uvisxr.maps.spheroid import Spheroid
from uvisxr.numerics.constants import SPEED_OF_LIGHT

#: Altitude of the simulated aurora, km, and the latitude of its oval, degrees.
ALTITUDE, OVAL = 1100.0, 74.0

LIGHT = (1250.0, 1700.0)


@pytest.fixture(scope="module")
def aurora(tmp_path_factory) -> xr.Dataset:
    """Brightness of Saturn's north, with an oval 1100 km above the ellipsoid."""
    made = uvisxr.simulate.observation(
        tmp_path_factory.mktemp("aurora"),
        target="SATURN",
        start="2016-278T09:22:00",
        exposures=40,
        exposure=120.0,
        window=Window(2, 0, 61, 1023, band_bin=64),
        stars=0,
        lost=0,
        partial=0,
        aurora_altitude=ALTITUDE,
    )
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    return ds.uvis.calibrate(files=made.calibration).uvis.integrate(LIGHT).compute()


@pytest.fixture(scope="module")
def dawn(aurora) -> xr.Dataset:
    return aurora.uvis.map(projection="polar", by="lt", altitude=ALTITUDE, spacing=0.5)


def _areas(ds: xr.Dataset, altitude: float, nodes: int = 6) -> np.ndarray:
    """Areas of footprints, km2: the integral of r² / cos(e) over the solid angle of each pixel."""
    view = views.target(ds)
    corners = views.corners(ds)
    at, weight = np.polynomial.legendre.leggauss(nodes)
    at, weight = (at + 1) / 2, weight / 2
    radii = view.radii + altitude
    area = np.zeros(corners.shape[:2])
    a, b, c, d = np.moveaxis(corners, 2, 0)
    for u, wu in zip(at, weight, strict=True):
        for v, wv in zip(at, weight, strict=True):
            p = (1 - u) * (1 - v) * a + u * (1 - v) * b + u * v * c + (1 - u) * v * d
            pu = (1 - v) * (b - a) + v * (c - d)
            pv = (1 - u) * (d - a) + u * (c - b)
            length = np.linalg.norm(p, axis=-1)
            solid = np.abs(np.einsum("...i,...i", p, np.cross(pu, pv))) / length**3
            true = p / length[..., None] - view.velocity[:, None] / SPEED_OF_LIGHT
            true = np.einsum("nij,npj->npi", view.rotation, true)
            scale = np.linalg.norm(true, axis=-1)
            true /= scale[..., None]
            reach = ellipsoid.intercept(view.observer[:, None], true, radii)
            point = view.observer[:, None] + reach[..., None] * true
            normal = ellipsoid.surface_normal(point, radii)
            cos = -np.einsum("...i,...i", normal, true)
            # Aberration makes patches of the sky larger ahead.
            area += wu * wv * solid * reach**2 / cos / scale**2
    return area


# Light is neither lost nor gained ----------------------------------------------------------------


@pytest.mark.parametrize("altitude", [0.0, ALTITUDE])
@pytest.mark.parametrize(
    "kind",
    [
        {"spacing": 1.0},
        {"spacing": (3.0, 0.7), "by": "lt"},
        {"projection": "polar", "edge": 20.0, "spacing": 0.4},
        {"projection": "polar", "edge": 20.0, "spacing": 3.0, "by": "lt"},
    ],
)
def test_cells_times_areas_are_pixels_times_footprints(aurora, altitude, kind):
    found = aurora.uvis.map(altitude=altitude, ems_max=75.0, **kind)
    areas = _areas(aurora, altitude)
    seen = (aurora["quality"].values == 0) & np.isfinite(aurora["brightness"].values)
    at = footprints.seen(aurora, views.target(aurora), altitude)
    seen &= at.whole & (at.fields["ems"] <= 75.0)
    assert found.attrs["map_spectra"] == seen.sum() > 1500
    looked = found["cell_area"] * found["footprints"]
    assert float(looked.sum()) == pytest.approx(areas[seen].sum(), rel=1e-4)
    light = float((found["brightness"] * looked).sum())
    expected = (aurora["brightness"].values * areas)[seen].sum()
    assert light == pytest.approx(expected, rel=1e-4)


def test_each_footprint_has_its_area(aurora):
    areas = _areas(aurora, ALTITUDE)
    for pic, pixel in ((5, 30), (20, 31), (33, 8)):
        one = aurora.isel(pic=[pic], pixel=[pixel])
        for kind in ({"spacing": 0.5}, {"projection": "polar", "edge": 20.0, "spacing": 0.5}):
            found = one.uvis.map(altitude=ALTITUDE, ems_max=85.0, **kind)
            looked = float((found["cell_area"] * found["footprints"]).sum())
            assert looked == pytest.approx(areas[pic, pixel], rel=3e-3)


@pytest.mark.parametrize("by", ["lon", "lt"])
@pytest.mark.parametrize("projection", ["cylindrical", "polar"])
def test_light_of_a_body_whose_equator_is_no_circle(projection, by):
    ds = flyby(n_pic=60, window=Window(2, 0, 61, 1023, band_bin=512)).uvis.integrate(LIGHT)
    ds = ds.assign_attrs(target_radii=[2900.0, 2400.0, 2200.0])
    kind = {"edge": 0.0} if projection == "polar" else {}
    found = ds.uvis.map(projection=projection, by=by, spacing=2.0, ems_max=70.0, **kind)
    areas, at = _areas(ds, 0.0), footprints.seen(ds, views.target(ds), 0.0)
    seen = at.whole & (at.fields["ems"] <= 70.0)
    if projection == "polar":
        seen &= at.lat.min(axis=-1) > 4.0
        found = ds.where(xr.DataArray(seen, dims=("pic", "pixel"))).uvis.map(
            projection=projection, by=by, spacing=2.0, ems_max=70.0, pole="north", **kind
        )
    looked = found["cell_area"] * found["footprints"]
    assert float(looked.sum()) == pytest.approx(areas[seen].sum(), rel=1e-3)
    light = float((found["brightness"] * looked).sum())
    assert light == pytest.approx((ds["brightness"].values * areas)[seen].sum(), rel=2e-3)


# Light comes back where it was emitted -----------------------------------------------------------


def _ovals(found: xr.Dataset) -> np.ndarray:
    """Latitudes of the oval in the four quarters of local time: centroids above the median."""
    light, lat, lt = (found[n].values for n in ("brightness", "lat", "lt"))
    near = np.isfinite(light) & (np.abs(lat - OVAL) < 6)
    places = []
    for first in (3.0, 9.0, 15.0, 21.0):
        some = near & ((lt - first) % 24 < 6)
        weight = np.clip(light[some] - np.median(light[some]), 0, None)
        places.append((weight * lat[some]).sum() / weight.sum())
    return np.array(places)


def test_an_emission_comes_back_at_its_altitude_and_not_at_another(aurora, dawn):
    areas = _areas(aurora, ALTITUDE)
    half = np.rad2deg(0.5 * np.sqrt(np.nanmedian(areas)) / 56e3)
    assert 0.3 < half < 0.7
    assert np.abs(_ovals(dawn) - OVAL).max() < 0.25 * half
    low = aurora.uvis.map(projection="polar", by="lt", altitude=0.0, spacing=0.5)
    apart = np.abs(_ovals(low) - OVAL)
    assert apart.max() > 2 * half and apart.mean() > half


@pytest.mark.slow
def test_the_simulation_without_an_altitude_is_on_the_ellipsoid(tmp_path):
    options = {"target": "SATURN", "exposures": 1, "window": Window(2, 0, 61, 1023, band_bin=256)}
    a, b, c = (
        uvisxr.simulate.observation(tmp_path / str(h), aurora_altitude=h, stars=0, **options).truth
        for h in (0.0, 1e-6, 1100.0)
    )
    # Light time to the point and to the centre differ by what Saturn turns in 0.2 s.
    assert np.allclose(a["radiance"], b["radiance"], rtol=0.02, atol=1e-4)
    assert not np.allclose(a["radiance"], c["radiance"], rtol=0.02, atol=1e-4)


# What cells know ---------------------------------------------------------------------------------


def test_means_by_hand():
    """Two pixels of one exposure and one of another over one cell around the whole body."""
    ds = flyby(n_pic=2, step=1e-3).uvis.integrate()
    ds = ds.isel(pixel=[28, 30])
    found = ds.uvis.map(spacing=180.0, ems_max=90.0)
    assert found["brightness"].shape == (1, 2)
    areas, value = _areas(ds, 0.0), ds["brightness"].values
    seen = found["spectra"].values > 0
    total = (found["brightness"] * found["cell_area"] * found["footprints"]).values[seen].sum()
    assert total == pytest.approx((areas * value).sum(), rel=2e-3)


def test_looks_are_weighted_by_area_or_by_exposure(aurora):
    one = aurora.isel(pic=[20], pixel=[30])
    two = xr.concat([one, 3.0 * one.assign(brightness=one["brightness"])], "pic")
    two = two.assign_coords(
        pic=[0, 1],
        **{
            n: (v.dims, np.repeat(v.values, 2, 0))
            for n, v in one.coords.items()
            if v.dims and v.dims[0] == "pic" and n != "pic"
        },
    )
    two = two.assign_coords(
        brightness_systematic=two["brightness"].copy(data=0.1 * two["brightness"].values),
        exposure=("pic", [100.0, 300.0]),
    ).assign_attrs(one.attrs)
    value = float(one["brightness"].values[0, 0])
    with pytest.warns(uvisxr.UvisWarning, match="have the times of others"):
        even = two.uvis.map(altitude=ALTITUDE, spacing=1.0)
        long = two.uvis.map(altitude=ALTITUDE, spacing=1.0, weights="exposure")
    there = even["spectra"].values > 0
    assert (even["spectra"].values[there] == 2).all()
    assert np.allclose(even["brightness"].values[there], 2 * value)
    assert np.allclose(long["brightness"].values[there], 2.5 * value)
    # A common error does not average down, and adds up as the values do.
    assert np.allclose(even["brightness_systematic"].values[there], 0.2 * value)
    assert (even["footprints"].values <= 2 * even["covered"].values + 1e-6).all()
    assert (even["covered"].values <= 1).all()


def test_statistical_errors_are_the_scatter_of_maps(aurora):
    """Pixels get random values of known errors, again and again."""
    rng = np.random.default_rng(5)
    ds = aurora.isel(pic=slice(10, 30, 4), pixel=slice(10, 50))
    n, dims = 40.0, ds["brightness"].dims
    half = np.full(ds["brightness"].shape, np.sqrt(n))
    one = ds.assign(brightness=(dims, np.full_like(half, n))).assign_coords(
        brightness_upper=(dims, half + 0.65), brightness_lower=(dims, half - 0.35)
    )
    told = one.uvis.map(altitude=ALTITUDE, spacing=2.0)
    mean = 0.5 * (told["brightness_upper"] + told["brightness_lower"]).values
    some, area = np.isfinite(mean), told["cell_area"].values

    view = views.target(ds)
    at = footprints.seen(ds, view, ALTITUDE)
    grid = Cylindrical.of(Spheroid.of(view.radii + ALTITUDE), 2.0, 2.0)
    used = at.whole & (at.fields["ems"] <= 80.0) & (ds["quality"].values == 0)
    looks = means.Looks(grid, at.polygons(grid, used, "lon", False))
    drawn = []
    for _ in range(200):
        counts = rng.poisson(n, int(used.sum())).astype(float)
        drawn.append(means.mapped(looks, means.Pixels(counts, np.ones_like(counts)))["value"])
    assert np.array_equal(np.isfinite(drawn[0]), some)
    assert np.median(np.std(drawn, axis=0)[some] / mean[some]) == pytest.approx(1.0, abs=0.05)
    # Cells are not independent, and their correlation says how much.
    variance = (area * told["brightness_lower"].values)[some] ** 2
    correlation = told["brightness_correlation"].values[some]
    scatter = np.std([(one * area)[some].sum() for one in drawn])
    assert scatter == pytest.approx(np.sqrt((variance * correlation).sum()), rel=0.15)
    assert scatter > 1.3 * np.sqrt(variance.sum())


def test_angles_are_those_of_the_geometry_on_the_ellipsoid(aurora):
    found = aurora.uvis.map(spacing=1.0, ems_max=70.0)
    for pic, pixel in ((8, 30), (20, 25), (30, 35)):
        one = aurora.isel(pic=pic, pixel=pixel)
        cell = found.sel(lat=one["lat"], lon=one["lon"], method="nearest")
        for name, most in (("ems", 1.5), ("sza", 1.5), ("phase", 0.2), ("lt", 0.5)):
            assert abs(float(cell[name]) - float(one[name])) < most, name
    assert float(found["ems"].max()) <= 70.0
    assert np.allclose(found["mu"], np.cos(np.deg2rad(found["ems"])), atol=0.02, equal_nan=True)


def test_local_times_are_averaged_on_the_circle(aurora):
    found = aurora.uvis.map(altitude=ALTITUDE, spacing=2.0)
    # From the pixel's middle to the cell's is never far.
    east = -found["lon"].values - float(-found["sub_solar_lon"])
    expected = (12 + east / 15) % 24
    apart = np.abs((found["lt"].values - expected + 12) % 24 - 12)
    low = np.isfinite(apart) & (found["lat"].values[:, None] < 75)
    # The Sun moved by 45 degrees during the observation.
    assert np.median(apart[low]) < 1.5


def test_as_seen_from_above(aurora):
    plain = aurora.uvis.map(altitude=ALTITUDE, spacing=1.0)
    above = aurora.uvis.map(altitude=ALTITUDE, spacing=1.0, slant="cos")
    with np.errstate(invalid="ignore"):
        ratio = (above["brightness"] / (plain["brightness"] * plain["mu"])).values
    assert np.nanmedian(ratio) == pytest.approx(1.0, abs=0.01)
    assert above["brightness"].attrs["long_name"] == "brightness, as seen from above"


def test_any_field_of_pixels(aurora):
    found = aurora.uvis.map("phase", spacing=5.0)
    assert found["phase"].attrs["units"] == "degree"
    assert "phase_upper" not in found.variables
    with pytest.raises(MissingStepError, match=r"no variable 'brightnes'.*brightness"):
        aurora.uvis.map("brightnes")
    with pytest.raises(ArgumentError, match="one number for each pic and pixel"):
        aurora.uvis.map("et")
    with pytest.raises(ArgumentError, match="where the cells of a map are"):
        aurora.uvis.map("lat")
    with pytest.raises(ArgumentError, match="wl_range= is of the brightness"):
        aurora.uvis.map("sza", wl_range=LIGHT)


# Grids -------------------------------------------------------------------------------------------


def test_numbers_without_dimension_have_no_units(aurora):
    """As of all variables: plots of xarray would be labelled "[1]"."""
    found = aurora.uvis.map(spacing=5.0)
    for name in ("spectra", "footprints", "covered", "mu", "brightness_correlation"):
        assert "units" not in found[name].attrs, name
    assert "units" not in aurora.uvis.image()["footprints"].attrs


def test_longitudes_of_either_sense(aurora):
    west = aurora.uvis.map(spacing=2.0)
    directed = ("lon", "lon_corners", "sub_solar_lon", "sc_lon")
    flipped = {n: (360 - aurora[n].variable) % 360 for n in directed}
    plain = aurora.drop_vars("geometry_setup")
    east = plain.assign_coords(flipped).assign_attrs(lon_direction="east").uvis.map(spacing=2.0)
    assert "east-positive" in east["lon"].attrs["long_name"]
    assert np.allclose(
        west["brightness"].values, east["brightness"].values[:, ::-1], equal_nan=True
    )


def test_the_grid_of_cf(aurora, dawn, tmp_path):
    polar = aurora.uvis.map(projection="polar", altitude=ALTITUDE)
    crs = polar["crs"].attrs
    assert crs["grid_mapping_name"] == "lambert_azimuthal_equal_area"
    assert crs["semi_major_axis"] == pytest.approx(1e3 * (60268 + ALTITUDE))
    assert polar["brightness"].attrs["grid_mapping"] == "crs"
    assert polar["x"].attrs["standard_name"] == "projection_x_coordinate"
    assert "crs" not in dawn.variables and dawn["lt"].dims == ("y", "x")
    flat = aurora.uvis.map(spacing=2.0, by="lt")
    assert flat["lt"].attrs["bounds"] == "lt_bounds"
    assert flat["lt_bounds"].values[-1, 1] == pytest.approx(24.0)
    assert flat["brightness"].attrs["cell_measures"] == "area: cell_area"
    for ds in (polar, dawn, flat):
        back = xr.load_dataset(ds.uvis.to_netcdf(tmp_path / "map.nc", overwrite=True))
        xr.testing.assert_identical(back.drop_attrs(), ds.drop_attrs())
        assert back["brightness"].attrs == ds["brightness"].attrs


def test_the_usual_grid(aurora):
    found = aurora.uvis.map()
    assert found["brightness"].sizes == {"lat": 360, "lon": 720}
    assert aurora.uvis.map(projection="polar").attrs["map_pole"] == "north"


@pytest.mark.parametrize("altitude", [0.0, 10.0, ALTITUDE])
@pytest.mark.parametrize("edge", [0.0, 60.0])
def test_what_lies_around_the_other_pole_is_on_no_polar_map(aurora, altitude, edge):
    """Beside that pole, too, where sides of footprints turn by half a circle."""
    with pytest.raises(ArgumentError, match=rf"no footprint lies within edge={edge!r}"):
        aurora.uvis.map(projection="polar", pole="south", altitude=altitude, edge=edge)


def test_a_tree_gives_the_map_of_each_window(aurora):
    tree = xr.DataTree.from_dict({"window0": aurora})
    found = tree.uvis.map(spacing=5.0)["window0"].to_dataset()
    assert np.allclose(
        found["brightness"], aurora.uvis.map(spacing=5.0)["brightness"], equal_nan=True
    )


@pytest.mark.slow
def test_the_middle_of_several_instants(tmp_path):
    made = uvisxr.simulate.observation(
        tmp_path,
        exposures=4,
        window=Window(2, 0, 61, 1023, band_bin=256),
        stars=0,
        lost=0,
        partial=0,
    )
    ds = made.open()
    maps = [
        ds.uvis.geometry(kernels=made.kernels, samples=k)
        .uvis.background(level=4e-4)
        .uvis.calibrate(files=made.calibration)
        .uvis.map(wl_range=LIGHT, altitude=1000.0, spacing=5.0)
        for k in (None, 3)
    ]
    assert np.allclose(maps[0]["brightness"], maps[1]["brightness"], equal_nan=True)


# What cannot be mapped ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"projection": "mercator"}, "projection"),
        ({"spacing": 0}, "spacing"),
        ({"spacing": (1.0, 2.0), "projection": "polar"}, "one number of a polar map"),
        ({"spacing": 0.01}, "larger than 4000000 cells"),
        ({"spacing": (0.001, 60.0)}, "footprints reach over .* cells in all, more than 1e"),
        ({"edge": 90}, "edge"),
        ({"ems_max": 0}, "ems_max"),
        ({"altitude": -70e3}, "altitude"),
        ({"altitude": 1e6}, "altitude"),
        ({"body": "UNK"}, "body"),
        ({"body": "Saturm"}, "^body='Saturm': expected .* did you mean 'SATURN'"),
        ({"by": "lat"}, "by"),
        ({"weights": "time"}, "weights"),
        ({"slant": True}, "slant"),
    ],
)
def test_wrong_arguments_are_told(aurora, arguments, said):
    with pytest.raises(UvisError, match=said):
        aurora.uvis.map(**arguments)


@pytest.mark.parametrize("lacking", [np.nan, 0.0])
def test_exposures_without_a_time_have_no_weight(aurora, lacking):
    some = aurora.isel(pic=slice(18, 22))
    ds = some.assign_coords(exposure=("pic", [60.0, lacking, 120.0, lacking]))
    with pytest.raises(ArgumentError, match=r"2 of 4 exposures have no integration .* pic 1: "):
        ds.uvis.map(weights="exposure", spacing=5.0)
    assert ds.uvis.map(spacing=5.0)["spectra"].any()
    ds.isel(pic=[0, 2]).uvis.map(weights="exposure", spacing=5.0)


def test_why_there_is_nothing_to_map(aurora):
    every = xr.ones_like(aurora["quality"], bool)
    with pytest.raises(ArgumentError, match=r"are flagged, .*; see exclude="):
        aurora.uvis.flag(every, "user").uvis.map()
    with pytest.raises(ArgumentError, match="do not lie whole on SATURN at 0 km"):
        aurora.assign_coords(dec_corners=-aurora["dec_corners"]).uvis.map()
    with pytest.raises(MissingStepError, match=r"ds\.uvis\.geometry"):
        aurora.drop_vars(["ra_corners"]).uvis.map()


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A simulated observation of Titan in a few exposures, located and calibrated."""
    window, whole = Window(2, 0, 61, 1023, band_bin=256), {"stars": 0, "lost": 0, "partial": 0}
    folder = tmp_path_factory.mktemp("counted")
    made = uvisxr.simulate.observation(folder, exposures=4, window=window, **whole)
    return made.open().uvis.geometry(kernels=made.kernels), made.calibration


@pytest.mark.slow
def test_light_with_the_background_in_it_is_told_of(counted):
    """The level of 2008.2 by the fit to the guide's figure: 4.64e-4 exp(-0.0247 * 4.19)."""
    ds, files = counted
    bare = ds.uvis.calibrate(files=files)
    with pytest.warns(UvisWarning, match=r"^map: no background .*\(about 0\.00042 .* in 2008\.2\)"):
        found = bare.uvis.map(wl_range=LIGHT, altitude=1000.0, spacing=5.0)
    with pytest.warns(UvisWarning, match=r"^power: no background .*background\(level=0\)"):
        with_it = found.uvis.power()
    options = {"altitude": 1000.0, "spacing": 5.0}
    # Warnings are errors: those off which it was taken, and fields, are mapped without one.
    clean = ds.uvis.background(level=4e-4).uvis.calibrate(files=files)
    without = clean.uvis.map(wl_range=LIGHT, **options).uvis.power()
    assert float(with_it.power) > float(without.power) + 5 * float(without.power_upper)
    bare.uvis.map("sza", **options)
    ds.uvis.background(level=0).uvis.calibrate(files=files).uvis.map(wl_range=LIGHT, **options)


def test_backgrounds_of_each_product_are_known_to_the_map(counted):
    ds, files = counted
    ds = ds.uvis.background(level=4e-4).uvis.calibrate(files=files).uvis.integrate(LIGHT)
    units = ds["background"].attrs
    ds = ds.assign_coords(background=("pic", np.full(ds.sizes["pic"], 4e-4), units))
    del ds.attrs["background_method"]
    ds.uvis.map(altitude=1000.0, spacing=5.0).uvis.power()


def test_reflectances_are_mapped_by_name(counted):
    ds, files = counted
    lit = ds.uvis.background(level=4e-4).uvis.calibrate(files=files).uvis.integrate(LIGHT)
    options = {"altitude": 1000.0, "spacing": 5.0}
    expected = lit.uvis.map(**options)
    ds = lit.uvis.reflectance(flat())
    with pytest.raises(MissingStepError, match='map them with field="reflectance"'):
        ds.uvis.map(**options)
    found = ds.uvis.map("reflectance", **options)
    times = float(ds.reflectance.max() / lit.brightness.max())
    for part in ("", "_upper", "_systematic"):
        one, other = found[f"reflectance{part}"], times * expected[f"brightness{part}"]
        np.testing.assert_allclose(one, other, rtol=2e-3)
    np.testing.assert_array_equal(found.wl_bounds, LIGHT)


def test_what_is_done_is_told_of_maps_and_powers(counted):
    ds, files = counted
    ds = ds.uvis.background(level=4e-4).uvis.calibrate(files=files)
    found = ds.uvis.map(wl_range=LIGHT, altitude=1000.0, spacing=5.0)
    before = ["open", "geometry", "background", "calibrate", "integrate"]
    assert list(overview.done(found)) == [*before, "map"]
    assert list(overview.done(found.uvis.power())) == [*before, "map", "power"]


def test_light_of_several_ranges_has_no_map(counted):
    """Brightnesses ended in a TypeError, and I/F were averaged."""
    ds, files = counted
    ds = ds.uvis.background(level=4e-4).uvis.calibrate(files=files)
    options = {"altitude": 1000.0, "spacing": 5.0}
    # The last has the same middle.
    for other in ((1300, 1500), (LIGHT[0] + 50, LIGHT[1] - 50)):
        one, two = (
            ds.isel(pic=pics).uvis.integrate(wl) for pics, wl in (([0, 1], LIGHT), ([2, 3], other))
        )
        lit = [part.uvis.reflectance(flat()) for part in (one, two)]
        joining = {"dim": "pic", "combine_attrs": "override", "coords": "different"}
        joining["compat"] = "equals"
        mixed, lit = (xr.concat(parts, **joining) for parts in ((one, two), lit))
        for step in (
            lambda ds: ds.uvis.map(**options),
            lambda ds: ds.uvis.map("brightness_upper", **options),
            lambda ds: ds.uvis.image(),
            lambda ds: ds.uvis.reflectance(flat()),
            lambda ds: ds.uvis.photometry(flat(), background="none"),
        ):
            with pytest.raises(ArgumentError, match="different ranges of wavelengths were joined"):
                step(mixed)
        with pytest.raises(ArgumentError, match="different ranges of wavelengths were joined"):
            lit.uvis.map("reflectance", **options)
        mixed.uvis.map("sza", **options)


def test_a_map_at_one_wavelength_says_which(counted):
    ds, files = counted
    one = ds.uvis.background(level=4e-4).uvis.calibrate(files=files).isel(wl=2)
    found = one.uvis.map("radiance", altitude=1000.0, spacing=5.0)
    assert float(found.wl) == float(one.wl)
    np.testing.assert_array_equal(found.wl_bounds, one.wl_bounds)
    assert "wl" not in one.uvis.map("sza", altitude=1000.0, spacing=5.0).coords


@pytest.mark.parametrize("lost", ["sub_solar_lon", "heliocentric_distance"])
@pytest.mark.parametrize("by", ["lon", "lt"])
def test_an_exposure_of_which_the_sun_is_not_known(aurora, lost, by):
    there = aurora.pic != 10
    options = {"altitude": ALTITUDE, "spacing": 2.0, "by": by}
    expected = aurora.isel(pic=there).uvis.map(**options)
    found = aurora.assign_coords({lost: aurora[lost].where(there)}).uvis.map(**options)
    assert float(found.sub_solar_lon) == pytest.approx(float(expected.sub_solar_lon), abs=1e-9)
    for name in ("map_sub_solar_lat", "map_sub_solar_spread"):
        assert found.attrs[name] == pytest.approx(expected.attrs[name])
    seen = np.isfinite(expected["brightness"].values)
    other = "lt" if by == "lon" else "lon"
    np.testing.assert_allclose(found[other].values[seen], expected[other].values[seen])
    if by == "lt":
        np.testing.assert_allclose(found["brightness"], expected["brightness"])


# Sums of exposures -------------------------------------------------------------------------------


@pytest.mark.slow
def test_sums_of_exposures_that_the_slit_moved_between_are_told_of(tmp_path):
    """Of pairs half of the way counts as unseen: their power was half of it without a word."""
    window, whole = Window(2, 0, 61, 1023, band_bin=256), {"stars": 0, "lost": 0, "partial": 0}
    made = uvisxr.simulate.observation(tmp_path, exposures=12, window=window, **whole)
    options = {"altitude": 1000.0, "spacing": 5.0, "wl_range": LIGHT}

    def summed(**which: int) -> xr.Dataset:
        ds = made.open().uvis.rebin(**which).uvis.geometry(kernels=made.kernels)
        return ds.uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)

    pairs = summed(pic=2)
    assert pairs.attrs["summed_exposures"] == 2
    with pytest.warns(UvisWarning, match=r"^map: 2 exposures .* over TITAN by [\d.]+ pixels"):
        pairs.uvis.map(**options)
    rows = summed(pixel=3)
    assert "summed_exposures" not in rows.attrs
    # Warnings are errors: neither of rows, nor of fewer than a pixel, nor without neighbours.
    rows.uvis.map(**options)
    pairs.isel(pic=[1, 3, 5]).uvis.map(**options)


def test_steps_are_in_units_of_the_sides_of_pixels():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    places = np.array([[0, 0], [1.5, 0.5], [1.5, -4.5]])[:, None, None]
    corners = ((square + places) * [3.0, 2.0]) @ turn
    np.testing.assert_allclose(steps(corners)[:, 0], [1.5, 5.0])


# Other bodies ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_body_than_that_of_the_geometry(tmp_path):
    window, whole = Window(2, 0, 61, 1023, band_bin=256), {"stars": 0, "lost": 0, "partial": 0}
    made = uvisxr.simulate.observation(tmp_path, exposures=4, window=window, **whole)
    ds = made.open().uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)
    titan, saturn = (
        ds.uvis.geometry(kernels=made.kernels, target=target).uvis.integrate(LIGHT)
        for target in ("TITAN", "SATURN")
    )
    options = {"altitude": 1000.0, "spacing": 5.0}
    expected = titan.uvis.map(**options)
    found = saturn.uvis.map(body="Titan", kernels=made.kernels, **options)
    assert found.attrs["geometry_target"] == "TITAN"
    assert np.allclose(found["brightness"], expected["brightness"], rtol=1e-4, equal_nan=True)
    # By its other names, and without kernels, it is the geometry's own.
    same = titan.uvis.map(body="titan", **options)
    xr.testing.assert_identical(same.drop_attrs(), expected.drop_attrs())
    by_number = saturn.uvis.map(body="606", kernels=made.kernels, **options)
    assert by_number.attrs["geometry_target"] == "TITAN"
    with pytest.raises(UvisError, match=r"body|no body"):
        titan.uvis.map(body="SKY")


@pytest.mark.parametrize("gone", [(), ("exposure",), ("time_start", "time_stop")])
def test_a_map_tells_when_it_was_seen(gone):
    """By the times of the exposures' ends, or else by their middles."""
    ds = flyby(n_pic=6).uvis.integrate()
    middle = np.datetime64("2005-09-14T20:00", "ns") + np.arange(6) * np.timedelta64(60, "s")
    half = np.timedelta64(20, "s")
    ds = ds.assign_coords(
        time=("pic", middle),
        time_start=("pic", middle - half),
        time_stop=("pic", middle + half),
        exposure=40.0,
    )
    attrs = ds.drop_vars(gone).uvis.map(spacing=5.0).attrs
    assert attrs["time_coverage_start"] == "2005-09-14T19:59:40.000Z"
    assert attrs["time_coverage_end"] == "2005-09-14T20:05:20.000Z"
    ends = ("time_start", "time_stop")
    attrs = ds.drop_vars((*ends, "exposure")).uvis.map(spacing=5.0).attrs
    assert attrs["time_coverage_start"] == "2005-09-14T20:00:00.000Z"
    attrs = ds.drop_vars((*ends, "time")).uvis.map(spacing=5.0).attrs
    assert "time_coverage_start" not in attrs


def test_lack_of_pointing_is_said_and_nothing_advised_that_needs_it():
    ds = flyby(n_pic=2)
    blind = without_pointing(ds)
    said = "of 120 spectra 120 have no pointing, .*; the kernels do not cover them$"
    with pytest.raises(ArgumentError, match=said) as raised:
        blind.uvis.map(wl_range=LIGHT)
    assert "do not lie whole" not in str(raised.value)
    steps = {"image", "map", "photometry", "predict_stars"}
    pictures = {"picture", "keogram", "limb"}
    assert steps <= {*overview.next_steps(ds)} and pictures <= {*overview.pictures(ds)}
    assert not steps & {*overview.next_steps(blind)}
    assert not pictures & {*overview.pictures(blind)}
    assert overview.done(blind)["geometry"] == f"{ds.geometry_target}, no pointing"
