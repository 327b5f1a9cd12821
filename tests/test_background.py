"""The background of simulated spectra, set by hand, and its effect on radiances."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import located, observation, sky

from uvisxr.background import mean, rtg_level
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.errors import ArgumentError, MissingStepError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.timescales import parse_et

LEVELS = ("background", "background_error")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    """60 lit rows and 30 exposures of 240 s at 4e-4 count/s per detector pixel."""
    return sky(np.random.default_rng(12))


def dated(ds: xr.Dataset, *dates: str) -> xr.Dataset:
    """The dataset with exposures of one date, or a date for each."""
    et = np.broadcast_to([parse_et(date) for date in dates], ds.sizes["pic"])
    # A second apart, as no two exposures are at once.
    apart = np.arange(ds.sizes["pic"]) - 0.5 * (ds.sizes["pic"] - 1)
    return ds.assign_coords(et=("pic", et + apart))


def everywhere(ds: xr.Dataset) -> xr.DataArray:
    return xr.ones_like(ds.quality, dtype=bool)


@pytest.mark.parametrize("method", ["gaps", "mean"])
def test_measures_the_simulated_rate(ds, method):
    found = ds.uvis.background(method=method, pixels=everywhere(ds))
    assert abs(found.background - 4e-4) < 3 * found.background_error
    assert 0 < found.background_error < 0.01 * 4e-4
    assert found.attrs["background_method"] == method
    assert found.attrs["background_spectra"] == 1800
    assert found.background.attrs["units"] == "count s-1"
    assert f"method='{method}'" in found.attrs["history"].splitlines()[-1]
    assert "background" not in ds.coords
    assert (ds.quality == found.quality).all()


@pytest.mark.parametrize("chunks", [{"pic": 7}, {"pic": 30, "pixel": 13, "wl": 100}])
def test_lazy_counts_give_the_same_and_stay_lazy(ds, chunks):
    eager = ds.uvis.background(pixels=everywhere(ds))
    lazy = ds.chunk(chunks).uvis.background(pixels=everywhere(ds))
    xr.testing.assert_identical(lazy.compute(), eager)
    assert lazy.counts.chunks is not None


def test_mean_estimator_is_unbiased_and_its_error_covers():
    rng = np.random.default_rng(2)
    for rate, size, n in ((1e-4, 450, 40), (3e-3, 450, 40), (4e-4, 1024, 400)):
        scale = np.full(n, 240.0)
        # The sum of a spectrum's counts is all the estimator uses.
        draws = rng.poisson(rate * 240 * size, (300, n, 1))
        found = np.array([mean(counts, scale) for counts in draws]) / size
        assert abs(found[:, 0].mean() / rate - 1) < 0.02
        assert 0.60 <= np.mean(np.abs(found[:, 0] - rate) <= found[:, 1]) <= 0.76


def test_mean_of_no_count_has_the_error_of_one():
    assert mean(np.zeros((4, 10), np.uint16), np.full(4, 5.0)) == (0.0, 1 / 200)


@pytest.mark.parametrize("method", ["gaps", "mean"])
@pytest.mark.parametrize(
    "window",
    [
        Window(2, 0, 61, 1023, band_bin=2),
        Window(0, 0, 63, 1023, line_bin=4, band_bin=8),
        Window(2, 0, 61, 1023, line_bin=7, band_bin=5),  # the last row and column are partial
        Window(10, 400, 40, 900),
    ],
)
def test_rate_is_per_detector_pixel_whatever_the_bins(method, window):
    ds = sky(np.random.default_rng(3), window=window)
    found = ds.uvis.background(method=method, pixels=everywhere(ds))
    assert abs(found.background - 4e-4) < 3 * found.background_error
    assert found.background_error < 0.02 * 4e-4


@pytest.mark.parametrize("method", ["gaps", "mean"])
def test_exposures_may_differ(method):
    ds = sky(np.random.default_rng(4), exposure=np.repeat([60.0, 240.0, 600.0], 10))
    found = ds.uvis.background(method=method, pixels=everywhere(ds))
    assert abs(found.background - 4e-4) < 3 * found.background_error


def test_euv_has_a_range_of_its_own():
    ds = sky(np.random.default_rng(5), name="EUV")
    found = ds.uvis.background(pixels=everywhere(ds))
    assert abs(found.background - 4e-4) < 3 * found.background_error


def test_bright_lines_outside_the_range_do_not_move_it(ds):
    counts = ds.counts.values.copy()
    counts[:, :, (ds.wl < 1390).values] += 7
    counts[:, :, (ds.wl > 1855).values] += 3
    bright = ds.assign(counts=(ds.counts.dims, counts))
    for method in ("gaps", "mean"):
        plain = ds.uvis.background(method=method, pixels=everywhere(ds))
        found = bright.uvis.background(method=method, pixels=everywhere(ds))
        assert found.background == plain.background
        assert found.background_error == plain.background_error


def test_alt_min_takes_spectra_all_of_whose_corners_are_above(ds):
    rng = np.random.default_rng(6)
    alt = rng.uniform(0, 2000, (30, 60))
    alt[0, 0], alt[0, 1] = 1500.0, np.nan
    counts = ds.counts.values.copy()
    counts[alt < 1500.0015] += 1  # the atmosphere shines
    bright = located(ds.assign(counts=(ds.counts.dims, counts)), alt=alt)
    found = bright.uvis.background(alt_min=1500)
    assert abs(found.background - 4e-4) < 3 * found.background_error
    dark = (ds.quality & QUALITY_FLAGS["dark_line"]) != 0
    corners = (bright.alt_corners > 1500).all("corner") & ~dark
    assert not corners[0, 0]
    assert found.attrs["background_spectra"] == corners.sum()
    both = bright.uvis.background(alt_min=1500, pixels=ds.pic < 10)
    assert both.attrs["background_spectra"] < found.attrs["background_spectra"]


def test_flagged_spectra_are_left_out(ds):
    counts = ds.counts.values.copy()
    counts[3, 20:25] += 30
    bright = ds.assign(counts=(ds.counts.dims, counts))
    stars = [(3, k) for k in range(20, 25)]
    found = bright.uvis.flag(stars, "star").uvis.background(method="mean", pixels=everywhere(ds))
    assert found.attrs["background_spectra"] == 1795
    assert abs(found.background - 4e-4) < 3 * found.background_error


def test_lost_and_partial_spectra_are_flagged_and_left_out(ds):
    counts = ds.counts.values.copy()
    counts[5, 10:40] = 0
    counts[6, :, 400:] = 0
    counts[7, 0, 700] = 65535
    gappy = ds.assign(counts=(ds.counts.dims, counts))
    lit = ds.quality == 0
    for method in ("gaps", "mean"):
        found = gappy.uvis.background(method=method, pixels=lit)
        assert abs(found.background - 4e-4) < 3 * found.background_error
        lost, partial = (found.quality.values & 1 != 0), (found.quality.values & 2 != 0)
        np.testing.assert_array_equal(np.flatnonzero(lost[5]), np.arange(10, 40))
        np.testing.assert_array_equal(partial[6], lit.values[6])
        assert partial[7, 0]
        assert found.attrs["background_spectra"] == 1770 - 30 - 59 - 1


def test_a_level_that_holds_signal_does_not_flag_the_faint(ds):
    counts = ds.counts.values.copy()
    counts[:, :10] += np.random.default_rng(13).poisson(0.1, (30, 10, 1024)).astype(np.uint16)
    bright = ds.assign(counts=(ds.counts.dims, counts))
    found = bright.uvis.background(pixels=ds.pixel < 10)
    assert 7e-4 < found.background < 1e-3
    assert (found.quality.isel(pixel=slice(10)) & 2 == 0).all()
    assert ((found.quality & 2) != 0).mean() < 0.1


@pytest.mark.parametrize("method", ["gaps", "mean"])
def test_what_is_null_in_all_exposures_is_no_count(ds, method):
    """As measured in the dataset without those rows and columns."""
    quiet = np.flatnonzero((ds.wl >= 1300) & (ds.wl <= 1500))[::20]
    counts = ds.counts.values.copy()
    counts[:, 20] = 65535
    counts[:, :, quiet] = 65535
    null = ds.assign(counts=(ds.counts.dims, counts))
    found = null.uvis.background(pixels=everywhere(null), method=method)
    kept = ds.isel(pixel=ds.pixel != 20, wl=~np.isin(np.arange(ds.sizes["wl"]), quiet))
    expected = kept.uvis.background(pixels=everywhere(kept), method=method)
    assert float(found.background) == pytest.approx(float(expected.background), rel=1e-9)
    assert found.attrs["background_spectra"] == expected.attrs["background_spectra"]


def test_nothing_but_null(ds):
    null = ds.assign(counts=ds.counts.where(False, 65535).astype(np.uint16))
    with pytest.raises(ArgumentError, match=r"are flagged \(lost"):
        null.uvis.background(pixels=everywhere(null))
    null = ds.assign(counts=ds.counts.where(ds.wl < 1300, 65535).astype(np.uint16))
    with pytest.raises(ArgumentError, match="has a value within wl_range"):
        null.uvis.background(pixels=everywhere(null))


def test_level_by_hand(ds):
    found = ds.uvis.background(level=5e-4, error=2e-5)
    assert found.background == 5e-4
    assert found.background_error == 2e-5
    assert found.attrs["background_method"] == "by hand"
    assert ds.uvis.background(level=0.0).background_error == 0


def test_high_level_warns():
    ds = sky(np.random.default_rng(7), rate=2e-3, n_pic=4)
    with pytest.warns(UvisWarning, match="exceeds 0.001: do the spectra contain signal"):
        ds.uvis.background(pixels=everywhere(ds))
    with pytest.warns(UvisWarning, match=r"exceeds 0.001: is level= in another unit\?"):
        ds.uvis.background(level=4e4)


def test_one_level_given_for_each_exposure_is_one(ds):
    ds = ds.assign_attrs(compression="NONE")
    found = ds.uvis.background(level=5e-4, error=2e-5)
    each = {name: ("pic", np.full(ds.sizes["pic"], found[name])) for name in LEVELS}
    np.testing.assert_array_equal(
        found.assign_coords(each).uvis.rate().rate, found.uvis.rate().rate
    )


def test_survives_netcdf_and_a_subset(ds, tmp_path):
    found = ds.uvis.background(pixels=everywhere(ds))
    found.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", engine="netcdf4") as back:
        assert back.background == found.background
        again = back.load().isel(pic=slice(3, 9)).uvis.background(pixels=[(4, 5), (5, 5)])
    assert again.attrs["background_spectra"] == 2


# --- the level of the date

#: Yearly medians of the FUV's LOW and HIGH slits in the users guide's figure 3.1, 1e-4 count/s.
LOW = {
    1999.67: 5.3,
    2004.7: 4.5,
    2005.5: 4.3,
    2006.5: 4.3,
    2007.4: 4.4,
    2008.8: 4.2,
    2009.5: 4.2,
    2010.5: 4.0,
    2011.5: 3.9,
    2012.6: 3.7,
    2013.5: 3.7,
    2014.5: 3.6,
    2015.4: 3.4,
}
HIGH = {
    1999.65: 5.2,
    2008.5: 3.9,
    2009.5: 4.1,
    2010.5: 3.8,
    2011.5: 3.7,
    2012.5: 3.5,
    2013.5: 3.4,
    2014.5: 3.3,
    2015.5: 3.1,
}


def test_formula_is_near_the_yearly_medians():
    for medians, most in ((LOW, 0.04), (HIGH, 0.13)):
        years, values = np.array(list(medians.items())).T
        np.testing.assert_allclose(rtg_level(years), values * 1e-4, rtol=most)
    # One 1-sigma error for both slits: 10 % holds all but the last of HIGH.
    years, values = np.array(list((LOW | HIGH).items())).T
    assert (np.abs(rtg_level(years) / (values * 1e-4) - 1) <= 0.1).sum() == years.size - 1


def test_formula_halves_in_28_years():
    years = np.array([[1999.0, 2004.0], [2010.0, 2017.0]])
    np.testing.assert_allclose(rtg_level(years + 28.06) / rtg_level(years), 0.5, rtol=1e-3)
    assert rtg_level(2004).item() == 4.64e-4


@pytest.mark.parametrize("name", ["FUV", "EUV"])
def test_the_level_of_the_date_is_used_when_asked_and_warns(name):
    ds = dated(sky(np.random.default_rng(15), n_pic=4, name=name), "2007-07-02T12:00:00")
    message = (
        "the background of 0.000426 .- 4.3e-05 count/s per detector pixel is not measured from "
        r"these data: it is the level of 2007.5 \(users guide, figure 3.1: FUV, LOW_RESOLUTION"
    )
    with pytest.warns(UvisWarning, match=message):
        found = ds.uvis.background(method="rtg")
    np.testing.assert_allclose(found.background, 4.64e-4 * np.exp(-0.0247 * 3.5), rtol=1e-12)
    np.testing.assert_allclose(found.background_error, 0.1 * found.background, rtol=1e-12)
    assert found.attrs["background_method"] == "rtg"
    assert found.attrs["background_expected"] == found.background
    level, error = float(found.background), float(found.background_error)
    assert (
        found.attrs["history"]
        .splitlines()[-1]
        .endswith(
            f"background(level={level}, error={error}, method='rtg', alt_min=None, wl_range=None, "
            "pixels=None, year=2007.5, source='users guide, figure 3.1: FUV, LOW_RESOLUTION')"
        )
    )


@pytest.mark.filterwarnings("ignore:.*is not measured from these data")
class TestLevelOfTheDate:
    @pytest.mark.parametrize("error", [0.0, 1e-4])
    def test_error_may_be_given(self, ds, error):
        found = dated(ds, "2007-07-02").uvis.background(method="rtg", error=error)
        assert found.background_error == error

    def test_exposures_of_several_years_share_that_of_their_mean(self, ds):
        long = dated(ds, *["2004-01-01"] * 15, *["2014-01-01"] * 15)
        found = long.uvis.background(method="rtg")
        assert found.background.ndim == 0
        np.testing.assert_allclose(found.background, 4.64e-4 * np.exp(-0.0247 * 5), rtol=1e-4)

    def test_lazy_counts_stay_lazy(self, ds):
        ds = dated(ds, "2007-07-02")
        lazy = ds.chunk(pic=7).uvis.background(method="rtg")
        assert lazy.counts.chunks is not None
        xr.testing.assert_identical(lazy.compute(), ds.uvis.background(method="rtg"))

    def test_its_error_is_that_of_a_level_by_hand(self, ds):
        ds = dated(ds.isel(pic=slice(4)), "2007-07-02").assign_attrs(slit="LOW_RESOLUTION")
        ds = ds.uvis.calibrate(flat_field=False, trend=False)
        found = ds.uvis.background(method="rtg")
        same = ds.uvis.background(float(found.background), float(found.background_error))
        for name in ("radiance", "radiance_systematic", "radiance_background_error", "quality"):
            np.testing.assert_array_equal(found[name], same[name])
        assert (found.radiance_background_error > 0).any()


@pytest.mark.parametrize(
    "et", [None, [np.nan] * 4, [2e8, 2.1e8, np.nan, 2.2e8], [np.inf] * 4, [2e8 + 0j] * 4]
)
def test_level_of_no_date(et):
    ds = sky(np.random.default_rng(16), n_pic=4)
    ds = ds if et is None else ds.assign_coords(et=("pic", et))
    with pytest.raises(MissingStepError, match=r'"rtg" takes .* et, .* or set level='):
        ds.uvis.background(method="rtg")
    # What needs no date goes without.
    assert "background_expected" not in ds.uvis.background(level=4e-4).attrs


def test_level_of_no_exposure(ds):
    with pytest.raises(MissingStepError, match="is missing, empty"):
        dated(ds, "2007-07-02").isel(pic=slice(0)).uvis.background(method="rtg")


def test_what_is_expected_is_the_level_of_the_date(ds):
    old, new = (dated(ds, date) for date in ("1999-07-02T12:00:00", "2015-07-02T12:00:00"))
    for step in ({"level": 5e-4}, {"pixels": everywhere(ds)}):
        levels = [d.uvis.background(**step).attrs["background_expected"] for d in (old, new)]
        np.testing.assert_allclose(levels, [5.185e-4, 3.493e-4], rtol=1e-3)
    # Set anew with every background, or taken away.
    again = new.uvis.background(level=5e-4).drop_vars("et").uvis.background(level=5e-4)
    assert "background_expected" not in again.attrs


# --- rows that the slit does not light


def full_frame(**options) -> xr.Dataset:
    return sky(np.random.default_rng(14), n_pic=4, window=Window(0, 0, 63, 1023, **options))


@pytest.mark.parametrize("method", ["gaps", "mean"])
def test_unlit_rows_are_left_out_where_lit_ones_are_listed(method):
    ds = full_frame()
    lit = ds.uvis.background(method=method, pixels=(ds.pixel >= 2) & (ds.pixel <= 61))
    with pytest.warns(UvisWarning, match="16 of the 256 spectra .* are left out"):
        found = ds.uvis.background(method=method, pixels=everywhere(ds))
    assert found.background == lit.background
    assert abs(found.background - 4e-4) < 3 * found.background_error


def test_unlit_rows_alone_have_their_own_level_and_a_warning():
    ds = full_frame()
    counts = ds.counts.where(ds.pixel != 1, ds.band % 100 == 0).astype(np.uint16)
    ds = ds.assign(counts=counts)
    with pytest.warns(UvisWarning, match="all 4 spectra to measure it in are from such rows"):
        found = ds.uvis.background(method="mean", pixels=ds.pixel == 1)
    np.testing.assert_allclose(found.background, 0.01 / 240, rtol=0.05)


@pytest.mark.parametrize("level", [{"level": 4e-4}, {"method": "rtg"}])
@pytest.mark.filterwarnings("ignore:.*is not measured from these data")
def test_nothing_but_unlit_rows(level):
    ds = dated(full_frame().isel(pixel=[0, 1]), "2008-03-10")
    with pytest.warns(UvisWarning, match="holds no others, and nothing is taken off"):
        ds.uvis.background(**level)


def test_the_lit_share_of_a_bin_has_the_background():
    """Rows 0..3 of 4 are half lit; the guide's level would take off twice what they see."""
    ds = full_frame(line_bin=4)
    ds = ds.assign_coords(et=("pic", np.arange(4) * 240.0 + 1e8))
    ds = ds.assign_attrs(slit="LOW_RESOLUTION").assign(counts=ds.counts * 0 + 10)
    options = {"flat_field": False, "trend": False, "evil_pixels": "interpolate", "smooth": False}
    plain = ds.uvis.calibrate(**options)
    less = ds.uvis.background(level=4e-4).uvis.calibrate(**options)
    taken = ((plain.radiance - less.radiance) / plain.radiance)[..., 100:]
    for pixel, rows in ((0, 2), (1, 4), (15, 2)):
        np.testing.assert_allclose(taken[:, pixel], 4e-4 * rows * 240 / 10, rtol=1e-4)
    light = [d.uvis.integrate((1400, 1800)) for d in (plain, less)]
    share = (light[0].brightness_upper / light[1].brightness_upper)[:, [0, 1]]
    np.testing.assert_allclose(share, 1, rtol=1e-4)


