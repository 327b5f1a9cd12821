"""What Cassini-UPyP's documentation promises, line by line: each has its equal here.

One line of its documentation, one test, with the value that it gives or one made by hand. What
stands for each of its names is in docs/howto/from_cassini_upyp.md; the modules' own tests go
further.
"""

from __future__ import annotations

import json
import logging
import os

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.products import write_product
from helpers.slow import rest_slow
from matplotlib.colors import LogNorm
from matplotlib.contour import ContourSet
from PIL import Image

import uvisxr
from uvisxr import progress
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError, UvisWarning
from uvisxr.plot.checker import COLORMAPS
from uvisxr.stars.catalogue import read

LEVEL = 4e-4
RANGE = (1600.0, 1800.0)


@pytest.fixture(scope="module")
def opened(titan):
    return uvisxr.open_observation(*titan.labels[:2]).load()


@pytest.fixture(scope="module")
def ds(titan, opened):
    ds = opened.uvis.geometry(kernels=titan.kernels).uvis.background(level=LEVEL)
    return ds.uvis.flag([(3, 20)], "star").uvis.calibrate(files=titan.calibration).load()


@pytest.fixture(scope="module")
def bins(ds):
    return ds.uvis.bin(by={"alt": [0, 500, 1000]})


def starred(ds) -> list[list[int]]:
    """Exposure and pixel of each spectrum with a star."""
    return np.argwhere(ds.uvis.flagged("star").values).tolist()


def panel(figure) -> plt.Axes:
    (found,) = [ax for ax in figure.axes if ax.get_visible()]
    return found


# --- names and doors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prime", "number", "name"),
    [
        (None, 0, "FUV_2008_070"),
        ("UVIS", 1, "FUV_2008_070_PRIME_1"),
        ("PRIME", 0, "FUV_2008_070_PRIME"),
        ("CIRS", 2, "FUV_2008_070_CIRS_2"),
    ],
)
def test_name_is_channel_year_day_prime_id(titan, prime, number, name):
    found = uvisxr.open_observation(titan.labels[0], prime_instrument=prime, id=number)
    assert found.attrs["name"] == name


def test_target_is_in_capitals(titan):
    assert uvisxr.open_observation(titan.labels[0], target="titan").attrs["target"] == "TITAN"


def test_prime_instrument_is_one_of_four(titan):
    with pytest.raises(ArgumentError, match=r"PRIME.*CIRS.*VIMS.*ISS"):
        uvisxr.open_observation(titan.labels[0], prime_instrument="RADAR")


def test_batch_overrides_paths(titan, tmp_path):
    batch = tmp_path / "batch.txt"
    batch.write_text(f"# two\n{titan.labels[1]}\n{titan.labels[2]}\n")
    with pytest.warns(UvisWarning, match="in place of the paths"):
        ds = uvisxr.open_observation(titan.labels[0], batch=batch)
    assert set(ds.product.values) == {label.stem for label in titan.labels[1:3]}


def test_label_and_data_of_different_names_are_one_product(tmp_path):
    label = write_product(tmp_path, "FUV2005_230_15_15", samples=2, band_bin=32)
    expected = uvisxr.open_product(label).counts.values
    data = label.with_suffix(".DAT").rename(tmp_path / "b.DAT")
    pair = label.rename(tmp_path / "a.LBL"), data
    np.testing.assert_array_equal(uvisxr.open_product(pair).counts, expected)


@pytest.mark.parametrize("ending", ["", ".LBL", ".DAT", ".txt", ".fits"])
def test_any_extension_of_a_base_path_is_ignored(titan, ending):
    base = titan.labels[0].with_suffix("")
    assert uvisxr.open_product(f"{base}{ending}").sizes["pic"] == 15


# --- star files ---------------------------------------------------------------------------------


def test_the_header_of_a_star_file_cannot_be_mistaken(ds, tmp_path):
    ds.uvis.stars.save(tmp_path / "stars.txt")
    header, line = (tmp_path / "stars.txt").read_text().splitlines()
    assert (header, line.split()) == ("# uvisxr star flags: exposure pixel", ["3", "20"])


def test_the_foreign_header_is_refused_and_both_readings_named(opened, tmp_path):
    path = tmp_path / "stars.txt"
    path.write_text("# exposure | pixel\n20 3\n")
    with pytest.raises(ArgumentError, match="pixel exposure") as refusal:
        opened.uvis.stars.load(path)
    assert "exposure pixel" in str(refusal.value)
    assert starred(opened.uvis.stars.load(path, columns="pixel exposure")) == [[3, 20]]


