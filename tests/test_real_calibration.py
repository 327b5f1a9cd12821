"""Calibrations of real products against the archive's own matrix."""

import shutil

import numpy as np
import pytest
import xarray as xr
from helpers import calfiles

import uvisxr
from uvisxr.calibration import files, formats, known
from uvisxr.errors import ArgumentError, CalibrationError, UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.instrument.evil import public_evil
from uvisxr.numerics.poisson import quantization_spacing
from uvisxr.timescales import clock_from_et


@pytest.fixture(scope="module")
def rings(data):
    return uvisxr.open_product(data / "products" / "FUV2005_230_15_15.LBL").load()


@pytest.fixture(scope="module")
def archive(data):
    """The archive's matrix, counts to kR/angstrom, and the product's label."""
    path = data / "products" / "FUV2005_230_15_15_CAL_3"
    raw = np.fromfile(path.with_suffix(".DAT"), ">f4").reshape(64, 1024)
    return raw[:, :512].astype(float), path.with_suffix(".LBL")


@pytest.fixture(scope="module")
def aurora(aurora_label) -> xr.Dataset:
    """The first exposures of FUV2016_278_09_22."""
    return uvisxr.open_product(aurora_label).isel(pic=slice(0, 40)).load()


def test_recipe_pds_reproduces_the_archive(rings, archive, data):
    factor = rings.uvis.calibration_factor(
        recipe="pds", trend="evolution", files=data / "calibration"
    )
    ours = factor.calibration_factor.values.mean(0)
    theirs = archive[0] * 600
    valid = archive[0] > 0
    ratio = (ours / theirs)[valid & np.isfinite(ours)]
    assert np.median(ratio) == pytest.approx(1.0014, abs=2e-4)
    low, high = np.percentile(ratio, [25, 75])
    assert low > 0.983
    assert high < 1.0175
    different = valid != np.isfinite(ours)
    assert different.mean() < 0.005


def test_evil_pixels_are_those_of_the_archive(rings, archive, data):
    evil = rings.uvis.calibration_factor(files=data / "calibration").evil
    lit = evil.values[2:62] == 1
    marked = archive[0][2:62] == -1
    unseen = archive[0][2:62] == 0
    np.testing.assert_array_equal(lit[~unseen], marked[~unseen])


@pytest.mark.parametrize("row", [2, 5, 30, 60])
def test_evil_pixels_miss_light_in_every_row(rings, data, row):
    """Also in row 2, whose flat field is taken as 1."""
    evil = rings.uvis.calibration_factor(files=data / "calibration").evil.values[row, 100:450] == 1
    total = rings.counts.values[:, row, 100:450].sum(0).astype(float)
    around = np.array([np.median(total[max(0, i - 4) : i + 5]) for i in range(total.size)])
    ratio = total / np.maximum(around, 1)
    assert np.median(ratio[evil]) < 0.85
    assert np.median(ratio[~evil]) > 0.98


def test_matrix_is_applied_as_it_is(rings, archive):
    matrix, label = archive
    ds = rings.uvis.calibrate(files=label, smooth=False, nan_interp=None)
    expected = rings.counts.values * np.where(matrix > 0, matrix, np.nan)
    np.testing.assert_allclose(ds.radiance.values, expected, rtol=2e-7)
    np.testing.assert_array_equal(ds.evil == 1, matrix == -1)
    assert ds.attrs["recipe"] == "FUV2005_230_15_15_CAL_3"
    assert "calibrate(recipe='FUV2005_230_15_15_CAL_3', " in ds.attrs["history"]


def test_matrix_of_a_part_of_the_product(rings, archive):
    part = {"pic": 3, "pixel": slice(10, 20), "wl": slice(100, 300)}
    whole = rings.uvis.calibrate(files=archive[1], smooth=False)
    ours = rings.isel(part).uvis.calibrate(files=archive[1], smooth=False)
    inner = slice(20, -20)
    np.testing.assert_array_equal(ours.radiance[..., inner], whole.radiance.isel(part)[..., inner])


