import dataclasses
import inspect
import json
import pickle
import re
import warnings

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles
from helpers.slow import rest_slow
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator
from scipy.stats import chi2, norm

import uvisxr
from uvisxr.calibration import chosen, formats
from uvisxr.calibration.radiance import calibrate, compute
from uvisxr.calibration.recipe import RECIPES
from uvisxr.calibration.response import table_of
from uvisxr.calibration.stored import term_weights
from uvisxr.dataset import setups
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.errors import (
    ArgumentError,
    CalibrationError,
    MissingStepError,
    UvisError,
    UvisWarning,
)
from uvisxr.instrument.channel import EUV
from uvisxr.instrument.detector import Window
from uvisxr.instrument.evil import BURN

SMALL = Window(0, 300, 63, 399)
PLAIN = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}
RAW = PLAIN | {"smooth": False, "nan_interp": None}
ERRORS = ("radiance_upper", "radiance_lower")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


@pytest.fixture
def ds():
    return calfiles.poisson(4, SMALL)


@pytest.fixture
def with_files(folder):
    return {"files": folder, "trend": "evolution"}


def matrix(ds, **options):
    """Calibration factor and its error of a dataset, float64."""
    m = ds.uvis.calibration_factor(**options)
    return m.calibration_factor.values.astype(float), m.calibration_factor_error.values.astype(
        float
    )


ONE = {"smooth": False, "nan_interp": None}
OTHER = dataclasses.replace(RECIPES["pds"], name="other", bandpass={"FUV": 0.5, "EUV": 0.5})


@pytest.mark.parametrize(
    "choices",
    [
        {"recipe": "pds"},
        {"recipe": OTHER},
        {"recipe": "pds", "wl_interp": "pchip", "trend": False, "flat_field": False},
        {"evil_pixels": "interpolate", "lyman_alpha": 0.5},
        {"evil_pixels": "response"},
    ],
)
def test_the_factor_of_a_calibrated_dataset_is_its_own(ds, with_files, choices):
    """Of its radiances, not of the default recipe: also out of a file, lazy, in part."""
    cal = ds.uvis.calibrate(**ONE | with_files | choices)
    rates = ds.counts.values / 240
    found = cal.uvis.calibration_factor()
    np.testing.assert_allclose(rates * found.calibration_factor, cal.radiance, rtol=1e-6)
    share = (found.calibration_factor_error / found.calibration_factor).mean("pic")
    np.testing.assert_allclose(share, cal.calibration_error.where(share > 0), rtol=1e-5)
    np.testing.assert_array_equal(found.evil, cal.evil)
    assert found.attrs["recipe"] == cal.attrs["recipe"]
    assert f"recipe='{cal.attrs['recipe']}'" in found.attrs["history"].splitlines()[-1]
    lazy = cal.chunk(pic=2).uvis.calibration_factor()
    xr.testing.assert_equal(lazy.compute(), found)
    part = cal.isel(pic=1, wl=slice(10, 20)).uvis.calibration_factor()
    xr.testing.assert_equal(part, found.isel(pic=1, wl=slice(10, 20)))


def test_what_the_factor_is_not_told_is_as_calibrated(ds, with_files, tmp_path):
    files = {"files": with_files["files"]}
    cal = ds.uvis.calibrate(recipe="pds", wl_interp="pchip", **ONE | with_files)
    again = xr.load_dataset(cal.uvis.to_netcdf(tmp_path / "cal.nc"))
    for one in (cal, again):
        np.testing.assert_allclose(
            matrix(one, **files), matrix(ds, recipe="pds", wl_interp="pchip", **with_files)
        )
        found = one.uvis.calibration_factor(flat_field=False, **files)
        expected = matrix(ds, recipe="pds", wl_interp="pchip", flat_field=False, **with_files)
        np.testing.assert_allclose(found.calibration_factor, expected[0], rtol=1e-6)
        other = one.uvis.calibration_factor(recipe="upyp", **files)
        np.testing.assert_allclose(other.calibration_factor, matrix(ds, **with_files)[0], rtol=1e-6)
        assert other.attrs["recipe"] == "upyp"
    # Written by an earlier version, it tells the recipe alone.
    told = json.loads(cal.attrs["calibrate_arguments"])
    del told["sensitivity"]
    old = cal.assign_attrs(calibrate_arguments=json.dumps(told))
    expected = matrix(ds, recipe="pds", **with_files)
    np.testing.assert_allclose(matrix(old, trend="evolution", **files), expected)


def test_what_a_dataset_does_not_keep_the_factor_asks_for(ds, with_files):
    files = {"files": with_files["files"]}
    cal = ds.uvis.calibrate(recipe=OTHER, **ONE | with_files)
    with pytest.raises(ArgumentError, match=r"a recipe of your own, .* give recipe= again, or no"):
        cal.uvis.calibration_factor(flat_field=False, **files)
    cal.uvis.calibration_factor(recipe=OTHER, flat_field=False, **files)
    choices = {"evil_pixels": "response", "evil_response": table(0.5)}
    cal = ds.uvis.calibrate(**choices, **ONE | with_files)
    assert "evil_response='as calibrated'" in cal.uvis.calibration_factor().attrs["history"]
    with pytest.raises(ArgumentError, match=r"a table of your own, .* give evil_response= again"):
        cal.uvis.calibration_factor(**files)
    np.testing.assert_allclose(
        matrix(cal, evil_response=table(0.5), **files), matrix(ds, **choices, **with_files)
    )
    cal.uvis.calibration_factor(evil_pixels="mask", **files)


