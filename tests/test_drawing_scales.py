"""Readable multiples of units, colour limits and colours of what has an order."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import FuncNorm, LogNorm, Normalize, TwoSlopeNorm, to_rgb

from uvisxr.drawing import colours
from uvisxr.drawing.scales import RADII, engineering, multiple
from uvisxr.errors import ArgumentError


@pytest.mark.parametrize(
    ("largest", "units", "factor", "written"),
    [
        (9_999, "km", 1, "km"),
        (59_280, "km", 1e3, "10³ km"),
        (9e7, "km", 1e6, "10⁶ km"),
        (0.4, "km", 1, "km"),
        (3e-4, "kR angstrom-1", 1e-6, "10⁻⁶ kR angstrom-1"),
        (7_000, "kR", 1, "kR"),
        (360, "degree", 1, "degree"),
        (1e6, "degree", 1, "degree"),
        (0.0, "km", 1, "km"),
        (np.nan, "km", 1, "km"),
    ],
)
def test_multiples_of_units(largest, units, factor, written):
    found = multiple(largest, units)
    assert (found.factor, found.units) == (pytest.approx(factor), written)


def test_planetary_radii():
    far = multiple(3e5, "km", "SATURN")
    assert far.factor == RADII["SATURN"]
    assert "Saturn" in far.units
    assert multiple(7e4, "km", "SATURN").units == "10³ km"
    assert multiple(3e5, "km", "TITAN").units == "10³ km"
    assert multiple(3e5, "kR", "SATURN").factor == 1e3


@pytest.mark.parametrize("body", [None, "SATURN"])
def test_axes_tell_multiples_without_an_offset(body):
    _, ax = plt.subplots()
    ax.set_xlim(3.0e5, 3.002e5)
    engineering(ax.xaxis, "distance", "km", body=body)
    ax.figure.canvas.draw()
    factor = 1e3 if body is None else RADII[body]
    ticks, texts = ax.get_xticks(), [text.get_text() for text in ax.get_xticklabels()]
    assert len(set(texts)) == len(texts) >= 3
    for place, text in zip(ticks, texts, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(place / factor, abs=1e-9 * factor)
    assert ax.xaxis.get_offset_text().get_text() == ""
    assert ax.get_xlabel() == (
        "Distance (10³ km)" if body is None else r"Distance ($R_\mathrm{Saturn}$)"
    )


def test_logarithmic_axes_keep_their_unit():
    _, ax = plt.subplots()
    ax.set(yscale="log", ylim=(1e3, 1e7))
    engineering(ax.yaxis, "distance", "km")
    assert ax.get_ylabel() == "Distance (km)"


def test_a_colour_bar_without_an_offset():
    _, ax = plt.subplots(layout="constrained")
    image = ax.imshow(np.array([[1e-6, 3e-4]]))
    bar = colours.colour_bar(image, ax, "spectral radiance", "kR angstrom-1")
    ax.figure.canvas.draw()
    assert bar.ax.get_ylabel() == "Spectral radiance (10⁻⁶ kR/Å)"
    assert bar.ax.yaxis.get_offset_text().get_text() == ""
    assert "100" in [text.get_text() for text in bar.ax.get_yticklabels()]


def test_robust_limits():
    values = np.append(np.linspace(10.0, 20.0, 1000), [np.nan, 1e6])
    low, high = colours.robust(values)
    assert (low, high) == (pytest.approx(10.1, abs=0.05), pytest.approx(20.0, abs=0.06))
    good = np.append(np.ones(500, bool), np.zeros(502, bool))
    assert colours.robust(values, good)[1] == pytest.approx(15.0, abs=0.1)
    # Small positive limits begin at zero, negative ones are shown.
    assert colours.robust(np.linspace(1.0, 10.0, 100))[0] == 0.0
    assert colours.robust(np.linspace(-5.0, 10.0, 100))[0] == pytest.approx(-4.85)
    # Where none is good, or all are the same, or nothing is known.
    assert colours.robust(values, np.zeros(values.size, bool)) == (low, high)
    assert colours.robust(np.full(3, 2.0)) == (1.0, 3.0)
    assert colours.robust(np.zeros(3)) == (0.0, 1.0)
    assert colours.robust(np.full(3, np.nan)) == (0.0, 1.0)


def test_robust_norms():
    flat = colours.robust_norm(np.linspace(10.0, 20.0, 100))
    assert type(flat) is Normalize
    assert type(colours.robust_norm(np.geomspace(1.0, 1e5, 100))) is LogNorm
    assert type(colours.robust_norm(np.append(-1.0, np.geomspace(1.0, 1e5, 20)))) is Normalize


def test_usual_limits_give_way_to_what_is_asked_for():
    values, usual = np.linspace(-1.0, 100.0, 50), Normalize(0.0, 10.0)

    def found(**asked):
        return colours.limits(colours.colours(values, "viridis", usual=usual, **asked))

    assert found() == (0.0, 10.0)
    assert found(vmin=5.0) == (5.0, 10.0)
    assert found(vmax=7.0) == (0.0, 7.0)
    # Where the usual ones do not fit, they are those of the values.
    assert found(vmin=50.0) == (50.0, 100.0)
    assert found(vmax=-0.5) == (-1.0, -0.5)
    assert found(norm=Normalize(1.0, 2.0)) == (1.0, 2.0)
    low, high = found(norm="log")
    assert 0 < low < high == 10.0


def test_of_nothing_the_usual_scale_is_taken():
    nothing = np.full((2, 2), np.nan)
    scale = colours.colours(nothing, "viridis", usual=Normalize(0.0, 1.0))
    assert colours.limits(scale) == (0.0, 1.0)
    assert colours.extend(nothing, 0.0, 1.0) == "neither"
    with pytest.raises(ArgumentError):
        colours.colours(np.ones((2, 2)), "viridis", "log", vmin=50, usual=Normalize(0.0, 1.0))


def test_of_nothing_a_logarithmic_scale_can_be_drawn():
    nothing = np.full((2, 3), np.nan)
    norm = colours.colours(nothing, "viridis", "log", usual=colours.robust_norm(nothing)).norm
    assert 0 < norm.vmin < norm.vmax == 1.0


@pytest.mark.parametrize("paper", ["white", "black"])
def test_colours_of_ordered_bins(paper):
    bounds = np.array([[-np.inf, 0.0], [0.0, 100.0], [100.0, 300.0], [300.0, 400.0]])
    found, scale = colours.ordered(bounds, paper=paper)
    lightness = [np.dot([0.299, 0.587, 0.114], to_rgb(color)) for color in found]
    assert (np.diff(lightness) > 0.05).all()
    # None is lost on the paper.
    assert min(abs(v - (paper == "white")) for v in lightness) > 0.15
    # The bar shows each bin's own colour between its edges.
    for color, middle in zip(found, (-50.0, 50.0, 200.0, 350.0), strict=True):
        assert scale.to_rgba(middle)[:3] == pytest.approx(to_rgb(color), abs=1e-6)


@pytest.mark.parametrize("cmap", ["viridis", "gray", "Greys", "inferno", "cividis"])
@pytest.mark.parametrize(("paper", "apart"), [("white", 17), ("black", 35)])
def test_ordered_colours_of_any_map_stand_out_from_the_paper(cmap, paper, apart):
    found, _ = colours.ordered(np.arange(5.0), cmap, paper)
    rgb = np.array([to_rgb(color) for color in found])
    # CIE lightness by hand.
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(y > 0.008856, 116 * y ** (1 / 3) - 16, 903.3 * y)
    assert abs(lightness - (100 if paper == "white" else 0)).min() > apart
    # Greys need more than colours.
    if cmap in ("gray", "Greys"):
        assert abs(lightness - (100 if paper == "white" else 0)).min() > apart + 8


def test_maps_that_have_the_colour_of_the_paper():
    for cmap, paper, has in [
        ("gray", "white", True),
        ("gray", "black", True),
        ("viridis", "white", False),
        ("viridis", "black", False),
        ("inferno", "black", True),
        ("inferno", "white", False),
    ]:
        assert colours.has_paper(colours.colormap(cmap), paper) == has


@pytest.mark.parametrize("values", [[5.0], [5.0, 7.0, 8.0]])
def test_colours_of_ordered_numbers(values):
    found, scale = colours.ordered(np.array(values))
    shown = [tuple(scale.to_rgba(value)[:3]) for value in values]
    assert shown == [pytest.approx(to_rgb(color), abs=1e-6) for color in found]


@pytest.mark.parametrize(
    ("norm", "values", "expected"),
    [
        # What is beyond the limits gets the colours of the ends, whatever the norm makes of it.
        (TwoSlopeNorm(0.5, 0, 3), [-1.0, 0.0, 3.0, 60.0], [0, 0, 255, 255]),
        (LogNorm(0.1, 3), [-1.0, 0.0, 3.0, 60.0], [0, 0, 255, 255]),
        (FuncNorm((np.arcsin, np.sin), 0, 1), [-60.0, 0.0, 1.0, 60.0], [0, 0, 255, 255]),
    ],
)
def test_the_brightest_has_the_highest_colour(norm, values, expected):
    values = np.array([*values, np.nan])
    with np.errstate(invalid="ignore"):
        scale = colours.colours(values, "gray", norm)
        drawn = colours.drawable(values, scale)
        shown = scale.to_rgba(drawn, bytes=True)[:, 0]
    assert np.ma.getmaskarray(drawn).tolist() == [False] * 4 + [True]
    assert shown[:4].tolist() == expected


def test_a_norm_with_all_values_beyond_its_limits_is_taken():
    scale = colours.colours(np.array([5.0, 6.0]), "gray", TwoSlopeNorm(0.5, 0, 3))
    assert scale.to_rgba([5.0], bytes=True)[0, 0] == 255


def test_numbers_along_logarithmic_bars_are_plain():
    figure, ax = plt.subplots()
    scale = colours.colours(np.array([0.02, 300.0]), "viridis", "log")
    bar = colours.colour_bar(scale, ax, "brightness", "kR")
    figure.canvas.draw()
    shown = [text.get_text() for text in bar.ax.get_yticklabels() if text.get_text()]
    assert {"0.1", "1", "10", "100"} <= set(shown)
