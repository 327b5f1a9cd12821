"""Legends: where they go when they would lie over points."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from uvisxr.drawing.legends import legend

LABELS = ["one", "another", "the third one"]


def _drawn(figsize: tuple[float, float], layout: str | None, full: bool) -> plt.Axes:
    _, ax = plt.subplots(figsize=figsize, layout=layout)
    x, y = np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 30))
    x = x if full else 0.3 * x
    handles = [ax.plot(x.ravel(), y.ravel(), ".")[0] for _ in LABELS]
    ax.set(xlim=(0, 1), ylim=(0, 1))
    legend(ax, handles, LABELS, "title")
    ax.figure.canvas.draw()
    return ax


def _number_below(ax: plt.Axes) -> int:
    """Number of points under the legend."""
    found = ax.get_legend() or ax.figure.legends[0]
    box = found.get_window_extent()
    points = np.concatenate([ax.transData.transform(line.get_xydata()) for line in ax.lines])
    return sum(box.contains(x, y) for x, y in points)


@pytest.mark.parametrize("figsize", [(6, 2), (3, 3), (7, 5)])
@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("full", [True, False])
def test_no_point_is_covered(figsize, layout, full):
    ax = _drawn(figsize, layout, full)
    assert _number_below(ax) == 0
    box = (ax.get_legend() or ax.figure.legends[0]).get_window_extent()
    assert ax.figure.bbox.x0 <= box.x0 and box.x1 <= ax.figure.bbox.x1


def test_axes_with_room_stay_as_they_are():
    ax = _drawn((7, 5), None, full=False)
    assert ax.get_xlim() == (0, 1)
    assert ax.get_legend() is not None