def test_the_factor_of_joined_calibrations_warns(ds, with_files):
    files = {"files": with_files["files"]}
    parts = [
        ds.isel(pic=some).uvis.calibrate(recipe=recipe, **ONE | with_files)
        for some, recipe in ((slice(0, 2), "upyp"), (slice(2, 4), "pds"))
    ]
    both = xr.concat(parts, "pic", coords="different", compat="equals", combine_attrs="override")
    with pytest.warns(UvisWarning, match="calibration_factor: the sensitivity differs"):
        found = both.uvis.calibration_factor(**files)
    np.testing.assert_allclose(found.calibration_factor, matrix(ds, **with_files)[0], rtol=1e-6)


def test_radiance_is_rate_times_factor(ds, with_files):
    cal = ds.uvis.calibrate(smooth=False, nan_interp=None, **with_files)
    m, _ = matrix(ds, **with_files)
    np.testing.assert_allclose(cal.radiance, ds.counts.values / 240 * m, rtol=1e-6)


def test_total_errors_by_hand(ds):
    background, error = 2e-4, 3e-5
    ds = ds.assign_coords(background=background, background_error=error)
    cal = ds.uvis.calibrate(errors="total", **RAW)
    m, dm = matrix(ds, **PLAIN)
    c, alpha = ds.counts.values.astype(float), norm.sf(1)
    upper = chi2.ppf(1 - alpha, 2 * c + 2) / 2 - c
    lower = np.where(c > 0, c - chi2.ppf(alpha, np.maximum(2 * c, 1)) / 2, 0)
    rate = c / 240 - background
    np.testing.assert_allclose(cal.radiance, rate * m, rtol=1e-5, atol=1e-9)
    for name, half in zip(ERRORS, (upper, lower), strict=True):
        expected = np.sqrt((half / 240 * m) ** 2 + (error * m) ** 2 + (rate * dm) ** 2)
        np.testing.assert_allclose(cal[name], expected, rtol=1e-5)


def test_statistical_errors_and_the_systematic_one(ds):
    ds = ds.assign_coords(background=2e-4, background_error=3e-5)
    total = ds.uvis.calibrate(errors="total", **RAW)
    cal = ds.uvis.calibrate(errors="statistical", **RAW)
    xr.testing.assert_equal(
        cal.radiance.reset_coords(drop=True), total.radiance.reset_coords(drop=True)
    )
    for name in ERRORS:
        both = np.hypot(cal[name], cal.radiance_systematic)
        np.testing.assert_allclose(both, total[name], rtol=1e-5)
    np.testing.assert_array_equal(total.radiance_systematic, cal.radiance_systematic)


def test_calibration_error_is_relative(ds):
    cal = ds.uvis.calibrate(**RAW)
    m, dm = matrix(ds, **PLAIN)
    np.testing.assert_allclose(cal.calibration_error, (dm / m)[0], rtol=1e-5)


