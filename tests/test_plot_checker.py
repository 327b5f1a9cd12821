"""The star checker, driven by the mouse events a user makes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from matplotlib.backend_bases import KeyEvent, LocationEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from uvisxr.errors import ArgumentError, MissingStepError
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


def _hover(checker) -> str:
    (text,) = [t for t in checker.figure.texts if t.get_gid() == "hover"]
    return text.get_text()


def _listed(checker) -> str:
    (text,) = checker.figure.findobj(lambda artist: artist.get_gid() == "list")
    return text.get_text()


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


def test_flags_go_to_a_file_and_back(checker, ds, tmp_path):
    for place in ((0, 5), (11, 58), (4, 20)):
        _click(checker, *place)
    path = checker.dataset.uvis.stars.save(tmp_path / "stars.txt")
    again = check_stars(ds.uvis.stars.load(path))
    assert again.selected == checker.selected == [(0, 5), (4, 20), (11, 58)]


def test_numbers_of_a_subset_are_those_of_the_dataset(ds):
    checker = check_stars(ds.isel(pic=slice(6, 12), pixel=slice(30, 60)))
    checker.figure.canvas.draw()
    _click(checker, 1, 2)
    assert checker.selected == [(7, 32)]
    assert [(int(p), int(q)) for p, q in checker.selected] == [(7, 32)]
    text = checker.ax.xaxis.get_major_formatter()(1.0, 0)
    assert text == "7"
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


def test_colour_slider(checker):
    slider = checker.colour_slider
    low, high = slider.val
    middle = 0.4 * low + 0.6 * high
    _drag(checker, slider, high, middle)
    (mesh,) = [m for m in checker.ax.images if m.get_gid() == "map"]
    assert mesh.get_clim()[0] == pytest.approx(low)
    assert mesh.get_clim()[1] == pytest.approx(middle, rel=0.02)


def test_exposure_slider(checker):
    _drag(checker, checker.exposure_slider, 0, 4)
    assert checker.ax.get_xlim() == (3.5, 11.5)
    _drag(checker, checker.exposure_slider, 11, 8)
    assert checker.ax.get_xlim() == (3.5, 8.5)
    checker.figure.canvas.draw()
    _click(checker, 6, 10)
    assert checker.selected == [(6, 10)]


def test_colormaps_cycle_by_button_and_key(checker):
    (mesh,) = [m for m in checker.ax.images if m.get_gid() == "map"]
    seen = [mesh.get_cmap().name]
    canvas = checker.figure.canvas
    x, y = checker.colormap_button.ax.transAxes.transform((0.5, 0.5))
    for name in ("button_press_event", "button_release_event"):
        canvas.callbacks.process(name, MouseEvent(name, canvas, x, y, 1))
    seen.append(mesh.get_cmap().name)
    for key in ("x", "c", "c", "c"):
        canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, key))
        seen.append(mesh.get_cmap().name)
    assert seen == [*COLORMAPS[:2], COLORMAPS[1], *COLORMAPS[2:], COLORMAPS[0]]


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
    assert checker.ax.get_xlabel() == "Exposure (pic)"
    assert checker.ax.get_xlim() == (-0.5, 11.5)
    assert checker.ax.get_ylim() == (-0.5, 59.5)


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


def test_long_lists_are_cut(ds):
    many = flag(ds, [(i, j) for i in range(6) for j in range(10)], "star")
    text = _listed(check_stars(many))
    assert "Star flags: 60" in text
    assert "... 36 more" in text


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


def test_no_colormaps(ds):
    with pytest.raises(ArgumentError, match="colormaps"):
        check_stars(ds, colormaps=())
