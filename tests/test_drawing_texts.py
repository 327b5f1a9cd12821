"""Titles, labels and units in pictures, and how they fit."""

from __future__ import annotations

import io
import pickle
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from matplotlib import cbook
from matplotlib.text import Text

from uvisxr.drawing import texts
from uvisxr.drawing.style import style
from uvisxr.plot.bins import bins
from uvisxr.plot.quicklook import quicklook
from uvisxr.plot.scene import geometry
from uvisxr.plot.spectrum import spectrum

_LONG = "Altitude of the tangent point above the ellipsoid, as it were (km)"


def _at(*times: str) -> xr.Dataset:
    return xr.Dataset({"time": ("pic", np.array(times, "datetime64[ns]"))})


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["2005-09-14T19:58:56", "2005-09-14T23:01:02"], "2005-09-14 19:58–23:01 UTC"),
        (["2005-09-14T23:01:02", "2005-09-14T19:58:56"], "2005-09-14 19:58–23:01 UTC"),
        (["2005-09-14T19:58:56", "2005-09-14T19:59:26"], "2005-09-14 19:58:56–19:59:26 UTC"),
        (["2005-12-31T22:00", "2006-01-01T03:30"], "2005-12-31 22:00 – 2006-01-01 03:30 UTC"),
        (["2005-09-14T19:58:00", "2005-09-14T20:02:00"], "2005-09-14 19:58–20:02 UTC"),
        (["2005-09-14T19:58:56"], "2005-09-14 19:58:56 UTC"),
        (["2005-09-14T19:58:56", "NaT"], "2005-09-14 19:58:56 UTC"),
        (["NaT"], ""),
    ],
)
def test_the_span_of_time(times, said):
    assert texts.span(_at(*times)).replace("\xa0", " ") == said


def test_the_span_is_that_of_the_exposures_ends():
    ds = _at("2005-09-14T20:00")
    begin, end = (np.array([f"2005-09-14T{t}"], "datetime64[ns]") for t in ("19:30", "20:30"))
    ds = ds.assign(time_start=("pic", begin), time_stop=("pic", end))
    assert texts.span(ds).replace("\xa0", " ") == "2005-09-14 19:30–20:30 UTC"
    assert texts.span(xr.Dataset()) == ""


def test_the_heading_names_body_time_and_product():
    ds = flyby(n_pic=3)
    said = texts.heading(ds, "more").replace("\xa0", " ")
    # Three exposures of 30 s, whose middles are known.
    assert said == "Titan, 2005-09-14 19:58:41–20:00:11 UTC, FUV2005_257_19_58, more"
    named = ds.assign_attrs(name="Titan T7")
    assert texts.heading(named).startswith("2005")
    assert texts.heading(xr.Dataset()) == ""
    assert texts.body(ds.assign_attrs(geometry_target="", target="S RINGS")) == "Saturn's rings"
    rings = ds.assign_attrs(geometry_target="SATURN", target="S RINGS")
    assert texts.body(rings) == "Saturn's rings"
    assert texts.body(rings.assign_attrs(geometry_target="TITAN")) == "Titan"
    assert texts.body(rings.assign_attrs(map_projection="polar")) == "Saturn"


@pytest.mark.parametrize(
    ("units", "written"),
    [
        ("kR angstrom-1", "kR/Å"),
        ("10⁻³ kR angstrom-1", "10⁻³ kR/Å"),
        ("10³ km", "10³ km"),
        ("1", ""),
        ("furlong", "furlong"),
        ("", ""),
    ],
)
def test_units(units, written):
    assert texts.unit(units) == written
    assert texts.caption("height, more", units) == ("Height" + (f" ({written})" if written else ""))


@pytest.mark.parametrize("size", [(3.0, 3.0), (6.4, 4.8), (10.0, 7.0)])
def test_titles_and_labels_fit(size):
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    title = texts.set_title(ax, _LONG)
    below, beside = (texts.set_label(axis, _LONG) for axis in (ax.xaxis, ax.yaxis))
    for _ in range(2):
        figure.canvas.draw()
        for text in (title, below, beside):
            box = text.get_window_extent()
            assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
            assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1
        # They stay whole for those who ask for them, whatever the size.
        assert ax.get_title() == ax.get_xlabel() == _LONG
        figure.set_size_inches(0.8 * size[0], size[1])


@pytest.mark.slow
def test_titles_that_nearly_fill_the_width_fit():
    """With a colour bar, whose width follows the height that the title leaves."""
    for letters in range(75, 100):
        figure, ax = plt.subplots(figsize=(8.0, 4.6), layout="constrained")
        image = ax.imshow(np.eye(3), aspect="auto")
        title = texts.set_title(ax, (20 * "nnnn ")[:letters])
        figure.colorbar(image, ax=ax, pad=0.02)
        figure.canvas.draw()
        box = title.get_window_extent()
        assert box.y1 <= figure.bbox.y1 and box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        plt.close(figure)