@pytest.mark.parametrize(("line_bin", "band_bin"), [(1, 1), (4, 1), (4, 8)])
def test_calibration_error_falls_with_binning_on_board(line_bin, band_bin):
    """The team's rule: the sum of the errors of detector pixels over the root of their number."""
    ds = calfiles.poisson(1, Window(2, 0, 61, 1023, line_bin, band_bin), name="EUV")
    error = ds.uvis.calibrate(**PLAIN).calibration_error[5].values
    lab = formats.package_lab("EUV")
    each = [
        PchipInterpolator(lab.wl, y)(EUV.wavelength(np.arange(1024)))
        for y in (lab.sensitivity, lab.error)
    ]
    total, of_errors = (y.reshape(-1, band_bin).sum(1) for y in each)
    expected = of_errors / total / np.sqrt(line_bin * band_bin)
    inside = slice(64 // band_bin, -64 // band_bin)
    np.testing.assert_allclose(error[inside], expected[inside], rtol=1e-5)


def test_zero_counts():
    ds = calfiles.opened(np.zeros((1, *SMALL.shape)), SMALL)
    with pytest.warns(UvisWarning, match="60 of 64 spectra are lost"):
        cal = ds.uvis.calibrate(errors="statistical", **RAW)
    m, _ = matrix(ds, **PLAIN)
    assert (cal.radiance[:, 2:62] == 0).all()
    np.testing.assert_allclose(cal.radiance_upper, 1.8410 * m / 240, rtol=1e-4)
    assert (cal.radiance_lower[:, 2:62] == 0).all()


def test_score_interval():
    ds = calfiles.opened(np.zeros((1, *SMALL.shape)), SMALL)
    with pytest.warns(UvisWarning, match="60 of 64 spectra are lost"):
        cal = ds.uvis.calibrate(errors="statistical", interval="score", **RAW)
    m, _ = matrix(ds, **PLAIN)
    np.testing.assert_allclose(cal.radiance_upper, m / 240, rtol=1e-6)


@pytest.mark.parametrize(("compression", "wanted"), [("SQRT_9", True), ("NONE", False)])
def test_quantization_only_where_the_product_has_it(compression, wanted):
    ds = calfiles.opened(np.full((1, *SMALL.shape), 288), SMALL, compression=compression)
    options = {"errors": "statistical", **RAW}
    with_term, without = (
        ds.uvis.calibrate(quantization=q, **options).radiance_upper for q in (True, False)
    )
    m, _ = matrix(ds, **PLAIN)
    # k = 24: neighbours 264 and 312.
    variance = 24**2 / 12 * (m / 240) ** 2 if wanted else 0 * m
    np.testing.assert_allclose(with_term**2 - without**2, variance, rtol=1e-4, atol=1e-12)


def test_background_counts_every_detector_pixel():
    window = Window(4, 300, 11, 331, line_bin=2, band_bin=4)
    ds = calfiles.opened(np.full((1, *window.shape), 10), window)
    plain = ds.uvis.calibrate(**RAW)
    less = ds.assign_coords(background=1e-3, background_error=0.0).uvis.calibrate(**RAW)
    np.testing.assert_allclose(
        (plain.radiance - less.radiance) / plain.radiance, 1e-3 * 8 * 240 / 10, rtol=1e-5
    )


def test_background_before_or_after(ds, with_files):
    level = {"background": 3e-4, "background_error": 2e-5}
    before = ds.assign_coords(level).uvis.calibrate(**with_files)
    after = compute(ds.uvis.calibrate(**with_files).assign_coords(level))
    for name in ("radiance", *ERRORS):
        np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize("before", [None, 3e-4])
def test_a_background_says_that_a_changed_radiance_is_lost(ds, before):
    ds = ds if before is None else ds.uvis.background(level=before)
    cal = ds.uvis.calibrate(**PLAIN)
    with pytest.warns(UvisWarning, match="what was done to it is lost"):
        found = cal.assign(radiance=2 * cal.radiance).uvis.background(level=4e-4)
    xr.testing.assert_equal(found.radiance, cal.uvis.background(level=4e-4).radiance)


def test_unlit_rows_are_nan_and_row_61_is_not(ds, with_files):
    finite = np.isfinite(ds.uvis.calibrate(**with_files).radiance).any(("pic", "wl"))
    np.testing.assert_array_equal(np.flatnonzero(finite), np.arange(2, 62))


def test_evil_elements_are_filled_between_their_neighbours(ds, with_files):
    bare = ds.uvis.calibrate(smooth=False, nan_interp=None, **with_files)
    cal = ds.uvis.calibrate(smooth=False, **with_files)
    evil = ds.uvis.calibration_factor(**with_files).evil.values == 1
    np.testing.assert_array_equal(cal.evil == 1, evil)
    assert np.isnan(bare.radiance.values[:, evil]).all()
    wl = ds.wl.values
    row, filled = (d.radiance.values[2, 30].astype(float) for d in (bare, cal))
    good = np.isfinite(row)
    inner = slice(np.flatnonzero(good)[0], np.flatnonzero(good)[-1] + 1)
    expected = np.interp(wl[inner], wl[good], row[good])
    np.testing.assert_allclose(filled[inner], expected, rtol=1e-5)
    # What stands alone keeps its own bounds.
    for name in ERRORS:
        np.testing.assert_allclose(cal[name].values[2, 30][good], bare[name].values[2, 30][good])


def test_holes_wider_than_the_limit_are_not_filled(ds):
    """Without the trend's files: a hole made in the sensitivity of a calibrated dataset."""
    cal = ds.uvis.calibrate(**(RAW | {"nan_interp": "linear"}))
    holed = cal.sensitivity.copy(deep=True)
    holed[:, 30, 40:42] = np.nan  # 1.6 angstrom
    holed[:, 30, 60:80] = np.nan  # 15.6 angstrom
    filled = compute(cal.assign_coords(sensitivity=holed)).radiance[:, 30]
    assert np.isfinite(filled[:, 40:42]).all()
    assert np.isnan(filled[:, 60:80]).all()
    anything = ds.uvis.calibrate(**(RAW | {"nan_interp": "linear", "fill_limit": None}))
    filled = compute(anything.assign_coords(sensitivity=holed)).radiance[:, 30]
    assert np.isfinite(filled[:, 60:80]).all()


def test_ends_are_never_filled(folder):
    ds = calfiles.poisson(1)
    cal = ds.uvis.calibrate(files=folder, trend=False)
    assert np.isnan(cal.radiance.sel(wl=slice(None, 1140))).all()


def test_missing_counts_are_not_filled(ds, with_files):
    lost = ds.counts.values.copy()
    lost[1, 20, 40:43] = 65535
    holey = ds.copy(data={"counts": lost}).uvis.calibrate(**with_files)
    cal = ds.uvis.calibrate(**with_files)
    assert np.isnan(holey.radiance[1, 20, 40:43]).all()
    assert np.isnan(holey.radiance_upper[1, 20, 40:43]).all()
    partial = (holey.quality & QUALITY_FLAGS["partial"]) > 0
    assert partial[1, 20]
    assert partial.sum() == 1
    # Nothing else changes but what smoothing takes from the lost elements.
    same = np.ones(lost.shape, bool)
    same[1, 20, 34:49] = False
    np.testing.assert_array_equal(holey.radiance.values[same], cal.radiance.values[same])
    near = holey.radiance.values[1, 20, [38, 39, 43, 44]]
    assert np.isfinite(near).all()


def test_an_evil_element_beside_missing_counts_is_not_filled(ds, with_files):
    evil = ds.uvis.calibration_factor(**with_files).evil.values == 1
    inner = (evil & ~np.roll(evil, 1, axis=-1))[5:60, 10:80]
    row, column = np.argwhere(inner)[0] + np.array([5, 10])
    lost = ds.counts.values.copy()
    lost[0, row, column - 1] = 65535
    cal = ds.copy(data={"counts": lost}).uvis.calibrate(**with_files)
    assert np.isnan(cal.radiance[0, row, column])
    assert np.isfinite(cal.radiance[1, row, column])


def test_existing_flags_are_kept(ds):
    flags = ds.quality.copy()
    flags[2, 30] |= QUALITY_FLAGS["star"]
    cal = ds.assign_coords(quality=flags).uvis.calibrate(**RAW)
    np.testing.assert_array_equal(cal.quality, flags)


def test_smoothing_is_the_kernel(ds):
    options = {**RAW, "smooth": False}
    rough = ds.uvis.calibrate(**options)
    smooth = ds.uvis.calibrate(**(options | {"smooth": True}))
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    row = rough.radiance.values[1, 30].astype(float)
    np.testing.assert_allclose(
        smooth.radiance.values[1, 30, 2:-2], np.convolve(row, kernel, "valid"), rtol=1e-5
    )


def test_bounds_of_smoothed_counts_are_those_of_many():
    """Where counts are many, variances go with the squared weights."""
    counts = np.random.default_rng(2).poisson(5000, (2, *SMALL.shape))
    ds = calfiles.opened(counts, SMALL)
    cal = ds.uvis.calibrate(**(RAW | {"smooth": True}))
    m, _ = matrix(ds, **PLAIN)
    variance = (counts * (m / 240) ** 2)[1, 30]
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    for name in ERRORS:
        np.testing.assert_allclose(
            cal[name].values[1, 30, 2:-2] ** 2,
            np.convolve(variance, kernel**2, "valid"),
            rtol=0.02,
        )


@pytest.mark.parametrize("mean", rest_slow([0.1, 10, 0.02, 1, 100], 2))
@pytest.mark.parametrize("smooth", [True, False])
def test_bounds_cover_the_truth(folder, mean, smooth):
    """68 % of trials from ten counts in all on; at fewer, whole counts allow no better."""
    rng = np.random.default_rng(7)
    counts = rng.poisson(mean, (400, *SMALL.shape))
    ds = calfiles.opened(counts, SMALL)
    cal = ds.uvis.calibrate(files=folder, trend=False, smooth=smooth)
    truth = calfiles.opened(np.full((1, *SMALL.shape), 1000), SMALL).uvis.calibrate(
        files=folder, trend=False, smooth=smooth
    )
    truth = truth.radiance.values * mean / 1000
    value, upper, lower = (cal[name].values for name in ("radiance", *ERRORS))
    known = np.isfinite(value[0])
    within = ((truth >= value - lower) & (truth <= value + upper))[:, known].mean()
    assert 0.64 < within < (0.78 if mean >= 10 else 0.99)
    if mean >= 10:
        pull = (value - truth) / np.where(truth > value, upper, lower)
        assert 0.84 < pull[:, known].std() < 1.10


def test_systematic_error_follows_the_smoothed_radiance(ds):
    ds = ds.assign_coords(background=2e-4, background_error=3e-5)
    cal = ds.uvis.calibrate(**(RAW | {"smooth": True}))
    m, dm = matrix(ds, **PLAIN)
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    relative, dark = (np.convolve(plane[1, 30], kernel, "valid") for plane in (dm / m, 3e-5 * m))
    light = cal.radiance.values[1, 30, 2:-2]
    np.testing.assert_allclose(
        cal.radiance_systematic.values[1, 30, 2:-2], np.hypot(relative * light, dark), rtol=1e-5
    )


def test_only_fuv_is_smoothed_by_itself():
    euv = calfiles.poisson(1, SMALL, name="EUV")
    options = {"flat_field": False, "trend": False}
    rough = euv.uvis.calibrate(smooth=False, **options).radiance
    np.testing.assert_array_equal(euv.uvis.calibrate(**options).radiance, rough)
    assert not rough.equals(euv.uvis.calibrate(smooth=True, **options).radiance)


@pytest.mark.parametrize(("band_bin", "smoothed"), [(1, True), (2, True), (4, False), (16, False)])
def test_weights_narrower_than_the_slits_image_smooth(band_bin, smoothed):
    ds = calfiles.poisson(1, Window(2, 0, 61, 1023, band_bin=band_bin))
    found = ds.uvis.calibrate(**PLAIN).radiance.values
    same = ds.uvis.calibrate(smooth=smoothed, **PLAIN).radiance.values
    np.testing.assert_array_equal(found, same)


def test_exposures_of_different_length():
    counts = np.full((2, *SMALL.shape), 12)
    ds = calfiles.opened(counts, SMALL, exposure=np.array([120.0, 240.0]))
    cal = ds.uvis.calibrate(**RAW)
    np.testing.assert_allclose(cal.radiance[0], 2 * cal.radiance[1], rtol=1e-6)


def test_each_exposure_at_its_own_time(folder):
    ets = np.linspace(1.2e8, 2.4e8, 5)
    counts = np.random.default_rng(1).poisson(3, (5, *SMALL.shape))
    ds = calfiles.opened(counts, SMALL, et=ets)
    options = {"files": folder, "trend": "evolution", "evil_pixels": "interpolate"}
    cal = ds.uvis.calibrate(**options)
    assert len(np.unique(term_weights(cal), axis=0)) == 5
    whole = cal.radiance
    for k in range(5):
        alone = ds.isel(pic=[k]).uvis.calibrate(**options).radiance
        np.testing.assert_allclose(alone[0], whole[k], rtol=1e-6)


SELECTIONS = [
    {"pic": 2},
    {"pixel": 30},
    {"pic": [0, 3], "pixel": slice(10, 40)},
    {"pic": 1, "pixel": 12},
    {"pixel": [40, 5, 6]},
]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_selections_calibrate_like_the_whole(ds, with_files, selection):
    whole = ds.uvis.calibrate(**with_files).isel(selection)
    part = ds.isel(selection).uvis.calibrate(**with_files)
    again = compute(whole)
    assert part.radiance.dims == whole.radiance.dims == again.radiance.dims
    for name in ("radiance", *ERRORS):
        np.testing.assert_allclose(part[name], whole[name], rtol=1e-5)
        np.testing.assert_allclose(again[name], whole[name], rtol=1e-6)


def test_one_wavelength(ds):
    part = ds.isel(wl=50).uvis.calibrate(**RAW)
    np.testing.assert_allclose(part.radiance, ds.uvis.calibrate(**RAW).radiance[..., 50])


@pytest.mark.parametrize("chunks", [{"pic": 3}, {"pic": 1, "pixel": 10, "wl": 17}])
def test_dask_is_lazy_and_the_same(ds, with_files, chunks):
    ds.counts.values[1, 20, 40] = 65535
    lazy = ds.chunk(chunks).uvis.calibrate(errors="statistical", **with_files)
    eager = ds.uvis.calibrate(errors="statistical", **with_files)
    for name in ("radiance", *ERRORS, "radiance_systematic", "quality"):
        assert lazy[name].chunks is not None
    assert lazy.chunks["wl"] == (100,)
    assert isinstance(lazy.sensitivity.data, np.ndarray)
    xr.testing.assert_identical(lazy.compute(), eager)


def test_dask_of_the_factor(ds, with_files):
    lazy = ds.chunk(pic=2).uvis.calibration_factor(**with_files)
    assert lazy.calibration_factor.chunks[0] == (2, 2)
    xr.testing.assert_identical(lazy.compute(), ds.uvis.calibration_factor(**with_files))


def test_block_size_does_not_matter(ds, monkeypatch):
    one = ds.uvis.calibrate(**RAW).radiance.values
    monkeypatch.setattr("uvisxr.calibration.convert._BLOCK", 1)
    np.testing.assert_array_equal(ds.uvis.calibrate(**RAW).radiance.values, one)


def test_no_exposures(ds):
    with pytest.raises(ArgumentError, match="no exposure"):
        ds.isel(pic=[]).uvis.calibrate(**RAW)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.integers(1, 60000), st.integers(2, 50))
