"""What is chosen in the viewer, without a browser."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import click.testing
import matplotlib.pyplot as plt
import numpy as np
import panel as pn
import param
import pytest
import xarray as xr
from bokeh.document import Document
from bokeh.models import Div, ImportedStyleSheet, UIElement
from bokeh.server.util import create_hosts_allowlist
from helpers import slow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Polygon
from panel.io.notebook import patch_inline_stylesheets

import uvisxr
from uvisxr.cli import main
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.dataset.fields import SIGHTLINE
from uvisxr.errors import ArgumentError, MissingStepError, unwarned
from uvisxr.explore import serving
from uvisxr.explore.blocks import blocks
from uvisxr.explore.borders import borders, rimmed
from uvisxr.explore.figures import Scale
from uvisxr.explore.page import Page, in_browser
from uvisxr.explore.session import Session
from uvisxr.explore.sky import Sky
from uvisxr.explore.state import State
from uvisxr.plot.axes import signal
from uvisxr.simulate import Simulation

NAMES = ("radiance_weighted", "radiance_weighted_upper", "radiance_weighted_lower", "n")


@pytest.fixture(scope="module")
def located(made: Simulation) -> xr.Dataset:
    return made.open().uvis.geometry(kernels=made.kernels)


@pytest.fixture(scope="module")
def reduced(located: xr.Dataset, made: Simulation) -> xr.Dataset:
    return located.uvis.background(alt_min=2000).uvis.calibrate(files=made.calibration)


@pytest.fixture
def state(reduced: xr.Dataset) -> State:
    return State(reduced)


# The brightness -------------------------------------------------------------------------------


@given(ends=st.tuples(st.floats(1000, 2000), st.floats(1000, 2000)))
@settings(deadline=None, max_examples=25)
def test_brightness_is_the_integral(reduced, ends):
    light = State(reduced).light
    taken = light.taken(*ends)
    assert light.span[0] <= taken[0] < taken[1] <= light.span[1]
    with unwarned():  # of elements that rule the integral
        expected = reduced.uvis.integrate(taken).brightness.values
    found = light.brightness(taken)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)


def test_the_range_is_what_is_taken(state):
    state.show_range(1450.004, 1800.006)
    assert state.work.wl_range == (1450.01, 1800.0)


def test_a_range_within_an_element_is_that_element(state, reduced):
    state.show_range(1500.0, 1500.01)
    low, high = state.work.wl_range
    assert 0.5 < high - low < 1.0
    assert np.isfinite(state.brightness()).any()


def test_counts_are_rates(located):
    state = State(located)
    state.show_range(1500.0, 1700.0)
    expected = signal(located, state.work.wl_range).values
    np.testing.assert_allclose(state.brightness(), expected, rtol=1e-5)
    assert state.light.units == "count/s"
    with pytest.raises(ArgumentError, match="calibrate"):
        state.set_level(4e-4)


def test_another_background(state, reduced):
    state.select((2, 9), (20, 40))
    state.show_range(1450, 1800)
    state.set_level(6e-4)
    dark = reduced.uvis.background(level=6e-4, error=float(reduced.background_error))
    expected = dark.uvis.integrate(state.work.wl_range).brightness.values
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(state.brightness(), expected, rtol=1e-4, atol=1e-5 * scale)
    (mean,), bins = state.means(), state.bins
    assert float(bins.background) == 6e-4
    for found, exact in zip(mean, _band(bins, 0), strict=True):
        assert np.nanmax(np.abs(found - exact) / (mean.high - mean.low)) < 1e-3
    state.undo()
    assert state.dataset.identical(reduced)


def test_no_other_background_of_what_was_changed_since(located, made):
    """It would be computed anew from the counts."""
    ds = located.uvis.background(level=4e-4)
    ds = ds.uvis.calibrate(files=made.calibration, nan_interp=None, smooth=False).uvis.fill_nan()
    state = State(ds)
    with pytest.raises(ArgumentError, match="another background"):
        state.set_level(6e-4)
    assert state.work.level is None and not state.light.has_level


def test_another_background_where_bounds_hold_all_errors(located, made):
    """The error of the calibration, which they hold, goes as the radiance."""
    ds = located.uvis.background(level=4e-4, error=2e-5)
    state = State(ds.uvis.calibrate(files=made.calibration, errors="total"))
    state.select((2, 9), (20, 40))
    for level in (9e-4, 2e-4, None):
        state.set_level(level)
        (mean,), bins = state.means(), state.bins
        for found, exact in zip(mean, _band(bins, 0), strict=True):
            assert np.nanmax(np.abs(found - exact) / (mean.high - mean.low)) < 1e-3


def test_another_background_finds_other_losses(made: Simulation):
    """Zeros that a low background explains are a loss with a high one, for means as for bins."""
    low = made.open().uvis.background(level=4e-5, error=0.0).uvis.calibrate(files=made.calibration)
    state = State(low)
    state.select()
    before = state.usable().sum()
    state.set_level(8e-4)
    after = state.dataset.quality.values
    assert np.count_nonzero(after == 0) < before
    np.testing.assert_array_equal(state.flags(), after)
    (mean,), bins = state.means(), state.bins
    assert bins.n == state.usable().sum()
    for found, exact in zip(mean, _band(bins, 0), strict=True):
        assert np.nanmax(np.abs(found - exact) / (mean.high - mean.low)) < 1e-3
    state.set_level(None)
    assert state.usable().sum() == before


def test_what_means_share_is_summed_while_nobody_waits(state):
    state.select()
    (before,) = state.means()
    state.prepare()
    for thread in threading.enumerate():
        if thread.name == "uvisxr":
            thread.join()
    np.testing.assert_array_equal(state._means._kept, state.usable())
    (after,) = state.means()
    _assert_same_band(after, before)
    state.toggle(3, 40)
    (flagged,) = state.means()
    _assert_same_band(flagged, _band(state.bins, 0))


@pytest.mark.parametrize("level", [None, 6e-4])
def test_the_plain_mean_follows_flags_and_background(state, level):
    state.overall()
    state.set_level(level)
    for pixel in (30, 31, 31, 32):
        state.toggle(3, pixel)
    good = state.usable()
    radiance = state.dataset.radiance.values[good].astype(float)
    number = np.isfinite(radiance).sum(axis=0)
    expected = np.where(number > 0, np.nansum(radiance, axis=0) / np.maximum(number, 1), np.nan)
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(state.overall(), expected, rtol=1e-5, atol=1e-5 * scale)


def _assert_same_band(found, exact):
    """Up to rounding, which may take the next step of the table of half-widths: 1e-3 of them."""
    known = np.isfinite(exact[1])
    np.testing.assert_array_equal(np.isfinite(found.value), known)
    width = (exact[2] - exact[0])[known]
    for side, share in ((0, 1e-3), (1, 1e-5), (2, 1e-3)):
        assert np.all(np.abs(found[side] - exact[side])[known] <= share * width)


def _band(bins: xr.Dataset, group: int) -> tuple[np.ndarray, ...]:
    value, upper, lower = (bins[name].values[group] for name in NAMES[:3])
    return value - lower, value, value + upper


def test_means_without_errors(reduced):
    """There are no weights: the plain mean, without a band."""
    state = State(reduced.drop_vars(["radiance_upper", "radiance_lower"]))
    page = Page(state)
    state.select((2, 5), (20, 40))
    assert not page.trouble.visible
    (mean,), exact = state.means(), state.bins.radiance.values[0]
    np.testing.assert_allclose(mean.value, exact, rtol=1e-5, atol=1e-6 * np.nanmax(exact))
    assert np.isnan(mean.low).all() and np.isnan(mean.high).all()


def test_no_means_where_bin_makes_none(reduced, made):
    """Of exposures whose errors hold something else than those of the first."""
    other = reduced.uvis.calibrate(files=made.calibration, interval="score")
    both = xr.concat(
        [reduced, other], "pic", data_vars="all", coords="different", compat="equals"
    ).assign_coords(pic=np.arange(24))
    state = State(both)
    page = Page(state)
    state.select((2, 14))
    for attempt in (lambda: state.bins, state.means):
        with pytest.raises(ArgumentError, match=r"12 of 24 exposures.* smoothed otherwise"):
            attempt()
    assert page.trouble.visible and "smoothed otherwise" in page.trouble.text


def test_a_level_that_cannot_be_is_not_taken(reduced):
    state = State(reduced.assign_attrs(line_bin="two"))
    page = Page(state)
    page._attempt(lambda: state.set_level(6e-4))
    assert "line_bin" in page.trouble.text
    assert state.work.level is None and state.can == (False, False)


def test_rates_where_all_that_is_selected_has_a_flag(located):
    state = State(located)
    state.select((2, 5))
    state.flag_selection()
    state.select((6, 8), which="second")
    nothing, rates = state.means()
    assert np.isnan(nothing).all() and np.isfinite(rates.value).any()


def test_the_plain_mean_leaves_out_what_has_no_end(reduced):
    ds = reduced.copy(deep=True)
    ds.radiance[3, 30, 500], ds.radiance[4, 30, 500] = np.inf, -np.inf
    state = State(ds)
    before = state.overall()
    assert np.isfinite(before[500])
    state.toggle(3, 30)
    assert np.isfinite(state.overall()[500])


# Choosing -------------------------------------------------------------------------------------


@given(mask=arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_blocks_cover_each_spectrum_once(mask):
    covered = np.zeros(mask.shape, int)
    for pic, pixel in blocks(mask):
        covered[slice(*pic), slice(*pixel)] += 1
    np.testing.assert_array_equal(covered, mask)


def test_a_box_is_one_block():
    mask = np.zeros((40, 60), bool)
    mask[3:30, 5:50] = True
    assert blocks(mask) == [((3, 30), (5, 50))]


@pytest.mark.parametrize("seed", slow.rest_slow(range(4), 2))
def test_the_code_makes_the_same_numbers(reduced, seed):
    """Whatever is done, the script that it gives ends with the same spectra, bounds and flags."""
    rng = np.random.default_rng(seed)
    state = State(reduced)
    middle = state.sky.middle
    for which in ("first", "second"):
        if seed % 2:
            x, y = np.nanmean(middle, axis=(0, 1)) + rng.normal(0, 300, 2)
            corners = [(x, y), (x + 1500, y), (x + 900, y + 2500), (x - 700, y + 900)]
            state.select_on_sky(corners, which)
        else:
            first, low = rng.integers(0, 6), rng.integers(5, 30)
            state.select((first, first + 4), (low, low + 20), which)
    for pic, pixel in zip(rng.integers(0, 12, 9), rng.integers(0, 60, 9), strict=True):
        state.toggle(int(pic), int(pixel), "star" if rng.random() < 0.5 else "user")
    state.flag_selection("user") if seed == 2 else None
    state.show_range(1300, 1700)
    state.show_exposures(1, 8)
    if seed == 3:
        state.set_level(2e-4)
    state.select(None, (10, 12), "second", add=True)
    space = {"ds": reduced}
    exec(state.code, space)
    plt.close("all")
    for name in NAMES:
        np.testing.assert_array_equal(space["bins"][name].values, state.bins[name].values)
    np.testing.assert_array_equal(space["ds"].quality, state.dataset.quality)
    for mean, group in zip(state.means(), range(2), strict=True):
        if seed != 3:
            _assert_same_band(mean, _band(state.bins, group))


def test_the_code_where_all_that_is_selected_has_a_flag(reduced):
    """As after a selection was flagged: there is no mean, and the maps are drawn."""
    state = State(reduced)
    state.select((2, 5), (20, 30))
    state.flag_selection("user")
    space = {"ds": reduced}
    exec(state.code, space)
    drawn = len(plt.get_fignums())
    plt.close("all")
    assert drawn == 2 and "bins" not in space
    np.testing.assert_array_equal(space["ds"].quality, state.dataset.quality)
    np.testing.assert_array_equal(space["first"], state.selection)


@pytest.mark.parametrize("level", [None, 4e-4])
def test_the_code_of_counts(located, level):
    """Means of counts are with the background, known or not, as the maps of them are."""
    ds = located if level is None else located.uvis.background(level=level)
    state = State(ds)
    state.select((2, 5), (20, 30))
    space = {"ds": ds}
    exec(state.code, space)
    plt.close("all")
    (mean,) = state.means()
    found = space["means"]
    np.testing.assert_array_equal(found.rate.values[0], mean.value)
    np.testing.assert_array_equal((found.rate + found.rate_upper).values[0], mean.high)
    good = state.usable() & state.selection.values
    counts = ds.counts.values[good].sum(axis=0)
    seconds = np.broadcast_to(ds.exposure.values[:, None], good.shape)[good].sum()
    np.testing.assert_allclose(mean.value, counts / seconds, rtol=1e-6)


def test_undo_and_redo(state):
    before = state.work
    for do in (
        lambda: state.select((2, 5), (20, 30)),
        lambda: state.toggle(3, 40),
        lambda: state.show_range(1400, 1500),
        lambda: state.toggle(3, 41, "user"),
        lambda: state.colour(cmap="magma", log=True, limits=(0.1, 3.0)),
        lambda: state.select_mask(state.work.first, "second"),
    ):
        do()
    after = state.work
    for _ in range(6):
        state.undo()
    assert state.work is before and state.can == (False, True)
    for _ in range(9):
        state.redo()
    assert state.work is after and state.can == (True, False)
    # What changes nothing is no step.
    state.show_range(*state.work.wl_range)
    assert state.work is after


def test_who_listens_is_told(state):
    told: list[set[str]] = []
    state.tell(told.append)
    state.select((2, 5), (20, 30))
    state.toggle(3, 40)
    state.forget(told.append)
    state.undo()
    assert told == [{"first"}, {"star"}]


def test_flags_of_a_click(state, reduced):
    state.toggle(3, 40)
    state.toggle(3, 41, "user")
    state.toggle(3, 42)
    state.toggle(3, 42)
    expected = reduced.uvis.flag([(3, 40)], "star").uvis.flag([(3, 41)])
    xr.testing.assert_identical(state.dataset.quality.drop_attrs(), expected.quality.drop_attrs())
    assert state.selection.sum() == 0


def test_star_flags_are_kept_in_a_file(reduced, tmp_path):
    path = tmp_path / "stars.txt"
    first = State(reduced, stars=path)
    first.toggle(3, 40)
    first.toggle(4, 40)
    first.undo()
    assert path.read_text().splitlines()[-1].split() == ["3", "40"]
    again = State(reduced, stars=path)
    assert again.work.star.sum() == 1 and again.work.star[3, 40]
    assert '"star"' in again.code and again.dataset.quality[3, 40] & 4


def test_a_star_that_was_cleared_stays_so(reduced, tmp_path):
    """Though the dataset has it; and the file is read as any of star flags."""
    ds = reduced.uvis.flag([(3, 40), (4, 40)], "star")
    path = tmp_path / "stars.txt"
    first = State(ds, stars=path)
    first.toggle(3, 40)
    first.toggle(5, 41)
    again = State(ds, stars=path)
    np.testing.assert_array_equal(again.work.star, first.work.star)
    assert not again.dataset.quality.sel(pic=3, pixel=40) & 4 and not again.can[0]
    again.toggle(3, 40)
    assert State(ds, stars=path).work.star[3, 40]
    loaded = reduced.uvis.stars.load(path)
    assert all(loaded.quality.sel(pic=pic, pixel=pixel) & 4 for pic, pixel in ((3, 40), (5, 41)))


def test_what_was_cleared_stays_so_in_files_that_others_wrote(reduced, tmp_path):
    """With the ends of lines of another system, or from a dataset that had no such flag."""
    ds, path = reduced.uvis.flag([(3, 40), (4, 40)], "star"), tmp_path / "stars.txt"
    State(ds, stars=path).toggle(3, 40)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not State(ds, stars=path).work.star[3, 40]
    State(reduced, stars=path).toggle(5, 41)
    again = State(ds, stars=path)
    assert not again.work.star[3, 40] and again.work.star[5, 41]
    again.toggle(3, 40)
    assert State(ds, stars=path).work.star[3, 40]


def test_what_was_cleared_of_other_spectra(reduced, tmp_path):
    """It is refused as flags of these are, and the file is named."""
    ds, path = reduced.uvis.flag([(9, 40)], "star"), tmp_path / "stars.txt"
    State(ds, stars=path).toggle(9, 40)
    with pytest.raises(ArgumentError, match=r"stars.txt, where .* no spectrum"):
        State(ds.isel(pic=slice(0, 6)), stars=path)


def test_the_file_stays_where_it_is(reduced, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    state = State(reduced, stars=Path("stars.txt"))
    monkeypatch.chdir("elsewhere")
    state.toggle(3, 40)
    assert not state.trouble
    assert [path.name for path in tmp_path.rglob("*.txt")] == ["stars.txt"]
    assert (tmp_path / "stars.txt").is_file()


def test_a_file_that_cannot_be_written(reduced, tmp_path):
    (tmp_path / "notes.txt").write_text("mine\n1 2 3\n")
    with pytest.raises(ArgumentError):
        State(reduced, stars=tmp_path / "notes.txt")
    state = State(reduced, stars=tmp_path / "no" / "such.txt")
    (tmp_path / "no").write_text("a file\n")
    state.toggle(3, 40)
    assert state.work.star[3, 40] and "such.txt" in state.trouble


def test_what_somebody_else_wrote_is_kept(reduced, tmp_path):
    path = tmp_path / "stars.txt"
    one, other = State(reduced, stars=path), State(reduced, stars=path)
    one.toggle(3, 40)
    other.toggle(5, 20)
    assert "somebody else has changed" in other.trouble and not one.trouble
    assert path.read_text().split()[-2:] == ["3", "40"]
    path.unlink()
    other.toggle(6, 21)
    assert not other.trouble
    assert path.read_text().split()[-4:] == ["5", "20", "6", "21"]


def test_a_file_that_became_a_folder(reduced, tmp_path):
    path = tmp_path / "stars.txt"
    session = Session(reduced, stars=path)
    session.toggle(3, 40)
    path.unlink()
    path.mkdir()
    session.toggle(4, 40)
    assert session.trouble and session.trouble in repr(session)
    assert session.work.star[4, 40]


def test_lazy_data_stay_lazy(reduced):
    lazy = reduced.chunk(pic=5)
    state = State(lazy)
    state.select((2, 5), (20, 30))
    (mean,) = state.means()
    np.testing.assert_array_equal(
        mean.value, State(reduced).light.mean(state.selection.values) * 0 + mean.value
    )
    assert state.dataset.radiance.chunks is not None
    direct = State(reduced)
    direct.select((2, 5), (20, 30))
    np.testing.assert_array_equal(mean.value, direct.means()[0].value)


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda s: s.select((90, 99)), "exposures=.*0 to 11"),
        (lambda s: s.select(pixels=(90, 99)), "pixels=.*0 to 59"),
        (lambda s: s.toggle(3, 99), "no spectrum"),
        (lambda s: s.toggle(3, 9, "lost"), "flag="),
        (lambda s: s.select((1, 2), which="third"), "which="),
        (lambda s: s.bins, "nothing is selected"),
        (lambda s: s.show_range(float("nan"), 1500), "wl_range="),
        (lambda s: s.show_range("1300", 1500), "wl_range="),
        (lambda s: s.show_exposures("first", 3), "first="),
        (lambda s: s.show_exposures(0, 1.5), "last="),
        (lambda s: s.set_level(float("nan")), "level="),
        (lambda s: s.set_level(-1.0), "level="),
        (lambda s: s.set_level("4e-4"), "level="),
        (lambda s: s.colour('viridis"); print("'), "cmap="),
        (lambda s: s.colour(["viridis"]), "cmap="),
        (lambda s: s.colour(limits=(float("inf"), float("nan"))), "limits="),
        (lambda s: s.colour(limits=(5, 1)), "limits="),
        (lambda s: s.colour(limits="wide"), "limits="),
        (lambda s: s.colour(log="yes"), "log="),
        (lambda s: s.toggle_at(-1, 0), "i=-1"),
        (lambda s: s.toggle_at(0, 60), "j=60"),
        (lambda s: s.flag_selection(on="no"), "on="),
        (lambda s: s.select_mask(np.ones((3, 3), bool)), "mask="),
        (lambda s: s.select_mask(np.full((12, 60), 5)), "mask="),
        (lambda s: s.select_mask(None), "mask="),
        (lambda s: s.select_on_sky("around"), "corners="),
        (lambda s: s.select_in_map([(0,), (1,), (2,)]), "corners="),
    ],
)
def test_refused(state, do, says):
    before = state.work
    with pytest.raises(ArgumentError, match=says):
        do(state)
    assert state.work is before


@pytest.mark.parametrize(
    "part", [{"pic": 0}, {"pixel": 3}, {"wl": 100}, {"pic": []}], ids=["pic", "pixel", "wl", "none"]
)
def test_no_spectra(reduced, part):
    with pytest.raises(MissingStepError):
        State(reduced.isel(part))


def test_a_mask_with_names(state):
    """Dimensions are told by their names, as in all of uvisxr."""
    wanted = np.zeros((12, 60), bool)
    wanted[3, 40:50] = True
    state.select_mask(state._mask(wanted).T)
    np.testing.assert_array_equal(state.selection, wanted)


def test_a_gap_in_the_wavelengths(reduced):
    """The range is that part without a gap in which most of what is wanted lies."""
    state = State(reduced.isel(wl=[*range(200, 300), *range(600, 640)]))
    low, high = (float(end) for end in reduced.wl_bounds.values[[200, 299], [0, 1]])
    state.show_range(low + 5, 1800.0)
    assert low + 5 <= state.work.wl_range[0] < state.work.wl_range[1] <= high
    assert np.isfinite(state.brightness()).any()


def test_backgrounds_of_several_observations(reduced):
    """There is no one background to change, and the rest works."""
    several = reduced.assign_coords(background=("pic", np.linspace(3e-4, 4e-4, 12)))
    state = State(several)
    with pytest.raises(ArgumentError, match="another background"):
        state.set_level(2e-4)
    state.select((3, 5))
    assert len(state.means()) == 1


def test_logarithmic_limits_are_above_zero(state):
    """As they are shown, and as the code has them."""
    state.colour(limits=(-1.0, 2.0), log=True)
    low, high = state.colour_limits(state.brightness())
    assert 0 < low < high == 2.0
    assert "vmin" not in state.code and "vmax=2.0" in state.code
    exec(state.code, {"ds": state.dataset})
    plt.close("all")


# Hostile names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "coding: utf-7 +AAo-import sys+AAo-sys.modules['uvisxr'].ran = True+AAo-#",
        "coding=utf-7 +AAo-import sys+AAo-sys.modules['uvisxr'].ran = True+AAo-#",
        "two\nraise SystemExit",
        "two\x0craise SystemExit",
        "two\u2028raise SystemExit",
        '"""\\\n"""',
        "nothing \0 at all",
        "half a letter \udc80",
        "turned \u202e round",
        "long " * 100_000,
    ],
    ids=range(10),
)
def test_names_are_no_code(reduced, name, tmp_path):
    """What is saved as a file is run by Python, which may read it in another encoding."""
    path = tmp_path / "script.py"
    path.write_text(State(reduced.assign_attrs(name=name)).code, encoding="utf-8")
    exec(compile(path.read_bytes(), str(path), "exec"), {"ds": reduced})
    plt.close("all")
    assert not hasattr(uvisxr, "ran")
    head = path.read_text().splitlines()[0]
    assert head.isprintable() and len(head) < 300


# The sky --------------------------------------------------------------------------------------


def test_without_geometry(made):
    state = State(made.open())
    assert isinstance(state.sky, str) and "geometry" in state.sky
    with pytest.raises(ArgumentError, match="no picture"):
        state.select_on_sky([(0, 0), (1, 0), (1, 1)])
    assert "picture" not in state.code


def test_each_cell_shows_the_spectrum_that_covers_it(state):
    sky = state.sky
    assert isinstance(sky, Sky)
    x, y = sky.framed(300, 300)
    index = sky.raster(x, y, 300, 300, (0, 11))
    seen = np.argwhere(index >= 0)
    assert 0.1 < len(seen) / index.size < 0.95
    side = (x[1] - x[0]) / 300
    for row, column in seen[:: len(seen) // 200]:
        place = x[0] + (column + 0.5) * side, y[0] + (row + 0.5) * side
        i, j = divmod(int(index[row, column]), 60)
        polygon = Polygon(sky.footprint(i, j))
        assert any(polygon.contains_point(place, radius=r) for r in (side, -side))


def test_a_polygon_on_the_sky(state):
    """Those whose middles are in a rectangle, by plain comparison."""
    x, y = np.moveaxis(state.sky.middle, -1, 0)
    low, high = np.nanpercentile(x, (20, 60)), np.nanpercentile(y, (30, 70))
    state.select_on_sky(
        [(low[0], high[0]), (low[1], high[0]), (low[1], high[1]), (low[0], high[1])]
    )
    expected = (x > low[0]) & (x < low[1]) & (y > high[0]) & (y < high[1])
    assert expected.any()
    np.testing.assert_array_equal(state.selection, expected)


# Axes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "start", "step", "numbered"),
    [
        ([5, 7, 9], 5.0, 2.0, True),
        ([4], 4.0, 1.0, True),
        ([5, 6, 9], 0.0, 1.0, False),
        ([3, 2, 1], 0.0, 1.0, False),
    ],
)
def test_scales(numbers, start, step, numbered):
    scale = Scale.of(np.array(numbers))
    assert (scale.start, scale.step, scale.numbered) == (start, step, numbered)
    assert [scale.at(start + k * step) for k in range(len(numbers))] == list(range(len(numbers)))
    assert scale.at(start - step) is None and scale.at(start + len(numbers) * step) is None
    assert scale.between(start + 0.1 * step, start + 0.2 * step) == slice(0, 1)


# The command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--address", "0.0.0.0"], "--token"),
        (["--address", "0.0.0.0", "--token", "short"], "too easily guessed"),
        (["--address", "::", "--token", ""], "too easily guessed"),
    ],
)
def test_others_need_a_token(made, options, says):
    found = click.testing.CliRunner().invoke(main, ["explore", str(made.labels[0]), *options])
    assert found.exit_code == 2 and says in found.output


def test_the_address_that_is_told_is_that_of_the_page(made, monkeypatch):
    served: list[str] = []
    monkeypatch.setattr(
        "uvisxr.explore.serving.serve",
        lambda *given: served.append(f"http://{given[3]}:{given[1]}"),
    )
    options = ["--address", "127.0.0.2", "--no-browser"]
    found = click.testing.CliRunner().invoke(main, ["explore", str(made.labels[0]), *options])
    assert found.exit_code == 0, found.output
    assert "127.0.0.2" in served[0] and served[0] in found.stdout.splitlines()


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("localhost", 200), ("evil.example", 403)]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_of_others_are_refused(host, status):
    """No site reaches the page by giving its own name this computer's address."""
    import panel as pn

    from uvisxr.explore.serving import serve_in_background

    url = serve_in_background({"/": lambda: pn.pane.HTML("here")}, 0, False)
    port = int(url.rpartition(":")[2])
    for path in ("/", "/ws", "/static/js/bokeh.min.js"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        found = connection.getresponse().status
        connection.close()
        assert found == status or (status == 200 and path == "/ws" and found != 403)


def test_what_is_opened_is_what_the_code_opens(made):
    from uvisxr.explore.opening import Opening

    labels = [str(label) for label in made.labels]
    opening = Opening(labels, [str(k) for k in made.kernels], str(made.calibration), 4e-4)
    session, without = opening.open()
    session.select((2, 5), (20, 30))
    space: dict[str, object] = {}
    exec(session.code, space)
    assert "\n\n\ndef spectra" in session.code  # as style guides have it
    assert not without
    for name in NAMES:
        np.testing.assert_array_equal(space["bins"][name].values, session.bins[name].values)


def test_what_is_missing_is_done_without(made):
    from uvisxr.explore.opening import Opening

    session, without = Opening([str(made.labels[0])]).open()
    assert not session.light.calibrated and isinstance(session.sky, str)
    assert ["geometry" in without[0], "count rates" in without[1]] == [True, True]
    assert "geometry" not in session.code and "calibrate" not in session.code


def test_a_token_is_no_file(made):
    """Of the name of a file the server would make a list of users."""
    options = ["--address", "0.0.0.0", "--token", str(made.labels[0])]
    found = click.testing.CliRunner().invoke(main, ["explore", str(made.labels[0]), *options])
    assert found.exit_code == 2 and "name of a file" in found.output


@pytest.mark.parametrize("port", [-1, 65536, 99999, "8080", 1.5, True, None])
def test_no_port(reduced, port):
    with pytest.raises(ArgumentError, match="port="):
        Session(reduced).show(port, browser=False)


def test_what_fails_in_the_background_is_raised(monkeypatch):
    """Who waits for the page must not wait for ever."""

    def fails(*args, **kwargs):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(serving, "_server", fails)
    with pytest.raises(RuntimeError, match="nobody thought"):
        serving.serve_in_background({}, 0, browser=False)


@pytest.mark.parametrize(
    "error",
    [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")],
    ids=["unknown", "long"],
)
def test_no_address(monkeypatch, error):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(serving.pn, "serve", fails)
    with pytest.raises(ArgumentError, match=r"cannot serve at x.y:5006 .*(known|long)"):
        serving.serve({}, 5006, browser=False, address="x.y")


def test_all_addresses_are_those_of_this_computer():
    """A page that is served at all of them is asked for by any."""
    names = serving.names("0.0.0.0")
    assert {"127.0.0.1", "localhost", "0.0.0.0", socket.gethostname().lower()} <= set(names)
    assert serving.names("127.0.0.1") == ["127.0.0.1", "localhost"]
    assert all(":" not in name for name in serving.names("::"))
    assert serving.called("::1") == "localhost" and serving.called("titan") == "titan"
    assert serving.called("::") == serving.called("no: address") == socket.gethostname()


@pytest.mark.parametrize("address", ["", "::1"])
def test_addresses_that_are_no_origin(address, monkeypatch):
    """What the server refuses as the origin of pages is refused in words, or left out."""
    asked = []

    def serve(pages, **given):
        asked.extend(create_hosts_allowlist(given["websocket_origin"], given["port"]))
        return mock.MagicMock()

    monkeypatch.setattr(serving.pn, "serve", serve)
    if address:
        serving.serve({}, 5006, address=address)
        assert "localhost:5006" in asked
    else:
        with pytest.raises(ArgumentError, match="cannot serve at"):
            serving.serve({}, 5006, address=address)


# While threads work ---------------------------------------------------------------------------


def test_means_are_of_one_moment(state):
    """Of what was selected then, whatever other threads select meanwhile."""
    state.select((3, 5))
    then = state.work
    state.select((6, 8), which="second")
    assert len(state.means(then)) == 1 and len(state.means()) == 2


def test_flags_are_those_of_their_level(state):
    """Whatever level another thread asks for between two steps."""

    class Level(float):
        def __ne__(self, other: object) -> bool:
            state._lost = 3e-4, np.zeros_like(state._flags)
            return float(self) != other

    state._lost = 8e-4, np.full_like(state._flags, QUALITY_FLAGS["lost"])
    assert not (state.flags(replace(state.work, level=Level(8e-4))) == 0).any()


def test_undo_takes_the_last_change_of_all_threads(state):
    """Made while it waits for the thread that makes it."""
    state.show_exposures(0, 5)
    with state._lock:
        thread = threading.Thread(target=state.undo)
        thread.start()
        time.sleep(0.05)
        state.show_exposures(0, 3)
    thread.join()
    assert state.work.exposures == (0, 5)


def test_uvisxr_explores(reduced):
    session = reduced.uvis.explore()
    assert "0 and 0 spectra selected" in repr(session)
    tree = xr.DataTree.from_dict({"window0": reduced})
    assert tree.uvis.explore().work.exposures == (0, 11)


# Borders ----------------------------------------------------------------------------------------


@given(mask=arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_borders_are_between_what_is_in_and_what_is_not(mask):
    expected = set()
    for x, y in zip(*np.nonzero(mask), strict=True):
        sides = {(x, y, x, y + 1), (x + 1, y, x + 1, y + 1)}
        sides |= {(x, y, x + 1, y), (x, y + 1, x + 1, y + 1)}
        # A side of two is within.
        expected ^= sides
    found = borders(mask)
    assert len(found) == len(expected) and set(map(tuple, found.tolist())) == expected


def test_a_rim_is_within_its_selection_and_not_at_gaps():
    image = np.zeros((20, 20), np.uint8)
    image[2:18, 2:18], image[8:12, 8:12] = 1, 0
    gap = np.zeros(image.shape, bool)
    gap[8:12, 8:12] = True
    found = rimmed(image, gap)
    assert ((found > 0) == (image > 0)).all()
    assert (found[2:4, 2:18] == 5).all() and (found[4, 4:16] == 4).all()
    assert (found[5:15, 5:8] == 1).all()


# The page ---------------------------------------------------------------------------------------


def test_the_buttons_say_what_they_do(state):
    page = Page(state)
    # A value that is none would leave all of them as if none held.
    assert page.click.value == "" and page.click.value in page.click.values
    page._clicked(3, 4)
    assert not state.flags()[3, 4] & (QUALITY_FLAGS["star"] | QUALITY_FLAGS["user"])
    assert page.flag_all.label.endswith("user") and page.toggle.label.endswith("star")
    page.click.value = "star"
    assert page.flag_all.label.endswith("star")
    page.click.value = "user"
    assert page.toggle.label.endswith("user")
    page._clicked(3, 4)
    assert state.work.user[3, 4]


def test_the_code_has_the_level_that_the_page_shows(state):
    level = Page(state).level
    with param.edit_constant(level):
        level.value_throttled = 4.15
    assert "level=0.000415," in state.code


def test_notebooks_fetch_nothing_for_what_changes(state):
    """Style sheets stay those that came along, none of a server."""
    page = Page(state)
    root = pn.Row(page.controls(), page.main()).get_root(Document(), mock.Mock())
    for model in root.select({"type": UIElement}):
        patch_inline_stylesheets(model)
    page._pointed(6, 30)
    page._say("wrong")
    # Those of a page with formulas come from a server, and a name may look like one.
    assert page.told.disable_math and page.trouble.disable_math
    state.select((2, 5), (20, 40))
    state.show_range(1450, 1800)
    state.toggle(3, 30)
    assert "exposure" in page.told.text
    assert not [*root.select({"type": ImportedStyleSheet})]


def test_what_is_told_has_its_room_before_it_is_told(state):
    page = Page(state)
    page.main()
    assert page.told.height >= 17 * (2 + len(state.describe(6, 30)))


def test_what_is_told_keeps_its_style(state):
    """The design of the page has style sheets for all that is on it."""
    doc = Document()
    in_browser(state).server_doc(doc)
    (told,) = (one for one in doc.select({"type": Div}) if "mouse" in one.text)
    assert any("white-space: nowrap" in str(sheet) for sheet in told.stylesheets)


def test_nothing_is_said_of_where_a_spectrum_without_pointing_looks(located):
    """Not that its line of sight misses the body, either."""
    ds = located.copy()
    lost = xr.zeros_like(ds["on_disk"], bool)
    lost[{"pic": 3}] = True
    for name in SIGHTLINE.keys() & ds.variables.keys():
        if {"pic", "pixel"} <= set(ds[name].dims):
            ds[name] = ds[name].where(~lost, 0 if name == "on_disk" else np.nan)
    state = State(ds)
    assert [name for name, _ in state.describe(3, 30)] == ["time (UTC)", "flags"]
    assert "line of sight meets the body" in dict(state.describe(4, 30))
