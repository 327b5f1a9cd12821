from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles
from helpers.slow import rest_slow
from scipy.stats import chi2, norm

import uvisxr
from uvisxr import integrals, spectra
from uvisxr.dataset import conventions
from uvisxr.errors import ArgumentError, MissingStepError, UvisError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.numerics import along_wl, poisson
from uvisxr.numerics.poisson import MISSING

WINDOW = Window(0, 300, 63, 399)
KERNEL = np.array([1, 4, 6, 4, 1]) / 16
RANGE = (1360.0, 1410.0)


@pytest.fixture(scope="module")
def cal():
    """Calibrated, unsmoothed, with the systematic error apart."""
    return calfiles.poisson(4, WINDOW).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate", smooth=False, errors="statistical"
    )


@pytest.fixture
def holey(cal):
    """With gaps inside and at the end of some spectra."""
    ds = cal.copy(deep=True)
    for name in ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic"):
        ds[name][1, 20, 30:33] = np.nan
        ds[name][2, 25, :5] = np.nan
    return ds


@pytest.fixture(scope="module")
def bins(cal):
    """A dataset shaped like binned ones: other leading dimensions, more statistics."""
    stack = cal.drop_vars(["quality", "evil", "calibration_error"])
    data = {
        name: (("lat_bin", "alt_bin", "wl"), stack[source].values[:2, 20:23])
        for name, source in {
            "radiance": "radiance",
            "radiance_upper": "radiance_upper",
            "radiance_lower": "radiance_lower",
            "radiance_std": "radiance_upper",
            "radiance_stderr": "radiance_lower",
            "radiance_weighted": "radiance",
            "radiance_weighted_upper": "radiance_upper",
            "radiance_weighted_lower": "radiance_lower",
            "radiance_systematic": "radiance_systematic",
        }.items()
    }
    data["n"] = (("lat_bin", "alt_bin"), np.ones((2, 3), int))
    coords = {"wl": cal.wl, "wl_bounds": cal.wl_bounds, "lat_bin": [0.0, 10.0]}
    return conventions.apply(xr.Dataset(data, coords, {"history": "before"}))


def weights(ds):
    """Overlap of each element with RANGE."""
    low, high = ds.wl_bounds.values.T
    return np.clip(np.minimum(high, RANGE[1]) - np.maximum(low, RANGE[0]), 0, None)


def test_integral_and_its_errors(cal):
    """Of elements that are neither filled nor smoothed: sums of independent counts."""
    w = weights(cal)
    result = cal.uvis.integrate(RANGE)
    assert result.brightness.attrs["units"] == "kR"
    assert result.brightness.dims == ("pic", "pixel")
    np.testing.assert_allclose(result.brightness, cal.radiance.values @ w, rtol=1e-5)
    np.testing.assert_allclose(
        result.brightness_systematic, cal.radiance_systematic.values @ w, rtol=1e-5
    )
    factor = w / (240 * cal.sensitivity.values[0])
    counts = cal.counts.values.astype(float)
    variance, s0 = counts @ (factor**2).T, (factor**2).sum(-1) / factor.sum(-1)
    lit = slice(2, 62)
    variance = np.stack([np.diagonal(plane) for plane in variance])[:, lit]
    total = np.einsum("tpw,pw->tp", counts, np.nan_to_num(factor))[:, lit]
    scale = (variance + s0[lit] ** 2) / (total + s0[lit])
    n = total / scale
    tail = norm.sf(1)
    upper, lower = chi2.isf(tail, 2 * n + 2) / 2 - n, n - chi2.ppf(tail, 2 * n) / 2
    np.testing.assert_allclose(result.brightness_upper[:, lit], upper * scale, rtol=1e-3)
    np.testing.assert_allclose(result.brightness_lower[:, lit], lower * scale, rtol=1e-3)


@pytest.mark.parametrize("counts", [3, 300, 3000])
@pytest.mark.parametrize("change", ["dataset", "edited", "array", "bin"])
def test_a_single_spectrum_is_integrated_as_among_others(cal, counts, change):
    """However bright: sums of over 10,000 counts have bounds of their own."""
    bright = cal.assign(counts=cal.counts * 0 + counts)
    whole = bright.uvis.calibrate(flat_field=False, trend=False)
    one = {"pic": 0, "pixel": 30}
    if change == "edited":
        whole = whole.assign(radiance=2 * whole.radiance)
    if change == "array":
        whole = whole.radiance
    if change == "bin":
        whole, one = whole.uvis.bin(pixels=[[(0, 30), (1, 30)], [(0, 31)]]), {"group": 0}
    found, among = whole.isel(one).uvis.integrate(RANGE), whole.uvis.integrate(RANGE).isel(one)
    for name in ("brightness", "brightness_upper", "brightness_lower"):
        assert found[name].ndim == 0
        np.testing.assert_allclose(found[name], among[name], rtol=1e-6)


