"""Reading files of the layout back, and those of the team's own programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from helpers import teams_fits
from helpers.backplanes_tree import backplanes
from helpers.teams_fits import HEADER, NX, NY, NZ

import uvisxr
from uvisxr.backplanes.registry import NODES
from uvisxr.errors import ExportError, NoFileError, UvisWarning
from uvisxr.simulate import Simulation, Window

#: Points of a pixel in the order of the files, of which the tree has another.
POINTS = ["center", "upper_left", "lower_left", "lower_right", "upper_right"]

#: Of float32.
EXACT = {"rtol": 1.2e-7, "atol": 0}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    folder = tmp_path_factory.mktemp("fits")
    return uvisxr.simulate.observation(
        folder,
        exposures=4,
        seed=1,
        window=Window(2, 0, 61, 1023, 1, 16),
        stars=0,
        lost=0,
        partial=0,
    )


@pytest.fixture(scope="module")
def ds(made) -> xr.Dataset:
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    return ds.uvis.calibrate(files=made.calibration).uvis.flag([(1, 3)], "star").load()


@pytest.fixture(scope="module")
def tree(ds) -> xr.DataTree:
    return backplanes(ds)


#: What the layout has no place for.
LOST = {
    *("radiance_upper", "radiance_lower", "radiance_systematic"),
    *("sensitivity", "calibration_error", "evil", "background_error"),
}


def alike(found: xr.Variable, was: xr.Variable, name: str) -> None:
    """But for float32."""
    assert found.dims == was.dims, name
    if was.dtype.kind == "f":
        np.testing.assert_allclose(found.values, was.values, err_msg=name, **EXACT)
    else:
        assert (found.values == was.values).all(), name


@pytest.mark.slow
def test_a_dataset_comes_back(ds, tree, tmp_path):
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", tree)).dataset
    for name in back.variables.keys() - {"quality", "calibration_factor", "sclk"}:
        alike(back[name].variable, ds[name].variable, str(name))
    for name in ("counts", "radiance", "wl", "wl_bounds", "band", "line", "setup", "exposure"):
        assert back[name].variable.equals(ds[name].variable), name
        assert back[name].dtype == ds[name].dtype
    for name in ("time", "time_start", "time_stop", "et"):
        assert back[name].variable.identical(ds[name].variable), name
    np.testing.assert_allclose(back.sclk, ds.sclk, rtol=0, atol=1 / 512)
    seen = {
        n
        for n in ds.variables
        if "corner" in n or ds[n].dims in (("pic", "pixel"), ("pic", "axis"))
    }
    gone = ds.variables.keys() - back.variables.keys() - seen
    assert {name for name in gone if ds[name].dims != ("pic",)} == LOST
    assert back.attrs == ds.attrs


def test_a_tree_comes_back(ds, tree, tmp_path):
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", tree)).backplanes
    assert list(back.children) == ["sky", "saturn", "titan", "rings"]
    assert back.attrs == tree.attrs
    for dim in ("pic", "pixel", "instant", "point"):
        assert back[dim].equals(tree[dim].reset_coords(drop=True)), dim
    of_layout = 0
    for node in back.children.values():
        assert node.attrs == tree[node.name].attrs
        for name, found in node.data_vars.items():
            was = tree[node.name][name]
            # At mid-time alone.
            was = was.isel(pic=2, instant=1) if name in ("diameter", "slit_angle") else was
            alike(found.variable, was.variable, str(name))
            of_layout += 1
    # 4 of the sky; of each body 12 of the points, 14 of times, 2 vectors, 4 single; of the rings.
    assert of_layout == 4 + 2 * (12 + 14 + 2 + 4) + 14
    assert (back["sky/et"].values == tree["sky/et"].values).all()


@pytest.mark.parametrize("direction", ["west", "east"])
def test_labels_are_those_of_the_backplanes(ds, tree, tmp_path, direction):
    """Of the registry, not of the cards; longitudes count as they did."""
    counted = tree.copy()
    counted.attrs["lon_direction"] = direction
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", counted)).backplanes
    assert back.attrs["lon_direction"] == direction
    for path, node in back.children.items():
        planes = NODES.get(path, NODES["body"])
        for name, found in node.data_vars.items():
            assert repr(found.attrs) == repr(planes[name].attributes(direction)), name
    assert back["titan/lon"].attrs["long_name"].endswith(f"{direction}-positive")
    for name in ("titan/lon", "saturn/sc_lon"):
        np.testing.assert_allclose(back[name], tree[name], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_body_far_off_keeps_what_is_of_its_centre(ds, tree, tmp_path):
    far = tree.copy(deep=True)
    far["saturn/ray_height"].values[:] = 0.02 * far["saturn/distance"].values
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", far)).backplanes
    assert "lon" not in back["saturn"] and "sc_lon" in back["saturn"] and "lon" in back["titan"]
    whole = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "y.fits", far, extras=True)).backplanes
    np.testing.assert_array_equal(whole["saturn/lon"], far["saturn/lon"])


@pytest.mark.slow
def test_with_extras_all_comes_back(ds, tree, tmp_path):
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree, extras=True)
    with fits.open(path) as found:
        found.verify("exception")
        assert found[9].name == "WAVELENGTH" and len(found) > 20
        assert {hdu.name[:3] for hdu in found[10:]} == {"DS:", "BP:"}
    back = uvisxr.open_fits(path)
    for name, was in ds.variables.items():
        alike(back.dataset[name].variable, was, str(name))
        assert repr(back.dataset[name].attrs) == repr(was.attrs), name
        assert (name in back.dataset.coords) == (name in ds.coords), name
    assert back.dataset.attrs == ds.attrs
    # Steps go on as before.
    by = {"alt": [-3000, 0, 1000, 5000]}
    bins = [d.uvis.bin(by).uvis.integrate((1400, 1700)) for d in (back.dataset, ds)]
    for name in ("brightness", "brightness_upper", "brightness_systematic", "lat"):
        np.testing.assert_allclose(bins[0][name], bins[1][name], rtol=1e-5, err_msg=name)
    for node in tree.subtree:
        own = back.backplanes[node.path]
        assert own.attrs == node.attrs
        for name, was in node.to_dataset(inherit=False).variables.items():
            alike(own.variables[name], was, str(name))


@pytest.mark.slow
def test_fields_that_are_unknown_everywhere_come_back(ds, tree, tmp_path):
    bare = tree.copy(deep=True)
    for name in ("ram_lon", "sc_lat", "sc_position"):
        bare["titan"][name] = bare["titan"][name] * np.nan
    for name in ("behind_rings", "in_ring_shadow"):
        bare["titan"][name] = xr.full_like(bare["titan"][name], -1)
    bare["titan"]["in_ring_shadow"][0, 0] = 1
    for name, field in bare["rings"].data_vars.items():
        bare["rings"][name] = xr.full_like(field, -1 if field.dtype.kind == "i" else np.nan)
    path = ds.uvis.to_fits(tmp_path / "x.fits", bare)
    back = uvisxr.open_fits(path).backplanes
    with fits.open(path, logical_as_bytes=True) as file:
        rows = file["BODY_GEOM"].data
        (row,) = np.flatnonzero(rows["NAME"] == "TITAN")
        assert (rows["BEHIND_RING_FLAG"][row] == b"").all()
        assert (rows["RING_SHADOW_FLAG"][row, :, 1:] == b"").all()
    assert list(back.children) == list(bare.children)
    for node in ("saturn", "titan", "rings"):
        kept = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "y.fits", tree)).backplanes[node]
        assert set(back[node].data_vars) == set(kept.data_vars)
    for name in ("ram_lon", "sc_lat", "sc_position"):
        assert back["titan"][name].isnull().all() and back["titan"][name].dims
    for name in ("behind_rings", "in_ring_shadow"):
        assert (back["titan"][name] == bare["titan"][name]).all()
        assert back["titan"][name].dtype == np.int8
    # What a tree does not have is not there afterwards.
    less = tree.copy(deep=True)
    less["titan"] = less["titan"].to_dataset().drop_vars(["ram_lon", "behind_rings"])
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "z.fits", less)).backplanes
    assert not {"ram_lon", "behind_rings"} & set(back["titan"].data_vars)


@pytest.mark.slow
def test_the_angle_of_the_slit_comes_back(ds, tree, tmp_path):
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", tree))
    angle = back.backplanes["sky/slit_angle"]
    assert angle == tree["sky/slit_angle"].isel(pic=2, instant=1) and angle.attrs["long_name"]
    again = back.dataset.uvis.to_fits(tmp_path / "y.fits", back.backplanes)
    assert fits.getheader(again)["SLITANGL"] == angle
    whole = ds.uvis.to_fits(tmp_path / "z.fits", tree, extras=True)
    found = uvisxr.open_fits(whole).backplanes["sky/slit_angle"]
    assert found.dims == ("pic", "instant") and (found == tree["sky/slit_angle"]).all()


def eastward(tree: xr.DataTree) -> xr.DataTree:
    tree = tree.copy()
    for node in (tree, *tree.children.values()):
        node.attrs["lon_direction"] = "east"
    for body in ("saturn", "titan"):
        for name in ("lon", "sc_lon", "sub_solar_lon", "ram_lon"):
            tree[body][name] = (360 - tree[body][name]) % 360
    return tree


@pytest.mark.slow
@pytest.mark.parametrize("extras", [False, True])
def test_east_longitudes_come_back_as_they_were(ds, tree, tmp_path, extras):
    east = eastward(tree)
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", east, extras=extras))
    again = uvisxr.open_fits(back.dataset.uvis.to_fits(tmp_path / "y.fits", back.backplanes))
    for found in (back.backplanes, again.backplanes):
        assert found.attrs["lon_direction"] == found["titan"].attrs["lon_direction"] == "east"
        for name in ("lon", "sc_lon", "sub_solar_lon", "ram_lon"):
            np.testing.assert_allclose(found["titan"][name], east["titan"][name], atol=1e-4)
            assert "west" not in found["titan"][name].attrs.get("long_name", "")
    with fits.open(tmp_path / "x.fits") as one, fits.open(tmp_path / "y.fits") as other:
        for table, column in (("BODY_GEOM", "LON"), ("SC_GEOM", "SUB_SC_LON")):
            was, now = one[table].data[column], other[table].data[column]
            np.testing.assert_allclose(now, was, atol=1e-4)


def test_east_geometry_of_the_dataset_comes_back(made, ds, tmp_path):
    seen = ds.uvis.geometry(kernels=made.kernels, lon_direction="east")
    back = uvisxr.open_fits(seen.uvis.to_fits(tmp_path / "x.fits"))
    found = back.backplanes["titan/sc_lon"].isel(instant=1)
    np.testing.assert_allclose(found, seen.sc_lon, atol=1e-4)
    assert back.backplanes["titan"].attrs["lon_direction"] == "east"
    again = uvisxr.open_fits(back.dataset.uvis.to_fits(tmp_path / "y.fits", back.backplanes))
    found = again.backplanes["titan/sc_lon"].isel(instant=1)
    np.testing.assert_allclose(found, seen.sc_lon, atol=1e-4)


def test_steps_of_what_came_back(ds, tree, made, tmp_path):
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", tree)).dataset
    np.testing.assert_allclose(
        back.uvis.integrate((1400, 1700)).brightness,
        ds.uvis.integrate((1400, 1700)).brightness,
        rtol=1e-5,
    )
    again = back.uvis.calibrate(files=made.calibration)
    np.testing.assert_allclose(again.radiance, ds.radiance, rtol=1e-5)
    assert "FUV_2008_070" in repr(back.uvis)
    assert back.uvis.to_netcdf(tmp_path / "x.nc").is_file()


@pytest.mark.parametrize("pics", [slice(None, None, -1), [2, 0, 3]])
def test_clocks_of_exposures_in_another_order(ds, pics, tmp_path):
    one = ds.isel(pic=pics)
    back = uvisxr.open_fits(one.uvis.to_fits(tmp_path / "x.fits")).dataset
    np.testing.assert_allclose(back.sclk, one.sclk, rtol=0, atol=1 / 256)
    np.testing.assert_array_equal(back.time_start, one.time_start)


@pytest.mark.parametrize("length", [np.inf, 1e30, 24.0])
def test_a_length_that_the_times_do_not_have(length, tmp_path):
    teams_fits.titan_library(tmp_path / "x.fits", rows=6, bands=8)
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        file["CONFIG"].data["INT_TIME"][:] = length
    with pytest.raises(ExportError, match="as it lasts"):
        uvisxr.open_fits(tmp_path / "x.fits")


@pytest.mark.parametrize("times", [(0, 0.25, 0.5, 0.75, 1), (0, 0.1, 0.4, 1)])
def test_instants_come_back_by_their_part(ds, tmp_path, times):
    back = uvisxr.open_fits(ds.uvis.to_fits(tmp_path / "x.fits", backplanes(ds, times=times)))
    np.testing.assert_allclose(back.backplanes["sky"].instant, times, atol=1e-9)
    np.testing.assert_allclose(back.dataset.et, ds.et, rtol=0, atol=1e-7)


def in_file(tree: xr.DataTree) -> xr.DataTree:
    """The tree with the points of pixels in the order of the file."""
    found = tree.sel(point=POINTS)
    found.attrs = tree.attrs
    return found


def test_a_file_of_the_team_opens(tmp_path):
    path = tmp_path / "EUV2002_198_03_26.fits"
    known = teams_fits.product(path)
    ds, tree = uvisxr.open_fits(path)
    assert ds.sizes == {"pic": NZ, "pixel": NY, "wl": NX}
    raw = known["raw"].copy()
    raw[1, 2, 3] = 65535
    np.testing.assert_array_equal(ds.counts, raw)
    np.testing.assert_array_equal(ds.radiance, known["cube"])
    factor = np.where(known["factor"] == -1000, np.nan, known["factor"])
    np.testing.assert_array_equal(ds.calibration_factor, factor)
    np.testing.assert_array_equal(ds.background_rate, known["background"])
    np.testing.assert_array_equal(ds.wl, known["wl"].astype(float))
    np.testing.assert_array_equal(ds.et, 8e7 + 240 * (np.arange(NZ) + 0.5))
    np.testing.assert_array_equal(ds.exposure, [240] * NZ)
    np.testing.assert_array_equal(ds.line, [10, 11, 12, 13])
    np.testing.assert_array_equal(ds.band, np.arange(NX))
    assert (ds["product"] == "EUV2002_198_03_26").all()
    assert ds.attrs["channel"] == "EUV" and ds.attrs["target"] == "TITAN"
    assert ds.attrs["name"] == "EUV_2002_196" and ds.attrs["history"].count("open_fits") == 1
    assert list(tree.children) == ["sky", "titan", "saturn"]
    dims = ("instant", "pic", "pixel", "point")
    tree = in_file(tree)
    np.testing.assert_array_equal(tree["titan/lon"].transpose(*dims), known["LON"][0])
    np.testing.assert_array_equal(tree["sky/ra"].transpose(*dims), known["RA"][0])
    np.testing.assert_array_equal(
        tree["saturn/sc_lon"].transpose(*dims[:2]), known["SUB_SC_LON"][1]
    )
    np.testing.assert_array_equal(tree["titan/sc_position"][..., 1].T, known["VY_SC"][0])
    shadow = tree["titan/in_ring_shadow"]
    assert shadow.dtype == np.int8 and shadow.attrs["flag_meanings"] == "no yes"
    np.testing.assert_array_equal(shadow.transpose(*dims), known["RING_SHADOW_FLAG"][0])
    # Columns of zeros are not known.
    assert {"lat", "sc_lat", "diameter"}.isdisjoint(tree["titan"].data_vars)
    assert "dec" not in tree["sky"]
    assert tree.attrs["kernels"] == "naif0012.tls, x.bsp"


def test_a_draft_of_the_team_opens(tmp_path):
    known = teams_fits.product(tmp_path / "x.fits", version=1, unsigned=True)
    ds, tree = uvisxr.open_fits(tmp_path / "x.fits")
    raw = known["raw"].copy()
    raw[1, 2, 3] = 65535
    np.testing.assert_array_equal(ds.counts, raw)
    assert "background_rate" not in ds
    assert (tree["titan/sc_lat"] == -12.5).all() and np.allclose(tree["titan/planet_lt"], 6)
    assert (tree["titan/resolution_fine"] == 7).all() and "phi" not in tree["titan"]


@pytest.mark.parametrize(
    ("name", "unit", "times"),
    [
        *(("PRIMARY", unit, 1e-3) for unit in ("R/Angstrom", "R/A", "rayleigh angstrom-1")),
        *(("PRIMARY", "kR/nm", 0.1), ("PRIMARY", " ", 1), ("WAVELENGTH", "nm", 10)),
        *(("CAL_FACTOR", unit, 1e-3) for unit in ("(R/A)/(counts/s)", "R s angstrom-1 count-1")),
        *(("CAL_FACTOR", "kR/angstrom/(count/s)", 1), ("BACKGROUND", "count/ms", 1e3)),
    ],
)
def test_units_of_other_writers(name, unit, times, tmp_path):
    known = teams_fits.product(tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        del file[0].header["UNIT"]
        # The layout has UNIT in one place, the standard BUNIT in all.
        file[name].header["UNIT" if unit in ("R/A", "kR/nm") else "BUNIT"] = unit
    ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    field, was = {
        "PRIMARY": ("radiance", known["cube"]),
        "CAL_FACTOR": ("calibration_factor", known["factor"]),
        "BACKGROUND": ("background_rate", known["background"]),
        "WAVELENGTH": ("wl", known["wl"]),
    }[name]
    was = np.where(was == -1000, np.nan, was)
    np.testing.assert_allclose(ds[field], was * np.float32(times), rtol=3e-7)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        *(("PRIMARY", unit) for unit in ("W m-2", "DN", "R", "foo/angstrom", 3, "R/Angstrom")),
        *(("WAVELENGTH", "Hz"), ("CAL_FACTOR", "(kR/A)/(W/s)"), ("BACKGROUND", "count")),
    ],
)
def test_units_of_something_else(name, unit, tmp_path):
    """In PRIMARY, UNIT says what BUNIT does not."""
    teams_fits.product(tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        file[name].header["BUNIT"] = unit
    with pytest.raises(ExportError, match=f"{name} is in|of different units"):
        uvisxr.open_fits(tmp_path / "x.fits")


def test_units_of_columns(tmp_path):
    known = teams_fits.product(tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        for table, name, unit in (
            *(("SC_GEOM", "VX_SC", "m"), ("SC_GEOM", "SUB_SC_LON", "hours")),
            *(("BODY_GEOM", "LON", "rad"), ("GENERAL_GEOM", "RA", "Degrees")),
        ):
            k = file[table].columns.names.index(name) + 1
            file[table].header[f"TUNIT{k}"] = unit
    _, tree = uvisxr.open_fits(tmp_path / "x.fits")
    tree = in_file(tree)
    dims = ("instant", "pic", "pixel", "point")
    lon = known["LON"][0] * np.degrees(1)
    np.testing.assert_allclose(tree["titan/lon"].transpose(*dims), lon, rtol=1e-6)
    np.testing.assert_array_equal(tree["sky/ra"].transpose(*dims), known["RA"][0])
    np.testing.assert_allclose(tree["titan/sc_lon"].T, known["SUB_SC_LON"][0] * 15, rtol=1e-6)
    vx = tree["titan/sc_position"][..., 0].T
    np.testing.assert_allclose(vx, known["VX_SC"][0] / 1000, rtol=1e-6)
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        k = file["BODY_GEOM"].columns.names.index("LON") + 1
        file["BODY_GEOM"].header[f"TUNIT{k}"] = "furlong"
    with pytest.warns(UvisWarning, match=r"LON \(furlong, not deg\)"):
        uvisxr.open_fits(tmp_path / "x.fits")


@pytest.mark.parametrize(
    ("table", "unit", "times"),
    [("DATA", "R/A", 1e-3), ("DATA", "kR/nm", 0.1), ("WAVELENGTH", "nm", 10)],
)
def test_units_of_the_titan_library(table, unit, times, tmp_path):
    known = teams_fits.titan_library(tmp_path / "x.fits", rows=6, bands=8)
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        column = {"DATA": "UVIS_CALIBRATED"}.get(table, "WAVELENGTH_FUV")
        k = file[table].columns.names.index(column) + 1
        file[table].header[f"TUNIT{k}"] = unit
    ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    if table == "DATA":
        np.testing.assert_allclose(ds.radiance, known["cube"].swapaxes(1, 2) * times, rtol=3e-7)
    assert ds.wl.values[0] == pytest.approx(1115.3485, abs=1e-3)
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        file[table].header[f"TUNIT{k}"] = "W"
    with pytest.raises(ExportError, match="is in 'W'"):
        uvisxr.open_fits(tmp_path / "x.fits")


def test_a_header_with_next_to_nothing(tmp_path):
    known = teams_fits.product(tmp_path / "x.fits", header={"PROD_ID": "EUV_TEST"})
    ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    np.testing.assert_array_equal(ds.radiance, known["cube"])
    assert "line" not in ds and "channel" not in ds.attrs
    np.testing.assert_array_equal(ds.exposure, [240] * NZ)


def test_a_header_of_another_window_is_warned_of(tmp_path):
    teams_fits.product(tmp_path / "x.fits", header={**HEADER, "IMG_YMAX": 63})
    with pytest.warns(UvisWarning, match="IMG_XMIN"):
        ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    assert "line" not in ds


def test_times_of_the_header_serve_where_the_table_has_none(tmp_path):
    teams_fits.product(tmp_path / "x.fits")
    with fits.open(tmp_path / "x.fits", mode="update") as file:
        file["GENERAL_GEOM"].data["TIME_ET"][:] = 0
    ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    np.testing.assert_array_equal(ds.et, 8e7 + 240 * (np.arange(NZ) + 0.5))


def test_a_file_of_the_titan_library_opens(tmp_path):
    known = teams_fits.titan_library(tmp_path / "x.fits")
    ds, tree = uvisxr.open_fits(tmp_path / "x.fits")
    assert ds.sizes == {"pic": 3, "pixel": 60, "wl": 1024}
    np.testing.assert_array_equal(ds.counts, known["raw"].swapaxes(1, 2))
    np.testing.assert_array_equal(ds.radiance, known["cube"].swapaxes(1, 2))
    factor = np.where(known["factor"] == 0, np.nan, known["factor"])
    np.testing.assert_array_equal(ds.calibration_factor, factor.T)
    np.testing.assert_array_equal(ds.et, known["et"][:, 1])
    np.testing.assert_array_equal(ds.line, np.arange(2, 62))
    assert ds.wl.values[0] == pytest.approx(1115.3485, abs=1e-3)
    assert ds.attrs["target"] == "TITAN" and ds.attrs["observation_id"] == "7"
    titan = in_file(tree)["titan"]
    np.testing.assert_array_equal(
        titan["lat"].transpose("pic", "instant", "pixel", "point"), known["lat"]
    )
    hours = known["hours"] * 15
    np.testing.assert_allclose(
        titan["hour_angle"].transpose("pic", "instant", "pixel", "point"), hours
    )
    np.testing.assert_array_equal(
        titan["ray_height"].transpose("pic", "instant", "pixel"), known["height"]
    )
    np.testing.assert_array_equal(titan["sc_velocity"], np.moveaxis(known["velocity"], 0, -1))
    np.testing.assert_array_equal(titan["sc_lon"], known["sc_lon"])
    # Distance to the centre, in spite of its name.
    assert "sc_alt" not in titan and "center_distance" in titan


def test_a_small_window_of_the_titan_library(tmp_path):
    known = teams_fits.titan_library(tmp_path / "x.fits", rows=20, bands=512)
    ds, _ = uvisxr.open_fits(tmp_path / "x.fits")
    np.testing.assert_array_equal(ds.counts, known["raw"].swapaxes(1, 2))
    np.testing.assert_array_equal(ds.line, np.arange(2, 22))


def test_what_is_no_such_file(tmp_path, ds):
    with pytest.raises(NoFileError, match="to_fits"):
        uvisxr.open_fits(tmp_path / "x.fits")
    path = tmp_path / "x.fits"
    path.write_bytes(b"")
    with pytest.raises(ExportError, match="empty"):
        uvisxr.open_fits(path)
    path.write_bytes(b"mine" * 1000)
    with pytest.raises(ExportError, match="no FITS file"):
        uvisxr.open_fits(path)
    fits.PrimaryHDU(np.zeros(3)).writeto(path, overwrite=True)
    with pytest.raises(ExportError, match="RAW_COUNTS"):
        uvisxr.open_fits(path)
    with pytest.raises(ExportError, match="directory"):
        uvisxr.open_fits(tmp_path)


def test_a_file_that_was_cut(tmp_path):
    path = tmp_path / "x.fits"
    teams_fits.product(path)
    whole = path.read_bytes()
    for size in (100, 2880, 5760, len(whole) // 2, len(whole) - 2880):
        path.write_bytes(whole[:size])
        with pytest.raises(ExportError, match=r"cut off|it has no"):
            uvisxr.open_fits(path)


def test_sizes_are_compared_before_memory_is_taken(tmp_path):
    """A header that promises a terabyte."""
    path = tmp_path / "x.fits"
    teams_fits.product(path)
    raw = path.read_bytes()
    was = b"NAXIS3  =                    3"
    assert raw.count(was) == 2
    path.write_bytes(raw.replace(was, b"NAXIS3  =        1000000000000"))
    with pytest.raises(ExportError, match="cut off"):
        uvisxr.open_fits(path)


def test_columns_of_text_upon_each_other(tmp_path):
    path = tmp_path / "x.fits"
    teams_fits.product(path)
    with fits.open(path, mode="update") as file:
        cards = file["KERNELS"].header
        cards["TFIELDS"] = 900
        for k in range(3, 901):
            cards[f"TFORM{k}"], cards[f"TBCOL{k}"] = "A32", 1
        raw = cards.tostring().encode()
    whole = path.read_bytes()
    at = whole.index(b"XTENSION= 'TABLE")
    end = whole.index(b"END" + b" " * 77, at)
    end += -(end - at) % 2880
    path.write_bytes(whole[:at] + raw + whole[end:])
    with pytest.raises(ExportError, match="wider than its rows"):
        uvisxr.open_fits(path)


def test_tables_that_do_not_fit(tmp_path):
    path = tmp_path / "x.fits"
    teams_fits.product(path)
    raw = path.read_bytes()
    for was, new in (
        (b"TFORM2  = '180E", b"TFORM2  = '190E"),
        (b"TFORM2  = '180E", b"TFORM2  = '170E"),
        (b"TFORM2  = '180E", b"TFORM2  = 'WORD"),
        (b"TDIM1   = '(3,3)", b"TDIM1   = '(9,1)"),
        (b"TTYPE1  = 'TIME_ET", b"TTYPE1  = 'TIME_XX"),
        (b"TBCOL1  =                    1", b"TBCOL1  =                   99"),
        (b"TFIELDS =                    3", b"TFIELDS =                  -3"),
    ):
        assert was in raw, was
        path.write_bytes(raw.replace(was, new.ljust(len(was))))
        with pytest.raises(ExportError, match="cannot read"):
            uvisxr.open_fits(path)


def test_a_folder_of_inputs_is_known(tmp_path):
    path: Path = tmp_path / "x.fits"
    teams_fits.product(path)
    ds, _ = uvisxr.open_fits(path)
    with pytest.raises(ExportError, match="read from it"):
        ds.uvis.to_netcdf(path, overwrite=True)
