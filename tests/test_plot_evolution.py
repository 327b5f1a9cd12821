"""Brightness from exposure to exposure: panels, points, stars, pages."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from helpers.handmade import observation
from helpers.umask import permissions, umask
from matplotlib.figure import Figure

from uvisxr.errors import ArgumentError, ExportError, MissingStepError
from uvisxr.instrument.detector import Window
from uvisxr.plot import evolution as drawn
from uvisxr.plot.picture import picture
from uvisxr.quality.flags import flag


def evolution(ds, *args, **options):
    """Panels against the numbers of exposures."""
    return drawn(ds, *args, **{"panels": True, "x": "pic"} | options)


@pytest.fixture(scope="module")
def ds():
    found = flyby(n_pic=12, step=5e-3)
    count = np.zeros((12, 60), int)
    count[4, 20], count[9, 21] = 1, 2
    magnitude = np.where(count > 0, 3.25, np.nan)
    dims = ("pic", "pixel")
    return found.assign_coords(star_count=(dims, count), star_magnitude=(dims, magnitude))


def _panels(figure: Figure) -> dict[str, plt.Axes]:
    return {a.texts[0].get_text(): a for a in figure.axes if a.get_visible()}


def _points(ax) -> np.ndarray:
    return ax.containers[0].lines[0].get_xydata()


def test_a_panel_for_each_pixel_with_its_brightness(ds):
    figure = evolution(ds, pixels=[3, 20, 41])
    panels = _panels(figure)
    assert list(panels) == ["pixel 3", "pixel 20", "pixel 41"]
    light = ds.uvis.integrate((1600, 1900)).brightness
    for name, ax in panels.items():
        pixel = int(name.split()[1])
        np.testing.assert_allclose(_points(ax)[:, 0], ds["pic"])
        np.testing.assert_allclose(_points(ax)[:, 1], light.values[:, pixel])


def test_error_bars_are_the_bounds(ds):
    ax = _panels(evolution(ds, pixels=[20]))["pixel 20"]
    light = ds.uvis.integrate((1600, 1900)).brightness.isel(pixel=20)
    (bars,) = ax.containers[0].lines[2]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends[:, 0], light - light.brightness_lower)
    np.testing.assert_allclose(ends[:, 1], light + light.brightness_upper)


def test_predicted_stars_are_marked_with_their_magnitude(ds):
    panels = _panels(evolution(ds, pixels=[20, 21, 22]))
    for pixel, pic in ((20, 4), (21, 9)):
        ax = panels[f"pixel {pixel}"]
        (mark,) = [line for line in ax.lines if line.get_gid() == "stars"]
        assert mark.get_xdata().tolist() == [pic]
        assert [t.get_text() for t in ax.texts][1:] == ["3.2"]
    assert not [line for line in panels["pixel 22"].lines if line.get_gid() == "stars"]


def test_a_star_that_stays_has_its_magnitude_once(ds):
    count = np.zeros((12, 60), int)
    count[4:8, 20] = 1
    magnitude = np.where(count > 0, [[4.0]] * 12, np.nan)
    magnitude[7, 20] = 3.0
    dims = ("pic", "pixel")
    stays = ds.assign_coords(star_count=(dims, count), star_magnitude=(dims, magnitude))
    ax = _panels(evolution(stays, pixels=[20]))["pixel 20"]
    assert [t.get_text() for t in ax.texts][1:] == ["4.0", "3.0"]
    # Marked still where the magnitude is lost.
    ax = _panels(evolution(stays.drop_vars("star_magnitude"), pixels=[20]))["pixel 20"]
    (mark,) = [line for line in ax.lines if line.get_gid() == "stars"]
    assert mark.get_xdata().tolist() == [4, 5, 6, 7] and len(ax.texts) == 1


@pytest.mark.slow
def test_spectra_flagged_as_star_are_hollow_and_dark_lines_left_out(ds):
    flagged = flag(ds, [(2, 20), (3, 20)], "star")
    figure = evolution(flagged)
    panels = _panels(figure)
    (mark,) = [line for line in panels["pixel 20"].lines if line.get_gid() == "flagged"]
    assert mark.get_xdata().tolist() == [2, 3]
    # Row 61, the last of the window, is a dark line.
    assert len(panels) == 59
    assert "pixel 59" not in panels


def test_user_flags_leave_gaps(ds):
    ax = _panels(evolution(flag(ds, [(5, 8)]), pixels=[8]))["pixel 8"]
    assert np.flatnonzero(np.isnan(_points(ax)[:, 1])).tolist() == [5]


def test_labels(ds):
    figure = evolution(ds, pixels=[20])
    assert figure.get_supxlabel() == "Exposure index"
    assert figure.get_supylabel() == "Brightness (kR)"
    assert "1600–1900\N{NO-BREAK SPACE}Å" in figure.get_suptitle()


def test_counts_without_calibration(ds):
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"])
    raw = raw.assign(counts=raw["counts"] + 3)
    figure = evolution(raw, pixels=[20], wl_range=(1600, 1900))
    assert figure.get_supylabel() == "Count rate (count/s)"
    inside = ((raw.wl >= 1600) & (raw.wl <= 1900)).sum()
    np.testing.assert_allclose(_points(_panels(figure)["pixel 20"])[:, 1], 3 * inside / 30.0)
    # The bins of 64 columns whose centres lie in the range have these outer edges.
    held = raw.wl_bounds.values[((raw.wl >= 1600) & (raw.wl <= 1900)).values]
    assert f"{held.min():.0f}–{held.max():.0f}\N{NO-BREAK SPACE}Å" in figure.get_suptitle()
    with pytest.raises(ArgumentError, match="wl_range"):
        evolution(raw, wl_range=(100, 200))
    with pytest.raises(MissingStepError):
        evolution(raw.drop_vars("counts"))


def test_wavelengths_come_first_as_in_the_other_pictures(ds):
    light = ds.uvis.integrate((1450, 1700)).brightness.values[:, 20]
    by_place = _panels(evolution(ds, (1450, 1700), pixels=[20]))["pixel 20"]
    np.testing.assert_allclose(_points(by_place)[:, 1], light)
    parameters = list(inspect.signature(drawn).parameters)
    assert parameters[:3] == ["ds", "wl_range", "path"]
    assert list(inspect.signature(picture).parameters)[1] == "wl_range"


def test_the_range_by_default_is_that_of_starlight_in_each_channel():
    window = Window(2, 0, 61, 1023, band_bin=8)
    for name, low, high in (("FUV", 1600, 1900), ("EUV", 1035, 1150)):
        rng = np.random.default_rng(3)
        ds = observation(rng.poisson(4.0, (3, *window.shape)).astype(np.uint16), window, name)
        inside = ((ds.wl >= low) & (ds.wl <= high)).values
        assert inside.sum() > 10
        ax = _panels(evolution(ds, pixels=[7]))["pixel 7"]
        expected = ds["counts"].values[:, 7, inside].sum(-1, dtype=int) / 240.0
        np.testing.assert_allclose(_points(ax)[:, 1], expected)


def test_methods_of_integration(ds):
    rng = np.random.default_rng(4)
    uneven = ds.assign(radiance=ds["radiance"] * rng.uniform(0.5, 1.5, ds["radiance"].shape))
    seen = set()
    for method in ("bins", "trapezoid", "simpson"):
        ax = _panels(evolution(uneven, (1450, 1700), pixels=[20], method=method))["pixel 20"]
        light = uneven.uvis.integrate((1450, 1700), method=method).brightness.values[:, 20]
        np.testing.assert_allclose(_points(ax)[:, 1], light)
        seen.add(tuple(light))
    assert len(seen) == 3


@pytest.mark.parametrize("share_y", [True, False])
def test_limits_and_scale_of_the_ordinate(ds, share_y):
    given = evolution(ds, pixels=[3, 40], yscale="log", ylim=(0.01, 20), share_y=share_y)
    for ax in _panels(given).values():
        assert ax.get_yscale() == "log"
        assert ax.get_ylim() == (0.01, 20)
    linear = evolution(ds, pixels=[3, 40], ylim=(-1, 4), share_y=share_y)
    assert {ax.get_yscale() for ax in _panels(linear).values()} == {"linear"}
    assert {ax.get_ylim() for ax in _panels(linear).values()} == {(-1, 4)}


@pytest.mark.parametrize("share_y", [True, False])
def test_logarithmic_limits_hold_all_that_is_above_zero(ds, share_y):
    panels = _panels(evolution(ds, pixels=[3, 40], yscale="log", share_y=share_y))
    for ax in panels.values():
        low, high = ax.get_ylim()
        values = _points(ax)[:, 1]
        assert 0 < low < values.min()
        assert values.max() < high
    limits = {ax.get_ylim() for ax in panels.values()}
    assert len(limits) == (1 if share_y else 2)


def test_what_is_not_above_zero_is_marked_at_the_lower_edge(ds):
    sign = xr.ones_like(ds["pic"], dtype=float)
    sign[2], sign[5] = -1.0, 0.0
    dark = ds.assign(radiance=(ds["radiance"] * sign).assign_attrs(ds["radiance"].attrs))
    ax = _panels(evolution(dark, pixels=[20], yscale="log"))["pixel 20"]
    (below,) = [line for line in ax.lines if line.get_gid() == "below"]
    assert below.get_xdata().tolist() == [2, 5]
    height = below.get_transform().transform(below.get_xydata())[:, 1] - ax.bbox.y0
    assert (height > 0).all() and (height < 8).all()
    assert np.flatnonzero(np.isnan(_points(ax)[:, 1])).tolist() == [2, 5]
    nothing = ds.assign(radiance=xr.zeros_like(ds["radiance"]))
    evolution(nothing, pixels=[20], yscale="log").canvas.draw()


def test_spectra_without_counts_are_gaps(ds):
    """A null, 65535, is no count: three bins of a lost spectrum would be 6,553 count/s."""
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"])
    counts = raw["counts"].values + np.uint16(3)
    counts[4] = counts[7, 20, -2] = 65535
    lost = raw.assign(counts=(raw["counts"].dims, counts))
    points = _points(_panels(evolution(lost, pixels=[20]))["pixel 20"])[:, 1]
    assert np.flatnonzero(np.isnan(points)).tolist() == [4, 7]
    assert np.nanmax(points) < 1.0


@pytest.mark.slow
def test_pages(ds, tmp_path):
    before = plt.get_fignums()
    path = evolution(ds, path=tmp_path / "a.pdf", pixels=range(20), columns=3, rows=2)
    assert path.read_bytes().count(b"/Type /Page ") == 4
    assert plt.get_fignums() == before
    again = evolution(ds, path=tmp_path / "b.pdf", pixels=range(20), columns=3, rows=2)
    assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_pages_have_the_permissions_of_a_new_file(ds, tmp_path, mask):
    with umask(mask):
        path = evolution(ds, path=tmp_path / "a.pdf", pixels=[1])
    assert permissions(path) == 0o666 & ~mask
    assert list(tmp_path.iterdir()) == [path]


def test_pages_in_place_of_an_input(ds, tmp_path):
    source = tmp_path / "a.nc"
    ds.uvis.to_netcdf(source)
    with xr.open_dataset(source) as opened:
        (tmp_path / "a.pdf").symlink_to(source)
        with pytest.raises(ExportError, match="were read from it"):
            evolution(opened, path=tmp_path / "a.pdf", pixels=[1])
    with pytest.raises(ExportError, match="products of the archive"):
        evolution(ds, path=tmp_path / "a.dat", pixels=[1])


def test_pages_that_cannot_be_written(ds, tmp_path):
    with pytest.raises(ExportError, match="cannot write"):
        evolution(ds, path=tmp_path / "none" / "a.pdf", pixels=[1])


def test_stars_are_predicted_where_there_is_geometry(ds):
    fresh = ds.drop_vars(["star_count", "star_magnitude"])
    evolution(fresh, pixels=[1])
    no_geometry = fresh.drop_vars(["ra_corners", "dec_corners"])
    evolution(no_geometry, pixels=[1])
    from uvisxr.stars import catalogue

    with pytest.raises(MissingStepError, match="geometry"):
        evolution(no_geometry, pixels=[1], stars=catalogue.read())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pixels": [99]}, "no pixel 99"),
        ({"pixels": []}, "at least one"),
        ({"columns": 0}, "columns=0"),
        ({"rows": -1}, "rows=-1"),
        ({"wl_range": (100, 200)}, "range"),
        ({"exclude": "cloud"}, "cloud"),
        ({"wl_range": "all"}, "wl_range='all': expected 'starlight' or two ascending wavelengths"),
        ({"wl_range": "evolution.pdf"}, "wl_range='evolution.pdf': expected"),
        ({"path": (1450, 1700)}, r"path=\(1450, 1700\): expected a path"),
        ({"method": "trapz"}, "method='trapz'.*did you mean 'trapezoid'"),
        ({"yscale": "lin"}, "yscale='lin'"),
        ({"ylim": (3, 1)}, "ylim"),
        ({"ylim": (0, 1), "yscale": "log"}, "above 0"),
        ({"share_y": "all"}, "share_y"),
    ],
)
def test_bad_arguments(ds, arguments, said):
    with pytest.raises(ArgumentError, match=said):
        evolution(ds, **arguments)


@pytest.mark.parametrize("panels", [True, False])
def test_everything_flagged(ds, panels):
    figure = evolution(flag(ds, ds["alt"] > -1e9), exclude="user", panels=panels)
    assert [t.get_text() for t in figure.axes[0].texts] == ["every spectrum is left out:\nuser"]
    assert len(figure.axes) == 1


def test_bins_have_no_exposures(ds):
    for seen in (ds, ds.drop_vars("radiance")):
        bins = seen.uvis.bin(pixels=[[(0, 20)]])
        with pytest.raises(MissingStepError, match="binned already"):
            evolution(bins)


def test_panels_without_a_point_say_why(ds):
    flagged = flag(flag(ds, ds["pixel"] == 8), [(0, 9)])
    dark = flagged.assign(radiance=flagged["radiance"].where(flagged["pixel"] != 30))
    panels = _panels(evolution(dark, pixels=[8, 9, 30, 59], exclude=("user", "dark_line")))
    said = {
        name: [t.get_text() for t in ax.texts if t.get_gid() == "nothing"]
        for name, ax in panels.items()
    }
    assert said == {
        "pixel 8": ["no value:\nuser"],
        "pixel 9": [],
        "pixel 30": ["no value"],
        "pixel 59": ["no value:\ndark line"],
    }


def test_the_number_of_the_pixel_covers_no_point(ds):
    figure = evolution(ds, pixels=[3, 20])
    figure.canvas.draw()
    for ax in _panels(figure).values():
        assert ax.texts[0].get_window_extent().y0 > ax.get_window_extent().y1
