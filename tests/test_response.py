"""Tables of the response of evil pixels."""

from __future__ import annotations

import os

import netCDF4
import numpy as np
import pytest
import xarray as xr

from uvisxr.calibration import response
from uvisxr.calibration.response import load, on_detector, package_response, table_of_pixels
from uvisxr.errors import CalibrationError
from uvisxr.instrument.detector import Window

TEXT = """# Of an invented detector.
# channel: FUV
# source: a test
first_band,last_band,response,response_error,response_scatter
100,199,0.25,0.02,0.1
200,299,0.4,0.03,0.2
"""


@pytest.fixture
def table(tmp_path) -> xr.Dataset:
    path = tmp_path / "table.csv"
    path.write_text(TEXT)
    return load(path)


def pixels(**places: float) -> xr.Dataset:
    """A table of two pixels."""
    frames = np.full((3, 64, 1024), np.nan)
    frames[:, 10, 500] = 0.6, 0.01, 0.05
    frames[:, 11, 501] = 0.2, 0.02, 0.06
    return table_of_pixels(frames, {"channel": "FUV", "source": "a test"})


def test_text_is_read(table):
    assert dict(table.sizes) == {"band": 2}
    np.testing.assert_array_equal(table.band, [100, 200])
    np.testing.assert_array_equal(table.last_band, [199, 299])
    np.testing.assert_allclose(table.wl, [1231.77, 1309.72], atol=0.1)
    assert "units" not in table.response.attrs
    assert (table.attrs["channel"], table.attrs["source"]) == ("FUV", "a test")


@pytest.mark.parametrize("kind", ["columns", "pixels"])
def test_netcdf_keeps_a_table(table, tmp_path, kind):
    written = table if kind == "columns" else pixels()
    path = written.uvis.to_netcdf(tmp_path / "table.nc")
    assert load(path).identical(written)


def test_ranges_of_columns_on_the_detector(table):
    found = on_detector(table, "FUV")
    for frame, inside, beyond in (
        (found.value, (0.25, 0.4), response.CONSTANT),
        (found.error, (0.02, 0.03), response.CONSTANT_ERROR),
        (found.scatter, (0.1, 0.2), response.CONSTANT_SCATTER),
    ):
        expected = np.full((64, 1024), beyond)
        expected[:, 100:200], expected[:, 200:300] = inside
        np.testing.assert_array_equal(frame, expected)


def test_single_pixels_on_the_detector():
    found = on_detector(pixels(), "FUV")
    assert found.value[10, 500] == 0.6
    assert found.error[11, 501] == 0.02
    assert found.scatter[11, 501] == 0.06
    others = np.ones((64, 1024), bool)
    others[10, 500] = others[11, 501] = False
    np.testing.assert_array_equal(found.value[others], response.CONSTANT)


def test_error_of_bins(table):
    """What pixels have in common adds up, their scatter adds in quadrature."""
    found = on_detector(table, "FUV")
    evil = np.zeros((64, 1024))
    evil[20, [105, 110, 195, 205]] = 2.0, 1.0, 3.0, 1.0
    bins = Window(20, 100, 20, 219, band_bin=60).bins
    first = np.hypot(0.02 * 3, 0.1 * np.sqrt(2**2 + 1**2))
    second = np.hypot(0.02 * 3 + 0.03, np.hypot(0.1 * 3, 0.2))
    np.testing.assert_allclose(found.error_of(evil, bins), [[first, second]])