def test_radiance_is_linear_in_the_counts(count, factor):
    counts = np.full((1, *SMALL.shape), count)
    one = calfiles.opened(counts, SMALL, exposure=10.0).uvis.calibrate(**RAW).radiance
    many = calfiles.opened(counts, SMALL, exposure=10.0 / factor).uvis.calibrate(**RAW).radiance
    np.testing.assert_allclose(many, factor * one, rtol=1e-5)


def test_input_is_left_as_it_is(ds, with_files):
    before = ds.copy(deep=True)
    ds.uvis.calibrate(**with_files)
    xr.testing.assert_identical(ds, before)


def test_calibrating_twice_starts_anew(ds, with_files):
    once = ds.uvis.calibrate(**RAW)
    twice = ds.uvis.calibrate(errors="statistical", **with_files).uvis.calibrate(**RAW)
    xr.testing.assert_identical(once.drop_attrs(), twice.drop_attrs())


def test_types_units_and_names(ds, with_files):
    cal = ds.uvis.calibrate(errors="statistical", **with_files)
    for name in ("radiance", *ERRORS, "radiance_systematic"):
        assert cal[name].dtype == np.float32
        assert cal[name].attrs["units"] == "kR angstrom-1"
    assert set(ERRORS) <= set(cal.radiance.coords)
    assert cal.evil.dtype == np.uint8
    assert cal.attrs["recipe"] == "upyp"
    assert json.loads(cal.attrs["calibrate_arguments"])["errors"] == "statistical"
    assert not any(isinstance(v, bool | dict) or v is None for v in cal.attrs.values())
    assert cal.radiance.attrs["ancillary_variables"].split()[:2] == list(ERRORS)


