"""The star checker, driven by the mouse events a user makes."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from helpers.handmade import observation
from helpers.screen import PACKAGES, Screen, missing, screen
from matplotlib.backend_bases import KeyEvent, LocationEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.instrument.detector import Window
from uvisxr.plot.checker import COLORMAPS, check_stars
from uvisxr.quality.flags import flag, good


@pytest.fixture(scope="module")
def ds():
    found = flyby(n_pic=12, step=5e-3)
    count = np.zeros((12, 60), int)
    count[4, 20] = 1
    dims = ("pic", "pixel")
    return found.assign_coords(
        star_count=(dims, count), star_magnitude=(dims, np.where(count > 0, 3.25, np.nan))
    )


@pytest.fixture
def checker(ds):
    found = check_stars(ds)
    found.figure.canvas.draw()
    return found


def _screen(checker, i: float, j: float) -> tuple[float, float]:
    return tuple(checker.ax.transData.transform((i, j)))


def _mouse(checker, name: str, x: float, y: float, button: int | None = None) -> None:
    canvas = checker.figure.canvas
    canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, button))


def _click(checker, i: float, j: float, button: int = 1) -> None:
    for name in ("button_press_event", "button_release_event"):
        _mouse(checker, name, *_screen(checker, i, j), button)


def _drag(checker, slider, start: float, stop: float) -> None:
    """Move a handle of a slider from one value to another."""
    where = [slider.ax.transData.transform((v, 0.5)) for v in (start, stop)]
    canvas = checker.figure.canvas
    for name, (x, y) in zip(
        ("button_press_event", "motion_notify_event", "button_release_event"),
        (where[0], where[1], where[1]),
        strict=True,
    ):
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, 1))


def _key(checker, key: str) -> None:
    canvas = checker.figure.canvas
    canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, key))


def _hover(checker) -> str:
    (text,) = [t for t in checker.figure.texts if t.get_gid() == "hover"]
    return text.get_text()


def _listed(checker) -> str:
    (text,) = checker.figure.findobj(lambda artist: artist.get_gid() == "list")
    return text.get_text()


@pytest.mark.slow
def test_a_click_sets_the_flag_and_another_clears_it(checker, ds):
    _click(checker, 3, 17)
    _click(checker, 5.3, 40.2)
    assert checker.selected == [(3, 17), (5, 40)]
    marks = [line for line in checker.ax.lines if line.get_gid() == "flags"]
    assert sorted(map(tuple, marks[0].get_xydata().tolist())) == [(3, 17), (5, 40)]
    assert "Star flags: 2" in _listed(checker)
    assert "3     17" in _listed(checker)
    _click(checker, 3, 17)
    assert checker.selected == [(5, 40)]
    flags = ~good(checker.dataset, "star").values
    assert np.argwhere(flags).tolist() == [[5, 40]]


def test_the_result_is_a_new_dataset(checker, ds):
    before = ds.copy(deep=True)
    _click(checker, 2, 2)
    found = checker.dataset
    xr.testing.assert_identical(ds, before)
    assert "flag(pixels=[[2, 2]], flag='star')" in found.attrs["history"]
    assert (found["radiance"] == ds["radiance"]).all()
    _click(checker, 2, 2)
    xr.testing.assert_identical(checker.dataset, ds)


@pytest.mark.slow
def test_flags_set_before_can_be_cleared(ds):
    flagged = flag(ds, [(1, 1), (6, 6)], "star")
    checker = check_stars(flagged)
    checker.figure.canvas.draw()
    assert checker.selected == [(1, 1), (6, 6)]
    _click(checker, 6, 6)
    assert np.argwhere(~good(checker.dataset, "star").values).tolist() == [[1, 1]]
    # Other flags stay.
    dark = good(ds, "dark_line").values
    np.testing.assert_array_equal(good(checker.dataset, "dark_line").values, dark)


@pytest.mark.slow
def test_flags_go_to_a_file_and_back(checker, ds, tmp_path):
    for place in ((0, 5), (11, 58), (4, 20)):
        _click(checker, *place)
    path = checker.dataset.uvis.stars.save(tmp_path / "stars.txt")
    again = check_stars(ds.uvis.stars.load(path))
    assert again.selected == checker.selected == [(0, 5), (4, 20), (11, 58)]


@pytest.mark.slow
def test_numbers_of_a_subset_are_those_of_the_dataset(ds):
    checker = check_stars(ds.isel(pic=slice(6, 12), pixel=slice(30, 60)))
    checker.figure.canvas.draw()
    _click(checker, 1, 2)
    assert checker.selected == [(7, 32)]
    assert [(int(p), int(q)) for p, q in checker.selected] == [(7, 32)]
    text = checker.ax.xaxis.get_major_formatter()(1.0, 0)
    assert text == "7"
    assert checker.ax.format_coord(1.3, 2.2) == "(x, y) = (7, 32)"
    assert checker.exposure_slider.valtext.get_text() == "6 to 11"
    assert checker.ax.xaxis.get_major_formatter()(1.5, 0) == ""


def test_other_buttons_drags_and_clicks_outside_do_nothing(checker):
    _click(checker, 3, 3, button=3)
    _mouse(checker, "button_press_event", *_screen(checker, 3, 3), 1)
    _mouse(checker, "button_release_event", *_screen(checker, 6, 30), 1)
    _click(checker, -3, 10)
    _click(checker, 3, 200)
    _mouse(checker, "button_release_event", *_screen(checker, 3, 3), 1)
    assert checker.selected == []


def test_a_click_of_the_toolbars_zoom_is_not_ours(checker):
    class Toolbar:
        mode = "zoom rect"

    checker.figure.canvas.toolbar = Toolbar()
    _click(checker, 3, 3)
    assert checker.selected == []


@pytest.mark.slow
def test_hover_tells_what_a_spectrum_is(checker, ds):
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    text = _hover(checker)
    light = ds.uvis.integrate((1600, 1900)).brightness.values[5, 33]
    assert text.startswith(f"pic 5, pixel 33: {light:.4g} kR")
    low, high = (f(ds["alt_corners"].values[5, 33]) for f in (np.min, np.max))
    assert f"alt {low:.0f} to {high:.0f} km" in text
    assert f"local time {ds['lt'].values[5, 33]:.1f} h" in text
    assert f"sza {ds['sza'].values[5, 33]:.1f}°" in text
    assert f"lat {ds['lat'].values[5, 33]:.1f}°" in text
    _mouse(checker, "motion_notify_event", *_screen(checker, 4, 20))
    assert "1 star, magnitude 3.2" in _hover(checker)
    _mouse(checker, "motion_notify_event", *_screen(checker, -4, 20))
    assert _hover(checker) == ""


def test_hover_ends_when_the_mouse_leaves(checker):
    x, y = _screen(checker, 5, 33)
    _mouse(checker, "motion_notify_event", x, y)
    canvas = checker.figure.canvas
    canvas.callbacks.process("axes_leave_event", LocationEvent("axes_leave_event", canvas, x, y))
    assert _hover(checker) == ""


def test_hover_draws_nothing_but_itself(checker, monkeypatch):
    canvas = checker.figure.canvas
    drawn, blitted = [], []
    monkeypatch.setattr(canvas, "draw", lambda *a, **k: drawn.append(1))
    monkeypatch.setattr(canvas, "draw_idle", lambda *a, **k: drawn.append(1))
    monkeypatch.setattr(canvas, "blit", lambda *a: blitted.append(1), raising=False)
    plain = np.asarray(canvas.buffer_rgba()).copy()
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    shown = np.asarray(canvas.buffer_rgba()).copy()
    # Staying in the same cell is no news.
    _mouse(checker, "motion_notify_event", *_screen(checker, 5.2, 33.1))
    assert blitted == [1]
    assert not drawn
    assert (plain != shown).any()
    _mouse(checker, "motion_notify_event", *_screen(checker, -4, 20))
    np.testing.assert_array_equal(np.asarray(canvas.buffer_rgba()), plain)


def test_hover_before_the_first_drawing_asks_for_it(ds):
    checker = check_stars(ds)
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    assert _hover(checker).startswith("pic 5, pixel 33")


@pytest.mark.slow
def test_colour_slider(checker):
    slider = checker.colour_slider
    low, high = slider.val
    middle = 0.4 * low + 0.6 * high
    _drag(checker, slider, high, middle)
    (mesh,) = [m for m in checker.ax.images if m.get_gid() == "map"]
    assert mesh.get_clim()[0] == pytest.approx(low)
    assert mesh.get_clim()[1] == pytest.approx(middle, rel=0.02)


@pytest.mark.slow
def test_exposure_slider(checker):
    _drag(checker, checker.exposure_slider, 0, 4)
    assert checker.ax.get_xlim() == (3.5, 11.5)
    _drag(checker, checker.exposure_slider, 11, 8)
    assert checker.ax.get_xlim() == (3.5, 8.5)
    checker.figure.canvas.draw()
    _click(checker, 6, 10)
    assert checker.selected == [(6, 10)]


@pytest.mark.slow
def test_nine_colormaps_forwards_and_back_by_arrow_and_key(checker):
    (mesh,) = [m for m in checker.ax.images if m.get_gid() == "map"]
    (written,) = [t for t in checker.figure.texts if t.get_gid() == "colormap"]
    assert len(set(COLORMAPS)) == 9
    seen = [mesh.get_cmap().name]

    def press(button) -> None:
        x, y = button.ax.transAxes.transform((0.5, 0.5))
        for name in ("button_press_event", "button_release_event"):
            _mouse(checker, name, x, y, 1)
        assert written.get_text() == mesh.get_cmap().name
        seen.append(mesh.get_cmap().name)

    for _ in COLORMAPS:
        press(checker.next_button)
    assert seen == [*COLORMAPS, COLORMAPS[0]]
    press(checker.previous_button)
    assert seen[-1] == COLORMAPS[-1]
    for key, expected in (("b", -2), ("n", -1), ("x", -1), ("n", 0), ("b", -1)):
        _key(checker, key)
        assert mesh.get_cmap().name == written.get_text() == COLORMAPS[expected]


def test_the_keys_are_not_those_of_the_toolbar():
    taken = {k for name, keys in plt.rcParams.items() if name.startswith("keymap.") for k in keys}
    assert not taken & {"n", "b", "up", "down", "pageup", "pagedown"}


@pytest.mark.slow
def test_the_colormap_shown_first(ds):
    for cmap in ("magma", plt.colormaps["magma"]):
        checker = check_stars(ds, cmap=cmap)
        (mesh,) = checker.ax.images
        assert mesh.get_cmap().name == "magma"
        checker.next_colormap()
        assert mesh.get_cmap().name == "cividis"
        checker.next_colormap(-2)
        assert mesh.get_cmap().name == "inferno"
    checker = check_stars(ds, cmap="gray")
    (mesh,) = checker.ax.images
    names = []
    for _ in range(10):
        names.append(mesh.get_cmap().name)
        checker.next_colormap()
    assert names == ["gray", *COLORMAPS]


@pytest.mark.slow
def test_map_shows_the_signal_the_disk_and_predicted_stars(checker, ds):
    (mesh,) = [m for m in checker.ax.images if m.get_gid() == "map"]
    light = ds.uvis.integrate((1600, 1900)).brightness.values.T
    np.testing.assert_allclose(mesh.get_array().filled(np.nan), light)
    (stars,) = [line for line in checker.ax.lines if line.get_gid() == "predicted"]
    assert stars.get_xydata().tolist() == [[4, 20]]
    (disk,) = [c for c in checker.ax.collections if c.get_gid() == "disk"]
    edge = disk.get_paths()[0].vertices
    on_disk = ds["on_disk"].values.T
    for x, y in edge[::5]:
        i, j = int(x), int(y)
        cell = on_disk[j : j + 2, i : i + 2]
        assert cell.min() == 0
        assert cell.max() == 1
    bar = next(a for a in checker.figure.axes if a.get_ylabel().startswith("Brightness"))
    assert bar.get_ylabel() == "Brightness (kR)"
    assert checker.ax.get_xlabel() == "Exposure index"
    assert checker.ax.get_xlim() == (-0.5, 11.5)
    assert checker.ax.get_ylim() == (-0.5, 59.5)


@pytest.mark.slow
def test_lost_spectra_are_hatched(ds):
    checker = check_stars(flag(ds, [(3, 20), (5, 8)], "lost"))
    (cells,) = [c for c in checker.ax.collections if c.get_gid() == "left out"]
    middles = [path.vertices[:4].mean(0).tolist() for path in cells.get_paths()]
    assert cells.get_hatch() and sorted(middles) == [[3.0, 20.0], [5.0, 8.0]]
    assert checker.ax.get_title().endswith(_tied("hatched: lost"))
    assert "hatched" not in check_stars(ds).ax.get_title()


@pytest.mark.slow
def test_without_geometry_and_calibration(ds):
    keep = ["counts", "quality", "exposure", "wl", "wl_bounds", "band", "line", "pic", "pixel"]
    raw = ds.drop_vars([v for v in ds.variables if v not in keep])
    checker = check_stars(raw, wl_range=None)
    checker.figure.canvas.draw()
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    assert _hover(checker) == "pic 5, pixel 33: 0 count/s"
    _click(checker, 5, 33)
    assert checker.selected == [(5, 33)]
    with pytest.raises(MissingStepError):
        check_stars(raw.drop_vars("counts"))


@pytest.mark.slow
def test_the_whole_list_scrolls(ds):
    pairs = [(i, j) for i in range(6) for j in range(10)]
    checker = check_stars(flag(ds, pairs, "star"))
    checker.figure.canvas.draw()
    assert "Star flags: 60" in _listed(checker)
    lines = [f"{i:>5d} {j:>6d}" for i, j in pairs]
    rows = checker.list.rows
    assert 20 < rows < 60
    assert checker.list.shown == lines[:rows]
    x, y = checker.list.ax.transAxes.transform((0.5, 0.5))
    canvas = checker.figure.canvas
    for _ in range(14):
        event = MouseEvent("scroll_event", canvas, x, y, step=-1)
        canvas.callbacks.process("scroll_event", event)
    assert checker.list.shown == lines[-rows:]
    _key(checker, "up")
    assert checker.list.shown == lines[-rows - 1 : -1]
    for _ in range(3):
        _key(checker, "pageup")
    assert checker.list.shown == lines[:rows]
    # A flag that is set comes into view.
    _click(checker, 11, 3)
    assert checker.list.shown[-1] == f"{11:>5d} {3:>6d}"
    _key(checker, "pagedown")
    assert checker.list.shown[-1] == f"{11:>5d} {3:>6d}"


@pytest.mark.slow
def test_toggle_names_what_is_not_there(checker):
    checker.toggle(3, 3)
    assert checker.selected == [(3, 3)]
    with pytest.raises(ArgumentError, match=r"\(99, 3\)"):
        checker.toggle(99, 3)


def test_a_figure_of_ones_own_without_pyplot(ds):
    figure = Figure(figsize=(8, 5))
    FigureCanvasAgg(figure)
    before = plt.get_fignums()
    checker = check_stars(ds, figure=figure)
    assert checker.figure is figure
    assert plt.get_fignums() == before


def test_closed_it_answers_no_more(checker):
    canvas = checker.figure.canvas
    x, y = _screen(checker, 3, 3)
    checker.close()
    for name in ("button_press_event", "button_release_event"):
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, 1))
    assert checker.selected == []
    assert not plt.get_fignums()


@pytest.mark.slow
def test_closed_it_keeps_its_flags(checker, ds):
    _click(checker, 3, 3)
    checker.close()
    checker.toggle(4, 4)
    assert checker.selected == [(3, 3), (4, 4)]
    xr.testing.assert_identical(
        checker.dataset["quality"], flag(ds, [(3, 3), (4, 4)], "star")["quality"]
    )


@pytest.mark.slow
def test_a_with_block(ds):
    with ds.uvis.check_stars((1450, 1700)) as checker:
        checker.figure.canvas.draw()
        _click(checker, 3, 17)
        assert np.argwhere(~good(checker.dataset, "star").values).tolist() == [[3, 17]]
    assert not plt.get_fignums()
    assert np.argwhere(~good(checker.dataset, "star").values).tolist() == [[3, 17]]
    with pytest.raises(ZeroDivisionError), ds.uvis.check_stars():
        raise ZeroDivisionError
    assert not plt.get_fignums()


def test_it_says_that_a_notebook_without_ipympl_takes_no_clicks(checker, monkeypatch):
    assert "ipympl" not in repr(checker)
    inline = "module://matplotlib_inline.backend_inline"
    monkeypatch.setattr("matplotlib.get_backend", lambda: inline)
    assert repr(checker).endswith("call %matplotlib widget before, with ipympl>")


@pytest.mark.slow
def test_it_says_what_it_holds(ds):
    checker = ds.uvis.check_stars()
    checker.toggle(3, 3)
    name = ds.attrs["name"]
    assert repr(checker) == (
        f"<StarChecker {name}: 1 star flag, 1 of them set here, 0 cleared; "
        ".dataset is the dataset with the flags as they are now>"
    )
    flagged = check_stars(flag(ds, [(1, 1), (2, 2)], "star"))
    flagged.toggle(1, 1)
    assert "1 star flag, 0 of them set here, 1 cleared" in repr(flagged)
    with pytest.raises(AttributeError, match=r"no 'radiance': .* is its \.dataset"):
        _ = checker.radiance


@pytest.mark.slow
def test_nobody_needs_to_keep_it_while_it_is_open(ds):
    canvas = check_stars(ds).figure.canvas
    canvas.draw()
    gc.collect()
    (text,) = canvas.figure.findobj(lambda artist: artist.get_gid() == "list")
    x, y = canvas.figure.axes[0].transData.transform((3, 17))
    for name in ("button_press_event", "button_release_event"):
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, 1))
    assert "Star flags: 1" in text.get_text()


def test_a_figure_that_is_gone_keeps_nothing(ds):
    checker = weakref.ref(check_stars(ds))
    plt.close("all")
    gc.collect()
    assert checker() is None


@pytest.mark.slow
def test_a_saved_picture_leaves_the_window_as_it_is(checker, tmp_path):
    canvas = checker.figure.canvas
    plain = np.asarray(canvas.buffer_rgba()).copy()
    checker.figure.savefig(tmp_path / "a.png", dpi=30)
    canvas.draw()
    checker.figure.savefig(tmp_path / "b.png", dpi=30)
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    _mouse(checker, "motion_notify_event", *_screen(checker, -4, 33))
    np.testing.assert_array_equal(np.asarray(canvas.buffer_rgba()), plain)


def test_what_is_under_the_mouse_is_still_said_after_a_click(checker):
    canvas = checker.figure.canvas
    _mouse(checker, "motion_notify_event", *_screen(checker, 5, 33))
    _click(checker, 5, 33)
    canvas.draw()
    left, bottom, right, top = (round(v) for v in checker.figure.bbox.extents)
    picture = np.asarray(canvas.buffer_rgba())[: round(0.05 * (top - bottom)), left:right, :3]
    assert (picture < 128).any()


@pytest.mark.slow
def test_methods_of_integration(ds):
    rng = np.random.default_rng(4)
    uneven = ds.assign(radiance=ds["radiance"] * rng.uniform(0.5, 1.5, ds["radiance"].shape))
    for method in ("bins", "trapezoid", "simpson"):
        checker = check_stars(uneven, (1450, 1700), method=method)
        light = uneven.uvis.integrate((1450, 1700), method=method).brightness.values.T
        np.testing.assert_allclose(checker.ax.images[0].get_array().filled(np.nan), light)
        assert "1450–1700\N{NO-BREAK SPACE}Å" in checker.ax.get_title()
    with pytest.raises(ArgumentError, match="method"):
        check_stars(uneven, method="sum")


def test_the_range_by_default_is_that_of_starlight_in_the_euv():
    window = Window(2, 0, 61, 1023, band_bin=8)
    rng = np.random.default_rng(3)
    counts = rng.poisson(4.0, (3, *window.shape)).astype(np.uint16)
    counts[1, 5, 900 // 8] = 65535
    ds = observation(counts, window, "EUV")
    inside = ((ds.wl >= 1035) & (ds.wl <= 1150)).values
    assert inside[900 // 8]
    checker = check_stars(ds)
    expected = counts[:, :, inside].sum(-1, dtype=int).T / 240.0
    shown = checker.ax.images[0].get_array()
    assert np.argwhere(np.ma.getmaskarray(shown)).tolist() == [[5, 1]]
    expected[5, 1] = np.nan
    np.testing.assert_allclose(shown.filled(np.nan), expected)
    assert checker.describe(1, 5) == "pic 1, pixel 5: no value"


def test_no_colormap(ds):
    with pytest.raises(ArgumentError, match=r"cmap='virdis'.*did you mean 'viridis'"):
        check_stars(ds, cmap="virdis")
    with pytest.raises(ArgumentError, match="cmap=3"):
        check_stars(ds, cmap=3)


# On a real window --------------------------------------------------------------------------------


class _Window:
    """The checker of `helpers.checker_window`, in a program of its own, and its user."""

    def __init__(self, screen: Screen) -> None:
        root = Path(__file__).parents[1]
        paths = os.pathsep.join([str(root), str(root / "tests")])
        self.screen = screen
        self.program = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "helpers.checker_window"],
            env=screen.environment | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.state: dict[str, Any] = {}
        self.places = self.read()
        self.state = self.read()

    def read(self) -> dict[str, Any]:
        line = self.program.stdout.readline()
        assert line, f"ended after {self.state}: {self.program.communicate()[1]}"
        return json.loads(line)

    def until(self, seen: Callable[[dict[str, Any]], bool] | None = None, **expected: Any) -> None:
        """Read states until one is as wanted, or has these values."""
        while (seen and not seen(self.state)) or not expected.items() <= self.state.items():
            self.state = self.read()

    def cell(self, i: float, j: float) -> tuple[float, float]:
        origin, right, up = (np.array(place) for place in self.places["cells"])
        return tuple(origin + i * (right - origin) + j * (up - origin))

    def title(self) -> np.ndarray:
        """What is seen above the map."""
        (left, top), (right, bottom) = (np.round(p).astype(int) for p in self.places["title"])
        return self.screen.picture()[top:bottom, left:right]


@pytest.fixture
def window(tmp_path):
    absent = missing()
    if absent:
        reason = f"no window without {', '.join(absent)}: apt-get install {PACKAGES}"
        if os.environ.get("UVISXR_REQUIRE_TEST_WINDOW"):
            pytest.fail(reason)
        pytest.skip(reason)
    with screen(tmp_path) as found:
        opened = _Window(found)
        # A hang is a failure: what is read next is then the end.
        watchdog = threading.Timer(240, opened.program.kill)
        watchdog.start()
        try:
            yield opened
        finally:
            watchdog.cancel()
            opened.program.kill()
            opened.program.communicate()


@pytest.mark.slow
def test_clicks_on_a_real_window(window):
    screen, places = window.screen, window.places
    before = [(i, j) for i in (8, 9) for j in range(30)]

    def flagged(*pairs: tuple[int, int]) -> list[list[int]]:
        return sorted(map(list, {*before, *pairs}))

    screen.click(*window.cell(3, 17))
    window.until(selected=flagged((3, 17)))
    screen.click(*window.cell(5.2, 40))
    window.until(selected=flagged((3, 17), (5, 40)))
    screen.click(*window.cell(3, 17))
    window.until(selected=flagged((5, 40)))
    screen.click(*window.cell(5, 41), button=3)

    # Hovering.
    screen.move(*places["list"])
    window.until(hover="")
    _wait_for(lambda: window.title().min() > 200)
    screen.move(*window.cell(6, 33))
    window.until(lambda state: state["hover"].startswith("pic 6, pixel 33"))
    _wait_for(lambda: window.title().min() < 100)

    # Colours by keys, arrows and slider.
    for key, name in (("n", "plasma"), ("b", "viridis"), ("b", "gist_ncar")):
        screen.key(key)
        window.until(colormap=name)
    for arrow, name in (("next", "viridis"), ("previous", "gist_ncar")):
        screen.click(*places[arrow])
        window.until(colormap=name)
    limit = window.state["limit"]
    screen.drag(*places["colours"])
    window.until(lambda state: 0.6 * limit < state["limit"] < 0.7 * limit)

    # The list: by the wheel, its bar and keys.
    lines = [f"{i:>5d} {j:>6d}" for i, j in flagged((5, 40))]
    rows = len(window.state["shown"])
    assert rows < len(lines)
    screen.click(*places["list"], button=5)
    window.until(shown=lines[3 : 3 + rows])
    bottom, top = places["bar"]
    screen.drag(top, bottom)
    window.until(shown=lines[-rows:])
    screen.key("Up")
    window.until(shown=lines[-rows - 1 : -1])

    # While the toolbar zooms, clicks are its own.
    screen.click(*places["zoom"])
    window.until(mode="zoom rect")
    screen.click(*window.cell(2, 50))
    screen.click(*places["zoom"])
    window.until(mode="")
    screen.click(*window.cell(1, 1))
    window.until(selected=flagged((1, 1), (5, 40)))

    # Closed by its user; the script goes on after the `with` block.
    screen.key("q")
    out, errors = window.program.communicate(timeout=60)
    assert window.program.returncode == 0, errors
    left = json.loads(out.splitlines()[-1])
    assert left["flags"] == flagged((0, 59), (1, 1), (5, 40))
    assert "63 star flags, 3 of them set here, 0 cleared" in left["repr"]
    assert not errors


def _wait_for(seen: Callable[[], bool]) -> None:
    stop = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < stop
        time.sleep(0.05)


def test_what_is_no_figure(ds):
    for wrong in (3, plt.figure().subfigures()):
        with pytest.raises(ArgumentError, match=r"figure=.*expected a figure of matplotlib"):
            check_stars(ds, figure=wrong)


@pytest.mark.parametrize("use", [lambda c: c["radiance"], len, list, lambda c: "radiance" in c])
def test_taken_for_a_dataset_it_says_where_that_is(checker, use):
    with pytest.raises(TypeError, match=r"this is the star checker: .* is its \.dataset") as caught:
        use(checker)
    assert isinstance(caught.value, ArgumentError)
    assert bool(checker)


def test_of_several_windows_it_names_the_check_of_each(ds):
    tree = xr.DataTree.from_dict({"window0": ds, "window1": ds})
    with pytest.raises(AttributeError, match=r"tree\['window0'\]\.uvis\.check_stars\(\.\.\.\) or"):
        tree.uvis.check_stars()
    with pytest.raises(AttributeError, match=r"tree\['window0'\]\.uvis\.plot or"):
        tree.uvis.plot.picture()


def test_cut_spectra_are_hatched_too(ds):
    checker = check_stars(flag(flag(ds, [(3, 20)], "lost"), [(5, 8)], "partial"))
    (cells,) = [c for c in checker.ax.collections if c.get_gid() == "left out"]
    assert len(cells.get_paths()) == 2
    assert checker.ax.get_title().endswith(_tied("hatched: lost or partial"))


@pytest.mark.slow
def test_without_a_value_there_is_no_colour_bar(ds):
    empty = check_stars(ds.assign(radiance=ds.radiance * np.nan))
    for checker, seen in ((empty, False), (check_stars(ds), True)):
        (bar,) = [a for a in checker.figure.axes if a.get_ylabel().startswith("Brightness")]
        assert bar.get_visible() is seen


def _tied(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")
