"""Where axes lie in their figure."""

from __future__ import annotations

from typing import cast

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

#: Places of axes that differ by less are the same, screen pixels.
_SAME = 1.0

#: Most rounds of laying out.
_ROUNDS = 12


class _Watch(Artist):
    """Lays its figure out from when something of it is not as it was; drawn before all else."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self._engine = figure.get_layout_engine()
        self.set(zorder=-np.inf, in_layout=False, gid="layout")
        self._settled: tuple[object, ...] | None = _state(figure)
        self._number = len(figure.axes)

    def draw(self, renderer: RendererBase) -> None:
        """Nothing, but see to the layout."""
        figure = cast(Figure, self.get_figure(root=True))
        if self._settled != _state(figure):
            self._settled = None
            engine = self._engine if len(figure.axes) == self._number else None
            if engine is not None and figure.get_layout_engine() is None:
                engine.execute(figure)


def settle(figure: Figure) -> None:
    """Leave a figure as it is laid out, until it has another size, other artists, titles or names.

    Axes that are added to it, such as a colour bar's, find their place as in figures without an
    engine. A layout engine looks for room each time a figure is drawn, and has it drawn twice where
    it is saved, which takes as long as the picture.
    """
    watch = _Watch(figure)
    # Unlike "none", which keeps the place of an engine, and has figures drawn twice all the same.
    with mpl.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
        figure.set_layout_engine(None)
    figure.add_artist(watch)


def _state(figure: Figure) -> tuple[object, ...]:
    """What the layout of a figure follows from, but for what its artists say of themselves."""
    size = tuple(figure.get_size_inches().tolist())
    artists = [artist for artist in figure.get_children() if not isinstance(artist, _Watch)]
    return (size, figure.get_suptitle(), len(artists), *map(_of_axes, figure.axes))


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