@pytest.mark.parametrize("method", get_args(along_wl.Integration))
@pytest.mark.parametrize("band_bin", [1, 2, 8, 32])
def test_a_constant_is_integrated_exactly(method, band_bin):
    ds = calfiles.poisson(1, Window(2, 0, 61, 1023, band_bin=band_bin))
    cal = ds.uvis.calibrate(flat_field=False, trend=False, evil_pixels="interpolate")
    flat = cal.assign(radiance=cal.radiance * 0 + 2)
    result = flat.uvis.integrate((1550, 1620), method).brightness
    np.testing.assert_allclose(result, 2 * 70, rtol=1e-6)


def test_bins_may_be_part_of_one_element(cal):
    middle = float(cal.wl[50])
    result = cal.uvis.integrate((middle - 0.1, middle + 0.1)).brightness
    np.testing.assert_allclose(result, cal.radiance[..., 50] * 0.2, rtol=1e-4)


def test_whole_channel_by_default(cal):
    width = np.diff(cal.wl_bounds.values, axis=-1)[:, 0]
    np.testing.assert_allclose(
        cal.uvis.integrate().brightness, cal.radiance.values @ width, rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("chunks", rest_slow([None, {"pic": 4}], 1))
def test_whole_channel_of_several_products_is_that_of_each(titan, chunks):
    def integrated(labels):
        ds = uvisxr.open_observation(*labels, chunks=chunks)
        ds = ds.uvis.calibrate(files=titan.calibration)
        with pytest.warns(UvisWarning, match="the sensitivity is next to nothing"):
            return ds.uvis.integrate()

    parts = [integrated([label]) for label in titan.labels[:3]]
    whole = integrated(titan.labels[:3])
    for name in ("brightness", "brightness_upper", "brightness_lower", "brightness_systematic"):
        np.testing.assert_array_equal(whole[name], np.concatenate([part[name] for part in parts]))


def test_parts_sum_to_the_whole(cal):
    low, cut, high = 1360.0, 1384.321, 1410.0
    a, b, whole = (cal.uvis.integrate(r).brightness for r in ((low, cut), (cut, high), (low, high)))
    np.testing.assert_allclose(a + b, whole, rtol=1e-5)


def test_what_is_missing_is_unknown(holey):
    result = holey.uvis.integrate().brightness
    assert np.isnan(result[1, 20])
    assert np.isnan(result[2, 25])
    assert np.isnan(result[:, [0, 1, 62, 63]]).all()
    # Without the calibration's terms, a spectrum begins with its first value.
    width = np.diff(holey.wl_bounds.values, axis=-1)[:, 0]
    expected = (holey.radiance.values[2, 25, 5:] * width[5:]).sum()
    bare = integrals.integrate(holey.radiance).brightness
    np.testing.assert_allclose(bare[2, 25], expected, rtol=1e-5)


def test_counts_missing_at_the_end_of_a_spectrum_are_no_darkness(cal):
    counts = cal.counts.values.copy()
    counts[1, 30, 80:] = MISSING
    lost = cal.assign(counts=(cal.counts.dims, counts)).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate", smooth=False
    )
    low, high = float(cal.wl_bounds[60, 0]), float(cal.wl_bounds[-1, 1])
    assert np.isnan(lost.uvis.integrate((low, high)).brightness[1, 30])
    part = lost.uvis.integrate((low, high), skipna=True)
    known = lost.uvis.integrate((low, float(cal.wl_bounds[79, 1])))
    share = (float(cal.wl_bounds[79, 1]) - low) / (high - low)
    np.testing.assert_allclose(part.brightness[1, 30], known.brightness[1, 30] / share, rtol=1e-5)
    whole = cal.uvis.integrate((low, high))
    assert part.brightness_upper[1, 30] > 1.1 * whole.brightness_upper[1, 30]
    # Without a range too: the sensitivity tells where a spectrum ends, not its counts.
    assert np.isnan(lost.uvis.integrate().brightness[1, 30])
    assert lost.uvis.integrate().brightness[1, 31].notnull()
    low, high = float(cal.wl_bounds[0, 0]), float(cal.wl_bounds[-1, 1])
    part, known = lost.uvis.integrate(skipna=True), lost.uvis.integrate((low, cal.wl_bounds[79, 1]))
    share = (float(cal.wl_bounds[79, 1]) - low) / (high - low)
    np.testing.assert_allclose(part.brightness[1, 30], known.brightness[1, 30] / share, rtol=1e-5)


