"""Limb profiles: means by altitude with their errors, of spectra and of bins."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby, without_pointing
from matplotlib.colors import to_rgb

from uvisxr.calibration.stored import _ARGUMENTS
from uvisxr.drawing.style import LUMINANCE
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.limb import limb
from uvisxr.quality.flags import flag

RANGE = (1450, 1800)
ALT = [0, 200, 400, 600, 1000]
LAT = [-90, 0, 90]


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return flyby(n_pic=12, step=5e-3)


@pytest.fixture(scope="module")
def bins(ds) -> xr.Dataset:
    light = ds.uvis.integrate(RANGE)
    return light.uvis.bin(by={"lat": LAT, "alt": ALT})


def profiles(ax: plt.Axes) -> list[np.ndarray]:
    """Brightness, lower and upper end of the bar and altitude of the points of each."""
    found = []
    for bar in ax.containers:
        line, _, (bars,) = bar.lines
        x, y = line.get_xydata().T
        ends = np.array([s[:, 0] if len(s) else [np.nan] * 2 for s in bars.get_segments()])
        found.append(np.stack([x, *ends.T, y]))
    return found


def expected(bins: xr.Dataset, lat: int) -> np.ndarray:
    one = bins.isel(lat_bin=lat)
    light = one.brightness
    ends = light - one.brightness_lower, light + one.brightness_upper
    return np.stack([light, *ends, one.alt_bin])


def test_points_are_the_means_and_errors_of_bins(ds, bins):
    found = profiles(limb(ds, RANGE, edges=LAT, altitudes=ALT))
    assert len(found) == 2
    for lat, one in enumerate(found):
        np.testing.assert_allclose(one, expected(bins, lat), rtol=1e-5)


def test_bins_are_drawn_as_they_are(ds, bins):
    for lat, one in enumerate(profiles(bins.uvis.plot.limb())):
        np.testing.assert_allclose(one, expected(bins, lat), rtol=1e-5)
    spectra = ds.uvis.bin(by={"alt": ALT})
    (one,) = profiles(limb(spectra, RANGE))
    np.testing.assert_allclose(one[0], spectra.uvis.integrate(RANGE).brightness, rtol=1e-6)


@pytest.mark.slow
def test_what_lies_below_the_limb_is_shown_on_request(ds):
    bins = ds.uvis.bin(by={"alt": np.arange(-2500, 2001, 100)})
    ax = limb(bins, RANGE)
    assert ax.get_ylim()[0] == 0
    assert limb(bins, RANGE, altitudes=[-1000, 500]).get_ylim() == (-1000, 500)
    assert limb(ds, RANGE).get_ylim()[0] == 0
    below = ds.uvis.bin(by={"alt": np.arange(-1000, 1, 100)})
    assert limb(below, RANGE).get_ylim()[0] < -500


def test_labels_and_legend(ds, bins):
    ax = limb(ds, RANGE, edges=[-90, -10, 10, 90], altitudes=ALT)
    assert ax.get_xlabel() == "Brightness (kR)"
    assert ax.get_ylabel() == "Altitude of the tangent point (km)"
    assert "1450–1800\N{NO-BREAK SPACE}Å" in ax.get_title()
    entries = [t.get_text() for t in ax.get_legend().get_texts()]
    assert entries == ["10–90° S", "10° S–10° N", "10–90° N", "statistical error"]
    assert ax.get_legend().get_title().get_text() == "Planetocentric latitude"
    markers = {bar.lines[0].get_marker() for bar in ax.containers}
    assert len(markers) == 3


def test_many_profiles_have_a_colour_bar(ds):
    ax = limb(ds, RANGE, edges=range(-90, 91, 10), altitudes=ALT)
    assert len(ax.containers) > 6
    assert any(a.get_ylabel() == "Planetocentric latitude (°)" for a in ax.figure.axes)
    colours = [bar.lines[0].get_color() for bar in ax.containers]
    assert len(set(colours)) == len(colours)


def test_systematic_errors_are_a_band(ds):
    light = ds.uvis.integrate(RANGE)
    light = light.assign_coords(brightness_systematic=0.1 * light.brightness)
    ax = limb(light, edges=[-90, 90], altitudes=ALT)
    (band,) = [c for c in ax.collections if c.get_gid() == "systematic"]
    (one,) = profiles(ax)
    ends = band.get_paths()[0].vertices[:, 0]
    assert ends.max() == pytest.approx(1.1 * one[0].max(), rel=1e-5)
    assert "systematic error" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_colours_are_for_the_profiles_that_are_drawn(ds):
    bins = ds.uvis.integrate(RANGE).uvis.bin(by={"lat": range(-90, 91, 10), "alt": ALT})
    few = bins.assign(brightness=bins.brightness.where(abs(bins.lat_bin) < 30))
    colours = [to_rgb(bar.lines[0].get_color()) for bar in limb(few).containers]
    assert 2 <= len(colours) <= 6
    assert colours[-1] @ np.array(LUMINANCE) - colours[0] @ np.array(LUMINANCE) > 0.4


def test_a_profile_by_nothing_is_the_mean(ds):
    ax = limb(ds.uvis.bin(by={"alt": ALT}), RANGE)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["mean", "statistical error"]


def test_bands_fit_and_what_ends_beyond_the_axes_is_marked(ds):
    light = ds.uvis.integrate(RANGE)
    wide = light.assign_coords(brightness_systematic=0.3 * light.brightness)
    ax = limb(wide, edges=[-90, 90], altitudes=ALT)
    (band,) = [c for c in ax.collections if c.get_gid() == "systematic"]
    assert band.get_paths()[0].vertices[:, 0].max() < ax.get_xlim()[1]
    bins = ds.uvis.bin(by={"alt": range(0, 2500, 100)}).uvis.integrate(RANGE)
    upper = bins.brightness_upper.copy()
    upper[4] = 100.0
    ax = limb(bins.assign(brightness_upper=upper))
    assert ax.get_xlim()[1] < 10
    (mark,) = [line for line in ax.lines if line.get_gid() == "bar_beyond"]
    assert mark.get_ydata().tolist() == [450]


def test_total_errors_are_named_so_and_have_no_band_besides(ds):
    told = {"interval": "garwood", "quantization": True, "smooth": False, "errors": "total"}
    known = json.dumps(dict.fromkeys((*_ARGUMENTS, "schedule")) | told)
    bins = ds.uvis.integrate(RANGE).uvis.bin(by={"alt": ALT})
    bins = bins.assign(brightness_systematic=0.1 * bins.brightness)
    ax = limb(bins.assign_attrs(calibrate_arguments=known))
    entries = [t.get_text() for t in ax.get_legend().get_texts()]
    assert "total error" in entries
    assert not {"statistical error", "systematic error"} & set(entries)
    assert not [c for c in ax.collections if c.get_gid() == "systematic"]


def test_a_star_does_not_set_the_limits(ds):
    bright = xr.ones_like(ds["radiance"])
    bright = bright.where((ds["alt"] < 900) | (ds["alt"] > 1000), 1e4)
    star = ds.assign(radiance=(ds["radiance"] * bright).assign_attrs(ds["radiance"].attrs))
    ax = limb(star, RANGE, edges=[-90, 90], altitudes=range(0, 2501, 100))
    assert ax.get_xlim()[1] < 3
    (mark,) = [line for line in ax.lines if line.get_gid() == "beyond"]
    assert mark.get_ydata().tolist() == [950]


def of_altitudes(*values: list[float], error: float = 0.01, systematic: float = 0.0) -> xr.Dataset:
    """Bins of altitude, and of latitude if there are several profiles."""
    table = np.array(values)
    edges = np.linspace(-90.0, 90.0, table.shape[0] + 1)
    low = 100.0 * np.arange(table.shape[1])
    dims = ("lat_bin", "alt_bin")
    held = {"brightness": table, "brightness_upper": 0 * table + error}
    held |= {"brightness_lower": 0 * table + error, "brightness_systematic": 0 * table + systematic}
    return xr.Dataset(
        {name: (dims, one) for name, one in held.items()},
        coords={
            "lat_bin": 0.5 * (edges[1:] + edges[:-1]),
            "alt_bin": low + 50.0,
            "lat_bin_bounds": (("lat_bin", "bnds"), np.stack([edges[:-1], edges[1:]], -1)),
            "alt_bin_bounds": (("alt_bin", "bnds"), np.stack([low, low + 100.0], -1)),
        },
    )


def marks(ax: plt.Axes, gid: str) -> list[plt.Line2D]:
    return [line for line in ax.lines if line.get_gid() == gid]


@pytest.mark.parametrize(
    ("bright", "beyond"),
    [({15: 0.6}, [1550]), ({14: 0.6, 15: 0.62}, []), ({15: 0.33}, [])],
    ids=["star", "layer", "little"],
)
def test_only_what_rises_alone_and_far_is_beyond_the_limits(bright, beyond):
    values = [0.2 + 0.005 * (k % 20) for k in range(30)]
    for place, value in bright.items():
        values[place] = value
    ax = limb(of_altitudes(values))
    assert [at for line in marks(ax, "beyond") for at in line.get_ydata()] == beyond
    assert (ax.get_xlim()[1] > max(values)) != bool(beyond)
    assert ("off the scale" in ax.get_title().replace("\N{NO-BREAK SPACE}", " ")) == bool(beyond)


def test_triangles_lie_within_the_frame_and_apart():
    values = [0.2 + 0.005 * (k % 20) for k in range(30)]
    star = [*values[:15], 5.0, *values[16:]]
    ax = limb(of_altitudes(star, star))
    ax.figure.canvas.draw()
    drawn = marks(ax, "beyond")
    x = sorted(line.get_transform().transform((1.0, 1550.0))[0] for line in drawn)
    half = 0.5 * drawn[0].get_markersize() * ax.figure.dpi / 72.0
    assert len(x) == 2
    assert x[1] + half < ax.bbox.x1
    assert x[1] - x[0] > 2 * half


def test_the_bars_of_a_few_points_have_room():
    ax = limb(of_altitudes([0.1, 0.2, 0.6, 0.3], error=0.15))
    assert ax.get_xlim()[1] > 0.75
    assert not marks(ax, "bar_beyond")
    ax = limb(of_altitudes([0.1, 0.2, 0.6, 0.3], error=30.0))
    assert ax.get_xlim()[1] < 1.0
    assert "open" in ax.get_title()


def test_the_common_error_of_a_point_alone_is_a_bar():
    ax = limb(of_altitudes([0.4, np.nan, 0.3, 0.2], systematic=0.05))
    (bar,) = [c for c in ax.collections if c.get_gid() == "systematic_alone"]
    np.testing.assert_allclose(bar.get_segments(), [[[0.35, 50.0], [0.45, 50.0]]])


@pytest.mark.parametrize("number", [5, 6])
def test_many_profiles_have_no_errors(number):
    ax = limb(of_altitudes(*number * [[0.4, 0.3, 0.2]], systematic=0.05))
    assert all(bar.has_xerr for bar in ax.containers) == (number == 5)
    assert bool(ax.collections) == (number == 5)
    said = ax.get_title().replace("\N{NO-BREAK SPACE}", " ")
    assert said.endswith("errors not drawn") == (number > 5)
    entries = [t.get_text() for t in ax.get_legend().get_texts()]
    assert ("systematic error" in entries) == (number == 5)


def test_within_and_other_fields(ds):
    ax = limb(ds, RANGE, by="lt", edges=[6, 12, 18], altitudes=ALT, within={"lat": (0, 90)})
    north = ds.uvis.flag(ds["lat"] < 0)
    bins = north.uvis.integrate(RANGE).uvis.bin(by={"lt": [6, 12, 18], "alt": ALT})
    there = bins.brightness.notnull().any("alt_bin")
    for one, light in zip(profiles(ax), bins.brightness[there.values], strict=True):
        np.testing.assert_allclose(one[0], light, rtol=1e-6)


def test_lack_of_pointing_is_said(ds):
    ax = limb(without_pointing(ds), RANGE)
    assert [t.get_text() for t in ax.texts] == ["no pointing"]


def test_the_planet_is_named_where_the_target_is_its_rings(ds, bins):
    rings = {"target": "S RINGS", "geometry_target": "SATURN", "name": ""}
    for one in (ds, bins):
        assert limb(one.assign_attrs(rings), RANGE).get_title().startswith("Saturn, ")
    spectra = ds.uvis.bin(by={"alt": ALT}).assign_attrs(rings)
    assert spectra.uvis.plot.bins().get_title().startswith("Saturn, ")
    assert spectra.uvis.plot.spectrum().get_title() == "Saturn"


def test_a_logarithmic_scale(ds):
    ax = limb(ds, RANGE, xscale="log")
    assert ax.get_xscale() == "log"
    values = np.concatenate([one[0] for one in profiles(ax)])
    assert 0 < ax.get_xlim()[0] < np.nanmin(values)
    ax.set_xlim(0.03, 0.2)
    ax.figure.canvas.draw()
    texts = [t.get_text() for t in ax.get_xticklabels(which="both") if t.get_text()]
    assert {"0.1", "0.2"} <= set(texts)
    assert not any("mathdefault" in text for text in texts)


def test_nothing_is_said_in_words(ds):
    ax = limb(flag(ds, ds["alt"] > -1e9), RANGE)
    assert [t.get_text() for t in ax.texts] == ["every spectrum is left out:\ndark line, user"]
    ax = limb(ds, RANGE, altitudes=[1e6, 2e6])
    assert [t.get_text() for t in ax.texts] == ["no spectrum in any bin"]
    bins = ds.uvis.bin(by={"alt": ALT})
    ax = limb(bins.assign(radiance=bins.radiance * np.nan), RANGE)
    assert [t.get_text() for t in ax.texts] == ["no value"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "alt"}, "by='alt': expected one of"),
        ({"edges": [3]}, r"edges=\[3\]"),
        ({"altitudes": [3, 1]}, r"altitudes=\[3, 1\]"),
        ({"altitudes": "high"}, "altitudes='high'"),
        ({"within": 3}, "within=3"),
        ({"xscale": "symlog"}, "xscale='symlog'"),
        ({"wl_range": (100, 200)}, "wl_range"),
        ({"method": "trapz"}, "method='trapz'.*did you mean 'trapezoid'"),
        ({"cmap": "viridi"}, "cmap='viridi'"),
        ({"ax": 3}, "ax=3"),
        ({"exclude": "cloud"}, "cloud"),
    ],
)
def test_bad_arguments(ds, options, said):
    with pytest.raises(ArgumentError, match=said):
        limb(ds, **options)


def test_arguments_that_bins_do_not_take(ds, bins):
    for options in ({"edges": LAT}, {"within": {"lat": (0, 9)}}):
        with pytest.raises(ArgumentError, match="is of spectra, and these are bins"):
            limb(bins, **options)
    with pytest.raises(ArgumentError, match="by='lt'"):
        limb(bins, by="lt")
    three = ds.uvis.integrate(RANGE).uvis.bin(by={"lat": LAT, "lt": [0, 12, 24], "alt": ALT})
    with pytest.raises(ArgumentError, match=r"of lat and lt: select one"):
        limb(three)


def test_what_it_needs(ds):
    with pytest.raises(MissingStepError, match="calibrate"):
        ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"]).uvis.plot.limb()
    with pytest.raises(MissingStepError, match="no alt: call"):
        ds.drop_vars(["alt", "alt_corners"]).uvis.plot.limb()
