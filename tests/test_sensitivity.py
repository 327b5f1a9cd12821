from dataclasses import replace

import numpy as np
import pytest
from helpers import calfiles
from scipy.interpolate import PchipInterpolator

from uvisxr.calibration import files
from uvisxr.calibration.recipe import RECIPES
from uvisxr.calibration.sensitivity import BURN, Options, terms
from uvisxr.errors import CalibrationError
from uvisxr.instrument.channel import EUV, FUV
from uvisxr.instrument.detector import Window
from uvisxr.timescales import clock_from_et

ET = np.array([calfiles.ET])
FULL = calfiles.FULL.bins
PLAIN = Options(RECIPES["pds"], "linear", "linear", "mask", False, None)
WITH_FLAT = replace(PLAIN, flat_field=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


def et_of(clock):
    return (np.asarray(clock, float) - 1325419639.0) / 1.000006636


def sensitivity(et=ET, options=PLAIN, path=None, bins=FULL, channel=FUV, slit="LOW_RESOLUTION"):
    """Sensitivity of every exposure, (pic, pixel, wl)."""
    t = terms(bins, channel, slit, np.atleast_1d(et), options, path)
    return np.tensordot(t.weight, t.sensitivity, axes=1)


def frame_by_hand(folder, clock, channel="FUV"):
    """Flat field and modifiers at one time, straight from the files."""
    lines = (folder / f"FLATFIELD_{channel}_POSTBURN.txt").read_text().splitlines()[1:]
    flat = np.array(" ".join(lines).split(), float).reshape(64, 1024)
    if channel == "FUV":
        flat *= 1.05
        for row in (2, 61):
            flat[row][np.isfinite(flat[row])] = 1
    a, b = (
        np.fromfile(next(folder.glob(f"{channel}*_{epoch}.dat")), "<f4").reshape(64, 1024)
        for epoch in calfiles.EPOCHS
    )
    x = np.clip((clock - calfiles.EPOCHS[0]) / np.diff(calfiles.EPOCHS)[0], 0, 1)
    modifier = a.astype(float) * (1 - x) + b * x
    modifier[61] = 1
    return modifier / flat


def test_linear_laboratory_sensitivity():
    lab = files.package_lab("FUV")
    wl = FUV.wavelength(np.arange(1024))
    inside = (wl >= lab.wl[0]) & (wl <= lab.wl[-1])
    expected = np.interp(wl, lab.wl, lab.sensitivity) / 60 * 0.78
    np.testing.assert_allclose(sensitivity()[0, 30, inside], expected[inside], rtol=1e-12)


def test_beyond_the_table_the_last_piece_goes_on():
    lab = files.package_lab("FUV")
    slope = np.diff(lab.sensitivity[-2:]) / np.diff(lab.wl[-2:])
    end = FUV.wavelength(1023)
    expected = (lab.sensitivity[-1] + slope * (end - lab.wl[-1])) / 60 * 0.78
    np.testing.assert_allclose(sensitivity()[0, 30, -1], expected, rtol=1e-12)


def test_recipe_upyp():
    lab = files.package_lab("FUV")
    wl = FUV.wavelength(np.arange(1024))
    expected = PchipInterpolator(lab.wl, lab.sensitivity)(wl) / 60 * 0.7794 / 0.91
    options = replace(PLAIN, recipe=RECIPES["upyp"], wl_interp="pchip")
    np.testing.assert_allclose(sensitivity(options=options)[0, 30], expected, rtol=1e-12)


def test_recipes_differ_by_nine_percent():
    ours = sensitivity(options=replace(PLAIN, recipe=RECIPES["upyp"], wl_interp="pchip"))
    with np.errstate(invalid="ignore"):
        ratio = ours / sensitivity()
    assert np.nanmedian(ratio) == pytest.approx(1.0982, abs=2e-3)


def test_rows_of_a_recipe_of_ones_own():
    recipe = replace(RECIPES["pds"], name="59 rows", lit_rows={"FUV": 60, "EUV": 59})
    ours = sensitivity(options=replace(PLAIN, recipe=recipe), channel=EUV)
    expected = sensitivity(channel=EUV) * 60 / 59
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("channel", "slit", "ratio"),
    [
        (FUV, "HIGH_RESOLUTION", 2),
        (FUV, "OCCULTATION", 0.1875),
        (EUV, "HIGH_RESOLUTION", 2),
        (EUV, "OCCULTATION", 0.25),
    ],
)
def test_slits(channel, slit, ratio):
    low, other = (sensitivity(channel=channel, slit=s) for s in ("LOW_RESOLUTION", slit))
    np.testing.assert_allclose(other * ratio, low, rtol=1e-12)


def test_unlit_rows_have_no_sensitivity():
    lit = np.isfinite(sensitivity()[0]).all(1)
    np.testing.assert_array_equal(np.flatnonzero(lit), np.arange(2, 62))