def test_integral_of_an_array_takes_its_error_coordinates(cal):
    a = integrals.integrate(cal.radiance, RANGE)
    b = cal.uvis.integrate(RANGE)
    np.testing.assert_allclose(a.brightness, b.brightness, rtol=1e-6)
    # The bounds of single counts tell all of them.
    for bound in ("upper", "lower"):
        name = f"brightness_{bound}"
        np.testing.assert_allclose(a[name], b[name], rtol=5e-3)


def test_integral_of_an_array_of_another_name(cal):
    np.testing.assert_allclose(
        integrals.integrate(cal.radiance.rename("flux"), RANGE).brightness,
        cal.uvis.integrate(RANGE).brightness,
        rtol=1e-6,
    )


def test_integral_of_bins(bins, cal):
    result = bins.uvis.integrate(RANGE)
    # How the brightness of the members scatters cannot be told from how their elements do.
    kept = [name for name in bins.data_vars if "_std" not in name]
    assert set(result.data_vars) == {name.replace("radiance", "brightness") for name in kept}
    # The members are single spectra here: their bounds are those of the spectra's integrals.
    alone = cal.uvis.integrate(RANGE)
    for name in ("", "_weighted"):
        for bound in ("upper", "lower"):
            expected = alone[f"brightness_{bound}"].values[:2, 20:23]
            found = result[f"brightness{name}_{bound}"]
            np.testing.assert_allclose(found, expected, rtol=5e-3)
    np.testing.assert_array_equal(result.brightness_weighted, result.brightness)
    assert "wl" not in result.dims
    np.testing.assert_array_equal(result.wl_bounds, RANGE)
    assert result.brightness_upper.attrs["units"] == "kR"
    assert result.attrs["history"].splitlines()[-1].startswith("uvisxr")


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("mean", [0.1, 1.0, 20.0])
def test_bounds_of_integrals_cover_the_truth(smooth, mean):
    ds = calfiles.poisson(60, WINDOW, mean=mean)
    options = {"flat_field": False, "trend": False, "evil_pixels": "interpolate", "smooth": smooth}
    found = ds.uvis.calibrate(**options).isel(pixel=slice(2, 62)).uvis.integrate(RANGE)
    sure = calfiles.opened(np.full((1, *WINDOW.shape), 1000), WINDOW).uvis.calibrate(**options)
    truth = sure.isel(pixel=slice(2, 62)).uvis.integrate(RANGE).brightness.values * mean / 1000
    value = found.brightness.values
    within = (truth >= value - found.brightness_lower.values) & (
        truth <= value + found.brightness_upper.values
    )
    assert 0.64 < within.mean() < 0.80
    half = (found.brightness_upper + found.brightness_lower) / 2
    assert float(half.mean() / found.brightness.std()) == pytest.approx(
        1, rel=0.25 if mean < 1 else 0.08
    )


@pytest.mark.parametrize(
    "wl_range", [(1410, 1360), (1000, 1400), (1380, 2000), (1380, np.nan), (1380,), "all"]
)
def test_wrong_ranges(cal, wl_range):
    with pytest.raises(ArgumentError, match="wl_range="):
        cal.uvis.integrate(wl_range)


def test_a_range_in_nm_is_told(cal):
    with pytest.raises(ArgumentError, match=r"; of nm write \(1360, 1400\)$"):
        cal.uvis.integrate((136, 140))


def test_range_outside_names_the_limits(cal):
    with pytest.raises(
        ArgumentError, match=r"a part of the dataset's .* 1348\.\d+ to 142\d\.\d+ angstrom"
    ):
        cal.uvis.integrate((1200, 1400))


@pytest.mark.parametrize("method", ["simpson", "trapezoid"])
def test_too_few_elements(cal, method):
    with pytest.raises(ArgumentError, match='method="bins"'):
        cal.isel(wl=[50]).uvis.integrate(method=method)


