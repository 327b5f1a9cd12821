"""Layouts that stay until there is a reason to change them."""

from __future__ import annotations

import io
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from uvisxr.drawing import layout
from uvisxr.drawing.layout import settle


@pytest.fixture
def figure() -> Figure:
    """Axes that fill their figure, settled there."""
    figure, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    ax.set(xlabel="x", ylabel="y", title="title")
    ax._set_position((0.2, 0.2, 0.6, 0.6), which="original")
    settle(figure)
    return figure


def _drawn(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return figure.axes[0].get_position().bounds


def test_what_is_settled_stays(figure):
    assert _drawn(figure) == pytest.approx((0.2, 0.2, 0.6, 0.6))
    figure.savefig(io.BytesIO(), format="png")
    assert _drawn(figure) == pytest.approx((0.2, 0.2, 0.6, 0.6))


@pytest.mark.parametrize(
    "change",
    [
        lambda figure: figure.set_size_inches(5, 3),
        lambda figure: figure.suptitle("above all"),
        lambda figure: figure.axes[0].set_ylabel("another\nname"),
        lambda figure: figure.axes[0].set_title("another\ntitle"),
        lambda figure: figure.legend(["a"], loc="outside right"),
    ],
)
def test_what_changes_is_laid_out_as_ever(figure, change):
    change(figure)
    found = _drawn(figure)
    engine = figure.get_layout_engine()
    assert engine is None
    figure.set_layout_engine("constrained")
    _drawn(figure)
    np.testing.assert_allclose(found, _drawn(figure), atol=1e-3)
    assert found != pytest.approx((0.2, 0.2, 0.6, 0.6))


def test_axes_that_are_added_find_their_place(figure):
    ax = figure.axes[0]
    figure.colorbar(ax.imshow([[1, 2]], aspect="auto"))
    _drawn(figure)
    first, second = (other.get_window_extent() for other in figure.axes)
    assert first.x1 < second.x0 and second.x1 < figure.bbox.x1


def test_it_outlives_pickling(figure):
    again = pickle.loads(pickle.dumps(figure))
    assert _drawn(again) == pytest.approx((0.2, 0.2, 0.6, 0.6))
    again.set_size_inches(6, 3)
    assert _drawn(again) != pytest.approx((0.2, 0.2, 0.6, 0.6))


def test_another_layout_of_the_users(figure):
    figure.set_layout_engine("tight")
    _drawn(figure)
    figure.set_size_inches(6, 3)
    first = _drawn(figure)
    assert first == pytest.approx(_drawn(figure))


def _picture_like(ax, bar):
    """What a plot of a fixed aspect, with texts around and a colour bar, draws."""
    mesh = ax.imshow(np.arange(6.0).reshape(2, 3))
    ax.set(title="two\nlines\nof title", xlabel="to the\nright", ylabel="up\nand up")
    if bar:
        ax.figure.colorbar(mesh, ax=ax, label="a name\nin two lines")
    else:
        ax.text(1.05, 0.5, "what stands beside", transform=ax.transAxes)
    return ax


def _around(ax) -> Bbox:
    ax.figure.canvas.draw()
    found = Bbox.union([one.get_tightbbox() for one in (ax, *layout._bars(ax))])
    return found.transformed(ax.figure.transFigure.inverted())


@pytest.mark.slow
@pytest.mark.parametrize("bar", [False, True])
def test_axes_in_plain_figures_make_room_for_what_is_around_them(bar):
    axes = plt.subplots(2, 2, figsize=(6, 5))[1]
    before = [ax.get_position(original=True) for ax in axes.flat]
    for ax in axes.flat:
        layout.lay_out(_picture_like(ax, bar))
    boxes = [_around(ax) for ax in axes.flat]
    assert all(Bbox.unit().contains(*point) for box in boxes for point in box.get_points())
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    # They lie where they were, smaller.
    for ax, place in zip(axes.flat, before, strict=True):
        now = ax.get_position()
        assert place.x0 - 0.01 <= now.x0 < now.x1 <= place.x1 + 0.01
        assert place.y0 - 0.01 <= now.y0 < now.y1 <= place.y1 + 0.01
        assert now.width > 0.3 * place.width


def test_room_is_made_once():
    ax = _picture_like(plt.figure(figsize=(6, 3)).add_axes((0.1, 0.2, 0.5, 0.6)), True)
    layout.lay_out(ax)
    once = ax.get_position().get_points()
    layout.lay_out(ax)
    np.testing.assert_allclose(ax.get_position().get_points(), once, atol=0.01)
    assert _around(ax).x1 <= 0.6 + 1e-6
    # And anew where it is moved to.
    for one in (ax, *layout._bars(ax)):
        one._set_position(one.get_position(original=True).translated(0.3, 0.0))
    layout.lay_out(ax)
    assert _around(ax).x0 > 0.2


def test_a_colour_bar_is_as_high_as_axes_of_a_fixed_aspect():
    ax = _picture_like(plt.subplots(figsize=(4, 6))[1], True)
    layout.lay_out(ax)
    (bar,) = layout._bars(ax)
    ax.figure.canvas.draw()
    np.testing.assert_allclose(bar.bbox.intervaly, ax.bbox.intervaly, atol=1.0)
    assert 0 < bar.bbox.x0 - ax.bbox.x1 < 40


def test_nested_grids_and_crowded_axes():
    figure = plt.figure(figsize=(8, 4))
    left, right = figure.add_gridspec(1, 2)
    ax = figure.add_subplot(left.subgridspec(2, 1)[1])
    figure.add_subplot(right)
    layout.lay_out(_picture_like(ax, False))
    assert _around(ax).x1 <= left.get_position(figure).x1 + 1e-6
    tiny = plt.subplots(figsize=(1, 1))[1]
    layout.lay_out(_picture_like(tiny, True))
    assert tiny.bbox.width > 5


def test_what_is_around_axes_is_all_but_the_width_of_their_frames():
    figure, ax = plt.subplots(figsize=(4, 3))
    ax.set(xlabel="x", ylabel="y", title="title")
    ax.inset_axes((1.1, 0.0, 0.05, 1.0)).set_ylabel("bar")
    whole, found = (box.get_points() for box in (ax.get_tightbbox(), layout.surroundings(ax)))
    np.testing.assert_allclose(found, whole, atol=figure.dpi / 72.0)
    # Others still count the frames.
    assert all(spine.get_in_layout() for spine in ax.spines.values())
