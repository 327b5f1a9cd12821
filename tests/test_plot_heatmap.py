"""Brightness against time as a map: cells, gaps, limits, axes, and what is left out."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.dates import num2date

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.evolution import evolution
from uvisxr.plot.timeline import Timeline
from uvisxr.quality.flags import flag


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return flyby(n_pic=12, step=5e-3)


def drawn(figure, gid: str = "map"):
    (found,) = [c for ax in figure.axes for c in ax.collections if c.get_gid() == gid]
    return found


def table(mesh: QuadMesh) -> np.ndarray:
    """Values, (column, pixel)."""
    return np.ma.filled(mesh.get_array().astype(float), np.nan).T


def with_gap(ds: xr.Dataset, after: int, minutes: int) -> xr.Dataset:
    later = np.where(ds["pic"] > after, np.timedelta64(minutes, "m"), np.timedelta64(0, "m"))
    return ds.assign_coords(time=ds["time"] + xr.DataArray(later, dims="pic"))


def test_a_cell_for_each_spectrum_with_its_brightness(ds):
    mesh = drawn(evolution(ds, (1600, 1900)))
    light = ds.uvis.integrate((1600, 1900)).brightness.values
    # Row 61, the last of the window, is a dark line.
    np.testing.assert_allclose(table(mesh), light[:, :59])


def test_cells_last_as_long_as_the_exposures(ds):
    mesh = drawn(evolution(ds))
    edges = mesh.get_coordinates()[0, :, 0]
    starts = ds["time"].values - np.timedelta64(15, "s")
    found = [np.datetime64(t.replace(tzinfo=None)) for t in num2date(edges)]
    for edge, start in zip(found, starts, strict=False):
        assert abs(edge - start) < np.timedelta64(1, "ms")
    assert abs(found[-1] - found[0] - np.timedelta64(360, "s")) < np.timedelta64(1, "ms")


def test_gaps_in_time_are_gaps(ds):
    mesh = drawn(evolution(with_gap(ds, 4, 3)))
    values, edges = table(mesh), 86400 * mesh.get_coordinates()[0, :, 0]
    assert values.shape[0] == 13
    assert np.isnan(values[5]).all() and np.isfinite(np.delete(values, 5, 0)).all()
    np.testing.assert_allclose(np.diff(edges), [30] * 5 + [180] + [30] * 7, atol=1e-3)


def test_gaps_are_dotted_where_a_value_may_look_like_them(ds):
    def dotted(figure):
        ax = figure.axes[0]
        gids = [artist.get_gid() for artist in ax.get_children()]
        assert ("no data" in gids) == ("dotted" in ax.get_title())
        return "no data" in gids

    gap = with_gap(ds, 4, 3)
    assert dotted(evolution(gap, cmap="gray"))
    assert not dotted(evolution(gap))
    assert not dotted(evolution(ds, cmap="gray"))
    assert dotted(evolution(ds, cmap="gray", y="alt"))
    with plt.style.context("dark_background"):
        assert dotted(evolution(gap, cmap="inferno"))


def test_short_pauses_are_none_and_order_is_that_of_time(ds):
    slow = ds.assign_coords(time=ds["time"][0] + (ds["time"] - ds["time"][0]) * 4 // 3)
    line = Timeline.of(slow.isel(pic=slice(None, None, -1)))
    assert line.joined.all()
    assert line.order.tolist() == list(range(11, -1, -1))
    np.testing.assert_allclose(86400 * np.diff(line.centres)[1:-1], 40.0, atol=1e-3)


def test_without_times_numbers_are_drawn(ds):
    bare = ds.drop_vars(["time", "time_start", "time_stop"], errors="ignore")
    assert evolution(bare).axes[0].get_xlabel() == "Exposure index"
    with pytest.raises(MissingStepError, match="no times of exposures"):
        evolution(bare, x="utc")
    part = evolution(ds.isel(pic=slice(3, 9)), x="pic").axes[0]
    assert part.xaxis.get_major_formatter()(0, None) == "3"
    assert "2005-09-14" in evolution(ds).axes[0].get_xlabel()


def test_a_star_does_not_set_the_colours(ds):
    bright = xr.ones_like(ds["radiance"])
    bright[3, 20] = 1e4
    star = ds.assign(radiance=(ds["radiance"] * bright).assign_attrs(ds["radiance"].attrs))
    for one in (star, flag(star, [(3, 20)], "star")):
        norm = drawn(evolution(one)).norm
        assert norm.vmax <= 1.01 * float(ds.uvis.integrate((1600, 1900)).brightness.max())


def test_what_is_left_out_is_hatched(ds):
    figure = evolution(flag(ds, [(5, 8), (6, 8)]))
    cells = drawn(figure, "left out")
    assert len(cells.get_paths()) == 2 and cells.get_hatch()
    assert np.isnan(table(drawn(figure))[5:7, 8]).all()


@pytest.mark.parametrize("options", [{"x": "alt"}, {"y": "alt"}, {"x": "lat", "y": "alt"}])
def test_what_is_left_out_is_hatched_where_it_looked(ds, options):
    figure = evolution(flag(ds, [(5, 8), (6, 8)]), **options)
    assert len(drawn(figure, "left out").get_paths()) == 2
    assert len(drawn(figure).get_paths()) == 12 * 59 - 2
    assert "hatched:\N{NO-BREAK SPACE}user" in figure.axes[0].get_title()
    assert "hatched" not in evolution(ds, **options).axes[0].get_title()


def test_ticks_of_seconds_tell_the_minute(ds):
    figure = evolution(ds.isel(pic=[0]))
    figure.canvas.draw()
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert "19:58:50" in labels and all(len(text) == 8 for text in labels)


def test_one_spectrum_has_the_colour_in_the_middle(ds):
    mesh = drawn(evolution(ds.isel(pic=[3], pixel=[30])))
    assert mesh.norm(mesh.get_array()).tolist() == [[pytest.approx(0.5)]]


def test_pixels_of_choice(ds):
    figure = evolution(ds, pixels=[3, 40, 41])
    assert table(drawn(figure)).shape == (12, 3)
    ticks = figure.axes[0].yaxis.get_major_formatter()
    assert [ticks(at, None) for at in range(3)] == ["3", "40", "41"]


@pytest.mark.parametrize(("name", "side"), [("x", 0), ("y", 1)])
def test_altitude_along_an_axis(ds, name, side):
    figure = evolution(ds, **{name: "alt"})
    cells = drawn(figure)
    assert isinstance(cells, PolyCollection)
    corners = np.array([path.vertices[:4, side] for path in cells.get_paths()])
    alt = ds["alt"].values[:, :59].ravel()
    inside = (corners.min(1) <= alt + 1e-6) & (alt - 1e-6 <= corners.max(1))
    assert inside.all()
    ax = figure.axes[0]
    low, high = (ax.get_xlim, ax.get_ylim)[side]()
    assert high == pytest.approx(alt.max()) and low >= -0.1 * high - 1e-6
    label = (ax.get_xlabel, ax.get_ylabel)[side]()
    assert label == "Altitude of the tangent point (km)"


def test_cells_across_midnight_do_not_go_round(ds):
    lt = (23.0 + 0.05 * ds["pic"] + 0.02 * ds["pixel"]) % 24
    figure = evolution(ds.drop_vars("lt_corners").assign_coords(lt=lt), y="lt")
    corners = np.array([path.vertices[:4, 1] for path in drawn(figure).get_paths()])
    assert (np.ptp(corners, axis=1) < 0.03).all()
    assert figure.axes[0].get_ylim() == (0, 24)
    # Those across midnight are there on both sides.
    tiny = 1e-6
    over = (corners.max(1) > 24 + tiny) & (corners.min(1) < 24 - tiny)
    under = (corners.max(1) > tiny) & (corners.min(1) < -tiny)
    assert over.sum() == under.sum() > 0


def around_a_pole(ds: xr.Dataset) -> xr.Dataset:
    """Local times of one exposure, in the middle of which the pole lies within a pixel."""
    ds = ds.isel(pic=[0], pixel=slice(0, 59))
    y = ds["pixel"] - 30.0
    at = [(0.2, 0.0), (-0.8, -0.5), (1.2, -0.5), (1.2, 0.5), (-0.8, 0.5)]
    lt = [np.arctan2(y + up, right + 0 * y) * 12 / np.pi % 24 for right, up in at]
    corners = xr.concat(lt[1:], "corner").transpose("pixel", "corner")
    shape = {"pic": ds.sizes["pic"]}
    return ds.assign_coords(lt=lt[0].expand_dims(shape), lt_corners=corners.expand_dims(shape))


def test_cells_are_as_large_as_footprints_where_the_field_leaps(ds):
    figure = evolution(around_a_pole(ds), y="lt", pixels=range(59))
    spans = np.array([path.vertices[:4, 1] for path in drawn(figure).get_paths()])
    low, high = spans.min(1), spans.max(1)
    # The pixel with the pole in it sees all local times, and lies beneath the others.
    assert high[0] - low[0] == pytest.approx(24.0)
    hours = np.linspace(0.05, 23.95, 240)
    assert ((low[1:] <= hours[:, None]) & (hours[:, None] <= high[1:])).any(1).mean() > 0.45
    assert ((low <= hours[:, None]) & (hours[:, None] <= high)).any(1).all()


def test_norm_map_and_axes_are_the_callers(ds):
    figure, (left, right) = plt.subplots(1, 2)
    norm = LogNorm(0.1, 3)
    assert evolution(ds, norm=norm, cmap="magma", ax=right) is figure
    mesh = drawn(figure)
    assert mesh.norm is norm and mesh.cmap.name == "magma" and mesh.axes is right
    assert not left.has_data()
    assert drawn(evolution(ds, vmin=-1, vmax=7)).get_clim() == (-1, 7)


def test_predicted_stars_are_circled(ds):
    count = xr.zeros_like(ds["alt"], int)
    count[4, 20] = 1
    figure = evolution(ds.assign_coords(star_count=count, star_magnitude=count * 3.25), x="pic")
    (mark,) = [line for line in figure.axes[0].lines if line.get_gid() == "stars"]
    assert mark.get_xydata().tolist() == [[4, 20]]
    assert [t.get_text() for t in figure.axes[0].texts] == ["3.2 mag"]


def test_nothing_is_said_in_words(ds):
    unlit = evolution(ds.isel(pixel=[59]))
    assert [t.get_text() for t in unlit.axes[0].texts] == ["every spectrum is left out:\ndark line"]
    empty = ds.assign(radiance=ds["radiance"] * np.nan)
    assert evolution(empty).axes[0].texts[0].get_text().startswith("no value")


def test_one_spectrum(ds):
    evolution(ds.isel(pic=[3], pixel=[30]), y="alt").canvas.draw()
    evolution(ds.isel(pic=[3], pixel=[30]), x="lt").canvas.draw()


def test_map_as_a_page(ds, tmp_path):
    path = evolution(ds, path=tmp_path / "a.pdf")
    assert path.read_bytes().count(b"/Type /Page ") == 1
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"x": "time"}, "x='time': expected one of"),
        ({"y": "pixel"}, "y='pixel'"),
        ({"x": "alt", "y": "alt"}, "both 'alt'"),
        ({"panels": 1}, "panels=1"),
        ({"yscale": "log"}, 'yscale= is of panels.*norm="log"'),
        ({"ylim": (0, 1)}, "ylim= is of panels"),
        ({"columns": 3}, "columns= is of panels"),
        ({"panels": True, "norm": "log"}, "norm= is of the map"),
        ({"panels": True, "y": "alt"}, "y= is of the map"),
        ({"norm": "logg"}, "norm='logg'"),
        ({"cmap": "viridi"}, "cmap='viridi'"),
        ({"vmin": "low"}, "vmin='low'"),
        ({"ax": 3}, "ax=3"),
    ],
)
def test_bad_arguments(ds, options, said):
    with pytest.raises(ArgumentError, match=said):
        evolution(ds, **options)


def test_without_geometry(ds):
    with pytest.raises(MissingStepError, match=r"no alt: call ds\.uvis\.geometry"):
        evolution(ds.drop_vars(["alt", "alt_corners"]), y="alt")


def test_panels_break_where_time_does_and_mark_what_towers(ds):
    bright = xr.ones_like(ds["radiance"])
    bright[3, 20] = 1e3
    star = ds.assign(radiance=(ds["radiance"] * bright).assign_attrs(ds["radiance"].attrs))
    figure = evolution(with_gap(star, 5, 5), (1600, 1900), pixels=[19, 20], panels=True)
    light = ds.uvis.integrate((1600, 1900)).brightness.values[:, [19, 20]]
    for ax, values in zip(figure.axes, light.T, strict=True):
        y = ax.containers[0].lines[0].get_ydata()
        assert np.flatnonzero(np.isnan(y)).tolist() == [6]
        assert ax.get_ylim()[1] < 2 * light.max()
        above = [line for line in ax.lines if line.get_gid() == "above"]
        assert len(above) == (ax is figure.axes[1])
        assert values.max() < ax.get_ylim()[1]


def test_panels_against_altitude(ds):
    figure = evolution(ds, pixels=[10, 30], panels=True, x="alt")
    for ax, pixel in zip(figure.axes, (10, 30), strict=True):
        np.testing.assert_allclose(ax.containers[0].lines[0].get_xdata(), ds["alt"][:, pixel])
    assert figure.get_supxlabel() == "Altitude of the tangent point (km)"


@pytest.mark.slow
def test_points_out_of_sight_set_no_limits(ds):
    alt = ds["alt"].values[:, :59]
    deep = xr.where(ds["alt"] < -0.1 * alt.max(), 3.0, 1.0)
    ds = ds.assign(radiance=(ds["radiance"] * deep).assign_attrs(ds["radiance"].attrs))
    figure = evolution(ds, panels=True, x="alt")
    light = ds.uvis.integrate((1600, 1900)).brightness.values[:, :59]
    seen = light[alt >= -0.1 * alt.max()].max()
    ax = figure.axes[0]
    assert seen < ax.get_ylim()[1] < 1.5 * seen < light.max()
    low, high = ax.get_xlim()
    assert high - alt.max() > 0.01 * (high - low)


def test_triangles_lie_within_the_frame_and_are_told(ds):
    holed = ds.assign(radiance=ds["radiance"].where(ds["pic"] != 4, 0.0))
    figure = evolution(holed, pixels=[20, 30], panels=True, yscale="log")
    figure.canvas.draw()
    assert figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").endswith("off the scale")
    for ax in figure.axes:
        (mark,) = [line for line in ax.lines if line.get_gid() == "below"]
        y = mark.get_transform().transform(mark.get_xydata())[0, 1]
        assert ax.bbox.y0 + 2 < y < ax.bbox.y0 + 8
    assert "triangles" not in evolution(ds, pixels=[20], panels=True).get_suptitle()


def test_bars_have_room_or_are_marked(ds):
    light = ds.uvis.integrate((1600, 1900))
    value = light["brightness"]
    room = float(value[:, 20].max() - value[:, 20].min())
    for share, marked in ((0.4, False), (40.0, True)):
        errors = {f"brightness_{side}": value * 0 + share * room for side in ("lower", "upper")}
        # Of one spectrum alone, so that a share of all would not see it.
        brightest = value == value[:, 20].max()
        errors["brightness_upper"] = errors["brightness_upper"].where(brightest, 0)
        figure = evolution(light.assign_coords(errors), pixels=[20], panels=True)
        (ax,) = figure.axes
        bars = [line for line in ax.lines if line.get_gid() == "bar_above"]
        assert bool(bars) == marked
        said = figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ")
        assert said.endswith("open triangles: errors off the scale") == marked
        assert ax.get_ylim()[1] < value[:, 20].max() + room


@pytest.mark.slow
def test_many_panels_fit_on_a_screen(ds):
    figure = evolution(ds, panels=True)
    width, height = figure.get_size_inches()
    assert width < 13 and height < 10
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 59
    figure.canvas.draw()
    labels = [t for ax in shown for t in ax.get_xticklabels() if t.get_visible() and t.get_text()]
    assert max(t.get_window_extent().x1 for t in labels) < figure.bbox.x1