def test_matrix_scales_with_the_exposure(rings, archive):
    short = rings.assign_coords(exposure=rings.exposure / 2).drop_vars(["time_start", "time_stop"])
    a = rings.uvis.calibrate(files=archive[1]).radiance
    with pytest.warns(UvisWarning, match="said to be of exposures of 600 s"):
        b = short.uvis.calibrate(files=archive[1]).radiance
    np.testing.assert_allclose(b, 2 * a, rtol=1e-6)


def test_matrix_has_the_laboratory_error(rings, archive, data):
    ours = rings.uvis.calibrate(files=archive[1]).calibration_error
    recipe = rings.uvis.calibrate(recipe="pds", files=data / "calibration").calibration_error
    both = np.isfinite(ours) & np.isfinite(recipe)
    assert both.mean() > 0.85
    np.testing.assert_allclose(ours.values[both], recipe.values[both], rtol=0.02)


@pytest.mark.slow
def test_matrix_of_other_bins(aurora, archive):
    with pytest.raises(CalibrationError, match=r"CAL_3.*band bins are not those"):
        aurora.uvis.calibrate(files=archive[1])


def test_matrix_of_another_slit(rings, archive):
    other = rings.assign_attrs(slit="HIGH_RESOLUTION")
    del other.attrs["described_setup"]
    with pytest.raises(CalibrationError, match="slit LOW_RESOLUTION, the dataset of HIGH"):
        other.uvis.calibrate(files=archive[1])


def test_matrix_without_flat_field(rings, archive):
    with pytest.raises(ArgumentError, match="already includes flat field and trend"):
        rings.uvis.calibrate(files=archive[1], flat_field=False)


def test_aurora_cannot_do_without_evil_pixels(aurora, data):
    said = r'only 2% of the lit elements .* evil detector pixels: give evil_pixels="response"$'
    with pytest.warns(UvisWarning, match=said):
        masked = aurora.uvis.calibrate(files=data / "calibration", evil_pixels="mask")
    assert np.isfinite(masked.radiance[:, 2:61]).mean() < 0.2
    assert np.isfinite(masked.sensitivity[:, 2:61]).mean() < 0.02


@pytest.mark.parametrize("recipe", ["upyp", "pds"])
def test_aurora_by_plain_defaults(aurora, data, recipe):
    ds = aurora.uvis.calibrate(recipe=recipe, files=data / "calibration")
    # The first bin ends at 1139.5 angstrom, where the laboratory sensitivity is still 0.
    assert np.isfinite(ds.radiance[:, 2:61, 1:]).all()
    assert np.isnan(ds.radiance[:, 2:61, 0]).all()
    for name in ("radiance_upper", "radiance_lower"):
        assert (ds[name][:, 2:61, 1:] >= 0).all()
    assert np.isnan(ds.radiance[:, [0, 1, 62, 63]]).all()


