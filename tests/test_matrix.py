"""Calibration by matrices of the archive's form, written here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product

import uvisxr
from uvisxr.calibration.response import table_of
from uvisxr.errors import ArgumentError, CalibrationError, ProductError, UvisWarning
from uvisxr.instrument.evil import public_evil

CHANNEL = {"channel": "FUV"}
NAME = "FUV2005_230_15_15"


def write_matrix(folder: Path, name: str, values: np.ndarray | float = 1.0, **options: int) -> Path:
    """A matrix `name`, by default of ones, kR/angstrom for one count."""
    label = write_product(folder, name, **options)
    text = label.read_text().replace("MSB_UNSIGNED_INTEGER", "IEEE_REAL")
    text = text.replace("= 131072", "= 262144")
    label.write_text(re.sub(r"(CORE_ITEM_BYTES += )2", r"\g<1>4", text))
    np.broadcast_to(values, (64, 1024)).astype(">f4").tofile(label.with_suffix(".DAT"))
    return label


@pytest.fixture
def ds(tmp_path) -> xr.Dataset:
    return uvisxr.open_product(write_product(tmp_path / "data", NAME))


def test_a_matrix_gives_its_name(ds, tmp_path):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    for done in (ds.uvis.calibrate(files=matrix), ds.uvis.calibration_factor(files=matrix)):
        line = done.attrs["history"].splitlines()[-1]
        assert f"(recipe='{NAME}_CAL_3', " in line
        assert f"{NAME}_CAL_3.LBL sha256:" in line
    assert ds.uvis.calibrate(files=matrix).attrs["recipe"] == f"{NAME}_CAL_3"


def test_what_does_not_enter_is_not_stated(ds, tmp_path):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    done = ds.uvis.calibrate(files=matrix, recipe="pds", nan_interp="shape")
    kept = json.loads(done.attrs["calibrate_arguments"])["sensitivity"]
    assert kept == {"nan_interp": "shape", "evil_pixels": "mask", "own": ["files"]}
    own = done.uvis.calibration_factor()
    again = done.uvis.calibration_factor(files=matrix)
    np.testing.assert_array_equal(own.calibration_factor, again.calibration_factor)
    for one in (done, own, again):
        line = one.attrs["history"].splitlines()[-1]
        assert f"recipe='{NAME}_CAL_3'" in line and "'pds'" not in line
        for name in ("wl_interp", "flat_field", "trend", "lyman_alpha"):
            assert f"{name}=None" in line
    with pytest.raises(ArgumentError, match="a matrix of the archive, which it does not keep"):
        done.uvis.calibration_factor(trend=True)


def test_matrix_of_another_observation(ds, tmp_path):
    matrix = write_matrix(tmp_path, "FUV2009_173_15_16_CAL_5")
    said = (
        r"FUV2009_173_15_16_CAL_5 is the calibration matrix of FUV2009_173_15_16.* "
        rf"applied to {NAME}: calibrate each product with the _CAL_n"
    )
    with pytest.warns(UvisWarning, match=said) as caught:
        done = ds.uvis.calibrate(files=matrix)
    assert len(caught) == 1
    assert done.attrs["recipe"] == "FUV2009_173_15_16_CAL_5"


def test_one_matrix_for_several_products(tmp_path):
    names = [NAME, "FUV2005_230_16_00", "FUV2005_230_17_00"]
    both = uvisxr.open_observation([write_product(tmp_path / "data", name) for name in names])
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    with pytest.warns(UvisWarning, match=rf"of {NAME}.* applied to {names[1]}, {names[2]}:"):
        both.uvis.calibrate(files=matrix)
    both.where(both.product == NAME, drop=True).uvis.calibrate(files=matrix)


def test_error_of_a_bin_of_rows_and_columns(tmp_path):
    """It falls with the root of the lit detector pixels: 4 of rows 0..3, 8 of the others."""
    window = {"line_bin": 4, "band_bin": 2, "lines": (0, 63)}
    binned = uvisxr.open_product(write_product(tmp_path / "data", NAME, **window))
    fine = uvisxr.open_product(write_product(tmp_path / "fine", NAME, band_bin=2))
    errors = [
        d.uvis.calibrate(files=write_matrix(tmp_path / sub, f"{NAME}_CAL_3", **w)).calibration_error
        for d, sub, w in ((binned, "a", window), (fine, "b", {"band_bin": 2}))
    ]
    for pixel, rows in ((0, 2), (5, 4), (15, 2)):
        expected = errors[1].values[30] / np.sqrt(rows)
        np.testing.assert_allclose(errors[0].values[pixel], expected, rtol=1e-6)


def test_evil_elements_of_a_matrix_by_their_response(tmp_path):
    """A matrix gives -1 there: they have what their neighbours have, for the share that counts."""
    shape = {"band_bin": 4}
    ds = uvisxr.open_product(write_product(tmp_path / "data", NAME, **shape))
    pixels = public_evil("FUV", "POST")[2:62].reshape(60, 256, 4).sum(-1)
    values = np.ones((64, 1024))
    # The matrix's frame begins with row 2, as the window does.
    values[2:62, :256][pixels > 0] = -1
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3", values, **shape)
    plain = {"files": matrix, "smooth": False}
    found = ds.uvis.calibrate(**plain)
    share = (4 - pixels + 0.25 * pixels) / 4
    given, exact = (
        ds.uvis.calibrate(
            evil_response=table_of(
                np.array([0]), np.array([1023]), np.array([[0.25], [error], [0.0]]), CHANNEL
            ),
            **plain,
        )
        for error in (0.1, 0.0)
    )
    # At the ends of a row there are no neighbours on both sides.
    inner = slice(12, -12)
    np.testing.assert_allclose(
        given.radiance.values[0, :, inner], (ds.counts.values[0] / share)[:, inner], rtol=1e-6
    )
    assert "evil_pixels='response'" in found.attrs["history"]
    masked = ds.uvis.calibrate(evil_pixels="mask", **plain)
    good = pixels[:, inner] == 0
    for name in ("radiance", "radiance_systematic"):
        ours, theirs = (d[name].values[0, :, inner] for d in (found, masked))
        np.testing.assert_array_equal(ours[good], theirs[good])
    expected = np.hypot(exact.calibration_error.values, 0.1 * pixels / 4 / share)
    np.testing.assert_allclose(
        given.calibration_error.values[:, inner], expected[:, inner], rtol=1e-5
    )


def test_a_matrix_without_any_good_element_is_warned_of(tmp_path):
    shape = {"band_bin": 32}
    ds = uvisxr.open_product(write_product(tmp_path / "data", NAME, **shape))
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3", -1.0, **shape)
    with pytest.warns(UvisWarning, match="only 0% .* a folder of calibration files, in place"):
        found = ds.uvis.calibrate(files=matrix)
    assert np.isnan(found.radiance).all()


@pytest.mark.parametrize("value", [1e30, -1e9, 1e-30])
def test_a_matrix_beyond_all_that_can_be(ds, tmp_path, value):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3", value)
    with pytest.raises(CalibrationError, match=rf"{NAME}_CAL_3.* a factor of .* at row 0, column"):
        ds.uvis.calibrate(files=matrix)


def test_a_matrix_takes_no_factor_on_a_line(ds, tmp_path):
    with pytest.raises(ArgumentError, match="taken as it is; omit lyman_alpha="):
        ds.uvis.calibrate(files=write_matrix(tmp_path, f"{NAME}_CAL_3"), lyman_alpha=0.5)


def changed(label: Path, key: str, value: str) -> Path:
    text, count = re.subn(rf"({key} +=) .*", rf"\g<1> {value}", label.read_text())
    assert count == 1
    label.write_text(text)
    return label


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("UL_CORNER_LINE", "0", "of another window"),
        ("LR_CORNER_LINE", "63", "of another window"),
    ],
)
def test_a_matrix_unlike_its_own_product(ds, tmp_path, key, value, said):
    matrix = changed(write_matrix(tmp_path, f"{NAME}_CAL_3"), key, value)
    with pytest.raises(CalibrationError, match=rf"{said}, unlike {NAME} itself"):
        ds.uvis.calibrate(files=matrix)
    # Of another product it may be so.
    with pytest.warns(UvisWarning, match="made for its date"):
        ds.assign_coords(product=("pic", ["FUV2005_230_16_00"])).uvis.calibrate(files=matrix)


def test_a_matrix_of_another_duration_than_its_own_product(ds, tmp_path):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    before = ds.uvis.calibrate(files=matrix)
    changed(matrix, "INTEGRATION_DURATION", "15.0 <SECOND>")
    said = rf"said to be of exposures of 15 s, unlike {NAME} itself"
    with pytest.warns(UvisWarning, match=said) as told:
        after = ds.uvis.calibrate(files=matrix)
    assert len(told) == 1
    np.testing.assert_allclose(after.radiance, before.radiance / 2, rtol=1e-6)


def test_a_matrix_of_another_time_than_its_name(ds, tmp_path):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    changed(matrix, "SPACECRAFT_CLOCK_START_COUNT", '"UNK"')
    changed(matrix, "START_TIME", "2008-230T15:15:04.141")
    with pytest.warns(UvisWarning, match=r"CAL_3\.LBL: PRODUCT_ID is .* s from START_TIME") as told:
        ds.uvis.calibrate(files=matrix)
    assert len(told) == 1


def test_a_matrix_of_several_exposures(ds, tmp_path):
    matrix = changed(write_matrix(tmp_path, f"{NAME}_CAL_3"), "CORE_ITEMS", "(1024, 64, 2)")
    with pytest.raises(ProductError, match="claims 2 exposures: a calibration matrix has one"):
        ds.uvis.calibrate(files=matrix)


def test_a_matrix_and_part_of_its_product(ds, tmp_path):
    matrix = write_matrix(tmp_path, f"{NAME}_CAL_3")
    part = {"pixel": slice(5, 9), "wl": slice(100, 200)}
    whole, ours = (d.uvis.calibrate(files=matrix) for d in (ds, ds.isel(part)))
    np.testing.assert_array_equal(ours.sensitivity, whole.sensitivity.isel(part))
