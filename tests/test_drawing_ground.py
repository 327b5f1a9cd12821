"""Lines that are light over the dark and dark over the light."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, same_color

from uvisxr.drawing.ground import INKS, Ground


def _ground(ax: plt.Axes) -> Ground:
    """Black to the left of 0, white to the right, nothing above 1."""
    x, y = np.linspace(-1.9, 1.9, 20), np.linspace(-1.5, 1.5, 4)
    values = np.where(np.meshgrid(x, y)[0] < 0, 0.0, 1.0)
    values[3] = np.nan
    found = xr.DataArray(values, {"x": x, "y": y}, ("y", "x"))
    return Ground.of(ax, found, ScalarMappable(Normalize(0, 1), "gray"))


def test_dark_and_light():
    places = np.array([[-1.0, 0.0], [1.0, 0.0], [-1.0, 1.5], [-9.0, 0.0], [np.nan, 0.0]])
    ground = _ground(plt.subplots()[1])
    assert ground.under(places).tolist() == [True, False, False, False, False]
    with plt.style.context("dark_background"):
        ground = _ground(plt.subplots()[1])
    assert ground.under(places).tolist() == [True, False, True, True, True]


def test_a_curve_is_parted_where_the_ground_changes():
    ground = _ground(plt.subplots()[1])
    curve = np.stack([np.linspace(-1, 1, 41), np.zeros(41)], axis=-1)
    curve[5] = np.nan
    parts, colours = ground.runs(curve)
    assert colours == [INKS[1], INKS[1], INKS[0]]
    assert [len(part) for part in parts] == [5, 16, 20] or abs(parts[1][-1, 0]) < 0.11
    np.testing.assert_array_equal(parts[1][-1], parts[2][0])


def test_a_colour_that_is_asked_for_is_taken():
    ax = plt.subplots()[1]
    ground = _ground(ax)
    curve = np.array([[-1.0, 0.0], [1.0, 0.0]])
    lines = ground.draw(ax, [curve, np.empty((0, 2))], "line", {"color": "red"}, 2.0)
    assert all(same_color(c, "red") for c in lines.get_colors())
    text = ax.text(-1, 0, "a")
    ground.ink(text, np.array([-1.0, 0.0]), {})
    assert text.get_color() == INKS[1]


def test_without_an_image_there_is_paper():
    ground = Ground.of(plt.subplots()[1], None, None)
    assert not ground.under(np.zeros((3, 2))).any()