def test_unknown_method(cal):
    with pytest.raises(
        ArgumentError, match="'romberg': expected one of 'simpson', 'trapezoid', 'bins'"
    ):
        cal.uvis.integrate(RANGE, "romberg")


def test_integrals_of_a_changed_radiance_have_its_own_bounds(cal):
    """Bounds come from the counts only where the radiance does."""
    names = [f"radiance{e}" for e in ("", "_upper", "_lower", "_systematic")]
    twice = cal.assign({"radiance": 2 * cal.radiance})
    twice = twice.assign_coords({n: 2 * cal[n] for n in names[1:]})
    one, two = (ds.uvis.integrate(RANGE).isel(pixel=slice(2, 62)) for ds in (cal, twice))
    for name in ("brightness", "brightness_upper", "brightness_lower", "brightness_systematic"):
        np.testing.assert_allclose(two[name], 2 * one[name], rtol=5e-3)
    # What is masked has no part in the bounds either.
    masked = cal.assign(radiance=cal.radiance.where((cal.wl < 1380) | (cal.wl > 1390)))
    part = masked.uvis.integrate(RANGE, skipna=True).isel(pixel=slice(2, 62))
    share = part.brightness_share
    np.testing.assert_allclose(share, 0.8, atol=0.03)
    expected = one.brightness_upper / np.sqrt(share)
    np.testing.assert_allclose(part.brightness_upper, expected, rtol=0.2)


def test_integrals_of_changed_bins_have_their_own_bounds(cal):
    bins = cal.uvis.bin(
        pixels=[[(i, j) for i in range(4) for j in range(k, k + 5)] for k in (20, 25)]
    )
    names = [f"radiance{e}" for e in ("", "_upper", "_lower", "_systematic")]
    twice = bins.assign({"radiance": 2 * bins.radiance})
    twice = twice.assign_coords({n: 2 * bins[n] for n in names[1:]})
    one, two = (ds.uvis.integrate(RANGE) for ds in (bins, twice))
    for name in ("brightness", "brightness_upper", "brightness_lower", "brightness_systematic"):
        np.testing.assert_allclose(two[name], 2 * one[name], rtol=0.02)


def test_holes_within_the_range_are_not_dark(cal):
    """By the sensitivity a spectrum has a value there: without a range it is missing too."""
    holes = cal.sensitivity.values.copy()
    holes[:, 30, 40:43] = np.nan
    ds = cal.assign_coords(sensitivity=(cal.sensitivity.dims, holes))
    ds = ds.assign(radiance=ds.radiance.where(np.isfinite(ds.sensitivity[0])))
    whole = ds.uvis.integrate()
    assert np.isnan(whole.brightness[0, 30]) and whole.brightness[0, 31].notnull()
    part = ds.uvis.integrate(skipna=True)
    assert 0.9 < part.brightness_share[0, 30] < 1
    assert part.brightness_share[0, 31] == 1


def test_what_a_product_never_transmits_does_not_darken_its_integral():
    counts = calfiles.poisson(3, WINDOW).counts.values.copy()
    counts[..., -1] = MISSING
    options = {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}
    cal = calfiles.opened(counts, WINDOW).uvis.calibrate(**options)
    whole = cal.uvis.integrate().isel(pixel=slice(2, 62))
    part = cal.uvis.integrate((cal.wl_bounds[0, 0], cal.wl_bounds[-2, 1])).isel(pixel=slice(2, 62))
    np.testing.assert_allclose(whole.brightness, part.brightness, rtol=1e-6)
    assert cal.uvis.integrate((cal.wl[5], cal.wl_bounds[-1, 1])).brightness.isnull().all()


@pytest.mark.parametrize("method", get_args(along_wl.Integration))
def test_descending_wavelengths_change_nothing(cal, method):
    there = cal.uvis.integrate(RANGE, method)
    back = cal.isel(wl=slice(None, None, -1)).uvis.integrate(RANGE, method)
    np.testing.assert_allclose(back.brightness, there.brightness, rtol=1e-5)


def _dataset(ds):
    return ds


def _array(ds):
    return ds.radiance


def _array_without_columns(ds):
    return ds.radiance.drop_vars("band")