def test_titles_of_neighbours_do_not_meet():
    figure, panels = plt.subplots(1, 3, figsize=(8.0, 3.0), layout="constrained")
    titles = [texts.set_title(ax, _LONG) for ax in panels]
    figure.canvas.draw()
    boxes = [title.get_window_extent() for title in titles]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("pad", [0.0, 0.1])
def test_titles_fit_when_cropped(pad):
    """As notebooks do, which crop to what is drawn."""
    words = " ".join(["word"] * 14)
    figure, ax = plt.subplots(figsize=(6.4, 3.0), layout="constrained")
    title = texts.set_title(ax, words)
    figure.canvas.draw()
    lines = []
    draw = title._get_wrapped_text
    title._get_wrapped_text = lambda: lines.append(draw()) or lines[-1]
    figure.savefig(io.BytesIO(), bbox_inches="tight", pad_inches=pad)
    assert len(set(lines)) == 1


def test_lines_are_measured_once(monkeypatch):
    measured = []
    width = Text._get_rendered_text_width
    monkeypatch.setattr(
        Text,
        "_get_rendered_text_width",
        lambda text, line: measured.append(line) or width(text, line),
    )
    figure, ax = plt.subplots(figsize=(4.0, 3.0))
    title = texts.set_title(ax, _LONG)
    figure.canvas.draw()
    lines, before = title._get_wrapped_text(), len(measured)
    figure.canvas.draw()
    assert len(measured) == len(set(measured)) == before
    # In another font they are others.
    title.set_fontsize(20.0)
    assert title._get_wrapped_text() != lines
    assert pickle.loads(pickle.dumps(figure)).axes[0].get_title() == _LONG


def _nothing(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_gid() == "nothing"]


def test_empty_axes_say_why():
    ds = flyby(n_pic=3)
    ds["radiance"] = ds["radiance"].where(ds["pixel"] != 5)
    unlit = ds.assign_coords(quality=(("pic", "pixel"), np.full((3, 60), 8, np.uint8)))
    unlit.attrs["channel"] = "FUV"
    assert _nothing(spectrum(unlit, select=[(0, 5), (1, 5)])) == ["no value:\ndark line"]
    assert not _nothing(spectrum(unlit, select=[(0, 6)]))
    plain = ds.drop_vars("quality")
    assert _nothing(spectrum(plain, select=[(0, 5)])) == ["no value"]


@pytest.mark.parametrize("name", ["$x^{$", r"A\$B$", "100 $"])
def test_names_are_no_formulas(name):
    """What a label says is written as it is; titles and units of a user may have formulas."""
    ds = flyby(n_pic=3).assign_attrs(target=name, geometry_target="", name=f"of {name}")
    for ax in (geometry(ds, mode="fov"), spectrum(ds.isel(pic=[1], pixel=[30]))):
        ax.figure.canvas.draw()
        told = ax.get_title()
        assert not cbook.is_math_text(told)
        shown = told.replace(r"\$", "$")
        assert shown.startswith(name.title()) and f"of {name}" in shown
    ax.set_title(r"$\lambda$")
    assert cbook.is_math_text(ax.get_title())


def test_a_glance_at_unlit_rows_says_so():
    ds = flyby(n_pic=3).isel(pixel=[0, 1])
    ds["radiance"] = xr.full_like(ds["radiance"], np.nan)
    figure = quicklook(ds)
    assert sum(len(_nothing(ax)) for ax in figure.axes) == 2


def test_bins_without_spectra_say_so():
    binned = flyby(n_pic=3).uvis.bin(by={"alt": [-3000, 0, 1000, 2000], "lt": [0, 12, 24]})
    empty = binned.assign(n=xr.zeros_like(binned["n"]))
    assert _nothing(bins(empty)) == ["no spectrum in any bin"]
    assert not _nothing(bins(binned))


def test_the_text_in_the_middle_fits():
    figure, ax = plt.subplots(figsize=(3.0, 3.0), layout="constrained")
    box = texts.nothing(ax, _LONG, style()).get_window_extent()
    assert ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1
    assert figure is ax.figure


@pytest.mark.parametrize("room", [1.0, 60.0, 113.0, 150.0, 333.0, 1000.0])
@pytest.mark.parametrize("said", [_LONG, "a bb  iiiii WWWWWWWWW " * 4, "one\n" + _LONG, "word"])
def test_texts_are_broken_where_matplotlib_breaks_them(room, said):
    figure = plt.figure()
    text = texts.fit(figure.text(0.0, 0.0, said), lambda: room)
    text.get_window_extent()
    assert text._get_wrapped_text() == Text._get_wrapped_text(text)
    text.set_wrap(False)
    assert text._get_wrapped_text() == said


def test_a_long_title_is_broken_with_few_measurements():
    asked = []
    said = " ".join(["word"] * 40)
    broken = texts._broken(said, 81.0, lambda line: asked.append(line) or float(len(line)))
    assert [len(line) for line in broken.split("\n")] == [79, 79, 39]
    assert len(set(asked)) <= 8
