"""The power of a region of a map against closed forms."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from helpers.flyby import RADII, flyby

from uvisxr import UvisError
from uvisxr.errors import ArgumentError, MissingStepError

PLANCK, LIGHT = 6.62607015e-34, 299792458.0


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    """A disk of 2 kR, seen whole, by exposures side by side."""
    return flyby(n_pic=36, step=1.5e-3, brightness=2.0).uvis.integrate()


@pytest.fixture(scope="module")
def found(ds) -> xr.Dataset:
    return ds.uvis.map(spacing=1.0, ems_max=60.0)


def _disk(limit: float) -> float:
    """The integral of cos(e) over a sphere out to an emission angle, m2.

    Seen from the middle of the scan, at 47 radii: e is larger than the angle t at the centre.
    """
    distance = 120_000.0 * (1 + 0.002 * 17.5) / RADII.mean()
    t = np.linspace(0.0, np.pi / 2, 100001)
    e = t + np.arctan2(np.sin(t), distance - np.cos(t))
    seen = np.where(np.rad2deg(e) <= limit, np.cos(e), 0.0)
    return (RADII.mean() * 1e3) ** 2 * np.trapezoid(2 * np.pi * np.sin(t) * seen, t)


def test_a_thin_layer_emits_what_a_disk_of_its_brightness_shows(found):
    """B cos(e) dA is B times the projected area: 1 kR is 1e13 photons a second from 1 m2."""
    power = found.uvis.power(wl=1500.0)
    expected = 2.0 * 1e13 * _disk(60.0)
    assert float(power["photons"]) == pytest.approx(expected, rel=0.01)
    energy = PLANCK * LIGHT / 1500e-10
    assert float(power["power"]) == pytest.approx(float(power["photons"]) * energy, rel=1e-12)


def test_rules_for_the_emission_angle(ds, found):
    area = float((found["cell_area"] * found["covered"]).sum()) * 1e6
    isotropic = float(found.uvis.power(rule="isotropic")["photons"])
    assert isotropic == pytest.approx(2e13 * area, rel=1e-6)
    lambert = float(found.uvis.power(rule="lambert")["photons"])
    # Of a surface pi times the radiance leaves, which is 1e13 / 4 pi a kR.
    assert lambert == pytest.approx(np.pi * 2 * 1e13 / (4 * np.pi) * area, rel=1e-6)
    thin = float(found.uvis.power()["photons"])
    above = ds.uvis.map(spacing=1.0, ems_max=60.0, slant="cos")
    assert float(above.uvis.power()["photons"]) == pytest.approx(thin, rel=2e-3)
    with pytest.raises(ArgumentError, match='slant="none"'):
        above.uvis.power(rule="isotropic")


def test_photons_spread_evenly_over_the_range(found):
    low, high = found["wl_bounds"].values
    wl = np.linspace(low, high, 200001)
    energy = np.trapezoid(PLANCK * LIGHT / (wl * 1e-10), wl) / (high - low)
    assert found.uvis.power().attrs["photon_energy"] == pytest.approx(energy, rel=1e-8)


def test_parts_add_up(found):
    whole = found.uvis.power()
    parts = [
        found.uvis.power({"lat": lat, "lon": lon})
        for lat in ((-90, 0), (0, 90))
        for lon in ((0, 100), (100, 360))
        if _seen(found, lat, lon)
    ]
    assert sum(float(p["power"]) for p in parts) == pytest.approx(float(whole["power"]))
    assert sum(float(p["area"]) for p in parts) == pytest.approx(float(whole["area"]))
    mask = found["lat"] > 0
    north = found.uvis.power({"lat": (0, 90)})
    xr.testing.assert_allclose(
        found.uvis.power(mask.broadcast_like(found["cell_area"])).drop_attrs(), north.drop_attrs()
    )


def _seen(found: xr.Dataset, lat: tuple[float, float], lon: tuple[float, float]) -> bool:
    return bool(found["brightness"].sel(lat=slice(*lat), lon=slice(*lon)).notnull().any())


def test_a_range_may_pass_the_end_of_the_circle(found):
    both = found.uvis.power({"lon": (300, 60)})
    parts = [found.uvis.power({"lon": part}) for part in ((300, 360), (0, 60))]
    assert float(both["area"]) == pytest.approx(sum(float(p["area"]) for p in parts))


@pytest.mark.parametrize(
    ("limits", "same"),
    [
        ((-10, 10), (350, 10)),
        ((350, 370), (350, 10)),
        ((-370, -350), (350, 10)),
        ((-180, 180), None),
        ((0, 360), None),
        ((90, 450), None),
        ((-90, 0), (270, 360)),
    ],
)
def test_a_range_is_the_same_in_any_turn(found, limits, same):
    expected = found.uvis.power(None if same is None else {"lon": same})
    one = found.uvis.power({"lon": limits})
    assert float(one["power"]) == float(expected["power"]) > 0


def test_a_cell_on_a_border_is_in_one_region(ds):
    options = {"by": "lt", "spacing": 1.0, "ems_max": 60.0}
    polar = ds.uvis.map(projection="polar", pole="north", edge=0.0, **options)
    flat = ds.uvis.map(**options)
    for found, north in ((polar, {"lat": (0, 90)}), (flat, {"lat": (-90, 90)})):
        whole = found.uvis.power(north)
        # Borders along diagonals of the polar map, and through middles of cells of the flat one.
        for starts in ((21, 3, 9, 15), (0.5 / 15, 6 + 0.5 / 15, 13, 20)):
            turns = [(a, b) for a, b in zip(starts, starts[1:] + starts[:1], strict=True)]
            parts = [found.uvis.power({"lt": turn, **north}) for turn in turns if _any(found, turn)]
            for name in ("power", "area"):
                total = sum(float(part[name]) for part in parts)
                assert total == pytest.approx(float(whole[name]), rel=1e-12)
    parts = [flat.uvis.power({"lat": lat}) for lat in ((-90, 0.5), (0.5, 1.5), (1.5, 90))]
    assert sum(float(p["area"]) for p in parts) == pytest.approx(float(whole["area"]), rel=1e-12)


def _any(found: xr.Dataset, turn: tuple[float, float]) -> bool:
    return bool(((found["lt"] - turn[0]) % 24 < (turn[1] - turn[0]) % 24).any())


@pytest.mark.parametrize("projection", ["cylindrical", "polar"])
@pytest.mark.parametrize(("by", "other", "hour"), [("lon", "lt", 1.0), ("lt", "lon", 15.0)])
def test_regions_by_what_the_map_is_not_by(ds, projection, by, other, hour):
    """A place has both, and where nothing was seen, too: whole turns are seen by as much as they
    are, and a part of one by as much as the same part of the other."""
    kind = {"edge": 0.0, "pole": "north"} if projection == "polar" else {}
    found = ds.uvis.map(projection=projection, by=by, spacing=1.0, ems_max=60.0, **kind)
    noon = float(found["sub_solar_lon"])
    whole = found.uvis.power({"lat": (0, 90)})
    for start, stop in ((2.0, 9.5), (9.5, 2.0)):
        # West longitudes grow towards the morning.
        lon = sorted(noon - (t - 12.0) * 15.0 for t in (start, stop))
        if start > stop:
            lon = [lon[1] - 360.0, lon[0]]
        turns = {"lt": (start, stop), "lon": tuple(lon)}
        one, same = (found.uvis.power({"lat": (0, 90), n: turns[n]}) for n in (by, other))
        for name in ("area", "power", "covered"):
            assert float(same[name]) == pytest.approx(float(one[name]), rel=0.04), name
    halves = [found.uvis.power({"lat": (0, 90), other: (a, a + 12 * hour)}) for a in (0, 12 * hour)]
    total = sum(float(h["area"] / h["covered"]) for h in halves)
    assert total == pytest.approx(float(whole["area"] / whole["covered"]), rel=1e-6)


def test_regions_by_local_time_of_a_sun_that_moved(found):
    moved = found.assign_attrs(map_sub_solar_spread=40.0)
    with pytest.raises(ArgumentError, match=r"by lon, and the Sun moved over 40 degrees.*by='lt'"):
        moved.uvis.power({"lt": (6, 18)})


def test_maps_of_either_projection_agree(ds):
    options = {"altitude": 100.0, "ems_max": 60.0}
    flat = ds.uvis.map(spacing=1.0, **options).uvis.power({"lat": (0, 90)})
    polar = ds.uvis.map(projection="polar", pole="north", edge=0.0, spacing=1.0, **options)
    assert float(polar.uvis.power({"lat": (0, 90)})["power"]) == pytest.approx(
        float(flat["power"]), rel=0.01
    )


def test_the_corners_of_a_polar_map_are_empty(ds):
    options = {"ems_max": 60.0, "spacing": 1.0}
    flat = ds.uvis.map(**options)
    for edge in (0.0, 5.0, 20.0, 45.0):
        polar = ds.uvis.map(projection="polar", pole="north", edge=edge, **options)
        beyond = polar["lat"].values < edge
        assert beyond.any() and polar["brightness"].notnull().any()
        for name in ("brightness", "brightness_correlation", "ems"):
            assert np.isnan(polar[name].values[beyond]).all(), name
        for name in ("spectra", "footprints", "covered"):
            assert (polar[name].values[beyond] == 0).all(), name
        whole, cap = (polar.uvis.power(r) for r in (None, {"lat": (edge, 90)}))
        xr.testing.assert_identical(whole.drop_attrs(), cap.drop_attrs())
        expected = float(flat.uvis.power({"lat": (edge, 90)})["area"])
        assert float(whole["area"]) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("kind", [{"spacing": 2.0}, {"projection": "polar", "edge": 0.0}])
def test_looks_that_are_repeated_emit_no_more(ds, kind):
    """The same footprints ten times cover what they cover once."""
    one = ds.isel(pic=slice(12, 15))
    some = [
        one.assign_coords(
            time=one["time"] + np.timedelta64(k, "h"),
            **{name: one[name] + 3600.0 * k for name in ("et", "geometry_et")},
        )
        for k in range(10)
    ]
    many = xr.concat(some, "pic").assign_coords(pic=np.arange(30))
    once, often = (d.uvis.map(ems_max=60.0, **kind).uvis.power() for d in (one, many))
    for name in ("power", "area", "covered"):
        assert float(often[name]) == pytest.approx(float(once[name]), rel=3e-3), name


def test_errors(found):
    """Those of the counts get smaller, those that all cells share do not."""
    known = found.assign_coords(brightness_systematic=0.1 * found["brightness"])
    power = known.uvis.power()
    assert float(power["power_systematic"] / power["power"]) == pytest.approx(0.1)
    cells = float((found["brightness_upper"] / found["brightness"]).median())
    half = float((power["power_upper"] + power["power_lower"]) / (2 * power["power"]))
    assert 0 < half < 0.3 * cells
    assert {"photons_upper", "photons_lower", "photons_systematic"} <= set(power.variables)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"region": {"lat": (80, 70)}}, "ascending"),
        ({"region": {"sza": (0, 70)}}, "region: field"),
        ({"region": {"lt": (0, 7)}}, None),
        ({"region": {"lon": (10, 10)}}, "limits that differ, by one turn, 360, at most"),
        ({"region": {"lon": (0, 400)}}, "limits that differ, by one turn, 360, at most"),
        ({"region": {"lat": (89.9, 89.95)}}, "no cell"),
        ({"region": [1, 2]}, "ranges by field"),
        ({"region": xr.DataArray([1.0], dims="lat")}, "expected booleans over lat and lon"),
        ({"region": xr.DataArray([True], dims="z")}, "expected booleans over lat and lon"),
        ({"rule": "thick"}, "rule"),
        ({"wl": 0}, "wl"),
    ],
)
def test_wrong_regions_are_told(found, arguments, said):
    if said is None:
        # Of a map by longitude, the mean local time of each cell.
        assert float(found.uvis.power(**arguments)["area"]) >= 0
        return
    with pytest.raises(UvisError, match=said):
        found.uvis.power(**arguments)


def test_what_is_no_map(ds, found):
    with pytest.raises(MissingStepError, match=r"no map of a brightness.*ds\.uvis\.map"):
        ds.uvis.power()
    with pytest.raises(MissingStepError, match="it has no brightness"):
        ds.uvis.map("sza", spacing=5.0).uvis.power()
    with pytest.raises(MissingStepError, match="give wl="):
        found.drop_vars(["wl", "wl_bounds"]).uvis.power()


def test_bounds_that_hold_the_systematic_error_too(ds):
    """It is taken off before the counts are averaged, and put back once."""
    options = {"spacing": 3.0, "ems_max": 60.0}
    common = 0.1 * ds["brightness"]
    plain = ds.assign_coords(brightness_systematic=common).assign_attrs(background_method="by hand")
    both = {
        f"brightness_{side}": np.hypot(ds[f"brightness_{side}"].variable, common.variable)
        for side in ("upper", "lower")
    }
    said = {"interval": "garwood", "quantization": False, "smooth": False, "errors": "total"}
    said = json.dumps({**dict.fromkeys(("fill_limit", "nan_interp", "schedule")), **said})
    total = plain.assign_coords(both).assign_attrs(calibrate_arguments=said)
    apart, found = plain.uvis.map(**options), total.uvis.map(**options)
    for one, other, name in (
        (apart, found, "brightness"),
        (apart.uvis.power(), found.uvis.power(), "power"),
    ):
        expected = np.hypot(one[f"{name}_upper"], one[f"{name}_systematic"])
        assert np.allclose(other[f"{name}_upper"], expected, rtol=1e-3, equal_nan=True)


@pytest.fixture(scope="module")
def polar(ds) -> xr.Dataset:
    return ds.uvis.map(spacing=2.0, projection="polar", pole="north", edge=0.0, ems_max=60.0)


@pytest.mark.parametrize("which", ["found", "polar"])
def test_any_cells_of_a_map_each_once(which, request):
    """Parts, in any order and frame of longitudes, stacked, or joined again."""
    whole = request.getfixturevalue(which)
    up, across = whole["brightness"].dims
    total = float(whole.uvis.power()["power"])
    half = {up: slice(0, 60)}, {up: slice(60, None)}
    parts = [whole.isel(one) for one in half]
    assert sum(float(part.uvis.power()["power"]) for part in parts) == pytest.approx(total)
    same = [
        xr.concat(parts[::-1], up),
        whole.roll({across: 20}, roll_coords=True),
        whole.transpose(across, up, ...),
        whole.stack(cell=(up, across)),
        whole.isel({up: slice(None, None, -1)}),
        whole.astype("float32").assign_coords({up: whole[up].astype("float32")}),
    ]
    if which == "found":
        same.append(whole.assign_coords(lon=(whole.lon + 180) % 360 - 180).sortby("lon"))
    for one in same:
        assert float(one.uvis.power()["power"]) == pytest.approx(total, rel=1e-5)
    every = [whole.isel({up: slice(k, None, 2)}).uvis.power()["power"] for k in (0, 1)]
    assert float(sum(every)) == pytest.approx(total)
    row = whole.isel({across: whole.sizes[across] // 2})
    assert float(row.uvis.power()["power"]) < total


@pytest.mark.parametrize("which", ["found", "polar"])
def test_cells_that_are_none_of_a_map_are_refused(which, request):
    """They were summed without a word: twice the power, or half of it."""
    whole = request.getfixturevalue(which)
    up, across = whole["brightness"].dims
    values = whole[up].values
    finer = np.linspace(values[20], values[60], 81)
    nearest = whole.reindex({up: finer}, method="nearest")
    for other, said in [
        (whole.interp({up: finer}), "do not lie within the bounds"),
        (nearest, "do not lie within the bounds"),
        (whole.coarsen({up: 2}).mean(), "do not lie within the bounds"),
        (whole.reindex({up: [*values, values[-1] + 1e4]}), "do not lie within the bounds"),
        (xr.concat([whole, whole], across), f"twice along {across}"),
        (
            xr.concat([whole.isel({up: slice(0, 70)}), whole.isel({up: slice(60, None)})], up),
            f"twice along {up}",
        ),
        (xr.concat([whole, whole], up).stack(cell=(up, across)), "some cells are there twice, "),
        (whole.expand_dims("t"), "the dimension 't' besides"),
        (
            xr.concat([whole, whole.isel({up: slice(9, None)})], "t", join="outer"),
            "the dimension 't' besides",
        ),
        (xr.concat([whole, whole * 2], "t").assign_attrs(whole.attrs), r"isel\(t=0\)"),
    ]:
        with pytest.raises(ArgumentError, match=said):
            other.uvis.power()


@pytest.mark.parametrize("limits", [(-360, 0), (0, 91), (-90.5, 0)])
def test_limits_of_latitude_lie_between_the_poles(found, limits):
    with pytest.raises(ArgumentError, match="from -90 to 90"):
        found.uvis.power({"lat": limits})
