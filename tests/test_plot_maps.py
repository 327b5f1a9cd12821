"""Pictures of maps: what is where on them, and what they say."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh

from uvisxr import UvisError
from uvisxr.errors import MissingStepError


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return flyby(n_pic=12, step=5e-3).uvis.integrate()


@pytest.fixture(scope="module")
def maps(ds) -> dict[str, xr.Dataset]:
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


def test_the_pole_is_seen_from_above(maps):
    """Noon below; the north turns against the clock, so that dusk is to the right."""
    names = _names(maps["north"].uvis.plot.map())
    assert list(names)[::2] == ["0 h", "6 h", "12 h", "18 h"]
    assert names["12 h"][1] < 0 < names["0 h"][1]
    assert names["6 h"][0] < 0 < names["18 h"][0]
    names = _names(maps["south"].uvis.plot.map())
    # West longitudes grow against the clock.
    assert names["0° W"][1] < 0 and names["90° W"][0] > 0


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


def test_parallels_say_of_which_hemisphere_they_are(maps):
    for name, side in (("north", "N"), ("south", "S")):
        texts = [t.get_text() for t in _named(maps[name].uvis.plot.map(), "parallel_name")]
        assert texts and all(text.endswith(f"°\N{NO-BREAK SPACE}{side}") for text in texts)


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


def test_on_given_axes_and_with_a_style(maps):
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for ax, name in zip(axes, ("lt", "north"), strict=True):
        assert maps[name].uvis.plot.map(ax=ax, style={"image": {"cmap": "gray"}}) is ax
        assert _named(ax, "map")[0].get_cmap().name == "gray"
    figure.canvas.draw()


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