def test_empty_unlit_rows_are_not_lost():
    ds = full_frame()
    counts = ds.counts.where(ds.pixel != 0, 0).astype(np.uint16)
    found = ds.assign(counts=counts).uvis.background(level=4e-4)
    assert (found.quality.isel(pixel=0) == QUALITY_FLAGS["dark_line"]).all()


# --- with a calibration


@pytest.mark.parametrize("errors", ["total", "statistical"])
def test_commutes_with_calibrate(errors):
    ds = sky(np.random.default_rng(8), n_pic=4)
    et = np.arange(4) * 240.0 + 1e8
    ds = ds.assign_coords(et=("pic", et)).assign_attrs(slit="LOW_RESOLUTION")
    options = {"flat_field": False, "trend": False, "errors": errors}
    before = ds.uvis.background(pixels=everywhere(ds)).uvis.calibrate(**options)
    after = ds.uvis.calibrate(**options).uvis.background(pixels=everywhere(ds))
    for name in ("radiance", "radiance_upper", "radiance_lower", "quality", "background"):
        np.testing.assert_array_equal(before[name], after[name])


def test_lowers_the_radiance_by_its_own():
    ds = sky(np.random.default_rng(8), n_pic=4, window=Window(2, 0, 61, 1023, band_bin=2))
    ds = ds.assign_coords(et=("pic", np.arange(4) * 240.0 + 1e8))
    ds = ds.assign_attrs(slit="LOW_RESOLUTION")
    plain = ds.uvis.calibrate(
        flat_field=False, trend=False, smooth=False, evil_pixels="interpolate"
    )
    found = plain.uvis.background(level=5e-4)
    per_rate = plain.radiance / (ds.counts / ds.exposure)
    lowered = ((plain.radiance - found.radiance) / per_rate).where(ds.counts > 0)
    np.testing.assert_allclose(lowered.mean(), 2 * 5e-4, rtol=1e-3)
    np.testing.assert_allclose(lowered.max(), 2 * 5e-4, rtol=1e-2)