@pytest.mark.parametrize("method", get_args(along_wl.Integration))
@pytest.mark.parametrize("form", [_dataset, _array, _array_without_columns])
@pytest.mark.parametrize("order", [1, -1])
def test_gaps_between_the_wavelengths_are_named(cal, method, form, order):
    gap = form(cal.isel(wl=np.r_[10:40, 60:90][::order]))
    with pytest.raises(ArgumentError, match=r"lacks wavelengths between .* after 13"):
        integrals.integrate(gap, RANGE, method, skipna=True)
    with pytest.raises(ArgumentError, match="lacks wavelengths"):
        integrals.integrate(gap, method=method)
    # Each part is integrated as if the other were not there.
    part = cal.isel(wl=slice(60, 90))
    ends = float(part.wl_bounds.min()) + 0.01, float(part.wl_bounds.max()) - 0.01
    alone = integrals.integrate(form(part), ends, method).brightness
    np.testing.assert_allclose(integrals.integrate(gap, ends, method).brightness, alone, rtol=1e-5)


@pytest.mark.parametrize("kept", [[10, 50], [10, 11, 50], np.r_[10:30:2], [10, 17, 23, 31]])
def test_arrays_know_the_width_of_their_elements_by_columns(cal, kept):
    with pytest.raises(ArgumentError, match="lacks wavelengths"):
        integrals.integrate(cal.radiance.isel(wl=kept))
    one = cal.isel(wl=[10])
    np.testing.assert_allclose(
        one.radiance.uvis.integrate().brightness, one.uvis.integrate().brightness, rtol=1e-6
    )


@pytest.mark.parametrize("method", get_args(along_wl.Integration))
@pytest.mark.parametrize("band_bin", [2, 7, 32])
def test_wide_and_narrow_bins_are_no_gaps(band_bin, method):
    """The window is no multiple of the bin: its last element is narrower."""
    window = Window(0, 300, 63, 300 + 6 * band_bin, band_bin=band_bin)
    wide = calfiles.opened(calfiles.poisson(1, window).counts.values, window).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate"
    )
    assert np.diff(wide.wl_bounds[-1]) < 0.6 * np.diff(wide.wl_bounds[0])
    for ds in (wide, wide.isel(wl=slice(None, None, -1))):
        for form in (_array, _array_without_columns):
            integrals.integrate(form(ds), method=method, skipna=True)
        np.testing.assert_allclose(spectra.edges(ds.radiance.to_dataset()), ds.wl_bounds)


def test_elements_that_rule_an_integral_are_named():
    cal = calfiles.poisson(1, Window(2, 0, 61, 1023)).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate"
    )
    with pytest.warns(UvisWarning, match=r"one count at 11\d\d to .* leave these .* wl_range"):
        cal.uvis.integrate()
    cal.uvis.integrate((1200, 1900))


def test_arrays_remember_their_smoothing(cal):
    smoothed = cal.uvis.smooth()
    a, b = integrals.integrate(smoothed.radiance, RANGE), smoothed.uvis.integrate(RANGE)
    lit = {"pixel": slice(2, 62)}
    np.testing.assert_allclose(a.brightness_upper.isel(lit), b.brightness_upper.isel(lit), rtol=0.1)
    with pytest.raises(UvisError, match="smoothed already"):
        spectra.smooth(smoothed.radiance)
    twice = spectra.smooth(smoothed.radiance, force=True)
    np.testing.assert_array_equal(twice, smoothed.uvis.smooth(force=True).radiance)


def test_a_dataset_of_arrays_remembers_their_smoothing(cal):
    smoothed = cal.uvis.smooth()
    alone = xr.Dataset({"radiance": smoothed.radiance}).uvis.integrate(RANGE)
    expected = smoothed.radiance.uvis.integrate(RANGE)
    np.testing.assert_allclose(alone.brightness_upper, expected.brightness_upper)
    with (
        pytest.warns(UvisWarning, match="whether it was smoothed"),
        pytest.warns(UvisWarning, match="lost the sensitivity"),
    ):
        smoothed.drop_vars("counts").drop_attrs().uvis.integrate(RANGE)


def test_what_was_done_already_is_told(cal):
    light = cal.uvis.integrate(RANGE)
    for step in (light.uvis.integrate, light.uvis.smooth, light.uvis.fill_nan):
        with pytest.raises(MissingStepError, match="integrated already"):
            step()
    with pytest.raises(MissingStepError, match="binned already"):
        light.uvis.bin(pixels=[(0, 20)]).uvis.bin(pixels=[(0, 20)])
    with pytest.raises(ArgumentError, match=r"weights=.*no more than reach over 100 wavelengths"):
        cal.uvis.smooth(np.ones(201))