def test_history_names_files_and_their_sums(ds, with_files):
    history = ds.uvis.calibrate(**with_files).attrs["history"]
    assert "calibrate(recipe='upyp'" in history
    assert "FLATFIELD_FUV_POSTBURN.txt sha256:" in history
    assert "PREBURN" not in history


def test_it_pickles(ds, with_files):
    lazy = ds.chunk(pic=2).uvis.calibrate(**with_files)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(lazy)).compute(), lazy.compute())


def test_netcdf_between_the_steps(ds, with_files, tmp_path):
    level = {"background": 3e-4, "background_error": 2e-5}
    ds.counts.values[1, 20, 40] = 65535
    ds.uvis.calibrate(**with_files).uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as back:
        late = compute(back.load().assign_coords(level))
    direct = ds.assign_coords(level).uvis.calibrate(**with_files)
    for name in ("radiance", *ERRORS, "quality"):
        np.testing.assert_array_equal(late[name], direct[name])


def test_no_files_needed_without_flat_field_and_trend(ds, monkeypatch, tmp_path):
    monkeypatch.setenv("UVISXR_CALIBRATION", str(tmp_path / "nowhere"))
    assert np.isfinite(ds.uvis.calibrate(**RAW).radiance[:, 2:62]).all()


def test_no_files(ds):
    with pytest.raises(CalibrationError, match=r"FLATFIELD.*calibration fetch.*flat_field=False"):
        ds.uvis.calibrate()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("recipe", "best"),
        ("wl_interp", "cubic"),
        ("nan_interp", "nearest"),
        ("evil_pixels", "drop"),
        ("flat_field", "yes"),
        ("trend", "linear"),
        ("interval", "gauss"),
        ("errors", "none"),
    ],
)
def test_wrong_arguments(ds, argument, value):
    with pytest.raises(ArgumentError, match=f"{argument}='{value}': expected "):
        ds.uvis.calibrate(**(RAW | {argument: value}))


def test_counts_that_are_none(ds):
    with pytest.raises(ArgumentError, match="whole numbers"):
        ds.assign(counts=ds.counts / 2 + 0.25).uvis.calibrate(**RAW)


def test_no_counts(ds):
    with pytest.raises(MissingStepError, match="open_product"):
        ds.drop_vars("counts").uvis.calibrate(**RAW)


def test_no_calibration_to_compute(ds):
    with pytest.raises(MissingStepError, match="calibrate"):
        compute(ds)


def test_unknown_slit(ds):
    with pytest.raises(ArgumentError, match="the attribute slit is 'CLOSED'"):
        ds.assign_attrs(slit="CLOSED").uvis.calibrate(**RAW)


def test_edited_radiances_are_not_computed_anew(ds):
    cal = ds.uvis.calibrate(**RAW).uvis.fill_nan()
    with pytest.raises(UvisError, match=r"fill_nan\(.*before smooth or fill_nan"):
        compute(cal)
    assert "radiance_edited" not in cal.uvis.calibrate(**RAW).attrs