# --- bad input


@pytest.mark.parametrize("level", [-1e-4, np.nan, np.inf])
def test_level_that_is_no_rate(ds, level):
    with pytest.raises(ArgumentError, match="level="):
        ds.uvis.background(level=level)


@pytest.mark.parametrize("error", [-1e-4, np.nan])
def test_error_that_is_no_rate(ds, error):
    with pytest.raises(ArgumentError, match="error="):
        ds.uvis.background(level=1e-4, error=error)


def test_error_without_level(ds):
    with pytest.raises(ArgumentError, match="without level="):
        ds.uvis.background(error=1e-5, pixels=everywhere(ds))


def test_unknown_method(ds):
    with pytest.raises(ArgumentError, match="'gaps', 'mean', 'rtg'"):
        ds.uvis.background(method="median", pixels=everywhere(ds))


@pytest.mark.parametrize(
    "wl_range", [(900, 1200), (1400, 2000), (1850, 1400), (1400, 1400), (1400,), 1400, (np.nan, 1)]
)
def test_range_outside_the_channel(ds, wl_range):
    with pytest.raises(ArgumentError, match="wl_range"):
        ds.uvis.background(wl_range=wl_range, pixels=everywhere(ds))


def test_range_outside_the_window():
    ds = sky(np.random.default_rng(9), n_pic=2, window=Window(2, 0, 61, 200))
    with pytest.raises(ArgumentError, match="this window covers 1115"):
        ds.uvis.background(pixels=everywhere(ds))


