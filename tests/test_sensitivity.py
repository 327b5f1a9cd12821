from dataclasses import replace

import numpy as np
import pytest
from helpers import calfiles
from scipy.interpolate import PchipInterpolator

from uvisxr.calibration import formats
from uvisxr.calibration.files import CalibrationSet, FlatField, Modifiers, load
from uvisxr.calibration.recipe import RECIPES
from uvisxr.calibration.response import Response
from uvisxr.calibration.sensitivity import Options, Terms, terms
from uvisxr.instrument.channel import EUV, FUV
from uvisxr.instrument.detector import Window
from uvisxr.instrument.evil import BURN
from uvisxr.timescales import CLOCK_KNOTS, clock_from_et

ET = np.array([calfiles.ET])
FULL = calfiles.FULL.bins
SLIT = "LOW_RESOLUTION"
PLAIN = Options(RECIPES["pds"], "linear", "linear", "mask", False, None)
WITH_FLAT = replace(PLAIN, flat_field=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


def et_of(clock):
    knots, counts = CLOCK_KNOTS
    return np.interp(clock, counts, knots)


def loaded(et=ET, options=PLAIN, path=None, bins=FULL, channel=FUV, slit=SLIT) -> Terms:
    """Terms of the sensitivity, of the files of a folder; without flat fields no pixel is evil."""
    clock = clock_from_et(np.atleast_1d(et))
    found = load(channel, clock, options.flat_field, options.trend, path)
    return terms(replace(found, evil=None), bins, slit, options)


def each(t: Terms) -> np.ndarray:
    """Sensitivity of every exposure, (pic, pixel, wl)."""
    return np.tensordot(t.weight, t.sensitivity, axes=1)


def sensitivity(*args, **options) -> np.ndarray:
    return each(loaded(*args, **options))


def by_hand(clock, **content) -> np.ndarray:
    """Sensitivity of every exposure, of a set that no file is read for."""
    lab = formats.package_lab("FUV")
    return each(terms(CalibrationSet(FUV, np.asarray(clock), lab, **content), FULL, SLIT, PLAIN))


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
    lab = formats.package_lab("FUV")
    wl = FUV.wavelength(np.arange(1024))
    inside = (wl >= lab.wl[0]) & (wl <= lab.wl[-1])
    expected = np.interp(wl, lab.wl, lab.sensitivity) / 60 * 0.78
    np.testing.assert_allclose(sensitivity()[0, 30, inside], expected[inside], rtol=1e-12)


def test_beyond_the_table_the_last_piece_goes_on():
    lab = formats.package_lab("FUV")
    slope = np.diff(lab.sensitivity[-2:]) / np.diff(lab.wl[-2:])
    end = FUV.wavelength(1023)
    expected = (lab.sensitivity[-1] + slope * (end - lab.wl[-1])) / 60 * 0.78
    np.testing.assert_allclose(sensitivity()[0, 30, -1], expected, rtol=1e-12)


def test_recipe_upyp():
    lab = formats.package_lab("FUV")
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
    flat = formats.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")
    evil = loaded(options=WITH_FLAT, path=folder).evil
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
    flat = formats.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")[40] * 1.05
    np.testing.assert_allclose(modified * flat, np.where(flat > 0, sensitivity()[0, 40], np.nan))


def test_last_modifier_after_it(folder):
    late = [calfiles.EPOCHS[1] + s for s in (100, 60_000_000)]
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
    t = loaded(et=ets, options=WITH_FLAT, path=folder)
    assert t.sensitivity.shape == (2, 64, 1024)
    np.testing.assert_allclose(t.weight.sum(1), 1, rtol=1e-12)


def test_spica_ratios():
    """1 before the first epoch, linear between epochs, the last ratio after the last."""
    trend = formats.SpicaTrend(np.array([2e9, 2.001e9]), np.array([[1.2] * 1024, [0.8] * 1024]))
    ours = by_hand(2e9 + np.array([-100.0, 0.25e6, 1e6, 5e6]), trend=trend)[:, 30]
    expected = np.array([1, 1.1, 0.8, 0.8])[:, None] * sensitivity()[0, 30]
    np.testing.assert_allclose(ours, expected, rtol=1e-9)


def test_no_response_to_spica_is_no_sensitivity():
    ratio = np.ones((1, 1024))
    ratio[0, :3] = 0.0, -0.5, np.nan
    ours = by_hand([3e9], trend=formats.SpicaTrend(np.array([2e9]), ratio))[0, 30]
    np.testing.assert_array_equal(ours[:3], 0)
    np.testing.assert_array_equal(ours[3:], sensitivity()[0, 30, 3:])


def test_each_flat_field_has_its_time():
    frames = [np.full((64, 1024), value) for value in (2.0, 4.0)]
    flats = FlatField(frames[0], -np.inf, 1e9), FlatField(frames[1], 1e9, np.inf)
    ours = by_hand([1e9 - 1, 1e9, 1e9 + 1], flat_fields=flats)[:, 30]
    expected = sensitivity()[0, 30] / 1.05 / np.array([2, 4, 4])[:, None]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_modifiers_of_no_epoch_are_ones():
    before = Modifiers(np.empty(0), ())
    np.testing.assert_array_equal(by_hand([1e9, 2e9], modifiers=before), by_hand([1e9, 2e9]))


def test_modifiers_between_far_epochs():
    """Exposures at one epoch, and between two much later ones."""
    values = np.array([1.0, 2.0, 4.0])
    frames = tuple(np.full((64, 1024), value) for value in values)
    times = [0.9e9, 1e9, 2.25e9, 9e9]
    ours = by_hand(times, modifiers=Modifiers(np.array([1e9, 2e9, 3e9]), frames))[:, 30]
    expected = sensitivity()[0, 30] * np.array([1, 1, 2.5, 4])[:, None]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


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
    t = loaded(bins=bins)
    fine = loaded()
    block = np.s_[0, 4:8, 100:103]
    np.testing.assert_allclose(t.sensitivity[0, 0, 0], fine.sensitivity[block].sum())
    np.testing.assert_allclose(t.error[0, 0, 0], fine.error[block].sum() / np.sqrt(12))


def test_bins_partly_unlit():
    bins = Window(0, 500, 63, 500, line_bin=4).bins
    t = loaded(bins=bins)
    one = sensitivity()[0, 30, 500]
    np.testing.assert_allclose(t.sensitivity[0, [0, 1, 15], 0], [2 * one, 4 * one, 2 * one])


def test_evil_pixels_mask_their_bin(folder):
    bins = Window(0, 0, 63, 1023, band_bin=4).bins
    t = loaded(options=WITH_FLAT, path=folder, bins=bins)
    flat = formats.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")
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


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0, 63, 1023, band_bin=32),
        Window(0, 0, 63, 1023, line_bin=4),
        Window(7, 300, 52, 777, line_bin=3, band_bin=10),
    ],
    ids=["columns", "rows", "cut and partial"],
)
def test_evil_pixels_by_their_response(folder, window):
    """Sum over the pixels of an element, one by one."""
    rng = np.random.default_rng(3)
    values = [rng.uniform(low, high, (64, 1024)) for low, high in ((0, 1), (0.01, 0.1), (0, 0.3))]
    options = replace(WITH_FLAT, evil_pixels="response", response=Response(*values))
    found = loaded(options=options, path=folder, bins=window.bins)
    good = loaded(options=replace(WITH_FLAT, evil_pixels="interpolate"), path=folder)
    bad = good.evil > 0
    bins = window.bins
    for i, j in ((0, 0), (3, 5), (8, 20), (-1, -1)):
        i, j = i % bins.line.size, j % bins.band.size
        total = laboratory = common = single = 0.0
        for line in range(bins.line[i], bins.line[i] + bins.n_line[i]):
            for band in range(bins.band[j], bins.band[j] + bins.n_band[j]):
                if not 2 <= line <= 61:
                    continue
                r, e, s = (v[line, band] if bad[line, band] else 1.0 for v in values)
                one = (good.weight[0] @ good.sensitivity[:, line, band]).item()
                total += r * one
                laboratory += r * (good.weight[0] @ good.error[:, line, band]).item()
                if bad[line, band]:
                    common += e * one
                    single += (s * one) ** 2
        n = max(bins.lit_pixels[i, j], 1)
        error = np.sqrt(laboratory**2 / n + common**2 + single)
        if total > 1.01 * np.sqrt(common**2 + single):
            np.testing.assert_allclose(found.weight[0] @ found.sensitivity[:, i, j], total)
            # Errors of the terms add up, each of both parts in quadrature: not quite the same.
            np.testing.assert_allclose(found.weight[0] @ found.error[:, i, j], error, rtol=2e-3)
        elif total < 0.99 * np.sqrt(common**2 + single) or not bins.lit_pixels[i, j]:
            assert np.isnan(found.sensitivity[:, i, j]).any()


