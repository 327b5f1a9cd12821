"""Layouts that stay until there is a reason to change them."""

from __future__ import annotations

import io
import pickle

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

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