def test_without_a_header_no_star_is_lost(opened, tmp_path):
    (tmp_path / "stars.txt").write_text("3 20\n4 21\n")
    assert starred(opened.uvis.stars.load(tmp_path / "stars.txt")) == [[3, 20], [4, 21]]


def test_its_catalogue_of_stars_is_read(tmp_path):
    fields = ["tyRA", "tyDE", "pmRA", "pmDE", "Bt", "eBt", "fBt", "U", "RA_cor", "DEC_cor"]
    stars = np.zeros(1, [*((name, "f8") for name in fields), ("XYZ", "f8", 3)])
    stars["tyRA"], stars["tyDE"], stars["U"] = 101.287, -16.716, -1.4
    np.save(tmp_path / "stars.npy", stars)
    found = read(tmp_path / "stars.npy")
    assert (float(found.ra[0]), float(found.dec[0])) == (101.287, -16.716)


# --- values under their known names -------------------------------------------------------------


def test_count_rate_without_background(opened):
    """Of one lit detector pixel: counts over the exposure, less the level."""
    found = opened.uvis.background(level=LEVEL).uvis.rate().rate
    place = {"pic": 5, "pixel": 30, "wl": slice(400, 500)}
    expected = opened.counts.isel(place).astype(float) / 240.0 - LEVEL
    np.testing.assert_allclose(found.isel(place), expected, rtol=1e-4, atol=1e-9)


def test_angles_of_the_sub_spacecraft_point(ds):
    """Straight below there is next to no emission angle, so that phase is incidence."""
    assert (ds.sc_ems < 0.5).all()
    np.testing.assert_allclose(ds.sc_phase, ds.sc_sza, atol=0.5)
    # Longitudes grow to the west, local time to the east.
    hours = 12 - (ds.sc_lon - ds.sub_solar_lon) / 15
    np.testing.assert_allclose((ds.sc_lt - hours + 12) % 24 - 12, 0, atol=0.02)


@pytest.mark.parametrize("name", ["heliocentric_distance", "sc_heliocentric_distance"])
def test_heliocentric_distances_and_their_means_in_bins(ds, bins, name):
    members = ds[name].values[bins.member_pic.values]
    for k in range(2):
        expected = members[bins.member_bin.values == k].mean()
        np.testing.assert_allclose(bins[name].values[k], expected, rtol=1e-9)


def test_the_mask_of_the_detector():
    before, after = (
        uvisxr.instrument.evil_pixels("FUV", np.datetime64(day)) for day in ("2000", "2008")
    )
    assert before.shape == after.shape == (64, 1024)
    # About 15 % of the detector.
    for mask in (before, after):
        assert 0.13 < mask.mean() < 0.16


def test_utc_as_text(opened):
    assert str(opened.uvis.utc("start").values[0]) == "2008-070T10:00:00.000"


def test_instants_of_sub_exposures_are_kept(titan, opened):
    seen = opened.isel(pic=[0]).uvis.geometry(kernels=titan.kernels, samples=4)
    offsets = np.sort(seen.geometry_et.values.ravel() - float(opened.et[0]))
    np.testing.assert_allclose(np.diff(offsets), 60.0, atol=1e-5)
    np.testing.assert_allclose(offsets.mean(), 0.0, atol=1e-5)


def test_all_rows_of_the_slit(titan, opened, ds):
    seen = opened.isel(pic=[0]).uvis.geometry(kernels=titan.kernels, all_rows=True)
    rows = seen.row_ra.isel(pic=0)
    assert rows.shape == (64,)
    np.testing.assert_allclose(rows[2:62], ds.ra[0])


def test_flags_by_name(ds):
    assert starred(ds) == [[3, 20]]


def test_evil_mask_of_the_bins_without_calibrating(opened):
    """One pixel in each element: its share is the mask."""
    mask = uvisxr.instrument.evil_pixels("FUV", float(opened.sclk[0]))
    np.testing.assert_array_equal(opened.uvis.evil_share().squeeze() > 0, mask[2:62])


# --- evolution ----------------------------------------------------------------------------------


def test_evolution_takes_the_range_first_and_matplotlibs_words(ds):
    figure = ds.uvis.plot.evolution(
        RANGE, pixels=[30], panels=True, yscale="log", ylim=(1e-3, 10), method="simpson"
    )
    drawn = panel(figure)
    assert (drawn.get_yscale(), drawn.get_ylim()) == ("log", (1e-3, 10))
    light = ds.uvis.integrate(RANGE, method="simpson").brightness.isel(pixel=30)
    np.testing.assert_allclose(drawn.containers[0].lines[0].get_ydata(), light.where(light > 0))
    plt.close(figure)