def test_background_before_or_after_smoothing(ds):
    """Smoothing once is a part of the calibration, whenever it comes."""
    cal = ds.uvis.calibrate(**RAW)
    before = cal.uvis.background(level=4e-4, error=4e-5).uvis.smooth()
    after = cal.uvis.smooth().uvis.background(level=4e-4, error=4e-5)
    for name in ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-4, atol=1e-6)


def test_factor_and_radiance_agree_on_recipes(ds):
    a, b = (
        ds.uvis.calibration_factor(recipe=r, flat_field=False, trend=False).calibration_factor
        for r in ("upyp", uvisxr.calibration.recipe.RECIPES["upyp"])
    )
    np.testing.assert_array_equal(a, b)


# --- evil pixels without a flat field


@pytest.mark.parametrize(
    ("name", "et", "evil"),
    [("FUV", calfiles.ET, 9272), ("FUV", 0.6e8, 9273), ("EUV", calfiles.ET, 0)],
)
def test_evil_pixels_are_known_without_files(monkeypatch, tmp_path, name, et, evil):
    """61,440 lit pixels, of which the flat fields before and after the starburn omit these."""
    monkeypatch.setenv("UVISXR_CALIBRATION", str(tmp_path / "nowhere"))
    ds = calfiles.poisson(1, name=name, et=et)
    cal = ds.uvis.calibrate(flat_field=False, trend=False, nan_interp=None, smooth=False)
    assert cal.evil.sum() == evil
    assert cal.evil.isel(pixel=[0, 1, 62, 63]).sum() == 0
    assert np.isnan(cal.radiance.values[:, cal.evil == 1]).all()
    assert np.isfinite(cal.radiance.where(cal.evil == 0).isel(pixel=30, wl=slice(50, None))).any()


def test_evil_pixels_across_the_starburn_are_those_of_both_sides():
    et = (BURN - 1325419639.0) / 1.000006636 + np.array([-500.0, 500.0])
    ds = calfiles.poisson(2, et=et)
    both = ds.uvis.calibrate(flat_field=False, trend=False).evil
    sides = [ds.isel(pic=[k]).uvis.calibrate(flat_field=False, trend=False).evil for k in (0, 1)]
    np.testing.assert_array_equal(both, sides[0] | sides[1])
    assert (sides[0] != sides[1]).sum() == 1


def test_the_folders_flat_fields_say_what_is_evil(ds, folder, tmp_path):
    with_flat = ds.uvis.calibrate(files=folder, trend=False)
    for trend in (False, "evolution"):
        without = ds.uvis.calibrate(files=folder, flat_field=False, trend=trend)
        np.testing.assert_array_equal(without.evil, with_flat.evil)
        assert "FLATFIELD_FUV_POSTBURN.txt sha256:" in without.attrs["history"]
    public = ds.uvis.calibrate(flat_field=False, trend=False)
    assert not public.evil.equals(with_flat.evil)
    empty = ds.uvis.calibrate(files=tmp_path, flat_field=False, trend=False)
    np.testing.assert_array_equal(empty.evil, public.evil)


def test_radiance_without_flat_field_is_not_low():
    """Evil pixels that see a quarter of the light, and good ones that see it all."""
    bins = Window(0, 0, 63, 1023, band_bin=2).bins
    evil = calfiles.poisson(1).uvis.calibrate(flat_field=False, trend=False).evil.values
    response = np.where(evil == 1, 0.25, 1.0)
    counts = np.round(1e4 * bins.sum(response))[None]
    ds = calfiles.opened(counts, Window(0, 0, 63, 1023, band_bin=2), compression="NONE")
    cal = ds.uvis.calibrate(flat_field=False, trend=False, smooth=False)
    truth = ds.copy(data={"counts": np.full(counts.shape, 20000, np.uint16)}).uvis.calibrate(
        flat_field=False, trend=False, smooth=False, evil_pixels="interpolate"
    )
    part = {"pixel": slice(2, 62), "wl": slice(150, 450)}
    ratio = (cal.radiance / truth.radiance).isel(part)
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.01)


# --- elements that evil pixels leave without a radiance


