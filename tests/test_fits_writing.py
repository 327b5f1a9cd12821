"""Files of the team's layout: HDU by HDU, column by column, read by astropy."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from helpers.absent import hide
from helpers.backplanes_tree import backplanes

import uvisxr
from uvisxr.errors import (
    ArgumentError,
    ExportError,
    MissingDependencyError,
    MissingStepError,
    UvisWarning,
)
from uvisxr.fits import pds4_label
from uvisxr.simulate import Simulation, Window

ORDER = [
    *("PRIMARY", "RAW_COUNTS", "CAL_FACTOR", "BACKGROUND", "SC_GEOM"),
    *("BODY_GEOM", "GENERAL_GEOM", "RING_GEOM", "KERNELS", "WAVELENGTH"),
]
#: Number of exposures, rows, columns; instants.
NZ, NY, NX, NT = 4, 60, 64, 3

#: Where each column is from: of a body, at each exposure and instant; of each pixel's points.
OF_TIMES = {
    "SUB_SC_LAT_CENTRIC": "sc_lat",
    "SUB_SC_LAT_GRAPHIC": "sc_lat_graphic",
    "SUB_SC_LON": "sc_lon",
    "SUB_SOLAR_LAT_CENTRIC": "sub_solar_lat",
    "SUB_SOLAR_LAT_GRAPHIC": "sub_solar_lat_graphic",
    "SUB_SOLAR_LON": "sub_solar_lon",
    "SC_ALTITUDE": "sc_alt",
    "CENTER_RA": "center_ra",
    "CENTER_DEC": "center_dec",
    "CENTER_PHASE_ANGLE": "center_phase",
    "RAM_LONGITUDE": "ram_lon",
    "RAM_LAT_CENTRIC": "ram_lat",
    "RAM_LAT_GRAPHIC": "ram_lat_graphic",
    "SUB_SC_LOCAL_TIME": "sc_lt",
}
OF_POINTS = {
    "LAT_CENTRIC": "lat",
    "LAT_GRAPHIC": "lat_graphic",
    "LON": "lon",
    "SOLAR_HOUR_ANGLE": "hour_angle",
    "LOCAL_TIME": "lt",
    "EMISSION_ANGLE": "ems",
    "INCIDENCE_ANGLE": "sza",
    "PHASE_ANGLE": "phase",
    "DISTANCE": "distance",
    "RAYHEIGHT": "ray_height",
    "RING_SHADOW_FLAG": "in_ring_shadow",
    "BEHIND_RING_FLAG": "behind_rings",
}
OF_RINGS = {
    "RING_RADIUS": "ring_radius",
    "RING_LONGITUDE": "ring_longitude",
    "RING_AZIMUTH": "ring_azimuth",
    "RING_HOUR_ANGLE": "ring_hour_angle",
    "RING_INTERCEPT_DISTANCE": "ring_distance",
    "RING_EMISSION": "ring_emission",
    "RING_INCIDENCE": "ring_incidence",
    "RING_PHASE_ANGLE": "ring_phase",
    "SOLAR_ELEVATION": "solar_elevation",
    "SC_ELEVATION": "sc_elevation",
    "IN_SATURN_SHADOW": "in_shadow",
    "IN_FRONT_OF_SATURN": "in_front",
    "EDGE_ON_RADIUS": "edge_on_radius",
    "EDGE_ON_ELEVATION": "edge_on_elevation",
}
#: Of simulations: no spectrum is to be left out.
CLEAN = {"stars": 0, "lost": 0, "partial": 0}

#: Points of a pixel in the order of the files.
POINTS = ["center", "upper_left", "lower_left", "lower_right", "upper_right"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    return uvisxr.simulate.observation(
        tmp_path_factory.mktemp("fits"),
        exposures=NZ,
        seed=1,
        window=Window(2, 0, 61, 1023, 1, 16),
        **CLEAN,
    )


@pytest.fixture(scope="module")
def ds(made) -> xr.Dataset:
    """Of one factor: nothing is filled or smoothed."""
    ds = made.open().uvis.background(level=4e-4)
    options = {"nan_interp": None, "smooth": False, "trend": False, "flat_field": False}
    return ds.uvis.calibrate(**options).load()


@pytest.fixture(scope="module")
def tree(ds) -> xr.DataTree:
    return backplanes(ds)


@pytest.fixture(scope="module")
def path(ds, tree, tmp_path_factory) -> Path:
    return ds.uvis.to_fits(tmp_path_factory.mktemp("written") / "X.fits", tree)


@pytest.fixture(scope="module")
def hdus(path) -> fits.HDUList:
    with fits.open(path, do_not_scale_image_data=True) as found:
        yield found


def cells(field: xr.DataArray, *dims: str) -> np.ndarray:
    if "point" in field.dims:
        field = field.sel(point=POINTS)
    return field.transpose(*dims).values


@pytest.mark.slow
def test_hdus_are_those_of_the_layout_and_verify(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path) as found:
            found.verify("exception")
            assert [hdu.header.get("EXTNAME") or "PRIMARY" for hdu in found] == ORDER
            for hdu in found:
                assert hdu.data is not None


def test_sizes_of_headers_and_tables_are_those_of_the_layout(hdus):
    """The numbers of cards are those of the files that the team has shown."""
    cards = {hdu.name: len(hdu.header) for hdu in hdus[1:]}
    assert cards == {
        "RAW_COUNTS": 11,
        "CAL_FACTOR": 9,
        "BACKGROUND": 9,
        "SC_GEOM": 102,
        "BODY_GEOM": 57,
        "GENERAL_GEOM": 21,
        "RING_GEOM": 63,
        "KERNELS": 15,
        "WAVELENGTH": 8,
    }
    fields = {name: hdus[name].header["TFIELDS"] for name in ORDER[4:8]}
    assert fields == {"SC_GEOM": 25, "BODY_GEOM": 13, "GENERAL_GEOM": 3, "RING_GEOM": 14}
    for name in ORDER[4:8]:
        assert not [column for column in hdus[name].columns.names if column.startswith("TARGET_")]


def test_the_cube(ds, hdus):
    cube = hdus["PRIMARY"]
    assert cube.data.dtype == np.dtype(">f4") and cube.data.shape == (NZ, NY, NX)
    np.testing.assert_array_equal(cube.data, ds.radiance.values)
    assert np.isnan(cube.data).any() and not (cube.data == 0).all(axis=0).any()


def test_raw_counts_are_signed_with_a_null(ds, hdus):
    raw = hdus["RAW_COUNTS"]
    assert raw.header["BITPIX"] == 16 and raw.header["BLANK"] == -1
    assert raw.header["RAWWIDEN"] is False
    assert not {"BZERO", "BSCALE"} & set(raw.header)
    np.testing.assert_array_equal(raw.data, ds.counts.values)


@pytest.mark.parametrize(("largest", "bits"), [(32766, 16), (32767, 16), (32768, 32), (65534, 32)])
def test_raw_counts_are_widened_where_they_must(ds, tmp_path, largest, bits):
    counts = ds.counts.copy(deep=True)
    counts[0, 0, 0], counts[1, 2, 3] = 65535, largest
    path = ds.assign(counts=counts).uvis.to_fits(tmp_path / "x.fits", label=None)
    with fits.open(path, do_not_scale_image_data=True) as found:
        raw = found["RAW_COUNTS"]
        assert raw.header["BITPIX"] == bits
        assert raw.header["RAWWIDEN"] is (bits == 32)
        assert raw.header["BLANK"] == -1
        assert (raw.data == -1).sum() == 1 and raw.data[0, 0, 0] == -1
        assert raw.data.max() == largest
    back = uvisxr.open_fits(path).dataset.counts
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, counts)


def test_the_factor_turns_rates_into_radiances(ds, hdus):
    """cube = (raw / INT_TIME - background) x factor."""
    factor, rate = hdus["CAL_FACTOR"].data, hdus["BACKGROUND"].data
    assert not np.isnan(factor).any() and hdus["CAL_FACTOR"].header["NULLVAL"] == -1000.0
    assert hdus["BACKGROUND"].header["BUNIT"] == "count/s"
    known = factor != -1000
    assert known.any() and not known.all()
    time = hdus["PRIMARY"].header["INT_TIME"]
    raw = hdus["RAW_COUNTS"].data.astype(float)
    cube = (raw / time - rate.astype(float)) * np.where(known, factor, np.nan)
    np.testing.assert_allclose(cube, hdus["PRIMARY"].data, rtol=1e-5, atol=1e-5)
    # 16 columns of one row each, and none of those that the slit does not light.
    np.testing.assert_allclose(rate, 4e-4 * 16, rtol=1e-6)


def test_only_the_background_moves_the_cube(made, ds, hdus, tmp_path):
    other = made.open().uvis.background(level=7e-4)
    options = {"nan_interp": None, "smooth": False, "trend": False, "flat_field": False}
    path = other.uvis.calibrate(**options).uvis.to_fits(tmp_path / "x.fits", label=None)
    factor = np.where(hdus["CAL_FACTOR"].data == -1000, np.nan, hdus["CAL_FACTOR"].data)
    with fits.open(path) as found:
        moved = found["PRIMARY"].data - hdus["PRIMARY"].data.astype(float)
        offset = found["BACKGROUND"].data - hdus["BACKGROUND"].data
        np.testing.assert_array_equal(found["CAL_FACTOR"].data, hdus["CAL_FACTOR"].data)
    size = abs(hdus["PRIMARY"].data) + abs(factor) * 1e-2
    assert np.nanmax(abs(moved - -offset * factor) / size) < 1e-5


def test_a_body_a_row_and_saturn_always(tree, ds, hdus, tmp_path):
    assert list(hdus["SC_GEOM"].data["NAME"]) == ["SATURN", "TITAN"]
    path = ds.uvis.to_fits(tmp_path / "x.fits", backplanes(ds, bodies=["titan"]), label=None)
    with fits.open(path) as found:
        assert list(found["SC_GEOM"].data["NAME"]) == ["TITAN", "SATURN"]
        assert list(found["BODY_GEOM"].data["NAME"]) == ["TITAN"]
        assert np.isnan(found["SC_GEOM"].data["SC_ALTITUDE"][1]).all()
    assert "saturn" not in uvisxr.open_fits(path).backplanes.children


def test_only_resolved_bodies_have_backplanes(ds, tmp_path):
    tree = backplanes(ds, bodies=["saturn", "titan", "s_2004_s_1"])
    tree["titan/diameter"].values[:] = 0.99
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree, label=None)
    with fits.open(path) as found:
        assert list(found["SC_GEOM"].data["NAME"]) == ["SATURN", "TITAN", "S 2004 S 1"]
        assert list(found["BODY_GEOM"].data["NAME"]) == ["SATURN", "S 2004 S 1"]


def test_only_what_is_in_or_near_the_field_has_backplanes(ds, tmp_path):
    """Within ten milliradians of a line of sight, or the target; the tangent point lies ahead."""
    bodies = ["saturn", "titan", "rhea", "dione", "mimas"]
    tree = backplanes(ds, bodies=bodies)
    for name, height in zip(bodies, (0.8, 0.8, 0.0101, 0.0099, 0.0), strict=True):
        tree[f"{name}/ray_height"].values[:] = height * tree[f"{name}/distance"].values
    tree["mimas/distance"].values[:] *= -1
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree, label=None)
    with fits.open(path) as found:
        assert list(found["SC_GEOM"].data["NAME"]) == [name.upper() for name in bodies]
        assert list(found["BODY_GEOM"].data["NAME"]) == ["TITAN", "DIONE"]


@pytest.mark.parametrize("row", [0, 1])
def test_columns_of_spacecraft_geometry(tree, hdus, row):
    data, node = hdus["SC_GEOM"].data[row], tree[("saturn", "titan")[row]]
    for column, field in OF_TIMES.items():
        np.testing.assert_array_equal(
            data[column], cells(node[field], "instant", "pic").astype("f4"), column
        )
    for axis, letter in enumerate("XYZ"):
        for column, field in (
            (f"VEL_{letter}_SC_RATE", "sc_velocity"),
            (f"V{letter}_SC", "sc_position"),
        ):
            expected = cells(node[field].isel(axis=axis), "instant", "pic")
            np.testing.assert_array_equal(data[column], expected.astype("f4"), column)
    assert data["PROJECTED_DIAMETER"] == np.float32(node["diameter"].values[2, 1])
    assert data["CENTER_Y"] == np.float32(node["center_pixel"])
    assert data["CENTER_Z"] == np.float32(node["center_pic"])
    assert data["FULLY_INSIDE_FLAG"]


def test_columns_of_backplanes(tree, hdus):
    dims = ("instant", "pic", "pixel", "point")
    for row, body in enumerate(("saturn", "titan")):
        for column, field in OF_POINTS.items():
            found = hdus["BODY_GEOM"].data[column][row]
            np.testing.assert_array_equal(
                found, cells(tree[body][field], *dims).astype("f4"), column
            )
    for column, field in OF_RINGS.items():
        found = hdus["RING_GEOM"].data[column][0]
        np.testing.assert_array_equal(
            found, cells(tree["rings"][field], *dims).astype("f4"), column
        )
    general = hdus["GENERAL_GEOM"].data
    assert general["TIME_ET"].dtype == np.dtype(">f8")
    np.testing.assert_array_equal(general["TIME_ET"][0], cells(tree["sky/et"], "instant", "pic"))
    for column in ("RA", "DEC"):
        expected = cells(tree["sky"][column.lower()], *dims).astype("f4")
        np.testing.assert_array_equal(general[column][0], expected)


def test_the_order_of_columns_and_their_forms(hdus):
    names = {name: hdus[name].columns.names for name in ORDER[4:8]}
    velocity = [f"VEL_{axis}_SC_RATE" for axis in "XYZ"] + [f"V{axis}_SC" for axis in "XYZ"]
    times = list(OF_TIMES)
    times[7:7] = velocity
    last = ["PROJECTED_DIAMETER", "CENTER_Y", "CENTER_Z", "FULLY_INSIDE_FLAG"]
    assert names["SC_GEOM"] == ["NAME", *times, *last]
    assert names["BODY_GEOM"] == ["NAME", *OF_POINTS]
    assert names["GENERAL_GEOM"] == ["TIME_ET", "RA", "DEC"]
    assert names["RING_GEOM"] == list(OF_RINGS)
    size = NT * NZ * NY * 5
    forms = {name: hdus[name].columns.formats for name in ORDER[4:8]}
    assert forms["SC_GEOM"] == ["12A", *["12E"] * 20, *["1E"] * 3, "1L"]
    assert forms["BODY_GEOM"] == ["12A", *[f"{size}E"] * 10, *[f"{size}L"] * 2]
    assert forms["RING_GEOM"] == [*[f"{size}E"] * 10, *[f"{size}L"] * 2, *[f"{size}E"] * 2]
    assert hdus["GENERAL_GEOM"].header["TDIM1"] == f"({NZ},{NT})"
    assert hdus["BODY_GEOM"].header["TDIM2"] == f"(5,{NY},{NZ},{NT})"
    units = {c.name: c.unit for name in ORDER[4:8] for c in hdus[name].columns}
    assert units["VX_SC"] == "km" and units["VEL_X_SC_RATE"] == "km/s" and units["LON"] == "deg"
    assert units["SUB_SC_LOCAL_TIME"] == "h" and units["NAME"] is None
    assert units["PROJECTED_DIAMETER"] == "pixel" and units["IN_SATURN_SHADOW"] is None


def test_without_rings_their_table_is_of_single_unknowns(ds, tmp_path):
    path = ds.uvis.to_fits(tmp_path / "x.fits", backplanes(ds, rings=False))
    with fits.open(path) as found:
        rings = found["RING_GEOM"]
        assert len(rings.data) == 1 and rings.columns.names == list(OF_RINGS)
        assert rings.columns.formats == [*["1E"] * 10, *["1L"] * 2, *["1E"] * 2]
        assert np.isnan(rings.data["RING_RADIUS"]).all()
    assert "rings" not in uvisxr.open_fits(path).backplanes.children


def test_kernels_and_wavelengths(hdus, ds):
    kernels = hdus["KERNELS"]
    assert isinstance(kernels, fits.TableHDU)
    assert kernels.columns.formats == ["A32", "A4"]
    rows = [(str(name), str(kind)) for name, kind in kernels.data]
    assert rows == [("naif0012.tls", "LSK"), ("cas00172.tsc", "SCLK"), ("sat.bsp", "SPK")]
    wavelength = hdus["WAVELENGTH"]
    assert wavelength.header["BUNIT"] == "Angstrom" and "UNIT" not in wavelength.header
    np.testing.assert_array_equal(wavelength.data, ds.wl.values.astype("f4"))


def test_long_names_are_cut(ds, tmp_path):
    tree = backplanes(ds)
    tree.attrs["kernels"] = "a" * 40 + ".bc"
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree)
    with fits.open(path) as found:
        assert found["KERNELS"].data["FILENAME"][0] == "a" * 32
        assert found["KERNELS"].data["KERNEL_TYPE"][0] == "CK"


def test_the_primary_header(hdus, ds, tree):
    head = hdus["PRIMARY"].header
    told = {key: head[key] for key in ("FILENAME", "PROD_ID", "MISSION", "INSTRUME", "TARGET")}
    assert told == {
        "FILENAME": "X.fits",
        "PROD_ID": "FUV2008_070_10_04",
        "MISSION": "Cassini",
        "INSTRUME": "UVIS",
        "TARGET": "TITAN",
    }
    assert head["VERSION"] == 0.5 and head["CHANNEL"] == "FUV"
    window = [head[f"IMG_{key}"] for key in ("XMIN", "XMAX", "YMIN", "YMAX", "XBIN", "YBIN")]
    assert window == [0, 1023, 2, 61, 16, 1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", head["DATE"])
    assert (head["OBS_UTC"], head["END_UTC"]) == (
        "2008-03-10T10:00:00.000",
        "2008-03-10T10:16:00.000",
    )
    assert head["END_ET"] - head["OBS_ET"] == pytest.approx(960.0, abs=1e-6)
    assert head["OBS_ET"] == pytest.approx(ds.et.values[0] - 120, abs=1e-6)
    assert re.fullmatch(r"1/\d{10}\.\d{3}", head["OBS_SCLK"])
    assert float(head["END_SCLK"][2:12]) - float(head["OBS_SCLK"][2:12]) == 960
    assert head["INT_TIME"] == 240.0 and head["UNIT"] == "kR/Angstrom"
    assert head["WAVEMIN"] == ds.wl.values[0] and head["WAVEMAX"] == ds.wl.values[-1]
    assert head["WAVESTEP"] == pytest.approx(np.diff(ds.wl.values).mean())
    assert head["NT_RULE"] == "1px/sub, NT 3-33" and head["PIPESTAT"] == "CALIBRATED"
    assert head["SLITANGL"] == tree["sky/slit_angle"].values[2, 1]
    assert head.comments["INT_TIME"].startswith("[s]")
    assert "NT" not in head and "ORBNUM" not in head


@pytest.mark.parametrize(
    ("known", "nearest"),
    [
        ([(0, 1), (2, 2), (3, 1)], (2, 2)),
        ([(1, 1), (1, 2), (3, 2)], (1, 2)),
        ([(0, 2), (3, 0), (3, 1)], (3, 0)),
        ([], None),
    ],
)
def test_the_slit_angle_is_of_the_nearest_instant_with_pointing(ds, tree, tmp_path, known, nearest):
    """To the middle of exposure 2 of 0 to 3, which follow one upon the other."""
    less = tree.copy(deep=True)
    angle = tree["sky/slit_angle"]
    kept = xr.zeros_like(angle, bool)
    for at in known:
        kept[at] = True
    less["sky"]["slit_angle"] = angle.where(kept).transpose()
    head = fits.getheader(ds.uvis.to_fits(tmp_path / "x.fits", less))
    assert head.get("SLITANGL") == (None if nearest is None else angle.values[nearest])


def test_a_file_of_geometry_alone(made, tree, tmp_path):
    with pytest.warns(UvisWarning, match="geometry alone"):
        path = made.open().uvis.to_fits(tmp_path / "x.fits", tree)
    with fits.open(path, do_not_scale_image_data=True) as found:
        assert found[0].header["PIPESTAT"] == "GEOMETRY_ONLY"
        assert np.isnan(found["PRIMARY"].data).all() and np.isnan(found["BACKGROUND"].data).all()
        assert (found["RAW_COUNTS"].data == -1).all() and (found["CAL_FACTOR"].data == -1000).all()
        assert not np.isnan(found["BODY_GEOM"].data["LON"]).any()
    back = uvisxr.open_fits(path).dataset
    assert "radiance" not in back and (back.counts == 65535).all()


def test_instants_are_put_in_order(ds, tmp_path):
    mixed = backplanes(ds, times=("stop", "start", "mid"))
    path = ds.uvis.to_fits(tmp_path / "x.fits", mixed, label=None)
    with fits.open(path) as found:
        assert (np.diff(found["GENERAL_GEOM"].data["TIME_ET"][0], axis=0) == 120).all()
        expected = cells(mixed["titan/lon"].sel(instant="stop"), "pic", "pixel", "point")
        np.testing.assert_array_equal(found["BODY_GEOM"].data["LON"][1, 2], expected.astype("f4"))


def test_east_longitudes_are_written_as_west(ds, tree, hdus, tmp_path):
    east = backplanes(ds)
    east.attrs["lon_direction"] = "east"
    for body in ("saturn", "titan"):
        for name in ("lon", "sc_lon", "sub_solar_lon", "ram_lon"):
            east[body][name] = (360 - east[body][name]) % 360
    path = ds.uvis.to_fits(tmp_path / "x.fits", east, label=None)
    with fits.open(path) as found:
        for table, column in (("BODY_GEOM", "LON"), ("SC_GEOM", "RAM_LONGITUDE")):
            np.testing.assert_allclose(
                found[table].data[column], hdus[table].data[column], atol=1e-4
            )


def test_a_selection_is_a_smaller_window(ds, tree, tmp_path):
    part = ds.isel(pic=[1, 2], pixel=slice(10, 20), wl=slice(4, 40))
    path = part.uvis.to_fits(tmp_path / "x.fits", tree)
    back = uvisxr.open_fits(path)
    with fits.open(path) as found:
        head = found[0].header
        assert [head[f"IMG_{key}"] for key in ("XMIN", "XMAX", "YMIN", "YMAX")] == [64, 639, 12, 21]
        assert found["BODY_GEOM"].header["TDIM2"] == "(5,10,2,3)"
    np.testing.assert_array_equal(back.dataset.radiance, part.radiance)
    for name in ("line", "band", "wl", "time", "et"):
        np.testing.assert_array_equal(back.dataset[name], part[name])
    expected = tree["titan/lon"].isel(pic=[1, 2], pixel=slice(10, 20))
    np.testing.assert_array_equal(back.backplanes["titan/lon"], expected.astype("f4"))


@pytest.mark.slow
def test_bins_that_do_not_fill_the_window(tmp_path):
    """Rows 2..61 in bins of 7: the last has four."""
    made = uvisxr.simulate.observation(
        tmp_path / "bins", exposures=2, seed=2, window=Window(2, 0, 61, 1023, 7, 100), **CLEAN
    )
    ds = made.open().uvis.background(level=4e-4).uvis.calibrate(flat_field=False, trend=False)
    path = ds.uvis.to_fits(tmp_path / "x.fits", backplanes(ds), label=None)
    with fits.open(path) as found:
        head = found[0].header
        assert [head[f"IMG_{key}"] for key in ("XMAX", "YMAX", "XBIN", "YBIN")] == [
            1023,
            61,
            100,
            7,
        ]
        assert found["BACKGROUND"].data[-1, -1] == np.float32(4e-4 * 4 * 24)
    np.testing.assert_array_equal(uvisxr.open_fits(path).dataset.line, ds.line)


@pytest.mark.slow
def test_windows_get_a_file_each(tmp_path):
    made = uvisxr.simulate.observation(
        tmp_path / "windows",
        exposures=2,
        seed=1,
        window=(Window(26, 500, 37, 803, 2, 8), Window(40, 500, 61, 803, 1, 4)),
        **CLEAN,
    )
    windows = made.open().uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)
    own = {name: backplanes(node.to_dataset()) for name, node in windows.children.items()}
    both = xr.DataTree.from_dict(
        {
            f"/{window}/{node}": of.to_dataset()
            for window, tree in own.items()
            for node, of in tree.children.items()
        }
    )
    written = windows.uvis.to_fits(tmp_path / "X.fits", both)
    assert {window: path.name for window, path in written.items()} == {
        "window0": "XA.fits",
        "window1": "XB.fits",
    }
    for window, path in written.items():
        assert path.with_suffix(".xml").is_file()
        back = uvisxr.open_fits(path)
        np.testing.assert_array_equal(back.dataset.counts, windows[window].counts)
        np.testing.assert_array_equal(
            back.backplanes["titan/lat"], own[window]["titan/lat"].astype("f4")
        )
        with fits.open(path) as found:
            assert found[0].header["FILENAME"] == path.name
    with pytest.raises(ArgumentError, match="no node 'window0'"):
        windows.uvis.to_fits(tmp_path / "Y.fits", both["window0"])
    assert not list(tmp_path.glob("Y*"))


def test_names_by_default(ds, tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ds.uvis.to_fits(backplanes=tree) == Path("FUV2008_070_10_04.fits")
    assert Path("FUV2008_070_10_04.xml").is_file()
    assert xr.DataTree.from_dict({"/window0": ds}).uvis.to_fits(label=None) == {
        "window0": Path("FUV2008_070_10_04.fits")
    }


def test_geometry_of_the_dataset_serves_where_no_tree_is_given(made, ds, tmp_path):
    seen = ds.uvis.geometry(kernels=made.kernels)
    path = seen.uvis.to_fits(tmp_path / "x.fits")
    with fits.open(path) as found:
        body = found["BODY_GEOM"]
        assert body.header["TDIM2"] == f"(5,{NY},{NZ},3)"
        middle = body.data["LAT_CENTRIC"][0, 1]
        np.testing.assert_array_equal(middle[..., 0], seen.lat.values.astype("f4"))
        corner = seen.lat_corners.sel(corner="lower_right").values.astype("f4")
        np.testing.assert_array_equal(middle[..., POINTS.index("lower_right")], corner)
        assert np.isnan(body.data["LAT_CENTRIC"][0, [0, 2]]).all()
        height = np.maximum(seen.alt.values, 0).astype("f4")
        np.testing.assert_array_equal(body.data["RAYHEIGHT"][0, 1, ..., 0], height)
        times = found["GENERAL_GEOM"].data["TIME_ET"][0]
        among = np.array([[-120], [0], [120]])
        np.testing.assert_allclose(times, seen.et.values + among, rtol=0, atol=1e-6)
        assert found["KERNELS"].data["FILENAME"][0] == "naif_simulated.tls"
        assert found[0].header["NT_RULE"] == "NT 3"


def test_elevations_above_the_rings_follow_from_their_angles(made, ds, tmp_path):
    seen = ds.uvis.geometry(kernels=made.kernels, target="SATURN")
    own = ds.uvis.backplanes(made.kernels)["rings"].sel(instant="mid", point="center")
    with fits.open(seen.uvis.to_fits(tmp_path / "x.fits"), logical_as_bytes=True) as found:
        ring = found["RING_GEOM"].data
        for name in ("solar_elevation", "sc_elevation"):
            told = ring[name.upper()][0, 1, ..., 0]
            assert np.isfinite(told).any()
            np.testing.assert_allclose(told, own[name].values, atol=1e-4)


def test_geometry_of_several_instants(made, ds, tmp_path):
    seen = ds.uvis.geometry(kernels=made.kernels, samples=4)
    back = uvisxr.open_fits(seen.uvis.to_fits(tmp_path / "x.fits"))
    lat = back.backplanes["titan/lat"].sel(point="center")
    np.testing.assert_allclose(lat.instant, [0, 0.125, 0.375, 0.625, 0.875, 1])
    expected = seen.lat.transpose("pic", "pixel", "sample").astype("f4")
    np.testing.assert_array_equal(lat.isel(instant=slice(1, 5)), expected)
    assert np.isnan(lat.isel(instant=[0, 5])).all()


def test_a_tree_that_does_not_fit_is_refused(ds, tree, tmp_path):
    def refused(backplanes: object, match: str, of: xr.Dataset = ds) -> None:
        with pytest.raises(ArgumentError, match=match):
            of.uvis.to_fits(tmp_path / "x.fits", backplanes)
        assert not list(tmp_path.iterdir())

    refused(xr.DataTree(), "no tree with a node /sky")
    refused(backplanes(ds, times=("start", "stop")), "2 instants")
    refused(backplanes(ds, times=(0.1, 0.5, 0.9)), "from start to end")
    refused(backplanes(ds.isel(pic=[0, 1])), "lacks some pic")
    refused(backplanes(ds.isel(pixel=[0, 1])), "lacks some pixel")
    late = backplanes(ds.assign_coords(et=ds.et + 1000))
    refused(late, "times are not those")
    few = xr.DataTree.from_dict({"/sky": tree["sky"].to_dataset().isel(point=[0])})
    refused(few, "lacks some of the points")


def test_what_no_file_can_hold_is_refused(ds, tmp_path):
    target = tmp_path / "x.fits"
    with pytest.raises(ArgumentError, match="window"):
        ds.isel(pixel=[0, 2, 5]).uvis.to_fits(target)
    with pytest.raises(ArgumentError, match="2 products"):
        names = ds.product.copy(data=["A", "A", "B", "B"])
        ds.assign_coords(product=names).uvis.to_fits(target)
    with pytest.raises(ArgumentError, match="different lengths"):
        times = ds.exposure.copy(data=[240.0, 240, 240, 10])
        other = ds.assign_coords(exposure=times).drop_vars(["time_start", "time_stop"])
        other.uvis.to_fits(target)
    with pytest.raises(MissingStepError, match="counts"):
        ds.drop_vars("counts").uvis.to_fits(target)
    with pytest.raises(MissingStepError):
        ds.isel(pic=0).uvis.to_fits(target)
    for wrong in ({"label": "pds3"}, {"extras": 1}, {"pixels_per_subsample": 0}):
        with pytest.raises(ArgumentError, match=next(iter(wrong))):
            ds.uvis.to_fits(target, **wrong)
    assert not list(tmp_path.iterdir())


def test_too_few_instants_are_told(ds, tmp_path):
    tree = backplanes(ds)
    step = np.linspace(0, 0.59, 3)[:, None]
    corner = {"center": (0, 0), "lower_left": (-1, -1), "lower_right": (1, -1)}
    corner |= {"upper_right": (1, 1), "upper_left": (-1, 1)}
    at = np.array([corner[p] for p in tree["sky"].point.values]) * 0.05
    for k, name in enumerate(("ra", "dec")):
        values = (step if k == 0 else 0) + at[:, k] + np.zeros((NZ, NY, 3, 5))
        tree["sky"][name] = tree["sky"][name].copy(data=values % 360)
    with pytest.warns(UvisWarning, match=r"5\.9 pixels.*asks for 7;"):
        ds.uvis.to_fits(tmp_path / "x.fits", tree)
    assert fits.getheader(tmp_path / "x.fits")["NT_RULE"] == "NT 3"
    # Of a file without backplanes nothing is said.
    ds.uvis.to_fits(tmp_path / "x.fits")
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree, pixels_per_subsample=3)
    assert fits.getheader(path)["NT_RULE"] == "3px/sub, NT 3-33"


def test_no_file_takes_the_place_of_another(made, ds, tree, tmp_path):
    foreign = tmp_path / "x.fits"
    foreign.write_bytes(b"mine")
    with pytest.raises(ExportError, match="did not write it"):
        ds.uvis.to_fits(foreign, tree)
    label = tmp_path / "y.xml"
    label.write_text("<Product_Observational/>")
    with pytest.raises(ExportError, match=r"y\.xml.*did not write it"):
        ds.uvis.to_fits(tmp_path / "y.fits", tree)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.fits", "y.xml"]
    assert foreign.read_bytes() == b"mine"
    ds.uvis.to_fits(foreign, tree, overwrite=True)
    ds.uvis.to_fits(foreign, tree)
    with pytest.raises(ExportError, match="exists"):
        ds.uvis.to_fits(foreign, tree, overwrite=False)
    for name in ("x.LBL", "x.xml", "x.DAT"):
        with pytest.raises(ExportError, match="products of the archive"):
            ds.uvis.to_fits(tmp_path / name, tree)


@pytest.mark.slow
def test_no_label_is_taken_from_another_file(ds, tree, tmp_path):
    for name, same in (("a & b.fits", "a & b.fit"), ("x.fits", "x.txt")):
        file, label = tmp_path / name, (tmp_path / name).with_suffix(".xml")
        ds.uvis.to_fits(file, tree)
        before = label.read_bytes()
        with pytest.raises(ExportError, match=rf"\.xml: it is the label of {name}, .*label=None"):
            ds.uvis.to_fits(tmp_path / same, tree)
        assert label.read_bytes() == before and not (tmp_path / same).exists()
        ds.uvis.to_fits(tmp_path / same, tree, label=None)
        assert label.read_bytes() == before
        ds.uvis.to_fits(file, tree)
        ds.uvis.to_fits(tmp_path / same, tree, overwrite=True)
        assert pds4_label.file_of(label) == same
        # Cut, it names no file.
        label.write_bytes(label.read_bytes().partition(b"<file_name>")[0])
        ds.uvis.to_fits(file, tree)
        assert pds4_label.file_of(label) == name


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".Z", ".zip", ".GZ", ".zst"])
def test_names_of_compressed_files_are_refused(ds, tree, tmp_path, ending):
    for of in (ds, xr.DataTree.from_dict({"window0": ds})):
        with pytest.raises(ArgumentError, match=rf"without {ending}, as the file is not compr"):
            of.uvis.to_fits(tmp_path / f"a.fits{ending}")
    assert not list(tmp_path.iterdir())


def test_no_file_takes_the_place_of_what_it_was_read_from(ds, path, tmp_path):
    copy = tmp_path / "a.fits"
    copy.write_bytes(path.read_bytes())
    back = uvisxr.open_fits(copy)
    with pytest.raises(ExportError, match="read from it"):
        back.dataset.uvis.to_fits(copy, back.backplanes, overwrite=True)
    again = back.dataset.uvis.to_fits(tmp_path / "b.fits", back.backplanes)
    with fits.open(copy) as one, fits.open(again) as other:
        for a, b in zip(one[1:], other[1:], strict=True):
            assert a.name == b.name
            np.testing.assert_array_equal(a.data, b.data)


def test_a_failure_leaves_nothing(ds, tree, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("uvisxr.fits.writing.pds4_label.write", fail)
    with pytest.raises(ExportError, match="No space"):
        ds.uvis.to_fits(tmp_path / "x.fits", tree)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ExportError, match="no folder"):
        ds.uvis.to_fits(tmp_path / "nowhere" / "x.fits", tree, label=None)


def test_without_the_libraries(ds, tree, tmp_path, monkeypatch):
    hide(monkeypatch, "lxml")
    with pytest.raises(MissingDependencyError, match=r"uvisxr\[fits\]"):
        ds.uvis.to_fits(tmp_path / "x.fits", tree)
    assert not list(tmp_path.iterdir())
    path = ds.uvis.to_fits(tmp_path / "x.fits", tree, label=None)
    hide(monkeypatch, "astropy")
    with pytest.raises(MissingDependencyError, match=r"uvisxr\[fits\]"):
        uvisxr.open_fits(path)


def test_lazy_is_the_same(ds, tree, path, tmp_path):
    lazy = ds.chunk({"pic": 1}).uvis.to_fits(tmp_path / "X.fits", tree)
    with fits.open(path) as one, fits.open(lazy) as other:
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a.data, b.data)
