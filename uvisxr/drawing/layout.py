"""Where axes lie in their figure."""

from __future__ import annotations

from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

#: Places of axes that differ by less are the same, screen pixels.
_SAME = 1.0

#: Most rounds of laying out.
_ROUNDS = 12


class _Settled(ConstrainedLayoutEngine):
    """Constrained layout of a figure that is laid out already; see `settle`."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self._settled: tuple[object, ...] | None = _state(figure)

    def execute(self, fig: Figure) -> None:
        """Lay a figure out, unless it is as it was."""
        if self._settled != _state(fig):
            self._settled = None
            super().execute(fig)


def settle(figure: Figure) -> None:
    """Leave a figure as it is laid out, until it has another size, other artists, titles or names.

    Looking for room where all has its place takes as long as drawing it.
    """
    figure.set_layout_engine(_Settled(figure))


def _state(figure: Figure) -> tuple[object, ...]:
    """What the layout of a figure follows from, but for what its artists say of themselves."""
    size = tuple(figure.get_size_inches().tolist())
    return (size, figure.get_suptitle(), len(figure.get_children()), *map(_of_axes, figure.axes))


def _of_axes(ax: Axes) -> tuple[object, ...]:
    titles = (ax.get_title("left"), ax.get_title(), ax.get_title("right"))
    inside = cast("list[Axes]", ax.child_axes)
    names = (ax.get_xlabel(), ax.get_ylabel())
    return (*titles, *names, len(ax.get_children()), *map(_of_axes, inside))


def lay_out(ax: Axes) -> None:
    """Give axes their final place, as drawing them would.

    Axes of a fixed aspect change the room around them with their place: it takes some rounds.
    """
    figure = ax.get_figure(root=True)
    engine = None if figure is None else figure.get_layout_engine()
    before = None
    for _ in range(_ROUNDS):
        if figure is not None and engine is not None:
            engine.execute(figure)
        ax.apply_aspect()
        place = ax.bbox.get_points()
        if engine is None or (before is not None and np.abs(place - before).max() < _SAME):
            break
        before = place
