"""One style for all pictures, in which what the user has set survives."""

from __future__ import annotations

import pickle
import re
from importlib.resources import files

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from cycler import cycler
from helpers.flyby import flyby
from matplotlib.colors import to_hex, to_rgba

from uvisxr.drawing.style import drawing, in_style, is_dark, style
from uvisxr.plot.bins import bins
from uvisxr.plot.picture import picture
from uvisxr.plot.scene import geometry
from uvisxr.plot.spectrum import spectrum

#: Colours by Petroff 2021.
_CYCLE = ["#3f90da", "#ffa90e", "#bd1f01"]


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=3)


def _colors(ax) -> list[str]:
    return [to_hex(steps.get_edgecolor()) for steps in ax.patches if steps.get_gid() == "spectrum"]


def test_the_style_sheet_is_one_of_matplotlib():
    path = files("uvisxr.drawing") / "uvisxr.mplstyle"
    names = re.findall(r"^([\w.]+):", path.read_text(), re.M)
    with plt.style.context(str(path)):
        assert set(names) <= set(mpl.rcParams)
    # What is looked up on drawing would come from the user's style.
    assert not [
        name for name in names if name.startswith(("font", "text", "savefig", "figure.dpi"))
    ]


def test_lines_have_its_colours_and_nothing_is_left_behind(ds):
    before = dict(mpl.rcParams)
    assert _colors(spectrum(ds, select=[(0, 30), (1, 31), (2, 32)])) == _CYCLE
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("own", ["#123456", "C1"])
def test_what_the_user_has_set_wins(ds, own):
    with mpl.rc_context({"axes.prop_cycle": cycler(color=["#123456", "#abcdef"])}):
        ax = spectrum(ds, select=[(0, 30)], style={"line": {"color": own}})
    expected = {"C1": "#abcdef"}.get(own, own)
    assert _colors(ax) == [expected]
    with mpl.rc_context({"axes.titlesize": 33, "ytick.labelsize": 4}):
        ax = spectrum(ds, select=[(0, 30)])
    ax.figure.canvas.draw()
    assert ax.title.get_fontsize() == 33
    assert ax.get_yticklabels()[0].get_fontsize() == 4
    assert ax.get_xticklabels()[0].get_fontsize() == pytest.approx(8.33)


def test_dark_background_is_respected(ds):
    with plt.style.context("dark_background"):
        ax = geometry(ds, 1, bodies=(), annotate="alt")
        cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
        drawn = spectrum(ds, select=[(0, 30)])
    # It is drawn when the user's style is another.
    ax.figure.canvas.draw()
    assert to_rgba(ax.get_facecolor()) == to_rgba("black")
    written = [ax.title, ax.xaxis.label, *ax.get_xticklabels()]
    written += [t for t in ax.texts if t.get_gid() == "value"]
    assert {to_hex(text.get_color()) for text in written} == {"#ffffff"}
    for text in ax.texts:
        if text.get_gid() == "value":
            assert to_hex(text.get_bbox_patch().get_facecolor()) == "#000000"
    assert _colors(drawn) == [to_hex(cycle[0])]


def test_ticks_that_are_made_later_have_the_look_of_the_call():
    @drawing
    def draw():
        return plt.subplots()[1]

    with mpl.rc_context({"xtick.color": "#00ff00", "xtick.labelsize": 17}):
        ax = draw()
    ax.set_xlim(0, 100)
    ax.figure.canvas.draw()
    assert {to_hex(t.get_color()) for t in ax.get_xticklabels()} == {"#00ff00"}
    assert {t.get_fontsize() for t in ax.get_xticklabels()} == {17}


def test_ticks_set_by_the_function_and_those_of_the_users_axes_stay():
    @drawing
    def draw(ax):
        new = ax.figure.add_subplot(212)
        new.tick_params(labelsize=5)
        return ax

    figure, ax = plt.subplots()
    with mpl.rc_context({"xtick.labelsize": 17}):
        draw(ax)
    figure.canvas.draw()
    assert ax.get_xticklabels()[0].get_fontsize() == 10
    assert figure.axes[1].get_xticklabels()[0].get_fontsize() == 5


def test_places_in_the_cycle_are_resolved_in_the_style():
    with in_style():
        assert style({"limb": {"color": "C2"}})["limb"]["color"] == "#bd1f01"
    assert style({"limb": {"color": "C2"}})["limb"]["color"] == "#2ca02c"
    # "C1" of what is no colour is no place in the cycle.
    assert style({"body": {"label": "C1"}})["body"]["label"] == "C1"
    parts = style()
    found = [v for part in parts.values() for v in part.values() if re.fullmatch(r"C\d", str(v))]
    assert not found


def test_marks_stand_out_from_the_paper():
    def luminance(color: str) -> float:
        linear = [c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgba(color)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light = luminance(style()["star_value"]["color"])
    with plt.style.context("dark_background"):
        dark = luminance(style()["star_value"]["color"])
    # Contrast of text as WCAG 2 asks for it.
    assert 1.05 / (light + 0.05) >= 4.5
    assert (dark + 0.05) / 0.05 >= 4.5


@pytest.mark.parametrize(("color", "dark"), [("black", True), ("#1a1a80", True), ("w", False)])
def test_dark_colours(color, dark):
    assert is_dark(color) is dark


def test_pictures_can_be_pickled(ds):
    ax = picture(ds, nx=10)
    again = pickle.loads(pickle.dumps(ax.figure))
    again.canvas.draw()
    assert again.axes[0].get_title() == ax.get_title()


def test_bins_take_maps_and_norms(ds):
    binned = ds.uvis.bin(by={"alt": [-3000, 0, 1000, 2000], "lt": [0, 12, 24]})
    ax = bins(binned, cmap="magma", norm="log", vmin=1, vmax=50)
    (mesh,) = (c for c in ax.collections if c.get_gid() == "bins")
    assert (mesh.get_cmap().name, mesh.get_clim()) == ("magma", (1, 50))
    assert type(mesh.norm).__name__ == "LogNorm"


def test_what_a_backend_sets_when_it_is_loaded_stays():
    with mpl.rc_context({"interactive": False}):
        with in_style():
            mpl.rcParams["interactive"] = True
        assert mpl.is_interactive()


@pytest.mark.parametrize("sheet", ["default", "dark_background"])
def test_the_day_is_lighter_than_the_night(sheet):
    with plt.style.context(sheet):
        look = style()
    day, night = (sum(to_rgba(look[f"image_{name}"]["facecolor"])) for name in ("disk", "night"))
    assert day > night