def test_far_too_many_weights_are_not_looked_at(cal):
    class Many(Sequence):
        def __len__(self):
            return 10**7

        def __getitem__(self, key):
            raise AssertionError("looked at")

    with pytest.raises(ArgumentError, match=r"weights=.*instead of 10000000"):
        cal.uvis.smooth(Many())


@pytest.mark.parametrize("one", [np.array(1.0), xr.DataArray(1.0), np.float64(1.0), 1.0])
def test_a_single_number_is_no_weights(cal, one):
    with pytest.raises(ArgumentError, match=r"weights=.*an odd number of weights"):
        cal.uvis.smooth(weights=one)


def test_joined_observations_are_integrated_each_by_its_sensitivity(cal):
    other = cal.assign_coords(sensitivity=1.1 * cal.sensitivity, et=cal.et + 1e5)
    joined = xr.concat([cal, other], "pic", coords="different", compat="equals")
    with pytest.warns(UvisWarning, match="integrate: the sensitivity differs between exposures"):
        found = joined.uvis.integrate(RANGE).brightness_upper.values[:4, 2:62]
    expected = cal.uvis.integrate(RANGE).brightness_upper.values[:, 2:62]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    with pytest.raises(UvisError, match="joined of several observations"):
        joined.uvis.background(level=4e-4)


@pytest.mark.parametrize("method", get_args(along_wl.Integration))
def test_an_array_of_descending_wavelengths(cal, method):
    array = cal.radiance
    found, expected = (
        a.uvis.integrate(RANGE, method=method)
        for a in (array.isel(wl=slice(None, None, -1)), array)
    )
    for name in ("brightness", "brightness_upper"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)


def test_no_wavelength_left(cal):
    with pytest.raises(ArgumentError, match="no wavelength is left"):
        cal.isel(wl=[]).uvis.integrate()


def test_nothing_to_integrate():
    with pytest.raises(MissingStepError, match="calibrate"):
        calfiles.poisson(1, WINDOW).uvis.integrate()


def test_smooth_by_the_kernel(cal):
    result = cal.uvis.smooth()
    row = cal.radiance.values[1, 30].astype(float)
    np.testing.assert_allclose(
        result.radiance.values[1, 30, 2:-2], np.convolve(row, KERNEL, "valid"), rtol=1e-5
    )


def test_smoothing_in_two_ways_is_the_same():
    ds = calfiles.poisson(3, WINDOW)
    options = {
        "flat_field": False,
        "trend": False,
        "evil_pixels": "interpolate",
        "errors": "statistical",
    }
    inside = ds.uvis.calibrate(**options)
    after = ds.uvis.calibrate(smooth=False, **options).uvis.smooth()
    np.testing.assert_allclose(after.radiance, inside.radiance, rtol=1e-5)
    np.testing.assert_allclose(after.radiance_systematic, inside.radiance_systematic, rtol=0.05)
    for bound in ("upper", "lower"):
        name = f"radiance_{bound}"
        np.testing.assert_allclose(after[name], inside[name], rtol=5e-3)
    a, b = (ds.uvis.integrate(RANGE).isel(pixel=slice(2, 62)) for ds in (after, inside))
    np.testing.assert_allclose(a.brightness, b.brightness, rtol=1e-5)
    np.testing.assert_allclose(a.brightness_upper, b.brightness_upper, rtol=0.15)


def test_what_is_smoothed_is_not_smoothed_by_mistake(cal):
    twice = "smoothed already.*smooth=False.*force=True"
    smoothed = calfiles.poisson(1, WINDOW).uvis.calibrate(flat_field=False, trend=False)
    for ds in (smoothed, cal.uvis.smooth(), cal.uvis.smooth().uvis.bin(pixels=[(0, 20), (1, 20)])):
        with pytest.raises(UvisError, match=twice):
            ds.uvis.smooth()
    again = cal.uvis.smooth().uvis.smooth([1, 2, 1], force=True)
    both = np.convolve(KERNEL, [0.25, 0.5, 0.25])
    row = cal.radiance.values[1, 30].astype(float)
    np.testing.assert_allclose(
        again.radiance.values[1, 30, 3:-3], np.convolve(row, both, "valid"), rtol=1e-4
    )
    a = again.uvis.integrate(RANGE).brightness_upper[:, 20:60]
    b = cal.uvis.integrate(RANGE).brightness_upper[:, 20:60]
    np.testing.assert_allclose(a, b, rtol=0.1)


