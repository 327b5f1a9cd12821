"""Evil detector pixels by the clock, and the share of them in elements, counted one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import calfiles

import uvisxr
from uvisxr.errors import ArgumentError, CalibrationError, LabelError, MissingStepError, UvisWarning
from uvisxr.instrument import evil_pixels
from uvisxr.instrument.detector import Window

#: Spacecraft clock of the starburn, s (users guide, chapter 4: 2002-06-06).
BURN = 1402021717

BEFORE, AFTER = "2002-06-06T00:00", "2002-06-06T06:00"


def table(column: int) -> np.ndarray:
    """The package's table, bit by bit: column 1 before, 2 after the starburn."""
    path = Path(uvisxr.__file__).parent / "data" / "evil_fuv.csv"
    rows = [line.split(",") for line in path.read_text().splitlines() if line[0].isdigit()]
    assert [int(row[0]) for row in rows] == list(range(64))
    bits = [[int(b) for digit in row[column] for b in f"{int(digit, 16):04b}"] for row in rows]
    return np.array(bits) == 1


def test_the_pixels_of_the_table_that_the_slit_lights():
    lit = (np.arange(64) >= 2) & (np.arange(64) <= 61)
    for clock, column, count in ((BURN - 1, 1, 9273), (BURN, 2, 9272)):
        found = evil_pixels("FUV", clock)
        assert found.shape == (64, 1024) and found.dtype == bool
        np.testing.assert_array_equal(found, table(column) & lit[:, None])
        assert found.sum() == count
    # Row 2 begins with the digits 138040..., binary 0001 0011 1000 0000 0100 0000.
    assert np.flatnonzero(found[2, :24]).tolist() == [3, 6, 7, 8, 17]


def test_the_starburn_took_one_pixel_out():
    before, after = evil_pixels("FUV", BEFORE), evil_pixels("FUV", AFTER)
    assert np.argwhere(before != after).tolist() == [[30, 1022]] and before[30, 1022]


def test_euv_has_none():
    assert not evil_pixels("EUV", 1.5e9).any()


@pytest.mark.parametrize(
    ("clock", "count"),
    [
        (1.3e9, 9273),
        (np.int64(1_500_000_000), 9272),
        (BEFORE, 9273),
        ("2005-230T18:14:40.2", 9272),
        (date(2001, 1, 1), 9273),
        (datetime(2002, 6, 6, 6), 9272),
        # Five hours west of Greenwich: 02:00 there is 07:00 UTC.
        (datetime(2002, 6, 6, 2, tzinfo=timezone(timedelta(hours=-5))), 9272),
        (datetime(2002, 6, 6, 2, tzinfo=UTC), 9273),
        (pd.Timestamp("2002-06-06T06:00"), 9272),
        (np.datetime64(AFTER), 9272),
        (np.array([BEFORE, AFTER], "datetime64[ns]"), 9273),
        ([BURN - 1.0, BURN + 1.0], 9273),
        (xr.DataArray([1.4e9, 1.5e9], dims="pic"), 9273),
    ],
)
def test_clocks_of_all_kinds(clock, count):
    assert evil_pixels("fuv", clock).sum() == count


@pytest.mark.parametrize(
    "clock",
    [1.9e8, 0, np.nan, None, True, [], ["2005-01-01"], "soon", np.datetime64("NaT"), pd.NaT, 3e9],
)
def test_what_is_no_time_of_the_mission(clock):
    """Such as 1.9e8, seconds past J2000, which would pass for a clock before the starburn."""
    with pytest.raises(ArgumentError, match=r"clock=.*spacecraft clock, s|is not a time"):
        evil_pixels("FUV", clock)


def test_unknown_channel():
    with pytest.raises(LabelError, match="'HSP'"):
        evil_pixels("HSP", 1.5e9)


def test_the_result_is_ones_own():
    evil_pixels("FUV", 1.5e9)[:] = True
    assert evil_pixels("FUV", 1.5e9).sum() == 9272


# --- in elements