def test_the_packages_own_tables():
    """The FUV's is measured; of the EUV, which has no evil pixels, there is only the constant."""
    fuv, euv = package_response("FUV"), package_response("EUV")
    assert np.unique(fuv.value[:, 32:]).size > 20
    assert 0.19 < fuv.value.min() < fuv.value.max() < 0.7
    assert (fuv.error > 0).all()
    assert (euv.value == response.CONSTANT).all()
    # The laboratory's mean pixel has 0.91 of a good one (users guide, chapter 5).
    assert 1 - 0.145 * (1 - fuv.value[2:62].mean()) == pytest.approx(0.91, abs=0.02)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("# channel: FUV\n", ""), "channel"),
        (TEXT.replace("first_band", "band"), "no columns first_band,"),
        (TEXT.replace("0.25", "much"), "could not convert"),
        (TEXT.replace("0.25", "nan"), "response of evil pixels is not within"),
        (TEXT.replace("0.02", "-1"), "response_error of evil pixels is not within 0..2"),
        (TEXT.replace("299", "1024"), "last_band .* within 0..1023"),
        (TEXT.replace(",0.1\n", "\n"), "."),
        (TEXT.split("100,", maxsplit=1)[0], "."),
        ("", "no columns"),
        (TEXT.rstrip("\n"), "cut short"),
        (TEXT.replace("0.25", "0_1.25"), "not in digits"),
        (TEXT.replace("299", "9" * 400), "."),
    ],
)
def test_malformed_text(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=said):
        load(path)


def test_files_that_are_no_tables(tmp_path):
    for name in ("missing.nc", "missing.csv"):
        with pytest.raises(CalibrationError, match=rf"{name} does not exist"):
            load(tmp_path / name)
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(CalibrationError, match=r"text\.nc: cannot be read.*no columns"):
        load(tmp_path / "text.nc")
    (tmp_path / "broken.nc").write_bytes(b"\x89HDF and nothing")
    with pytest.raises(CalibrationError, match=r"broken\.nc: cannot be read"):
        load(tmp_path / "broken.nc")
    with pytest.raises(CalibrationError, match="cannot be read"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CalibrationError, match="no ordinary file"):
        load(tmp_path / "pipe")
    with netCDF4.Dataset(tmp_path / "large.nc", "w") as root:
        root.createDimension("band", 2**29)
        root.createVariable("band", "f8", ("band",), zlib=True, chunksizes=(1024,))
    with pytest.raises(CalibrationError, match=r"large\.nc: .*variables claim 4294967296 bytes"):
        load(tmp_path / "large.nc")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(CalibrationError, match=r"other\.nc.*there is no response, response_error"):
        load(tmp_path / "other.nc")


def test_netcdf_whose_texts_are_damaged(table, tmp_path):
    path = table.assign_coords(note=("band", ["a", "b"])).uvis.to_netcdf(tmp_path / "table.nc")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL")
    raw[at + 16 : at + 18] = raw[at + 24 : at + 26] = bytes(2)
    raw[at + 24 : at + 32] = bytes(8)
    path.unlink()
    path.write_bytes(raw)
    with pytest.raises(CalibrationError, match=r"table\.nc: .*where its texts are"):
        load(path)


def test_datasets_that_are_no_tables(table):
    for wrong, said in (
        (table.drop_vars("response_scatter"), "no response_scatter"),
        (table.drop_attrs(), "no attribute channel"),
        (table.drop_vars("last_band"), "no last_band"),
        (table.assign_coords(band=[0.5, 1.5]), "band of the response"),
        (table.assign_coords(band=[100, 150]), "overlap"),
        (table.assign_coords(last_band=("band", [99, 299])), "end before they begin"),
        (table.assign_coords(last_band=299), "last_band of the response"),
        (table.expand_dims(x=2), "dimensions"),
        (table.assign(response_error=0.1), "response_error .* dimensions"),
        (table.assign(response_error=table.response_error.expand_dims(z=2)), "dimensions"),
        (table.assign(response=table.response.astype(str)), "type"),
        (pixels().assign(response_error=pixels().response_error.mean("line")), "dimensions"),
        (pixels().assign(response_error=pixels().response_error * np.nan), "not within 0..2"),
        (table.assign(response=table.response * 10), "not within -1..2"),
        (pixels().drop_vars("line"), "no line"),
    ):
        with pytest.raises(CalibrationError, match=said):
            on_detector(wrong, "FUV")
    with pytest.raises(CalibrationError, match="of channel FUV, the dataset of EUV"):
        on_detector(table, "EUV")


def test_order_and_place_of_ranges_do_not_matter(table):
    expected = on_detector(table, "FUV").value
    for same in (table.isel(band=[1, 0]), table.reset_coords("last_band")):
        np.testing.assert_array_equal(on_detector(same, "FUV").value, expected)