def test_smooth_does_not_cross_gaps(holey):
    result = holey.uvis.smooth([1, 2, 1])
    row = holey.radiance.values[1, 20].astype(float)
    np.testing.assert_allclose(
        result.radiance[1, 20, [29, 33]],
        [(row[28] + 2 * row[29]) / 3, (2 * row[33] + row[34]) / 3],
        rtol=1e-5,
    )
    np.testing.assert_array_equal(np.isnan(result.radiance), np.isnan(holey.radiance))


@pytest.mark.parametrize("kind", ["dataset", "array", "reversed"])
def test_smooth_does_not_cross_what_was_taken_out(cal, kind):
    """Elements on either side are ends of spectra."""
    left = cal.isel(wl=[*range(20), *range(60, 100)])
    ends = [cal.isel(wl=part).uvis.smooth().radiance for part in (slice(0, 20), slice(60, 100))]
    if kind == "reversed":
        found = left.isel(wl=slice(None, None, -1)).uvis.smooth().radiance.sortby("wl")
    else:
        found = (left.radiance if kind == "array" else left).uvis.smooth()
        found = found if kind == "array" else found.radiance
    np.testing.assert_allclose(found, xr.concat(ends, "wl", coords="all"), rtol=1e-5)


def test_elements_that_are_no_neighbours_are_not_mixed(cal):
    every_other = cal.isel(wl=slice(None, None, 2))
    np.testing.assert_array_equal(every_other.uvis.smooth().radiance, every_other.radiance)
    again = every_other.uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate", smooth=True
    )
    np.testing.assert_allclose(again.radiance, every_other.radiance, rtol=1e-6)


@pytest.mark.parametrize("method", ["linear", "pchip"])
def test_fill_nan_does_not_cross_what_was_taken_out(holey, method):
    left = holey.isel(wl=[*range(31), *range(60, 100)])
    assert np.isnan(left.radiance[1, 20, 30])
    assert np.isnan(left.uvis.fill_nan(method).radiance[1, 20, 30])
    holey.radiance[1, 20, 62] = np.nan
    left = holey.isel(wl=[*range(31), *range(60, 100)])
    alone = holey.isel(wl=slice(60, 100)).uvis.fill_nan(method).radiance
    np.testing.assert_allclose(left.uvis.fill_nan(method).radiance[..., 31:], alone, rtol=1e-5)


def test_smooth_of_an_array(cal):
    result = spectra.smooth(cal.radiance)
    assert result.name == "radiance"
    np.testing.assert_array_equal(result, cal.uvis.smooth().radiance)
    assert result.attrs["units"] == "kR angstrom-1"


@pytest.mark.parametrize("kernel", [[1, 1], [], [1, np.nan, 1], [-1, 3, -1], [1, 0, 1], [0.0]])
def test_wrong_kernels(cal, kernel):
    with pytest.raises(ArgumentError, match="weights="):
        cal.uvis.smooth(kernel)


@pytest.mark.parametrize("method", ["linear", "pchip"])
def test_fill_nan(holey, method):
    result = holey.uvis.fill_nan(method)
    assert np.isfinite(result.radiance[1, 20, 30:33]).all()
    assert (result.radiance_upper[1, 20, 30:33] > 0).all()
    assert np.isnan(result.radiance[2, 25, :5]).all()


def test_fill_nan_is_np_interp(holey):
    wl, row = holey.wl.values, holey.radiance.values[1, 20].astype(float)
    good = np.isfinite(row)
    np.testing.assert_allclose(
        holey.uvis.fill_nan().radiance[1, 20], np.interp(wl, wl[good], row[good]), rtol=1e-5
    )


def test_unknown_fill(holey):
    with pytest.raises(ArgumentError, match="'cubic': expected 'linear' or 'pchip'"):
        holey.uvis.fill_nan("cubic")


@pytest.mark.parametrize(
    "step",
    [
        lambda ds: ds.uvis.smooth(),
        lambda ds: ds.uvis.fill_nan("pchip"),
        lambda ds: ds.uvis.integrate(RANGE),
        lambda ds: ds.uvis.rate(),
    ],
)
def test_dask_is_lazy_and_the_same(holey, step):
    lazy = step(holey.chunk(pic=2, pixel=16, wl=30))
    assert lazy.chunks
    xr.testing.assert_allclose(lazy.compute(), step(holey), rtol=1e-6)