def test_neither_altitude_nor_pixels(ds):
    with pytest.raises(ArgumentError, match=r"alt_min=.*pixels="):
        ds.uvis.background()


def test_altitude_without_geometry(ds):
    with pytest.raises(MissingStepError, match="geometry"):
        ds.uvis.background(alt_min=1000)


def test_altitudes_without_pointing(ds):
    nowhere = (ds.quality.dims, np.full(ds.quality.shape, np.nan))
    blind = ds.assign_coords(alt=nowhere, ra=nowhere)
    with pytest.raises(ArgumentError, match="none is known for want of pointing") as raised:
        blind.uvis.background(alt_min=1500)
    assert "Lower alt_min" not in str(raised.value) and 'method="rtg"' in str(raised.value)
    with pytest.raises(ArgumentError, match="for want of the places of the body"):
        blind.assign_coords(ra=blind.ra.fillna(1.0)).uvis.background(alt_min=1500)


def test_nothing_above_the_altitude(ds):
    with pytest.raises(ArgumentError, match="none lies above alt_min=1000"):
        located(ds, alt=np.zeros((30, 60))).uvis.background(alt_min=1000)


def test_altitude_that_is_none(ds):
    with pytest.raises(ArgumentError, match="alt_min=nan"):
        located(ds, alt=np.zeros((30, 60))).uvis.background(alt_min=np.nan)