def test_flat_field_and_modifiers(folder):
    clock = calfiles.EPOCHS[0] + 12_345_678.0
    expected = frame_by_hand(folder, clock) * sensitivity()[0]
    ours = sensitivity(et_of(clock), WITH_FLAT, folder)[0]
    np.testing.assert_allclose(ours[2:62], expected[2:62], rtol=1e-9)


def test_row_61_is_its_laboratory_value(folder):
    s, plain = sensitivity(options=WITH_FLAT, path=folder)[0, 61], sensitivity()[0, 61]
    good = np.isfinite(s)
    np.testing.assert_allclose(s[good], plain[good], rtol=1e-12)


def test_rows_with_a_wrong_flat_field_keep_their_evil_pixels(folder):
    flat = files.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")
    evil = terms(FULL, FUV, "LOW_RESOLUTION", ET, WITH_FLAT, folder).evil
    np.testing.assert_array_equal(evil[[2, 61]], np.isnan(flat[[2, 61]]))


def test_flat_field_of_the_other_side_of_the_burn(folder):
    before, after = (sensitivity(et_of(BURN + s), WITH_FLAT, folder)[0] for s in (-10, 10))
    rows = slice(3, 61)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(np.nanmedian(after[rows] / before[rows]), 1.25, rtol=1e-3)


def test_an_observation_across_the_burn(folder):
    ets = et_of([BURN - 10, BURN + 10])
    both = sensitivity(ets, WITH_FLAT, folder)
    for s, et in zip(both, ets, strict=True):
        np.testing.assert_allclose(s, sensitivity(et, WITH_FLAT, folder)[0], rtol=1e-12)


@pytest.mark.parametrize("offset", [-5_000_000, 0])
def test_ones_before_the_first_modifier(folder, offset):
    clock = calfiles.EPOCHS[0] + offset - 60
    modified = sensitivity(et_of(clock), WITH_FLAT, folder)[0, 40]
    flat = files.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")[40] * 1.05
    np.testing.assert_allclose(modified * flat, np.where(flat > 0, sensitivity()[0, 40], np.nan))


def test_last_modifier_after_it(folder):
    late = [calfiles.EPOCHS[1] + s for s in (100, 80_000_000)]
    a, b = sensitivity(et_of(late), WITH_FLAT, folder)
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_terms_are_the_same_for_a_part(folder):
    ets = et_of(np.linspace(calfiles.EPOCHS[0] - 4e7, calfiles.EPOCHS[1] + 4e7, 9))
    options = replace(WITH_FLAT, trend="evolution")
    whole = sensitivity(ets, options, folder)
    for k in (0, 4, 8):
        np.testing.assert_allclose(whole[k], sensitivity(ets[k], options, folder)[0], rtol=1e-12)


def test_few_matrices_for_many_exposures(folder):
    ets = et_of(calfiles.EPOCHS[0] + 1000.0 * np.arange(500))
    t = terms(FULL, FUV, "LOW_RESOLUTION", ets, WITH_FLAT, folder)
    assert t.sensitivity.shape == (2, 64, 1024)
    np.testing.assert_allclose(t.weight.sum(1), 1, rtol=1e-12)


def test_spica_ratios(tmp_path, monkeypatch):
    """1 before the first epoch, linear between epochs, the last ratio after the last."""
    (tmp_path / "a.sav").touch()
    start = clock_from_et(calfiles.ET)
    trend = files.SpicaTrend(start + np.array([0.0, 1e6]), np.array([[1.2] * 1024, [0.8] * 1024]))
    monkeypatch.setattr(files, "read_spica", lambda path, channel: trend)
    ets = et_of(start + np.array([-100.0, 0.25e6, 1e6, 5e6]))
    ours = sensitivity(ets, replace(PLAIN, trend="spica"), tmp_path)[:, 30]
    expected = np.array([1, 1.1, 0.8, 0.8])[:, None] * sensitivity()[0, 30]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


@pytest.mark.parametrize("days", [0.3, 500.7])
def test_evolution_between_its_nodes(folder, days):
    clock = BURN + 86400 * days
    ours = sensitivity(et_of(clock), replace(PLAIN, trend="evolution"), folder)[0, 30]
    factor = 1.5 - 0.5 * np.exp(-2e-8 * 86400 * days)
    np.testing.assert_allclose(ours, factor * sensitivity()[0, 30], rtol=1e-6)


def test_no_evolution_before_its_start(folder):
    options = replace(PLAIN, trend="evolution")
    early = sensitivity(et_of(BURN - 1e7), options, folder)
    np.testing.assert_allclose(early, sensitivity(), rtol=1e-12)


