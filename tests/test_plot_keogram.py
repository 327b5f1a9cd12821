"""Keograms: means of exposures in bins, their errors, and what is left out."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby, without_pointing
from helpers.slow import rest_slow
from matplotlib.colors import LogNorm

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.keogram import keogram
from uvisxr.quality.flags import flag

RANGE = (1450, 1800)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return flyby(n_pic=12, step=5e-3)


def cells(ax: plt.Axes) -> np.ndarray:
    """Values, (bin, exposure)."""
    (mesh,) = [c for c in ax.collections if c.get_gid() == "keogram"]
    return np.ma.filled(mesh.get_array().astype(float), np.nan)


def by_hand(ds: xr.Dataset, name: str, edges: list[float], used: np.ndarray) -> np.ndarray:
    light = ds.uvis.integrate(RANGE).brightness.values
    found = np.full((len(edges) - 1, ds.sizes["pic"]), np.nan)
    for k, (low, high) in enumerate(pairwise(edges)):
        values = ds[name].values
        inside = (
            (values >= low) & (values < high) if low < high else (values >= low) | (values < high)
        )
        for pic in range(ds.sizes["pic"]):
            members = light[pic][inside[pic] & used[pic]]
            if members.size:
                found[k, pic] = members.mean()
    return found


@pytest.mark.parametrize(
    ("by", "edges"), [("lt", [0, 6, 9, 12, 24]), ("lat", [-90, -30, 0, 30, 90]), ("lt", [20, 2, 8])]
)
@pytest.mark.parametrize("where", ["disk", "limb", "all"])
def test_cells_are_means_of_the_exposure(ds, by, edges, where):
    disk = ds["on_disk"].values == 1
    used = {"disk": disk, "limb": ~disk, "all": disk | ~disk}[where] & (ds["quality"].values == 0)
    ax = keogram(ds.drop_vars(f"{by}_corners"), RANGE, by=by, edges=edges, where=where)
    np.testing.assert_allclose(cells(ax), by_hand(ds, by, edges, used), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("where", rest_slow(["disk", "limb"], 1))
def test_bins_finer_than_footprints_have_what_covers_them(ds, where):
    edges = np.arange(-90.0, 90.1, 0.5)
    used = ((ds["on_disk"] == 1) == (where == "disk")) & (ds["quality"] == 0)
    light = ds.uvis.integrate(RANGE).brightness
    expected = by_hand(ds, "lat", edges, used.values)
    corners = ds["lat_corners"]
    for k, middle in enumerate(edges[:-1] + 0.25):
        over = used & (corners.min("corner") <= middle) & (middle <= corners.max("corner"))
        mean = light.where(over).mean("pixel").values
        expected[k] = np.where(np.isnan(expected[k]), mean, expected[k])
    found = cells(keogram(ds, RANGE, by="lat", edges=edges, where=where))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # No exposure has a hole in it, but for the disk between two limbs.
    for column in found.T if where == "disk" else ():
        there = np.flatnonzero(np.isfinite(column))
        assert not there.size or np.ptp(there) == there.size - 1


def test_the_mean_beside_has_the_errors_of_bins(ds):
    edges = [-90, -30, 0, 30, 90]
    ax = keogram(ds, RANGE, by="lat", edges=edges)
    (beside,) = [a for a in ax.figure.axes if a.get_title() == "Mean over time"]
    seen = ds.uvis.flag(ds["on_disk"] == 0)
    bins = seen.uvis.integrate(RANGE).uvis.bin(by={"lat": edges})
    line, _, (bars,) = beside.containers[0].lines
    np.testing.assert_allclose(line.get_xdata(), bins.brightness, rtol=1e-6)
    ends = np.array([s[:, 0] for s in bars.get_segments() if len(s)])
    np.testing.assert_allclose(ends[:, 0], bins.brightness - bins.brightness_lower, rtol=1e-5)
    np.testing.assert_allclose(ends[:, 1], bins.brightness + bins.brightness_upper, rtol=1e-5)


def test_within_ranges(ds):
    used = (ds["on_disk"] == 1) & (ds["quality"] == 0) & (ds["lat"] >= 10) & (ds["lat"] < 60)
    used = (used & ((ds["lt"] >= 20) | (ds["lt"] < 10))).values
    edges = [0, 6, 12, 18, 24]
    ax = keogram(ds, RANGE, edges=edges, within={"lat": (10, 60), "lt": (20, 10)})
    np.testing.assert_allclose(cells(ax), by_hand(ds, "lt", edges, used), rtol=1e-6)


def test_labels_and_default_bins(ds):
    ax = keogram(ds, RANGE, by="lat")
    assert ax.get_ylabel() == "Planetocentric latitude (°)"
    assert "Time (UTC" in ax.get_xlabel() and "1450–1800\N{NO-BREAK SPACE}Å" in ax.get_title()
    below = [a for a in ax.figure.axes if a.get_label() == "<colorbar>"]
    assert [a.get_xlabel() for a in below] == ["Brightness (kR)"]
    low, high = ax.get_ylim()
    seen = ds["lat"].values[(ds["on_disk"].values == 1) & (ds["quality"].values == 0)]
    assert low <= seen.min() < seen.max() <= high
    assert keogram(ds, RANGE).get_ylabel() == "Local solar time (h)"


@pytest.mark.slow
def test_the_title_names_what_was_selected(ds):
    def named(**options):
        return (
            keogram(ds, RANGE, by="lat", **options).get_title().replace("\N{NO-BREAK SPACE}", " ")
        )

    assert named().endswith("1450–1800 Å, on the disk")
    assert named(where="limb").endswith("1450–1800 Å, beside the disk")
    assert named(where="all").endswith("1450–1800 Å")
    chosen = {"lat": (10, 60), "lt": (20, 10)}
    assert named(within=chosen).endswith("on the disk, lat 10–60° N, lt 20–10 h")
    assert "lat 90° S–60° N" in named(within={"lat": (-90, 60)})
    assert "sza 30–60°" in named(within={"sza": (30, 60)})


@pytest.mark.slow
def test_one_exposure_has_no_mean_over_time_and_nothing_no_room_for_it(ds):
    def titles(ds):
        return [ax.get_title() for ax in keogram(ds, RANGE, by="lat").figure.axes]

    assert "Mean over time" in titles(ds)
    assert "One exposure" in titles(ds.isel(pic=[6]))
    empty = keogram(flag(ds, ds["alt"] > -1e9), RANGE, by="lat")
    empty.figure.canvas.draw()
    assert len(empty.figure.axes) == 1
    assert empty.bbox.x1 > 0.95 * empty.figure.bbox.x1


def test_cells_of_lost_spectra_alone_are_hatched_and_named(ds):
    edges = [-30, 0, 30]
    disk, lat = ds["on_disk"].values == 1, ds["lat"].values
    lost = disk & (lat >= 0) & (lat < 30) & (ds["pic"].values == 6)[:, None]
    assert lost.any()
    options = {"by": "lat", "edges": edges}
    ax = keogram(flag(ds, ds["quality"].copy(data=lost), "lost"), RANGE, **options)
    (hatched,) = [c for c in ax.collections if c.get_gid() == "left out"]
    (cell,) = hatched.get_paths()
    assert cell.vertices[:4, 1].mean() == 15 and hatched.get_hatch()
    assert ax.get_title().endswith("hatched:\N{NO-BREAK SPACE}lost")
    # Nor are rows without usable signal, or what nobody saw.
    plain = keogram(ds, RANGE, **options)
    assert "hatched" not in plain.get_title()


@pytest.mark.parametrize(("cmap", "dotted"), [("gray", True), ("viridis", False)])
def test_what_is_missing_is_dotted_where_a_value_may_look_so(ds, cmap, dotted):
    ax = keogram(ds, RANGE, by="lat", cmap=cmap)
    assert np.isnan(cells(ax)).any()
    assert ("no data" in [artist.get_gid() for artist in ax.get_children()]) == dotted
    assert ax.get_title().endswith("dotted:\N{NO-BREAK SPACE}no\N{NO-BREAK SPACE}data") == dotted


def test_edges_beyond_midnight_are_named_by_the_hour(ds):
    ax = keogram(ds, RANGE, edges=[18, 21, 0, 3, 6])
    assert ax.get_ylim() == (18, 30)
    ticks = ax.yaxis.get_major_formatter()
    assert [ticks(hour, None) for hour in (18, 24, 27)] == ["18", "0", "3"]


def test_gaps_in_time(ds):
    later = np.where(ds["pic"] > 5, np.timedelta64(10, "m"), np.timedelta64(0, "m"))
    gap = ds.assign_coords(time=ds["time"] + xr.DataArray(later, dims="pic"))
    values = cells(keogram(gap, RANGE, by="lat"))
    assert values.shape[1] == 13 and np.isnan(values[:, 6]).all()


def test_axes_norm_and_map_are_the_callers(ds):
    figure, (ax, other) = plt.subplots(1, 2)
    norm = LogNorm(0.1, 2)
    assert keogram(ds, RANGE, norm=norm, cmap="magma", ax=ax) is ax
    (mesh,) = [c for c in ax.collections if c.get_gid() == "keogram"]
    assert mesh.norm is norm and mesh.cmap.name == "magma" and not other.has_data()
    # The map, the other one and the colour bar.
    assert len(figure.axes) == 3


def test_nothing_is_said_in_words(ds):
    def said(ds, **options):
        return [t.get_text() for t in keogram(ds, RANGE, by="lat", **options).texts]

    assert said(flag(ds, ds["alt"] > -1e9)) == ["every spectrum is left out:\ndark line, user"]
    sky = ds.isel(pic=[0], pixel=[0, 1])
    assert said(sky) == ["no spectrum on the disk"]
    assert said(ds, within={"lat": (89.9, 90)}) == ["no spectrum in any bin"]


@pytest.mark.parametrize("where", ["disk", "limb", "all"])
def test_lack_of_pointing_is_said(ds, where):
    ax = keogram(without_pointing(ds), RANGE, by="lat", where=where)
    assert [t.get_text() for t in ax.texts] == ["no pointing"]


def test_the_planet_is_named_where_places_on_it_are_shown(ds):
    rings = ds.assign_attrs(target="S RINGS", geometry_target="SATURN", name="")
    assert keogram(rings, RANGE, by="lat").get_title().startswith("Saturn, ")
    assert keogram(rings, RANGE, by="sza").get_title().startswith("Saturn's rings, ")


def test_what_is_integrated_already(ds):
    light = ds.uvis.integrate(RANGE)
    np.testing.assert_allclose(
        cells(keogram(light, by="lat")), cells(keogram(ds, RANGE, by="lat")), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "alt"}, "by='alt': expected one of"),
        ({"edges": [3]}, r"edges=\[3\]"),
        ({"edges": "all"}, "edges='all'"),
        ({"by": "lat", "edges": [3, 1]}, "edges"),
        ({"where": "sky"}, "where='sky'"),
        ({"within": (60, 90)}, "within"),
        ({"within": {"lats": (60, 90)}}, "within='lats'.*did you mean lat"),
        ({"within": {"lat": (90, 60)}}, r"within\['lat'\]"),
        ({"x": "alt"}, "x='alt'"),
        ({"wl_range": (100, 200)}, "wl_range"),
        ({"method": "trapz"}, "method='trapz'.*did you mean 'trapezoid'"),
        ({"exclude": "cloud"}, "cloud"),
        ({"vmin": 3, "vmax": 1}, "vmin"),
    ],
)
def test_bad_arguments(ds, options, said):
    with pytest.raises(ArgumentError, match=said):
        keogram(ds, **options)


def test_what_it_needs(ds):
    with pytest.raises(MissingStepError, match="calibrate"):
        ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"]).uvis.plot.keogram()
    with pytest.raises(MissingStepError, match="no lt: call"):
        ds.drop_vars(["lt", "lt_corners"]).uvis.plot.keogram()
