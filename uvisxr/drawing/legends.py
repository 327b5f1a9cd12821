"""Legends that do not lie over what they explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend

from .layout import lay_out
from .texts import is_colour_bar

#: The most columns of a legend below axes.
_COLUMNS = 3

#: Distance of points from the room that is made, and the most that it may be, of the axes' width.
_APART, _MOST = 0.02, 0.8


def legend(
    ax: Axes, handles: Sequence[Artist], labels: Sequence[str], title: str | None = None
) -> Legend:
    """Draw a legend in axes where it covers no point, or else below or with room made at the right.

    Below is for axes that are alone in a figure which is laid out by itself. Room is made by a
    higher limit of the axis to the right.

    Parameters
    ----------
    ax : Axes
        Their limits must be final otherwise.
    handles, labels : sequence
        As of `Axes.legend`.
    title : str, optional
    """
    text: dict[str, Any] = {"title": title, "title_fontsize": "small", "alignment": "left"}
    found = ax.legend(handles, labels, **text)
    lay_out(ax)
    if not _covered(ax, found):
        return found
    figure = ax.get_figure(root=True)
    alone = figure is not None and all(o is ax or is_colour_bar(o) for o in figure.axes)
    if figure is not None and alone and figure.get_layout_engine() is not None:
        found.remove()
        for columns in range(min(_COLUMNS, len(labels)), 0, -1):
            place = {"loc": "outside lower center", "ncols": columns, "fontsize": "x-small"}
            below: Legend = figure.legend(handles, labels, **text | place)
            if columns == 1 or below.get_window_extent().width <= figure.bbox.width:
                return below
            below.remove()
    found.remove()
    found = ax.legend(handles, labels, **text, fontsize="x-small", loc="upper right")
    _make_room(ax, found)
    return found


def _covered(ax: Axes, drawn: Legend) -> bool:
    """Whether a legend lies over a point."""
    box = drawn.get_window_extent()
    points = [line.get_transform().transform(line.get_xydata()) for line in ax.lines]
    x, y = np.concatenate([np.empty((0, 2)), *points]).T
    found = (x >= box.x0) & (x <= box.x1) & (y >= box.y0) & (y <= box.y1)
    return bool(found.any())


def _make_room(ax: Axes, drawn: Legend) -> None:
    """Move the right end of an axis outwards by the width of what is drawn over it."""
    share = (ax.bbox.x1 - drawn.get_window_extent().x0) / ax.bbox.width + _APART
    if share >= _MOST:
        return
    low, high = ax.xaxis.get_transform().transform(np.array(ax.get_xlim()))
    wide = np.array([low, low + (high - low) / (1 - share)])
    ax.set_xlim(*ax.xaxis.get_transform().inverted().transform(wide))