def test_no_pixels(ds):
    with pytest.raises(ArgumentError, match="no spectrum"):
        ds.uvis.background(pixels=[])


def test_pixels_of_no_exposures(ds):
    none = ds.isel(pic=slice(0, 0))
    assert none.uvis.background(level=4e-4).background == 4e-4
    with pytest.raises(ArgumentError, match=r"no spectrum .*\(0, 1\) .*: no exposure is left"):
        none.uvis.background(pixels=[(0, 1)])


def test_all_pixels_flagged(ds):
    flagged = ds.uvis.flag([(0, 0)])
    with pytest.raises(ArgumentError, match="flagged"):
        flagged.uvis.background(pixels=[(0, 0)])


def test_pixel_out_of_range(ds):
    with pytest.raises(ArgumentError, match="no spectrum"):
        ds.uvis.background(pixels=[(0, 60)])


def test_counts_without_any_gap():
    counts = np.full((2, 60, 1024), 5, np.uint16)
    ds = observation(counts, Window(2, 0, 61, 1023))
    with pytest.raises(ArgumentError, match="too many counts"):
        ds.uvis.background(pixels=everywhere(ds))


def test_no_counts(ds):
    with pytest.raises(MissingStepError, match="no counts"):
        ds.drop_vars("counts").uvis.background(level=1e-4)


def test_dimension_that_was_dropped(ds):
    with pytest.raises(MissingStepError, match=r"isel\(pic=\[0\]\)"):
        ds.isel(pic=0).uvis.background(level=1e-4)