def test_upyp_is_nine_percent_below_pds(rings, data):
    upyp, pds = (
        rings.isel(pic=[0]).uvis.calibrate(recipe=r, files=data / "calibration").radiance
        for r in ("upyp", "pds")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        assert np.nanmedian(upyp / pds) == pytest.approx(0.91, abs=0.005)


def test_counts_above_128_are_on_the_lattice(rings):
    bright = rings.counts.values[rings.counts.values > 128]
    assert bright.size == 61
    assert (quantization_spacing()[bright] > 0).all()


def test_spica_epochs_are_sorted(data):
    spica = formats.read_spica(data / "calibration" / "spica_variability4_data.sav", "FUV")
    assert spica.ratio.shape == (63, 1024)
    assert (np.diff(spica.sclk) > 0).all()
    assert formats.read_spica(data / "calibration" / "spica_variability4_data.sav", "EUV") is None


def test_spica_trend_is_linear_between_epochs(rings, data):
    spica = formats.read_spica(data / "calibration" / "spica_variability4_data.sav", "FUV")
    only_trend = {
        "flat_field": False,
        "files": data / "calibration",
        "wl_interp": "linear",
        "evil_pixels": "interpolate",
    }
    ours, plain = (
        rings.uvis.calibration_factor(trend=trend, **only_trend).calibration_factor[7, 30]
        for trend in (True, False)
    )
    # Two columns a bin: where the ratio hardly changes their sum follows its mean.
    clock = float(clock_from_et(rings.et[7]))
    ratio = np.array([np.interp(clock, spica.sclk, r) for r in spica.ratio.T])
    middle = slice(150, 350)
    np.testing.assert_allclose(
        (plain / ours)[middle], ratio.reshape(512, 2).mean(1)[middle], rtol=2e-3
    )


def test_laboratory_tables_of_the_package_are_the_teams(data):
    for channel in ("FUV", "EUV"):
        real = formats.read_lab(data / "calibration" / f"{channel}_1999_Lab_Cal.dat", channel)
        ours = formats.package_lab(channel)
        for name in ("wl", "sensitivity", "error"):
            np.testing.assert_array_equal(getattr(real, name), getattr(ours, name))


def test_real_flat_field_and_modifiers(data):
    folder = files.Folder.choose(data / "calibration")
    assert np.isnan(formats.read_flat(folder.flat("FUV", "POST"))).mean() == pytest.approx(
        0.145, abs=5e-4
    )
    for channel in ("FUV", "EUV"):
        epochs, paths = folder.modifiers(channel)
        assert epochs.size == 31
        assert formats.read_modifier(paths[0]).shape == (64, 1024)


def test_real_euv_files(data):
    counts = np.random.default_rng(0).poisson(2.0, (2, 64, 1024)).astype(np.uint16)
    ds = calfiles.opened(counts, name="EUV").uvis.calibrate(files=data / "calibration", trend=False)
    assert np.isfinite(ds.radiance[:, 2:62]).mean() > 0.95
    assert "EUV2005_295" in ds.attrs["history"]


def test_round_trip_through_netcdf(rings, data, tmp_path):
    ds = rings.isel(pic=slice(0, 3)).uvis.calibrate(files=data / "calibration")
    ds.uvis.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as back:
        xr.testing.assert_equal(back.radiance, ds.radiance)
        again = uvisxr.calibration.radiance.compute(back.load())
    for name in ("radiance", "radiance_upper", "radiance_lower"):
        np.testing.assert_array_equal(again[name], ds[name])


@pytest.mark.parametrize("channel", ["FUV", "EUV"])
@pytest.mark.parametrize("burn", ["PRE", "POST"])
def test_evil_pixels_of_the_package_are_those_of_the_flat_fields(data, channel, burn):
    flat = formats.read_flat(data / "calibration" / f"FLATFIELD_{channel}_{burn}BURN.txt")
    evil = ~(np.isfinite(flat) & (flat > 0))
    np.testing.assert_array_equal(public_evil(channel, burn), evil)
    assert evil[2:62].sum() == {("FUV", "PRE"): 9273, ("FUV", "POST"): 9272}.get((channel, burn), 0)


def test_leaving_out_the_flat_field_leaves_no_evil_pixels_in(rings, data):
    """They see less light: with them the rings were 10 % too faint."""
    kept, left_out = (
        rings.uvis.calibrate(files=data / "calibration", flat_field=flat, smooth=False)
        for flat in (True, False)
    )
    np.testing.assert_array_equal(kept.evil, left_out.evil)
    part = {"pixel": slice(3, 60), "wl": slice(350, 480)}
    mean = [d.radiance.isel(part).mean() for d in (kept, left_out)]
    # The flat field's own scale is within some per cent of 1.
    assert abs(mean[1] / mean[0] - 1) < 0.05


def summed(ds: xr.Dataset, n: int) -> xr.Dataset:
    """The product as if its elements had been summed on board, n to one."""
    window = Window(0, 0, 63, 1023, band_bin=int(ds.band_bin) * n)
    counts = ds.counts.values.astype(int).reshape(*ds.counts.shape[:2], -1, n).sum(-1)
    return calfiles.opened(counts, window, et=ds.et.values, exposure=ds.exposure.values)


def test_a_few_clean_elements_do_not_stand_for_all_others(rings, data):
    """Below 1650 angstrom the rings were 17 times too bright where any hole was filled."""
    folder = data / "calibration"
    fine = rings.uvis.calibrate(files=folder, smooth=False).radiance.mean("pic")
    with pytest.warns(UvisWarning, match='only 4% of the lit elements.*evil_pixels="response"'):
        coarse = summed(rings, 8).uvis.calibrate(files=folder, evil_pixels="mask")
    light = coarse.radiance.mean("pic")
    part = {"pixel": slice(2, 61), "wl": slice(4, None)}
    found = light.isel(part).values
    truth = fine.values.reshape(64, 64, 8)[2:61, 4:].mean(-1)
    clean = coarse.evil.isel(part).values == 0
    np.testing.assert_array_equal(np.isfinite(found), clean)
    assert clean.sum() == 86
    ratio = found[clean] / truth[clean]
    assert 0.93 < ratio.min() < ratio.max() < 1.03
    for dark in (coarse.wl[part["wl"]].values < 1650, coarse.wl[part["wl"]].values > 1650):
        some = clean & dark
        assert found[some].sum() / truth[some].sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("wl_range", [(1205, 1226), (1230, 1650), (1550, 1620), (1155, 1900)])
def test_aurora_by_defaults_is_that_of_steps_without_smoothing(aurora, data, wl_range):
    """Bins of 25 angstrom are not smoothed, and the ends of a range lie within them."""
    options = {"recipe": "pds", "evil_pixels": "interpolate", "files": data / "calibration"}
    rows = {"pixel": slice(2, 61)}
    default = aurora.uvis.calibrate(**options).uvis.integrate(wl_range)
    explicit = aurora.uvis.calibrate(smooth=False, **options).uvis.integrate(wl_range, "bins")
    factor = aurora.uvis.calibration_factor(**options).calibration_factor
    edges = aurora.wl_bounds.values
    over = np.clip(
        np.minimum(edges[:, 1], wl_range[1]) - np.maximum(edges[:, 0], wl_range[0]), 0, 99
    )
    light = aurora.counts.values / 8.0 * factor.values
    expected = np.where(over > 0, light, 0)[:, 2:61] @ over
    for found in (default, explicit):
        light = found.brightness.isel(rows)
        np.testing.assert_allclose(light, expected, rtol=0.01, atol=1e-6)
        assert float(light.mean()) == pytest.approx(expected.mean(), rel=1e-4)


def test_public_files_are_known_by_all_of_their_bytes(data):
    paths = sorted((data / "calibration").iterdir())
    assert len(paths) == 70
    assert not any(known.damaged(path.name, path.read_bytes()) for path in paths)


def test_a_modifier_with_a_part_of_it_in_another_place(rings, data, tmp_path):
    folder = tmp_path / "calibration"
    shutil.copytree(data / "calibration", folder)
    (path,) = folder.glob("FUV2005_295*")
    raw = bytearray(path.read_bytes())
    raw[100_000:104_096] = raw[104_096:108_192]
    path.write_bytes(raw)
    ds = rings.isel(pic=slice(0, 1), pixel=slice(20, 24))
    with pytest.warns(UvisWarning, match=r"FUV2005_295.* between bytes 65,536 and 131,072.* --to "):
        ds.uvis.calibrate(files=folder)
    # A file of one's own is not taken for the public one.
    path.write_bytes(np.ones(65536, "<f4").tobytes())
    ds.uvis.calibrate(files=folder)