def test_evolution_of_all_pixels_is_one_map(ds):
    figure = ds.uvis.plot.evolution(RANGE)
    (mesh,) = [c for ax in figure.axes for c in ax.collections if c.get_gid() == "map"]
    light = ds.uvis.integrate(RANGE).brightness
    kept = ~ds.uvis.flagged(["lost", "partial", "dark_line", "user"])
    expected = light.where(kept).values[:, kept.any("pic")]
    # Both products' exposures follow one another without a gap.
    np.testing.assert_allclose(np.ma.filled(mesh.get_array(), np.nan).T, expected)
    plt.close(figure)


def test_limb_and_keogram_hold_the_means_of_bins(ds):
    edges = {"lat": [-90, 0, 90], "alt": [0, 500, 1000]}
    light = ds.uvis.integrate(RANGE).uvis.bin(by=edges).brightness
    ax = ds.uvis.plot.limb(RANGE, by="lat", edges=edges["lat"], altitudes=edges["alt"])
    drawn = [bar.lines[0].get_xdata() for bar in ax.containers]
    np.testing.assert_allclose(drawn, light[light.notnull().any("alt_bin").values], rtol=1e-6)
    tree = xr.DataTree.from_dict({"window0": ds})
    ax = tree.uvis.plot.keogram(RANGE, by="lat", edges=edges["lat"])
    assert ax.get_ylim() == (-90, 90)
    plt.close("all")


def test_evolution_and_check_stars_know_ranges_of_the_euv(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, "EUV2005_230_15_15", samples=3, band_bin=8))
    assert panel(ds.uvis.plot.evolution(pixels=[30], panels=True)).has_data()
    with ds.uvis.check_stars() as checker:
        assert starred(checker.dataset) == []
    plt.close("all")


def test_missing_counts_are_never_summed(tmp_path):
    counts = np.ones((3, 60, 1024))
    counts[1, 30] = 65535
    ds = uvisxr.open_product(write_product(tmp_path, "FUV2005_230_15_15", counts))
    figure = ds.uvis.plot.evolution(RANGE, pixels=[30], panels=True)
    (points,) = [line for line in panel(figure).lines if len(line.get_ydata()) > 1]
    inside = int(((ds.wl >= RANGE[0]) & (ds.wl <= RANGE[1])).sum())
    found = np.array(points.get_ydata())
    np.testing.assert_allclose(found[np.isfinite(found)], inside / 30.0)
    assert np.isfinite(found).sum() == 2
    plt.close(figure)


# --- check_stars --------------------------------------------------------------------------------


def test_nine_colormaps_forwards_and_back():
    assert len(set(COLORMAPS)) == 9


def test_the_selection_cannot_be_forgotten(ds):
    with ds.uvis.check_stars(RANGE, method="trapezoid") as checker:
        checker.toggle(5, 7)
    assert ".dataset" in repr(checker)
    assert starred(checker.dataset) == [[3, 20], [5, 7]]
    plt.close("all")


# --- pictures -----------------------------------------------------------------------------------


def test_picture_takes_matplotlibs_words(ds):
    limits = {"xlim": (-4000, 4000), "ylim": (-3000, 3000)}
    norm = LogNorm(1e-2, 10)
    ax = ds.uvis.plot.picture(RANGE, nx=20, cmap="plasma", norm=norm, annotate=False, **limits)
    assert (ax.get_xlim(), ax.get_ylim()) == tuple(limits.values())
    assert (ax.images[0].get_cmap().name, ax.images[0].norm) == ("plasma", norm)
    assert not [text for text in ax.texts if text.get_text()]
    contours = ds.uvis.plot.picture(RANGE, levels=5, interpolate=True)
    assert any(isinstance(artist, ContourSet) for artist in contours.get_children())
    plt.close("all")


def test_scene_numbers_the_slit_and_gives_place_and_instant(ds):
    ax = ds.uvis.plot.geometry(pic=4)
    written = {text.get_text() for text in ax.texts}
    assert {"0", "59"} <= written
    lon, lat = float(ds.sc_lon[4]), float(ds.sc_lat[4])
    assert any(f"{lon:.1f}° W" in text and f"{abs(lat):.1f}°" in text for text in written)
    assert str(ds.time.values[4])[11:19] in ax.get_title()
    plt.close(ax.figure)