def test_a_response_of_one_is_as_if_evil_pixels_were_good(folder):
    bins = Window(0, 0, 63, 1023, band_bin=16).bins
    one, nothing = np.ones((64, 1024)), np.zeros((64, 1024))
    options = replace(WITH_FLAT, evil_pixels="response", response=Response(one, nothing, nothing))
    found, expected = (
        loaded(options=o, path=folder, bins=bins)
        for o in (options, replace(WITH_FLAT, evil_pixels="interpolate"))
    )
    np.testing.assert_array_equal(found.sensitivity, expected.sensitivity)
    np.testing.assert_allclose(found.error, expected.error, rtol=1e-12)


def test_lyman_alpha_has_a_factor_of_its_own():
    """In all elements that the slit's image reaches, 1215.67 +- 4.8 angstrom, however wide."""
    for band_bin, count in ((1, 13), (2, 7), (32, 2)):
        bins = Window(0, 0, 63, 1023, band_bin=band_bin).bins
        plain, lowered = (
            loaded(options=replace(PLAIN, lyman_alpha=f), bins=bins) for f in (1.0, 0.25)
        )
        edges = FUV.wavelength(np.arange(1025) - 0.5)[::band_bin]
        on_line = (edges[:-1] <= 1215.67 + 4.8) & (edges[1:] >= 1215.67 - 4.8)
        assert on_line.sum() == count
        for name in ("sensitivity", "error"):
            ours, theirs = getattr(lowered, name)[0, 30], getattr(plain, name)[0, 30]
            np.testing.assert_allclose(ours, theirs * np.where(on_line, 0.25, 1.0))