WINDOWS = [
    Window(0, 0, 63, 1023),
    Window(0, 3, 63, 1001, 7, 40),
    Window(25, 100, 40, 163, 1, 1),
    Window(62, 0, 63, 1023, 2, 512),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_shares_are_counted_pixel_by_pixel(window):
    ds = calfiles.poisson(n_pic=2, window=window)
    evil = table(2)
    share = ds.uvis.evil_share()
    assert share.dims == ("pixel", "wl") and share.name == "evil_share"
    rng = np.random.default_rng(3)
    for _ in range(60):
        pixel, k = rng.integers(ds.sizes["pixel"]), rng.integers(ds.sizes["wl"])
        line, band = int(ds.line[pixel]), int(ds.band[k])
        rows = [r for r in range(line, line + window.line_bin) if r <= window.lr_line]
        columns = [c for c in range(band, band + window.band_bin) if c <= window.lr_band]
        lit = [evil[r, c] for r in rows for c in columns if 2 <= r <= 61]
        expected = sum(lit) / len(lit) if lit else np.nan
        assert float(share[pixel, k]) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_where_it_is_above_zero_calibrate_finds_evil_pixels(window):
    ds = calfiles.poisson(n_pic=1, window=window, slit="LOW_RESOLUTION")
    done = ds.uvis.calibrate(flat_field=False, trend=False, evil_pixels="interpolate")
    np.testing.assert_array_equal(ds.uvis.evil_share() > 0, done.evil == 1)


def test_it_leaves_out_what_calibrate_masks():
    ds = calfiles.poisson(n_pic=1, window=Window(2, 200, 60, 999))
    done = ds.uvis.calibrate(flat_field=False, trend=False, nan_interp=None, smooth=False)
    kept = ds.counts.where(ds.uvis.evil_share() == 0)
    np.testing.assert_array_equal(kept.isnull(), done.radiance.isnull())


def test_flat_fields_of_ones_own(tmp_path):
    folder = calfiles.folder(tmp_path)
    lines = (folder / "FLATFIELD_FUV_POSTBURN.txt").read_text().splitlines()[1:]
    evil = np.array([word == "nan" for word in " ".join(lines).split()]).reshape(64, 1024)
    share = calfiles.poisson().uvis.evil_share(files=folder)
    np.testing.assert_array_equal(share[2:62], evil[2:62])
    assert share[[0, 1, 62, 63]].isnull().all()
    with pytest.raises(CalibrationError, match="not a folder"):
        calfiles.poisson().uvis.evil_share(files=tmp_path / "none")


def test_evil_pixels_of_another_calibration_are_told(tmp_path):
    folder = calfiles.folder(tmp_path)
    done = calfiles.poisson().uvis.calibrate(files=folder, trend="evolution")
    np.testing.assert_array_equal(done.uvis.evil_share(files=folder) > 0, done.evil == 1)
    with pytest.warns(UvisWarning, match="calibrated with other evil pixels: give files="):
        done.uvis.evil_share()


def test_over_the_starburn_and_after():
    burn_et = 76_601_566.0  # 2002-06-06T02:11
    ds = calfiles.poisson(window=Window(30, 1020, 30, 1023), et=burn_et + np.array([-1e4, 0, 1e4]))
    assert ds.uvis.evil_share().values[0, 2] == 1
    assert ds.isel(pic=[2]).uvis.evil_share().values[0, 2] == 0


def test_parts_of_a_dataset_and_euv():
    ds = calfiles.poisson(window=Window(10, 0, 49, 1023, 4, 16))
    whole = ds.uvis.evil_share()
    for part in ({"pic": 1}, {"pixel": [3, 1]}, {"wl": 7}, {"pixel": 2, "wl": slice(3, 9)}):
        found = ds.isel(part).uvis.evil_share()
        inside = {dim: where for dim, where in part.items() if dim != "pic"}
        xr.testing.assert_equal(
            found.reset_coords(drop=True), whole.isel(inside).reset_coords(drop=True)
        )
    assert "line" in whole.coords and "quality" not in whole.coords
    assert (calfiles.poisson(name="EUV").uvis.evil_share()[2:62] == 0).all()


def test_counts_are_not_looked_at():
    ds = calfiles.poisson()
    xr.testing.assert_equal(
        ds.uvis.evil_share(), ds.assign(counts=ds.counts * 0 + 65535).uvis.evil_share()
    )


def test_what_it_needs():
    ds = calfiles.poisson()
    with pytest.raises(MissingStepError, match="evil_share: the dataset has no et"):
        ds.drop_vars("et").uvis.evil_share()
    with pytest.raises(ArgumentError, match="evil_share: line is of the type float"):
        ds.assign_coords(line=ds.line + 0.5).uvis.evil_share()


@pytest.mark.parametrize(
    "clock",
    [
        *("1979-01-01", "2105-01-01", np.datetime64("1979-01-01"), datetime(2105, 1, 1)),
        ["2005-08-18", "2105-01-01"],
        [],
    ],
)
def test_times_outside_of_the_mission(clock):
    times = np.array(clock, "datetime64[ns]") if isinstance(clock, list) else clock
    with pytest.raises(ArgumentError, match="expected times of the mission"):
        evil_pixels("FUV", times)


def test_the_mission_has_all_its_days():
    days = np.array(["1997-10-15", "2017-09-16"], "datetime64[ns]")
    assert evil_pixels("FUV", days).sum() == evil_pixels("FUV", "1997-10-15").sum()