@pytest.mark.slow
@pytest.mark.parametrize(("fps", "milliseconds"), rest_slow([(25, 40), (10, 100)], 1))
def test_frames_last_as_fps_says(ds, tmp_path, fps, milliseconds):
    path = tmp_path / "a.gif"
    ds.isel(pic=slice(0, 3)).uvis.plot.animate(path, fps=fps)
    with Image.open(path) as film:
        assert film.n_frames == 3
        assert film.info["duration"] == milliseconds


def test_the_format_is_that_of_the_suffix(ds, tmp_path):
    with pytest.raises(ArgumentError, match="avi"):
        ds.uvis.plot.animate(tmp_path / "a.avi")
    assert not list(tmp_path.iterdir())


# --- files --------------------------------------------------------------------------------------


def test_files_are_named_after_the_observation_and_nothing_is_asked(ds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ds.isel(wl=slice(0, 20))
    for _ in range(2):
        assert small.uvis.to_netcdf().name == "FUV_2008_070.nc"
        assert small.uvis.to_json().name == "FUV_2008_070.json"
    with pytest.raises(ExportError, match="it exists"):
        small.uvis.to_netcdf(overwrite=False)
    (tmp_path / "notes.nc").write_text("mine")
    with pytest.raises(ExportError, match="uvisxr did not write it"):
        small.uvis.to_netcdf("notes.nc")
    assert small.uvis.to_netcdf("notes.nc", overwrite=True).name == "notes.nc"


def test_encodings_groups_and_later(ds, tmp_path):
    packed = {"radiance": {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -32768}}
    part, path = ds.isel(wl=slice(500, 600)), tmp_path / "a.nc"
    later = part.uvis.to_netcdf(path, encoding=packed, group="fuv", compute=False)
    assert not path.exists()
    assert later.compute() == path
    with xr.open_dataset(path, group="fuv") as found:
        np.testing.assert_allclose(found.radiance, part.radiance, atol=0.0051)


def test_json_is_a_summary_and_geometry_only_if_asked(ds, tmp_path):
    small = ds.uvis.to_json(tmp_path / "a.json")
    assert small.stat().st_size < 1000
    found = uvisxr.load_json(small)
    assert (found["channel"], found["frames"], found["spatial_bins"]) == ("FUV", 30, 60)
    large = ds.uvis.to_json(tmp_path / "b.json", geometry=True)
    assert large.stat().st_size > 10 * small.stat().st_size


def test_load_json_raises_what_open_raises(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        uvisxr.load_json(tmp_path / "a.json")
    assert os.fspath(error.value.filename) == str(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps({"type": "FeatureCollection"}))
    with pytest.raises(ExportError, match="no summary of uvisxr but"):
        uvisxr.load_json(tmp_path / "a.json")


# --- comforts -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_quicklook_needs_no_kernels(opened, titan, tmp_path):
    titles = {ax.get_title() for ax in opened.uvis.plot.quicklook().axes}
    assert {"Count rate, 1115–1913\N{NO-BREAK SPACE}Å", "Quality"} < titles
    done = CliRunner().invoke(main, ["plot", str(titan.labels[0]), "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]
    plt.close("all")


def test_rebin_sums_counts_exposures_and_masks(opened):
    found = opened.uvis.rebin(pic=3, pixel=2, wl=4)
    block = opened.counts.values[3:6, 10:12, 400:404].astype(int)
    assert int(found.counts[1, 5, 100]) == block.sum()
    assert float(found.exposure[1]) == 3 * 240.0
    share = opened.uvis.evil_share().squeeze().values[10:12, 400:404]
    np.testing.assert_allclose(found.uvis.evil_share().squeeze().values[5, 100], share.mean())


@pytest.mark.slow
def test_tutorial_in_one_line():
    assert uvisxr.tutorial.open("titan").sizes["pic"] == 60


def test_options_of_the_session(titan, opened):
    with uvisxr.set_options(kernels=titan.kernels, calibration=titan.calibration):
        found = opened.isel(pic=[0]).uvis.geometry().uvis.calibrate()
    assert {"ra", "radiance"} <= set(found.variables)


def test_steps_are_logged(titan, opened, caplog):
    with caplog.at_level(logging.INFO, logger="uvisxr"):
        opened.isel(pic=[0]).uvis.geometry(kernels=titan.kernels)
    assert {record.name.partition(".")[0] for record in caplog.records} == {"uvisxr"}


def test_progress_has_a_total(capsys):
    assert progress.bar(range(7), progress=True).total == 7


def test_terms_of_the_sensitivity_are_not_among_the_printed_coordinates(ds):
    assert not [name for name in ds.radiance.coords if "sensitivity" in str(name)]
    assert [name for name in ds.coords if "sensitivity" in str(name)] == ["sensitivity"]