def warning_of(ds, **options):
    """What `calibrate` warns of, and the result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cal = ds.uvis.calibrate(**({"flat_field": False, "trend": False} | options))
    assert all(w.category is UvisWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught], cal


MASK = {"evil_pixels": "mask"}


@pytest.mark.parametrize(
    ("band_bin", "options", "advice"),
    [
        (1, {"nan_interp": None}, None),
        (2, {}, None),
        (32, {}, None),
        (32, {"nan_interp": None}, None),
        (32, {"evil_pixels": "response"}, None),
        (32, {"evil_pixels": "interpolate"}, None),
        (32, {"evil_pixels": "interpolate", "nan_interp": None}, None),
        (4, MASK, None),
        (32, MASK, 'evil_pixels="response"'),
        (8, MASK | {"fill_limit": None}, None),
        (4, MASK | {"nan_interp": None}, 'evil_pixels="response" or nan_interp="linear"'),
        (32, MASK | {"nan_interp": None}, 'evil_pixels="response"'),
        (4, MASK | {"fill_limit": 1.0}, 'evil_pixels="response" or fill_limit="auto"'),
    ],
)
@pytest.mark.parametrize("chunks", [None, {"pic": 1}])
def test_few_radiances_are_warned_of_once(band_bin, options, advice, chunks):
    ds = calfiles.poisson(2, Window(0, 0, 63, 1023, band_bin=band_bin))
    ds = ds if chunks is None else ds.chunk(chunks)
    messages, cal = warning_of(ds, **options)
    lit = cal.radiance.isel(pic=0, pixel=slice(2, 62)).sel(wl=slice(1160, None))
    share = float(np.isfinite(lit).mean())
    if advice is None:
        assert messages == []
        assert share > 0.5
        return
    (message,) = messages
    assert message.endswith(f"hold evil detector pixels: give {advice}")
    stated = float(re.match(r"only (\d+)% of the lit", message)[1]) / 100
    assert stated == pytest.approx(share, abs=0.03)


def test_nothing_is_computed_to_see_how_many_radiances_are_left():
    ds = calfiles.poisson(2, Window(0, 0, 63, 1023, band_bin=32)).chunk(pic=1)

    def untouchable(block):
        raise AssertionError("computed")

    counts = ds.counts.copy(data=ds.counts.data.map_blocks(untouchable, dtype="u2"))
    messages, _ = warning_of(ds.assign(counts=counts), **MASK)
    assert len(messages) == 1


def test_unlit_rows_and_the_euv_are_not_warned_of():
    window = Window(0, 0, 1, 1023, band_bin=32)
    calfiles.poisson(1, window).uvis.calibrate(flat_field=False, trend=False)
    euv = calfiles.poisson(1, Window(0, 0, 63, 1023, band_bin=32), name="EUV")
    euv.uvis.calibrate(flat_field=False, trend=False)


# --- the response of evil pixels


def wide(band_bin: int = 8, **options) -> xr.Dataset:
    return calfiles.poisson(2, Window(0, 0, 63, 1023, band_bin=band_bin, **options))


@pytest.mark.parametrize(
    ("line_bin", "band_bin", "chosen"),
    [(1, 1, "mask"), (2, 2, "mask"), (1, 3, "response"), (4, 1, "response"), (1, 32, "response")],
)
def test_the_treatment_of_evil_pixels_goes_by_the_bins(with_files, line_bin, band_bin, chosen):
    ds = wide(band_bin, line_bin=line_bin)
    default, told = (ds.uvis.calibrate(**with_files, evil_pixels=e) for e in ("auto", chosen))
    xr.testing.assert_identical(default.drop_attrs(), told.drop_attrs())
    assert f"evil_pixels='{chosen}'" in default.attrs["history"].splitlines()[-1]
    factors = [
        ds.uvis.calibration_factor(**with_files, evil_pixels=e).drop_attrs()
        for e in ("auto", chosen)
    ]
    xr.testing.assert_identical(*factors)


def test_the_last_partial_bin_goes_with_the_others(with_files):
    """Of a window of 1022 columns in bins of 4, the last bin holds two."""
    ds = calfiles.poisson(1, Window(0, 0, 63, 1021, band_bin=4))
    cal = ds.uvis.calibrate(**with_files)
    assert np.isfinite(cal.radiance[:, 2:62, -1]).all()


def table(value: float, error: float = 0.0) -> xr.Dataset:
    """One response for all columns."""
    values = np.array([[value], [error], [0.0]])
    return table_of(np.array([0]), np.array([1023]), values, {"channel": "FUV"})


def test_pixels_that_hardly_respond_are_left_out(with_files):
    """However well their response is known: one of their counts would be worth a hundred others."""
    ds = calfiles.poisson(2)
    options = with_files | {"smooth": False}
    masked = ds.uvis.calibrate(evil_pixels="mask", **options)
    evil = masked.evil == 1
    for response, kept in ((0.0, False), (0.01, False), (0.09, False), (0.11, True)):
        found = ds.uvis.calibrate(evil_pixels="response", evil_response=table(response), **options)
        lit = (
            (found.sensitivity.isel(term=0) > 0)
            .where(evil & (ds.wl > 1250))
            .sel(pixel=slice(3, 60))
        )
        assert lit.mean() == kept
        if not kept:
            xr.testing.assert_equal(found.radiance, masked.radiance)


def test_the_defaults_of_what_comes_after_are_those_of_calibrate():
    defaults = inspect.signature(calibrate).parameters
    assert {name: defaults[name].default for name in chosen.DEFAULTS} == dict(chosen.DEFAULTS)


def test_the_error_of_the_response_is_systematic(with_files):
    """It is that of the sensitivity: the share of evil light, times the error of its response."""
    ds = wide(16)
    options = with_files | {"smooth": False, "errors": "statistical"}
    sure, unsure = (ds.uvis.calibrate(evil_response=table(0.4, e), **options) for e in (0.0, 0.2))
    for name in ("radiance", "radiance_upper", "radiance_lower"):
        np.testing.assert_array_equal(sure[name], unsure[name])
    light = sure.radiance.values
    added = unsure.radiance_systematic.values**2 - sure.radiance_systematic.values**2
    low, high = (
        ds.uvis.calibrate(evil_response=table(r), **options).radiance.values for r in (0.6, 0.2)
    )
    known = (np.abs(light) > 0) & (sure.wl.values > 1200)
    # Half the difference that 0.2 more and less make in the sensitivity, 1 / L at given counts.
    half = (1 / low[known] - 1 / high[known]) / 2 * light[known] ** 2
    np.testing.assert_allclose(np.sqrt(added[known]), np.abs(half), rtol=5e-3)


def test_the_response_comes_from_a_file(with_files, tmp_path, monkeypatch):
    ds, path = wide(), tmp_path / "mine.nc"
    table(0.3).uvis.to_netcdf(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    opened = xr.open_dataset(path)
    given = ds.uvis.calibrate(evil_response=table(0.3), **with_files)
    for one in (path, "~/mine.nc", opened):
        read = ds.uvis.calibrate(evil_response=one, **with_files)
        np.testing.assert_array_equal(read.radiance, given.radiance)
        assert "mine.nc sha256:" in read.attrs["history"]
        with pytest.raises(UvisError, match=r"mine\.nc"):
            read.uvis.to_netcdf(path)
    opened.close()
    other = ds.uvis.calibrate(**with_files)
    assert not np.array_equal(other.radiance, given.radiance, equal_nan=True)


def test_tables_are_told_apart_in_the_history(with_files):
    lines = {
        wide().uvis.calibrate(evil_response=t, **with_files).attrs["history"]
        for t in (table(0.3), table(0.4), table(0.3, 0.1), table(0.3))
    }
    assert len(lines) == 3


def test_a_table_that_is_not_used_is_a_table_all_the_same(with_files, tmp_path):
    narrow, path = calfiles.poisson(1), tmp_path / "mine.nc"
    table(0.3).uvis.to_netcdf(path)
    done = narrow.uvis.calibrate(evil_response=path, **with_files)
    assert "mine.nc" not in done.attrs["history"]
    for wrong in (xr.Dataset(), "missing.nc", tmp_path):
        with pytest.raises(CalibrationError):
            narrow.uvis.calibrate(evil_response=wrong, **with_files)


def test_a_response_that_has_no_effect_is_refused(with_files):
    for treatment in ("mask", "interpolate"):
        with pytest.raises(ArgumentError, match=f'no effect with evil_pixels="{treatment}"'):
            wide().uvis.calibrate(**with_files, evil_pixels=treatment, evil_response=table(0.3))
    with pytest.raises(CalibrationError, match="of channel FUV, the dataset of EUV"):
        calfiles.poisson(1, Window(0, 0, 63, 1023, band_bin=8), name="EUV").uvis.calibrate(
            flat_field=False, trend=False, evil_response=table(0.3)
        )
    with pytest.raises(ArgumentError, match="evil_response"):
        wide().uvis.calibrate(**with_files, evil_response=0.38)


def test_a_background_after_the_response_is_as_before(with_files):
    ds = wide()
    before = ds.uvis.background(level=4e-4).uvis.calibrate(**with_files)
    after = ds.uvis.calibrate(**with_files).uvis.background(level=4e-4)
    for name in ("radiance", "radiance_systematic", "radiance_upper"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6)


@pytest.mark.parametrize("step", ["calibrate", "calibration_factor"])
def test_the_solar_port_is_in_no_calibration(step):
    counts = np.ones((1, 64, 1024))
    ds = calfiles.opened(counts, name="EUV").assign_attrs(optics="solar_port")
    options = {"flat_field": False, "trend": False}
    with pytest.warns(UvisWarning, match="optics is solar_port, but calibrations are of the tele"):
        getattr(ds.uvis, step)(**options)
    lost = ds.assign_attrs(described_setup=setups.number(ds.attrs))
    del lost.attrs["optics"]
    with pytest.warns(UvisWarning, match="optics is solar_port, but calibrations are of the tele"):
        getattr(lost.uvis, step)(**options)
    getattr(ds.assign_attrs(optics="telescope").uvis, step)(**options)


def test_lyman_alpha_is_scaled_by_asking(with_files):
    ds = calfiles.poisson(2)
    plain, lowered = (
        ds.uvis.calibrate(**with_files, smooth=False, nan_interp=None, lyman_alpha=f)
        for f in (1, 0.25)
    )
    edges = ds.wl_bounds.values
    on_line = (edges[:, 0] <= 1215.67 + 4.8) & (edges[:, 1] >= 1215.67 - 4.8)
    ratio = (lowered.radiance / plain.radiance).values[:, 2:62]
    known = np.isfinite(ratio)
    expected = np.broadcast_to(np.where(on_line, 4.0, 1.0), ratio.shape)
    np.testing.assert_allclose(ratio[known], expected[known], rtol=1e-5)
    assert "lyman_alpha=0.25" in lowered.attrs["history"]
    for wrong in (0, -1, np.nan, "low"):
        with pytest.raises(ArgumentError, match="lyman_alpha"):
            ds.uvis.calibrate(**with_files, lyman_alpha=wrong)
    with pytest.raises(ArgumentError, match="the line is in the FUV"):
        calfiles.poisson(1, name="EUV").uvis.calibrate(
            flat_field=False, trend=False, lyman_alpha=0.5
        )


@pytest.mark.parametrize("step", ["calibrate", "calibration_factor"])
def test_bins_that_are_lost_are_asked_for(ds, step):
    del ds.attrs["band_bin"]
    with pytest.raises(MissingStepError, match="lost its attributes band_bin"):
        getattr(ds.uvis, step)(**PLAIN)
    with pytest.raises(MissingStepError, match="lost its attributes band_bin"):
        getattr(ds.uvis, step)(flat_field=False, trend=False)


def test_what_later_steps_need_is_one_coordinate(folder):
    """And none of the radiance's own: arrays do not carry what only the dataset uses."""
    ds = calfiles.poisson(2, SMALL)
    cal = ds.uvis.calibrate(files=folder, trend="evolution")
    inner = {name for name, v in cal.variables.items() if "term" in v.dims}
    assert inner == {"sensitivity"}
    errors = {f"radiance_{part}" for part in ("upper", "lower", "systematic")}
    assert set(cal.coords) - set(ds.coords) == errors | inner | {
        *("evil", "calibration_error", "calibration_setup")
    }
    assert not inner & set(cal.radiance.coords)


def test_relative_errors_of_far_exposures_are_those_of_the_mean_time(folder):
    """How they change with time is far below what is known of them."""
    wide = Window(2, 0, 61, 1023, band_bin=32)
    ds = calfiles.opened(np.full((2, *wide.shape), 50), wide, et=np.array([1.2e8, 2.4e8]))
    options = {"files": folder, "trend": "evolution", "smooth": False}
    both = ds.uvis.calibrate(**options).radiance_systematic
    for k in range(2):
        alone = ds.isel(pic=[k]).uvis.calibrate(**options).radiance_systematic
        np.testing.assert_allclose(both[k], alone[0], rtol=0.03)
