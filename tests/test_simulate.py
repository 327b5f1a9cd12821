"""A reduction of simulated counts gives back the truth they were drawn from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.umask import permissions, umask
from scipy.interpolate import PchipInterpolator
from scipy.io import readsav

import uvisxr
from uvisxr import simulate
from uvisxr.calibration.radiance import compute
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.errors import ArgumentError, CalibrationError, ExportError
from uvisxr.instrument import line_shape
from uvisxr.instrument.channel import FUV
from uvisxr.simulate import Simulation, Window, counts, emission

SMALL = {"exposures": 3, "lost": 1, "partial": 1, "stars": 1}


@pytest.fixture(scope="module")
def reduced(titan: Simulation) -> xr.Dataset:
    ds = titan.open().uvis.geometry(kernels=titan.kernels).uvis.background(alt_min=2200)
    return ds.uvis.calibrate(
        files=titan.calibration, errors="statistical", smooth=False, nan_interp=None
    )


@pytest.fixture(scope="module")
def usable(titan: Simulation, reduced: xr.Dataset) -> xr.DataArray:
    """Elements without evil pixels, of spectra that are whole and without stars."""
    truth = titan.truth
    whole = (truth.lost == 0) & (truth.partial == 0) & (truth.star == 0)
    return whole & (reduced.line < 61) & (reduced.evil == 0)


def pulls(measured: xr.DataArray, upper, lower, true: xr.DataArray) -> np.ndarray:
    """Deviations in units of the bound on the side of the truth."""
    deviation = measured - true
    return (deviation / xr.where(deviation > 0, lower, upper)).values


def test_mean_radiance_is_recovered(titan, reduced, usable):
    # Below 1150 angstrom the detector sees next to nothing, and noise is all that is left.
    part = {"wl": slice(1150, 1900)}
    mean = [x.where(usable).sel(part).mean() for x in (reduced.radiance, titan.truth.radiance)]
    np.testing.assert_allclose(mean[0] / mean[1], 1, atol=0.01)


@pytest.mark.parametrize("part", [slice(1205, 1225), slice(1225, 1450), slice(1500, 1880)])
def test_lines_bands_and_sunlight_are_recovered(titan, reduced, usable, part):
    mean = [x.where(usable).sel(wl=part).mean() for x in (reduced.radiance, titan.truth.radiance)]
    np.testing.assert_allclose(mean[0] / mean[1], 1, atol=0.015)


def test_pulls_are_standard(titan, reduced, usable):
    # Chosen by the expected counts: by the recorded ones, only upward deviations would be let in.
    bright = usable & (titan.truth.expected_counts > 10)
    found = pulls(
        reduced.radiance, reduced.radiance_upper, reduced.radiance_lower, titan.truth.radiance
    )[bright.values]
    assert found.size > 10000
    assert abs(found.mean()) < 0.05
    assert 0.9 < found.std() < 1.1


def test_pulls_by_recorded_counts_are_standard(titan, reduced, usable):
    # By those of the exposure before, for the same reason.
    bright = usable & (reduced.counts.where(usable).shift(pic=1) > 10)
    found = pulls(
        reduced.radiance, reduced.radiance_upper, reduced.radiance_lower, titan.truth.radiance
    )[bright.values]
    assert abs(found.mean()) < 0.05
    assert 0.9 < found.std() < 1.1


@pytest.mark.slow
def test_pulls_of_bins_are_standard(titan, reduced, usable):
    edges = np.arange(-500.0, 5001.0, 20.0)
    clean = reduced.assign_coords(quality=reduced.quality | (titan.truth.star * np.uint8(4)))
    bins = clean.uvis.bin(by={"alt": edges})
    groups = np.digitize(reduced.alt.values, edges) - 1
    good = (clean.quality == 0).values
    found = []
    for k in range(edges.size - 1):
        members = good & (groups == k)
        if not members.any():
            continue
        assert bins.n[k] == members.sum()
        seen = np.isfinite(reduced.radiance.values[members])
        bright = (seen & (titan.truth.expected_counts.values[members] > 10)).sum(0) == seen.sum(0)
        bright &= seen.any(0)
        true = np.where(seen, titan.truth.radiance.values[members], np.nan)
        mean = np.nanmean(true[:, bright], axis=0)
        one = bins.isel(alt_bin=k).radiance[bright]
        # A mean is symmetric about the truth, as single counts are not: half the sum of its bounds.
        found.append(2 * (one - mean) / (one.radiance_upper + one.radiance_lower))
    found = np.concatenate(found)
    assert found.size > 1500
    assert abs(found.mean()) < 0.05
    assert 0.9 < found.std() < 1.1


def test_background_is_recovered(titan, reduced, usable):
    # With the far wings of the sky's Lyman-alpha, a hundredth of it in this range.
    sky = usable & (reduced.alt_corners > 2200).all("corner") & (reduced.line >= 2)
    seen = (titan.truth.expected_counts / 240).where(sky).sel(wl=slice(1400, 1850)).mean()
    np.testing.assert_allclose(seen / titan.truth.background, 1.011, atol=0.002)
    assert abs(reduced.background - seen) < 3 * reduced.background_error
    assert 0 < reduced.background_error < 0.05 * reduced.background


def test_lost_spectra_are_flagged(titan, reduced):
    flagged = (reduced.quality.values & QUALITY_FLAGS["lost"]) > 0
    lost = titan.truth.lost.values > 0
    assert lost.sum() == 12
    assert flagged[lost].all()
    assert flagged[~lost].mean() < 0.01


def test_partial_spectra_are_flagged(titan, reduced):
    flagged = (reduced.quality.values & QUALITY_FLAGS["partial"]) > 0
    partial = titan.truth.partial.values > 0
    assert partial.sum() == 6
    assert flagged[partial].all()
    assert flagged[~partial].mean() < 0.01


def test_limb_profile_peaks_where_the_layer_does(titan, reduced):
    clean = reduced.assign_coords(quality=reduced.quality | (titan.truth.star * np.uint8(4)))
    bins = clean.uvis.bin(by={"alt": np.arange(0, 2501, 50)})
    profile = bins.radiance.sel(wl=slice(1250, 1480)).mean("wl").values
    altitude = bins.alt_bin.values
    # The top of the profile as a parabola: its vertex is finer than the bins.
    top = slice(np.nanargmax(profile) - 4, np.nanargmax(profile) + 5)
    a, b, _ = np.polyfit(altitude[top], profile[top], 2)
    corners = reduced.alt_corners.values
    pixel = np.median(corners.max(-1) - corners.min(-1))
    assert abs(-b / (2 * a) - titan.truth.attrs["limb_peak"]) < pixel / 2


def test_stars_shine_where_the_truth_says(titan):
    ds = titan.open()
    star = titan.truth.star.values > 0
    assert 3 <= star.sum() <= 20
    light = ds.counts.sel(wl=slice(1400, 1700)).sum("wl").values
    assert np.median(light[star]) > 3 * np.median(light[~star])


@pytest.mark.parametrize(("filling", "worst"), [("linear", 0.2), ("shape", 0.06)])
def test_lyman_alpha_is_within_its_errors_where_it_is_filled(titan, filling, worst):
    """Nearly every pixel holds evil elements on the line; some rows its whole middle."""
    truth = titan.truth
    ds = titan.open().uvis.background(level=float(truth.background))
    ds = ds.uvis.calibrate(files=titan.calibration, nan_interp=filling)
    # The simulation's laboratory makes no error: that of the calibration would hide all others.
    ds = compute(ds.assign_coords(calibration_error=0 * ds.calibration_error))
    light = ds.uvis.integrate((1205, 1226))
    edges = truth.wl_bounds.values
    over = np.clip(np.minimum(edges[:, 1], 1226) - np.maximum(edges[:, 0], 1205), 0, None)
    true = truth.radiance.values @ over
    deviation = light.brightness.values - true
    statistical = np.where(deviation > 0, light.brightness_lower, light.brightness_upper)
    error = np.hypot(statistical, light.brightness_systematic.values)
    good = ((truth.lost == 0) & (truth.partial == 0) & (truth.star == 0) & (ds.line < 61)).values
    within = np.abs(deviation) < 2 * error
    much = (light.brightness_filled > 0.15).values
    assert much.sum() == 25
    for some in (good, good & much):
        assert within[some].mean() > 0.95
    assert abs(deviation[good].mean() / true[good].mean()) < 0.005
    rows = [deviation[good[:, k], k].sum() / true[good[:, k], k].sum() for k in range(59)]
    assert np.abs(rows).max() < worst
    # Errors of what lies between the lines stay there, though smoothing reaches over.
    assert (light.brightness_systematic.values / true).mean(0)[:59].max() < 0.2


def test_unlit_rows_see_no_background(tmp_path):
    made = simulate.observation(tmp_path, window=Window(0, 960, 63, 967, line_bin=4), **SMALL)
    # Rows 56..59 are lit, of 60..63 two. At 1865 angstrom the sky is as good as dark.
    pixels = (made.truth.expected_counts / (240 * 4e-4)).isel(pixel=[14, 15]).min(("pic", "wl"))
    np.testing.assert_allclose(pixels, [4, 2], rtol=1e-3)


def test_expected_counts_by_hand(titan):
    """One exposure and pixel from the files themselves: t (r S L + B)."""
    truth, pic, pixel = titan.truth.attrs, 17, 23
    one = titan.truth.isel(pic=pic, pixel=pixel)
    row, clock = int(one.line), 1.00000664 * float(one.et) + 1325419636.0
    folder = titan.calibration
    lab = np.loadtxt(folder / "FUV_1999_Lab_Cal.dat", skiprows=1)
    lab = np.concatenate([lab[:, :3], lab[:, 3:]])
    angle = np.arctan((np.arange(1024) - 511.5) * 0.025 * 0.99815 / 300)
    wl = (
        1e7
        / 1066
        * (
            np.sin(np.deg2rad(9.22 + 0.032) + 3.46465e-5)
            + np.sin(angle + np.deg2rad(0.032) + 3.46465e-5)
        )
    )
    response = np.maximum(PchipInterpolator(lab[:, 0], lab[:, 1], extrapolate=True)(wl), 0)
    lines = (folder / "FLATFIELD_FUV_POSTBURN.txt").read_text().splitlines()[1:]
    flat = 1.05 * np.array(" ".join(lines).split(), float).reshape(64, 1024)[row]
    epochs = {int(p.stem.split("_")[-1]): p for p in folder.glob("*modifier*")}
    before = max(e for e in epochs if e <= clock)
    after = min(e for e in epochs if e > clock)
    part = (clock - before) / (after - before)
    old, new = (np.fromfile(epochs[e], "<f4").reshape(64, 1024)[row] for e in (before, after))
    saved = readsav(folder / "simulated_spica_fuv.sav")["arr_fuv"]
    ratio = {int(r["desc"]["sctime_sec_start"][0]): r["ratio"] for r in saved}
    share = (clock - 1.5e9) / 1e8
    trend = (1 - share) * ratio[1_500_000_000] + share * ratio[1_600_000_000]
    sensitivity = response / 60 * 0.7794 / 0.91 * trend / flat
    sensitivity *= (1 - part) * old + part * new
    good = np.isfinite(flat)
    assert truth["slit"] == "LOW_RESOLUTION" and 0.8 < good.mean() < 0.9
    # Evil pixels: a share of what their neighbours would count, but all of the background.
    sensitivity = np.interp(wl, wl[good], sensitivity[good])
    table = xr.load_dataset(folder / "simulated_evil_response_fuv.nc")
    response = table.response.values[row]
    np.testing.assert_array_equal(np.isfinite(response), ~good)
    expected = 240 * (np.where(good, 1.0, response) * sensitivity * one.radiance.values + 4e-4)
    np.testing.assert_allclose(one.expected_counts.values, expected, rtol=1e-4)


def test_responses_of_evil_pixels(titan):
    response = xr.load_dataset(titan.calibration / "simulated_evil_response_fuv.nc").response
    assert response.min() >= 0 and response.max() <= 1
    assert 0.13 < np.isfinite(response[2:62]).mean() < 0.16
    assert np.isnan(response[[0, 1, 62, 63]]).all()
    line = response.mean("line")
    slope, start = np.polyfit(line.band, line, 1)
    np.testing.assert_allclose([start, start + 1023 * slope], [0.25, 0.45], atol=0.015)
    # Slightly less than 0.15: the lowest end at 0.
    residual = response - (start + slope * response.band)
    np.testing.assert_allclose(residual.std(), 0.147, atol=0.004)


@pytest.mark.slow
def test_a_detector_has_its_evil_pixels_whoever_looks_through_it(tmp_path):
    """The responses are those of the folder; noise, and what is looked at, are of the seed."""
    options = SMALL | {"stars": 0}
    first = simulate.observation(tmp_path / "first", seed=1, **options)
    second = simulate.observation(
        tmp_path / "second", seed=2, calibration=first.calibration, **options
    )
    np.testing.assert_array_equal(first.truth.expected_counts, second.truth.expected_counts)
    assert (first.open().counts.values != second.open().counts.values).any()
    other = simulate.observation(tmp_path / "other", seed=2, **options)
    assert (other.truth.expected_counts.values != second.truth.expected_counts.values).any()


@pytest.mark.slow
def test_responses_are_drawn_where_the_folder_tells_of_none(tmp_path):
    made = simulate.observation(tmp_path / "made", **SMALL)
    (made.calibration / "simulated_evil_response_fuv.nc").unlink()
    expected = [
        simulate.observation(
            tmp_path / str(k), calibration=made.calibration, seed=seed, **(SMALL | {"stars": 0})
        ).truth.expected_counts.values
        for k, seed in enumerate((1, 1, 2))
    ]
    np.testing.assert_array_equal(expected[0], expected[1])
    evil = made.open().uvis.calibrate(files=made.calibration).evil.values == 1
    differ = (expected[0] != expected[2]).any(0)
    assert differ[evil].mean() > 0.9 and not differ[~evil].any()


def test_truth_lies_beside_the_products(titan):
    saved = xr.open_dataset(titan.labels[0].parents[1] / "truth.nc")
    np.testing.assert_array_equal(saved.radiance, titan.truth.radiance)
    assert saved.attrs["limb_peak"] == titan.truth.attrs["limb_peak"]
    saved.close()


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.*"))
        if path.suffix != ".nc"
    }


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path):
    made = [simulate.observation(tmp_path / name, seed=4, **SMALL) for name in "ab"]
    assert _hashes(tmp_path / "a") == _hashes(tmp_path / "b")
    xr.testing.assert_identical(made[0].truth, made[1].truth)


@pytest.mark.slow
def test_seeds_differ(tmp_path):
    made = [simulate.observation(tmp_path / str(seed), seed=seed, **SMALL) for seed in (1, 2)]
    data = [m.labels[0].with_suffix(".DAT").read_bytes() for m in made]
    assert data[0] != data[1]


@pytest.mark.slow
def test_a_second_simulation_replaces_the_first(tmp_path):
    simulate.observation(tmp_path, **SMALL)
    again = simulate.observation(tmp_path, exposures=4, lost=0, partial=0)
    assert again.open().sizes["pic"] == 4


@pytest.mark.parametrize(
    "name",
    [
        "products/FUV2008_070_10_04.LBL",
        "products/FUV2008_070_10_04.DAT",
        "calibration/FUV_1999_Lab_Cal.dat",
        "calibration/FLATFIELD_FUV_PREBURN.txt",
        "truth.nc",
    ],
)
def test_files_that_no_simulation_has_written_stay(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PDS_VERSION_ID = PDS3, a real one")
    with pytest.raises(ExportError, match=rf"{path.name} is there.*another directory"):
        simulate.observation(tmp_path, **SMALL)
    assert path.read_bytes() == b"PDS_VERSION_ID = PDS3, a real one"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_another_dataset_is_no_truth(tmp_path, titan):
    titan.open().isel(pic=[0]).uvis.to_netcdf(tmp_path / "truth.nc")
    with pytest.raises(ExportError, match=r"truth\.nc is there"):
        simulate.observation(tmp_path, **SMALL)


def test_a_simulation_that_was_cut_short_is_begun_again(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(xr.Dataset, "to_netcdf", interrupt)
        simulate.observation(tmp_path, **SMALL)
    assert not list(tmp_path.rglob("*.part"))
    assert simulate.observation(tmp_path, **SMALL).open().sizes["pic"] == 3


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_permissions_are_those_of_new_files(tmp_path, mask):
    with umask(mask):
        simulate.observation(tmp_path, **SMALL)
    modes = {path.name: permissions(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(modes) > 15
    assert set(modes.values()) == {0o666 & ~mask}


@pytest.mark.slow
def test_euv_is_recovered(tmp_path):
    made = simulate.observation(tmp_path, channel="EUV", exposures=30, exposure=900.0, stars=0)
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(alt_min=2200)
    assert abs(ds.background - 4e-4) < 3 * ds.background_error
    ds = ds.uvis.calibrate(files=made.calibration, errors="statistical", nan_interp=None)
    good = (ds.quality == 0) & np.isfinite(ds.radiance)
    line = {"wl": slice(1078, 1092)}
    seen, true = (
        x.where(good).sel(line).mean(("pic", "pixel")).sum("wl")
        for x in (ds.radiance, made.truth.radiance)
    )
    np.testing.assert_allclose(seen / true, 1, atol=0.05)


@pytest.mark.parametrize("slit", ["HIGH_RESOLUTION", "OCCULTATION"])
def test_slits(tmp_path, slit):
    made = simulate.observation(tmp_path, slit=slit, **SMALL)
    # Far in the sky there is little but Lyman-alpha: its area over its height is that of its shape.
    line = made.truth.radiance.isel(pic=0, pixel=-5).sel(wl=slice(1195, 1240))
    wl = np.linspace(1195, 1240, 10001)
    shape = line_shape.density(wl - 1215.67, FUV, slit)
    width = np.trapezoid(shape, wl) / shape.max()
    np.testing.assert_allclose(line.integrate("wl") / line.max(), width, rtol=0.02)


def test_heavy_binning_with_evil_pixels(tmp_path):
    made = simulate.observation(
        tmp_path, exposures=10, window=Window(0, 0, 63, 1023, band_bin=32), stars=0, partial=0
    )
    ds = made.open().uvis.background(level=4e-4)
    ds = ds.uvis.calibrate(
        files=made.calibration,
        evil_response=made.calibration / "simulated_evil_response_fuv.nc",
        smooth=False,
        errors="statistical",
    )
    assert ds.radiance.shape == (10, 64, 32)
    good = (made.truth.lost == 0) & (ds.quality == 0)
    part = {"wl": slice(1200, 1800)}
    seen = ds.radiance.where(good).sel(part).mean()
    true = made.truth.radiance.where(good & np.isfinite(ds.radiance)).sel(part).mean()
    np.testing.assert_allclose(seen / true, 1, atol=0.05)


def test_line_bins_and_partial_bins(tmp_path):
    window = Window(3, 100, 60, 610, line_bin=4, band_bin=3)
    made = simulate.observation(tmp_path, window=window, **SMALL)
    ds = made.open()
    assert ds.counts.shape == (3, 15, 171)
    assert ds.counts.max() < 65535
    ratio = ds.counts.where(made.truth.lost + made.truth.partial == 0).sum()
    ratio = (
        ratio / made.truth.expected_counts.where(made.truth.lost + made.truth.partial == 0).sum()
    )
    np.testing.assert_allclose(ratio, 1, atol=0.03)


@pytest.mark.slow
def test_several_windows(tmp_path):
    windows = (Window(2, 0, 61, 255), Window(2, 512, 61, 1023, band_bin=2))
    made = simulate.observation(tmp_path, window=windows, **SMALL)
    opened = made.open()
    assert list(opened.children) == list(made.truth.children) == ["window0", "window1"]
    for name, node in made.truth.children.items():
        ds = opened[name].to_dataset()
        assert ds.counts.shape == node["radiance"].shape
        whole = (node["lost"] + node["partial"] == 0).values
        true = node["expected_counts"].values[whole].sum()
        np.testing.assert_allclose(ds.counts.values[whole].sum() / true, 1, atol=0.05)


def test_products_share_the_exposures(titan):
    assert len(titan.labels) == 4
    ds = titan.open()
    np.testing.assert_array_equal(ds.time, titan.truth.time)
    assert np.unique(ds["product"]).size == 4
    np.testing.assert_allclose(np.diff(ds.et), 240.0, atol=1e-6)


def test_compression_keeps_to_its_lattice(titan):
    values = np.unique(titan.open().counts.values)
    lattice = np.arange(16, 400) ** 2 // 2
    assert (values > 150).any()
    assert np.isin(values[values > 128], lattice).all()


def test_quantize_takes_the_nearest():
    lattice = np.arange(16, 60) ** 2 // 2
    given = np.arange(129, 1700)
    near = lattice[np.abs(given[:, None] - lattice).argmin(1)]
    np.testing.assert_array_equal(np.abs(counts.quantize(given) - given), np.abs(near - given))
    np.testing.assert_array_equal(counts.quantize(np.arange(129)), np.arange(129))


def test_uncompressed_counts_are_off_the_lattice(tmp_path):
    made = simulate.observation(tmp_path, compression="NONE", exposures=4, lost=0, partial=0)
    values = made.open().counts.values
    assert not np.isin(values[values > 128], np.arange(400) ** 2 // 2).all()
    assert made.open().attrs["compression"] == "NONE"


@pytest.mark.slow
def test_saturn_has_an_oval(tmp_path):
    made = simulate.observation(
        tmp_path,
        target="SATURN",
        exposures=40,
        exposure=60.0,
        window=Window(0, 0, 63, 1023, band_bin=32),
    )
    ds = made.open().uvis.geometry(kernels=made.kernels)
    bright = made.truth.radiance.sel(wl=slice(1150, 1190)).mean("wl").where(ds.on_disk == 1)
    lat = ds.lat.where(ds.on_disk == 1)
    oval = bright.where((lat > 73) & (lat < 75)).mean()
    assert oval > 5 * bright.where((lat > 80) | (lat < 68)).mean()
    assert int(((lat > 73) & (lat < 75)).sum()) > 100


def test_the_package_opens_what_was_written(titan):
    one = uvisxr.open_product(titan.labels[0])
    assert one.attrs["target"] == "TITAN"
    assert one.counts.dtype == np.uint16


def test_layer_against_quadrature():
    from scipy.integrate import quad

    layer = emission.Layer(2574.8)
    altitude, brightness = layer.profile()

    def column(tangent: float) -> float:
        b = layer.radius + tangent
        first = np.sqrt(max(layer.radius**2 - b**2, 0))

        def glow(s: float) -> float:
            z = np.hypot(b, s) - layer.radius
            return float(layer.emission(np.array(z)))

        both = 1 if tangent < 0 else 2
        return both * quad(glow, first, 9000, limit=200, points=(2000, 4000))[0]

    peak = column(layer.limb_peak)
    for tangent in (-2000.0, 200.0, 1000.0, 1500.0):
        expected = column(tangent) / peak
        np.testing.assert_allclose(np.interp(tangent, altitude, brightness), expected, rtol=2e-3)
    assert column(layer.limb_peak - 30) < peak > column(layer.limb_peak + 30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "IAPETUS"}, "kernels="),
        ({"compression": "ZIP"}, "SQRT_9"),
        ({"slit": "WIDE"}, "LOW_RESOLUTION"),
        ({"channel": "HSP"}, "'FUV' or 'EUV'"),
        ({"exposures": 0}, "whole number"),
        ({"exposures": True}, "whole number"),
        ({"exposure": -1.0}, "s, above 0"),
        ({"exposure": np.nan}, "s, above 0"),
        ({"background": -1e-4}, "count/s per detector pixel, 0 or more"),
        ({"start": "yesterday"}, "UTC"),
        ({"start": "2005-399"}, "start: '2005-399' is not a time: 2005 has no day 399"),
        ({"start": "now"}, "start: 'now' is not a time"),
        ({"start": "2305-001"}, "start: .*datetime64"),
        ({"start": True}, "start: 'True' is not a time"),
        ({"start": "1990-01-01"}, "1999"),
        ({"products": 9, "exposures": 3}, "one for each of the 3"),
        ({"products": 3, "exposures": 3, "exposure": 8.0}, "one name"),
        ({"lost": 10**6}, "a window has"),
        ({"window": ()}, "Window"),
        ({"window": [(0, 0, 63, 1023)]}, "Window"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        simulate.observation(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_missing_calibration_folder(tmp_path):
    with pytest.raises(CalibrationError, match="nowhere"):
        simulate.observation(tmp_path, calibration=tmp_path / "nowhere", **SMALL)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot write"):
        simulate.observation(tmp_path / "file" / "inside", **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("band_bin", [1, 3])
def test_truth_of_a_window_that_ends_before_the_detector_does(tmp_path, band_bin):
    """The radiances of its elements are those of the same elements of a longer window."""
    cut, long = (
        uvisxr.simulate.observation(
            tmp_path / str(last), exposures=1, window=Window(2, 0, 61, last, 1, band_bin), stars=0
        ).truth.radiance.values
        for last in (299, 1022)
    )
    assert np.isfinite(cut).any() and cut.shape[-1] == 300 // band_bin
    np.testing.assert_allclose(cut, long[..., : cut.shape[-1]], rtol=1e-12)