@pytest.mark.parametrize("leading", [{"pic": 1, "pixel": 20}, {"pixel": 20}, {}])
def test_any_leading_dimensions(holey, leading):
    part = holey.isel(leading)
    for step in (spectra.smooth, spectra.fill_nan):
        np.testing.assert_array_equal(step(part).radiance, step(holey).radiance.isel(leading))
    np.testing.assert_allclose(
        part.uvis.integrate(RANGE).brightness,
        holey.uvis.integrate(RANGE).brightness.isel(leading),
        rtol=1e-6,
    )


@pytest.mark.parametrize("step", [spectra.smooth, spectra.fill_nan, spectra.rate])
def test_input_is_left_as_it_is(holey, step):
    before = holey.copy(deep=True)
    step(holey)
    xr.testing.assert_identical(holey, before)


def test_steps_are_recorded(cal):
    history = cal.uvis.smooth().uvis.fill_nan().uvis.rate().attrs["history"].splitlines()
    assert [line.split(": ")[1].split("(")[0] for line in history[-3:]] == [
        "smooth",
        "fill_nan",
        "rate",
    ]


def test_rate_and_its_errors():
    counts = np.full((2, *WINDOW.shape), 9)
    counts[0, 3, 4] = 65535
    ds = calfiles.opened(counts, WINDOW, exposure=np.array([3.0, 6.0])).uvis.rate()
    np.testing.assert_allclose(ds.rate[:, 10, 10], [3, 1.5])
    upper, lower = poisson.half_widths(np.array([9]))
    np.testing.assert_allclose(ds.rate_upper[:, 10, 10], upper / [3, 6], rtol=1e-6)
    np.testing.assert_allclose(ds.rate_lower[:, 10, 10], lower / [3, 6], rtol=1e-6)
    for name in ("rate", "rate_upper", "rate_lower"):
        assert np.isnan(ds[name][0, 3, 4])
        assert ds[name].attrs["units"] == "count s-1"
        assert ds[name].dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [None, {"pic": 1, "wl": 30}])
def test_rate_is_that_of_the_light(chunks):
    """Rows 0..7 in bins of 4: of the first only two are lit; the last column bin holds one."""
    window = Window(0, 300, 7, 302, line_bin=4, band_bin=2)
    exposure = np.array([3.0, 6.0])
    opened = calfiles.opened(np.full((2, *window.shape), 9), window, exposure=exposure)
    opened = opened if chunks is None else opened.chunk(chunks)
    level, error = 9e-4, 1e-4
    lit = np.array([[2 * 2, 2 * 1], [4 * 2, 4 * 1]])
    dark = opened.uvis.background(level=level, error=error)
    found = dark.uvis.rate()
    np.testing.assert_allclose(found.rate, 9 / exposure[:, None, None] - level * lit, rtol=1e-5)
    np.testing.assert_allclose(found.rate_systematic, error * lit, rtol=1e-6)
    np.testing.assert_array_equal(found.rate_upper, opened.uvis.rate().rate_upper)
    assert found.rate_systematic.attrs["units"] == "count s-1"
    for other in (opened.uvis.rate(), opened.uvis.background(level=4e-4).uvis.rate()):
        after = other.uvis.background(level=level, error=error)
        np.testing.assert_allclose(after.rate, found.rate, rtol=1e-5)
        np.testing.assert_array_equal(after.rate_systematic, found.rate_systematic)
    one = dark.isel(pic=1, pixel=1).uvis.rate()
    np.testing.assert_allclose(one.rate, found.rate[1, 1])


def test_rate_without_exposure(cal):
    with pytest.raises(MissingStepError, match="exposure"):
        cal.drop_vars("exposure").uvis.rate()


def test_covariances_are_made_only_for_what_was_changed(monkeypatch):
    ds = calfiles.poisson(2, Window(2, 300, 61, 399)).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate"
    )
    called, own = [], integrals._Near.covariances
    monkeypatch.setattr(integrals._Near, "covariances", lambda near: called.append(1) or own(near))
    low, high = float(ds.wl[20]), float(ds.wl[60])
    integrals.integrate(ds, (low, high))
    assert not called
    integrals.integrate(ds.assign(radiance=2 * ds.radiance), (low, high))
    assert called