def test_bins_sum_sensitivity_and_average_its_error():
    bins = Window(4, 100, 11, 105, line_bin=4, band_bin=3).bins
    t = terms(bins, FUV, "LOW_RESOLUTION", ET, PLAIN)
    fine = terms(FULL, FUV, "LOW_RESOLUTION", ET, PLAIN)
    block = np.s_[0, 4:8, 100:103]
    np.testing.assert_allclose(t.sensitivity[0, 0, 0], fine.sensitivity[block].sum())
    np.testing.assert_allclose(t.error[0, 0, 0], fine.error[block].sum() / np.sqrt(12))


def test_bins_partly_unlit():
    bins = Window(0, 500, 63, 500, line_bin=4).bins
    t = terms(bins, FUV, "LOW_RESOLUTION", ET, PLAIN)
    one = sensitivity()[0, 30, 500]
    np.testing.assert_allclose(t.sensitivity[0, [0, 1, 15], 0], [2 * one, 4 * one, 2 * one])


def test_evil_pixels_mask_their_bin(folder):
    bins = Window(0, 0, 63, 1023, band_bin=4).bins
    t = terms(bins, FUV, "LOW_RESOLUTION", ET, WITH_FLAT, folder)
    flat = files.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")
    expected = np.isnan(flat).reshape(64, 256, 4).any(-1)
    expected[[0, 1, 62, 63]] = False
    np.testing.assert_array_equal(t.evil, expected)
    np.testing.assert_array_equal(np.isnan(t.sensitivity[0, 2:62]), expected[2:62])


def test_evil_pixels_interpolated_before_binning(folder):
    options = replace(WITH_FLAT, evil_pixels="interpolate")
    fine = sensitivity(options=WITH_FLAT, path=folder)[0]
    wl = FUV.wavelength(np.arange(1024))
    row = fine[30]
    good = np.isfinite(row)
    expected = np.interp(wl, wl[good], row[good]).reshape(32, 32).sum(1)
    bins = Window(0, 0, 63, 1023, band_bin=32).bins
    ours = sensitivity(options=options, path=folder, bins=bins)[0]
    np.testing.assert_allclose(ours[30], expected, rtol=1e-9)
    assert np.isfinite(ours[2:62]).all()


def test_modifier_that_is_not_positive_is_evil(tmp_path):
    calfiles.folder(tmp_path, evil=0)
    path = next(tmp_path.glob(f"*{calfiles.EPOCHS[0]}.dat"))
    frame = np.fromfile(path, "<f4").reshape(64, 1024)
    frame[10, 300], frame[11, 301], frame[12, 302] = 0, -20, np.inf
    frame.tofile(path)
    t = terms(FULL, FUV, "LOW_RESOLUTION", ET, WITH_FLAT, tmp_path)
    np.testing.assert_array_equal(np.argwhere(t.evil), [[10, 300], [11, 301], [12, 302]])


def test_laboratory_table_of_the_folder_wins(tmp_path):
    (tmp_path / "FUV_1999_Lab_Cal.dat").write_text("t\n1100. 60. 6. 1950. 60. 6.\n")
    t = terms(FULL, FUV, "LOW_RESOLUTION", ET, PLAIN, tmp_path)
    np.testing.assert_allclose(t.sensitivity[0, 2:62], 0.78)
    np.testing.assert_allclose(t.error[0, 2:62], 0.078)
    assert [path.name for path in t.files] == ["FUV_1999_Lab_Cal.dat"]


def test_missing_files_are_listed(tmp_path):
    options = replace(WITH_FLAT, trend="spica")
    with pytest.raises(CalibrationError) as error:
        terms(FULL, FUV, "LOW_RESOLUTION", ET, options, tmp_path)
    for text in (
        "FLATFIELD_FUV_POSTBURN.txt",
        "FUV*_ff_modifier_<clock>.dat",
        "spica_variability4_data.sav",
        "uvisxr calibration fetch",
        "flat_field=False",
        "trend=False",
    ):
        assert text in str(error.value)
    assert "PREBURN" not in str(error.value)


def test_missing_trend_names_the_other_kind(folder):
    with pytest.raises(CalibrationError, match=r'trend=False \(or trend="evolution"\)'):
        terms(FULL, FUV, "LOW_RESOLUTION", ET, replace(PLAIN, trend="spica"), folder)


def test_there_is_no_public_trend_of_euv(tmp_path):
    calfiles.folder(tmp_path, "EUV")
    with pytest.raises(CalibrationError, match=r"no public one.*trend=False"):
        terms(FULL, EUV, "LOW_RESOLUTION", ET, replace(WITH_FLAT, trend="spica"), tmp_path)


def test_euv_flat_field_is_taken_as_it_is(tmp_path):
    calfiles.folder(tmp_path, "EUV")
    s = sensitivity(options=WITH_FLAT, path=tmp_path, channel=EUV)[0]
    expected = frame_by_hand(tmp_path, clock_from_et(ET[0]), "EUV") * sensitivity(channel=EUV)[0]
    np.testing.assert_allclose(s[2:62], expected[2:62], rtol=1e-9)
