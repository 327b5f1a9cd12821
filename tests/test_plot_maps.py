"""Pictures of maps: what is where on them, and what they say."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh

from uvisxr import UvisError
from uvisxr.drawing.colours import has_paper
from uvisxr.drawing.style import lightness
from uvisxr.errors import MissingStepError


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return flyby(n_pic=12, step=5e-3).uvis.integrate()


@pytest.fixture(scope="module")
def maps(ds) -> dict[str, xr.Dataset]:
    # As long a title as observations have.
    ds = ds.assign_attrs(name="FUV_2005_257_19_58")
    kinds = {
        "lon": {"spacing": 5.0},
        "lt": {"spacing": 5.0, "by": "lt"},
        "north": {"projection": "polar", "spacing": 3.0, "pole": "north", "by": "lt", "edge": 10.0},
        "south": {"projection": "polar", "spacing": 3.0, "pole": "south", "edge": 10.0},
    }
    return {name: ds.uvis.map(**kind) for name, kind in kinds.items()}


def _named(ax: Axes, gid: str) -> list:
    return [one for one in ax.findobj(lambda a: a.get_gid() == gid)]


def _names(ax: Axes) -> dict[str, tuple[float, float]]:
    names = _named(ax, "meridian_name")
    return {t.get_text().replace("\N{NO-BREAK SPACE}", " "): t.xy for t in names}


@pytest.mark.parametrize("name", ["lon", "lt", "north", "south"])
def test_every_cell_is_in_its_place(maps, name):
    found = maps[name]
    ax = found.uvis.plot.map()
    (mesh,) = _named(ax, "map")
    assert isinstance(mesh, QuadMesh)
    shown = mesh.get_array().filled(np.nan)
    assert np.array_equal(np.isfinite(shown), np.isfinite(found["brightness"].values))
    corners = mesh.get_coordinates()
    middle = 0.25 * (corners[1:, 1:] + corners[1:, :-1] + corners[:-1, 1:] + corners[:-1, :-1])
    y, x = found["brightness"].dims
    assert np.allclose(middle[0, :, 0], found[x].values)
    assert np.allclose(middle[:, 0, 1], found[y].values)


def test_east_is_to_the_right(maps):
    ax = maps["lon"].uvis.plot.map()
    assert ax.get_xlim() == (360, 0) and ax.get_xlabel() == "West longitude (°)"
    ax = maps["lt"].uvis.plot.map()
    assert ax.get_xlim() == (0, 24) and ax.get_xlabel() == "Local solar time (h)"
    assert ax.get_aspect() == pytest.approx(1 / 15)


@pytest.mark.slow
def test_the_pole_is_seen_from_above(maps):
    """Noon below; the north turns against the clock, so that dusk is to the right."""
    names = _names(maps["north"].uvis.plot.map())
    assert list(names)[::2] == ["0 h", "6 h", "12 h", "18 h"]
    assert names["12 h"][1] < 0 < names["0 h"][1]
    assert names["6 h"][0] < 0 < names["18 h"][0]
    names = _names(maps["south"].uvis.plot.map())
    # West longitudes grow against the clock.
    assert names["0° W"][1] < 0 and names["90° W"][0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lt", "north"])
def test_the_terminator_is_at_a_right_angle_to_the_sun(maps, name):
    found = maps[name]
    ax = found.uvis.plot.map()
    (drawn,) = _named(ax, "terminator")
    assert isinstance(drawn, LineCollection)
    points = np.concatenate(drawn.get_segments())
    if name == "north":
        cell = found.sel(x=points[0, 0], y=points[0, 1], method="nearest")
        lat, lt = float(cell["lat_graphic"]), float(cell["lt"])
    else:
        lt, lat = points[0]
        lat = np.rad2deg(np.arctan(np.tan(np.deg2rad(lat)) * (2572.5 / 2560.0) ** 2))
    noon = np.deg2rad(found.attrs["map_sub_solar_lat"])
    up, hour = np.deg2rad(lat), np.deg2rad(15 * (lt - 12))
    cos = np.sin(up) * np.sin(noon) + np.cos(up) * np.cos(noon) * np.cos(hour)
    assert abs(cos) < (0.06 if name == "north" else 1e-3)
    assert not _named(found.uvis.plot.map(night=False), "terminator")


@pytest.mark.slow
def test_where_the_sun_has_moved_there_is_no_night(maps):
    moved = maps["lon"].assign_attrs(map_sub_solar_spread=40.0)
    assert not _named(moved.uvis.plot.map(), "night")
    assert _named(maps["lon"].uvis.plot.map(), "night")


def test_what_it_says(maps):
    ax = maps["north"].uvis.plot.map("spectra")
    assert "north pole" in ax.get_title()
    (bar,) = ax.child_axes
    assert bar.get_ylabel() == "Spectra that see some of the cell"
    bare = maps["north"].uvis.plot.map(annotate=False)
    assert not bare.get_title() and not bare.child_axes and not _named(bare, "graticule")


@pytest.mark.slow
def test_parallels_and_rim_say_of_which_hemisphere_they_are(maps):
    for name, side in (("north", "N"), ("south", "S")):
        ax = maps[name].uvis.plot.map()
        names = _named(ax, "parallel_name")
        texts = [t.get_text().replace("\N{NO-BREAK SPACE}", " ") for t in names]
        assert f"10° {side}" in texts and len(texts) > 1
        assert all(text.endswith(f"° {side}") for text in texts)
        assert all(t.get_bbox_patch() is not None for t in names if t.get_text()[:2] != "10")


@pytest.fixture(params=["lon", "lt", "north", "south"])
def small(request, maps) -> Axes:
    """A map on axes of 3 inches, as a user makes them."""
    _, ax = plt.subplots(figsize=(3.0, 3.0), layout="constrained")
    maps[request.param].uvis.plot.map(ax=ax)
    ax.figure.canvas.draw()
    return ax


def _texts(ax: Axes) -> list:
    (bar,) = ax.child_axes
    found = [ax.title, *_named(ax, "meridian_name"), *_named(ax, "parallel_name")]
    found.append(bar.yaxis.label)
    found += [ax.xaxis.label, ax.yaxis.label] if ax.axison else []
    for axis in (bar.yaxis, *((ax.xaxis, ax.yaxis) if ax.axison else ())):
        low, high = sorted(axis.get_view_interval())
        ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        found += [text for place, text in ticks if low <= place <= high]
    return [text for text in found if text.get_text()]


def _crowded(ax: Axes) -> list[tuple[str, str]]:
    """Texts that lie over one another, or over the colour bar, or touch."""
    boxes = [(text.get_text(), text.get_window_extent().padded(0.5)) for text in _texts(ax)]
    boxes.append(("the bar", ax.child_axes[0].bbox))
    pairs = itertools.combinations(boxes, 2)
    return [(one, other) for (one, box), (other, there) in pairs if box.overlaps(there)]


def test_nothing_of_a_small_map_lies_over_anything_else(small):
    assert _crowded(small) == []
    frame = small.figure.bbox.padded(-2.0)
    for text in _texts(small):
        assert all(frame.contains(x, y) for x, y in text.get_window_extent().get_points())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["north", "south"])
def test_names_around_a_pole_lie_apart_among_other_axes(maps, name):
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 8.0), layout="constrained")
    for ax in axes.flat:
        maps[name].uvis.plot.map(ax=ax)
    figure.canvas.draw()
    for ax in axes.flat:
        assert len(_named(ax, "meridian_name")) == (8 if name == "north" else 12)
        assert _crowded(ax) == []


def test_the_bar_is_as_high_as_the_map(maps):
    ax = maps["north"].uvis.plot.map()
    ax.figure.canvas.draw()
    (bar,), (rim,) = ax.child_axes, _named(ax, "rim")
    # With the triangles at its ends.
    high = bar.get_tightbbox(for_layout_only=True).height
    assert bar.bbox.height <= high <= 1.03 * rim.get_window_extent().height


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lon", "north"])
def test_a_title_ends_before_the_figure_does(maps, name):
    ax = maps[name].uvis.plot.map()
    ax.figure.canvas.draw()
    for length in range(30):
        ax.title.set_text(f"{length * 'i'} " + 40 * "some more ")
        box = ax.title.get_window_extent()
        assert box.x0 > 4.0 and box.x1 < ax.figure.bbox.width - 4.0


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_what_has_no_data_looks_like_neither_night_nor_none(maps, style):
    with plt.style.context(style):
        ax = maps["north"].uvis.plot.map()
        (day,), (night,) = _named(ax, "ground"), _named(ax, "night")
        lights = [float(lightness(np.array([c[:3]]))[0]) for c in (day.get_facecolor(),)]
        lights.append(float(lightness(night.get_facecolor()[:, :3])[0]))
        assert lights[0] > lights[1] + 10.0
        paper = ax.get_facecolor()[:3]
        assert not has_paper(_named(ax, "map")[0].get_cmap(), day.get_facecolor()[:3])
        assert abs(lights[0] - float(lightness(np.array([paper]))[0])) > 4.0
        assert not _named(ax, "no data")


@pytest.mark.slow
def test_the_title_says_what_is_blank_dark_and_dashed(maps):
    def said(found: xr.Dataset, **options: Any) -> str:
        return found.uvis.plot.map(**options).get_title().replace("\N{NO-BREAK SPACE}", " ")

    found = maps["lon"]
    all_ = "blank: not seen or left out, darker: night, dashed: terminator"
    assert said(found).endswith(all_)
    assert said(found, night=False).endswith("blank: not seen or left out")
    filled = found.fillna(1.0).assign_attrs(found.attrs)
    assert "blank" not in said(filled) and "night" not in said(filled)
    assert "dashed: terminator" in said(filled)
    assert said(found, cmap="gray").endswith(all_.replace("blank", "dotted"))
    assert _named(found.uvis.plot.map(cmap="gray"), "no data")
    assert not _named(filled.uvis.plot.map(cmap="gray"), "no data")


@pytest.mark.parametrize("name", ["lon", "north"])
def test_a_map_without_a_value_says_so(maps, name):
    found = maps[name]
    none = found.assign(brightness=found["brightness"].where(False))
    ax = none.uvis.plot.map()
    (said,) = _named(ax, "nothing")
    number = int((found["spectra"] > 0).sum())
    assert said.get_text() == f"Nothing to show: no value in any of {number:,} cells that were seen"
    assert not ax.child_axes and "blank" not in ax.get_title()
    none = none.drop_vars("spectra")
    (said,) = _named(none.uvis.plot.map(annotate=False), "nothing")
    assert said.get_text() == "Nothing to show: no value"


@pytest.mark.slow
def test_numbers_of_bars(maps):
    (bar,) = maps["lon"].uvis.plot.map("spectra").child_axes
    assert np.array_equal(bar.get_yticks(), np.rint(bar.get_yticks()))
    ax = maps["lon"].uvis.plot.map(norm="log", vmin=0.05, vmax=20.0)
    ax.figure.canvas.draw()
    texts = [text.get_text() for text in ax.child_axes[0].get_yticklabels()]
    assert {"0.1", "1", "10"} <= set(texts)
    high = maps["north"].assign_attrs(map_altitude=1100.0)
    assert "1,100\N{NO-BREAK SPACE}km above" in high.uvis.plot.map().get_title()


@pytest.mark.parametrize("name", ["lon", "lt"])
def test_the_terminator_ends_where_the_map_does(maps, name):
    (drawn,) = _named(maps[name].uvis.plot.map(), "terminator")
    points = np.concatenate(drawn.get_segments())
    whole = 360.0 if name == "lon" else 24.0
    assert points[:, 0].min() == 0.0 and points[:, 0].max() == pytest.approx(whole, abs=1e-9)
    ends = [points[np.argmin(np.abs(points[:, 0] - end)), 1] for end in (0.0, whole)]
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)


@pytest.mark.parametrize("name", ["lon", "north"])
def test_a_bare_map_has_no_axes(maps, name):
    ax = maps[name].uvis.plot.map(annotate=False)
    assert not ax.axison and _named(ax, "terminator")


@pytest.mark.slow
def test_colours_of_light_begin_at_none(maps):
    bright = maps["north"].assign(brightness=maps["north"]["brightness"] + 5.0)
    (mesh,) = _named(bright.uvis.plot.map(), "map")
    assert mesh.norm.vmin == 0 < mesh.norm.vmax
    (mesh,) = _named(bright.uvis.plot.map(vmin=3.0), "map")
    assert mesh.norm.vmin == 3.0
    (mesh,) = _named(bright.uvis.plot.map("cell_area"), "map")
    assert mesh.norm.vmin > 0
    faint = maps["north"].assign(brightness=maps["north"]["brightness"] - 5.0)
    (mesh,) = _named(faint.uvis.plot.map(), "map")
    assert mesh.norm.vmin < 0


@pytest.mark.slow
def test_on_given_axes_and_with_a_style(maps):
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for ax, name in zip(axes, ("lt", "north"), strict=True):
        assert maps[name].uvis.plot.map(ax=ax, style={"image": {"cmap": "gray"}}) is ax
        assert _named(ax, "map")[0].get_cmap().name == "gray"
    figure.canvas.draw()


@pytest.mark.slow
def test_a_map_read_back(maps, tmp_path):
    path = maps["north"].uvis.to_netcdf(tmp_path / "map.nc")
    ax = xr.load_dataset(path).uvis.plot.map()
    assert np.allclose(
        _named(ax, "map")[0].get_array().filled(np.nan),
        _named(maps["north"].uvis.plot.map(), "map")[0].get_array().filled(np.nan),
        equal_nan=True,
    )


def test_what_cannot_be_drawn(ds, maps):
    with pytest.raises(MissingStepError, match=r"start from ds\.uvis\.map"):
        ds.uvis.plot.map()
    with pytest.raises(MissingStepError, match="no 'colour' over lat and lon"):
        maps["lon"].uvis.plot.map("colour")
    with pytest.raises(MissingStepError, match=r"not a whole one .'x' is missing"):
        maps["north"].drop_vars("x").uvis.plot.map()
    for name, part in (("north", {"x": slice(5, 20)}), ("lon", {"lat": slice(9)})):
        with pytest.raises(MissingStepError, match="a part of a map"):
            maps[name].isel(part).uvis.plot.map()
    with pytest.raises(UvisError, match="cmap"):
        maps["lon"].uvis.plot.map(cmap="none such")


@pytest.mark.parametrize("value", ["south", None, [1.0, 2.0]])
@pytest.mark.parametrize("name", ["map_sub_solar_lat", "map_sub_solar_spread", "target_radii"])
def test_attributes_that_are_no_longer_the_maps(maps, name, value):
    with pytest.raises(MissingStepError, match=r"not those that ds\.uvis\.map"):
        maps["lon"].assign_attrs({name: value}).uvis.plot.map()