def test_modifier_that_is_not_positive_is_evil(tmp_path):
    calfiles.folder(tmp_path, evil=0)
    path = next(tmp_path.glob(f"*{calfiles.EPOCHS[0]}.dat"))
    frame = np.fromfile(path, "<f4").reshape(64, 1024)
    frame[10, 300], frame[11, 301], frame[12, 302] = 0, -20, np.nan
    frame.tofile(path)
    t = loaded(options=WITH_FLAT, path=tmp_path)
    np.testing.assert_array_equal(np.argwhere(t.evil), [[10, 300], [11, 301], [12, 302]])


def test_laboratory_table_of_the_folder_wins(tmp_path):
    calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat")
    t = loaded(path=tmp_path)
    np.testing.assert_allclose(t.sensitivity[0, 2:62], 0.78)
    np.testing.assert_allclose(t.error[0, 2:62], 0.078)


def test_euv_flat_field_is_taken_as_it_is(tmp_path):
    calfiles.folder(tmp_path, "EUV")
    s = sensitivity(options=WITH_FLAT, path=tmp_path, channel=EUV)[0]
    expected = frame_by_hand(tmp_path, clock_from_et(ET[0]), "EUV") * sensitivity(channel=EUV)[0]
    np.testing.assert_allclose(s[2:62], expected[2:62], rtol=1e-9)
