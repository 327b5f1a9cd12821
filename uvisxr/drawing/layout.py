"""Where axes lie in their figure."""

from __future__ import annotations

from functools import lru_cache
from typing import cast
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from matplotlib.transforms import Bbox

#: Places of axes that differ by less are the same, screen pixels.
_SAME = 1.0

#: Axes that lie so much outside of their place in a grid were placed by hand, of the figure's size.
_HAND = 0.01

#: Room at the edges of a share of a figure, points, and the least part of their place that axes
#: keep.
_PAD, _LEAST = 3.0, 0.25

#: Where axes and their colour bars were placed by those who made them, the corners of each in
#: shares of that, and where they are since.
_HOMES: WeakKeyDictionary[Axes, tuple[Bbox, list[np.ndarray], Bbox]] = WeakKeyDictionary()

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

    In a figure without a layout engine, that is where they have room for what is around them.
    Axes of a fixed aspect change the room around them with their place: it takes some rounds.
    """
    figure = ax.get_figure(root=True)
    engine = None if figure is None else figure.get_layout_engine()
    if figure is not None and engine is None and not _settled(figure):
        _make_room(ax)
        return
    before = None
    for _ in range(_ROUNDS):
        if figure is not None and engine is not None:
            engine.execute(figure)
        ax.apply_aspect()
        place = ax.bbox.get_points()
        if engine is None or (before is not None and np.abs(place - before).max() < _SAME):
            break
        before = place


def surroundings(ax: Axes) -> Bbox:
    """What axes and those within them take of their figure, screen pixels, as `get_tightbbox`.

    But for the width of their frames, for each side of which matplotlib updates all ticks anew.
    """
    figure = cast(Figure, ax.get_figure(root=True))
    frames = [
        spine
        for part in (ax, *cast("list[Axes]", ax.child_axes))
        for spine in part.spines.values()
        if spine.get_in_layout()
    ]
    for spine in frames:
        spine.set_in_layout(False)
    try:
        return cast(Bbox, ax.get_tightbbox(_measure(figure.dpi)))
    finally:
        for spine in frames:
            spine.set_in_layout(True)


@lru_cache(8)
def _measure(dpi: float) -> RendererAgg:
    """What knows how large texts of earlier pictures are; the canvas forgets with each new size."""
    return RendererAgg(1, 1, dpi)


def _settled(figure: Figure) -> bool:
    return any(isinstance(artist, _Watch) for artist in figure.get_children())


def _make_room(ax: Axes) -> None:
    """Shrink axes until what is around them lies on their share of the figure.

    That ends on the left, where their labels are, where the next axes do; on the right where they
    do themselves, and above and below halfway to the next. Of axes that someone has placed by hand
    it ends on the right with them, as for matplotlib's own colour bars, else with the figure.
    """
    bars = _bars(ax)
    home, share, known = _share(ax, bars)
    figure = ax.figure
    if home.width <= 0 or home.height <= 0:
        return
    shares = known or [_relative(part, home) for part in (ax, *bars)]
    own, *beside = shares
    to_figure = figure.transSubfigure.inverted()
    now = home
    for _ in range(_ROUNDS):
        _place(ax, _inside(now, own))
        ax.apply_aspect()
        shown = ax.bbox.transformed(to_figure)
        for bar, place in zip(bars, beside, strict=True):
            # As high as the axes are, and next to them, if they are smaller than their place.
            _place(bar, _inside(shown, (place - own[0]) / (own[1] - own[0])))
            bar.apply_aspect()
        parts = (ax, *bars)
        around = [box for part in parts if (box := part.get_tightbbox()) is not None]
        outer = Bbox.union(around).transformed(to_figure).get_points()
        inner = Bbox.union([part.bbox for part in parts]).transformed(to_figure).get_points()
        more = np.maximum((outer - inner) * [[-1], [1]], 0.0)
        low = np.maximum(home.get_points()[0], share.get_points()[0] + more[0])
        high = np.minimum(home.get_points()[1], share.get_points()[1] - more[1])
        # However much there is around them, something is left.
        short = np.maximum(_LEAST * np.ptp(home.get_points(), axis=0) - (high - low), 0.0)
        after = Bbox([np.maximum(low - short, home.min), np.minimum(high + short, home.max)])
        moved = np.abs(after.get_points() - now.get_points()) * figure.bbox.get_points()[1]
        now = after
        if moved.max() < _SAME:
            break
    _HOMES[ax] = home, shares, _now(ax, bars)


def _place(part: Axes, box: Bbox) -> None:
    # What the public method places takes no part in layouts any more.
    part._set_position(box, which="both")  # type: ignore[attr-defined]


def _relative(part: Axes, home: Bbox) -> np.ndarray:
    """The corners of a part of a place in shares of it."""
    place = part.get_subplotspec()
    box = part.get_position(original=True) if place is None else _position(place, part.figure)
    return np.asarray((box.get_points() - home.min) / np.ptp(home.get_points(), axis=0))


def _inside(box: Bbox, shares: np.ndarray) -> Bbox:
    return Bbox(box.get_points()[0] + shares * np.ptp(box.get_points(), axis=0))


def _bars(ax: Axes) -> list[Axes]:
    """The colour bars of axes."""
    parents = [(one, getattr(one, "_colorbar_info", {}).get("parents")) for one in ax.figure.axes]
    return [one for one, of in parents if of == [ax]]


def _now(ax: Axes, bars: list[Axes]) -> Bbox:
    return Bbox.union([one.get_position(original=True) for one in (ax, *bars)])


def _share(ax: Axes, bars: list[Axes]) -> tuple[Bbox, Bbox, list[np.ndarray]]:
    """Where axes and their colour bars were placed, and the same with what is around them.

    And which part of it each had, if they are since where they were left here.
    """
    now, place = _now(ax, bars), ax.get_subplotspec()
    home, shares, left = _HOMES.get(ax, (now, [], now))
    if len(shares) != 1 + len(bars) or np.abs(left.get_points() - now.get_points()).max() > _HAND:
        home, shares = now, []
    if place is not None and any(one.get_subplotspec() is not None for one in bars):
        # What matplotlib has divided for the colour bar.
        place = getattr(place.get_gridspec(), "_subplot_spec", place)
    if place is not None:
        given = _position(place, ax.figure)
        points = now.get_points()
        if np.abs(np.clip(points, given.min, given.max) - points).max() < _HAND:
            return given, _of_place(place, ax.figure), shares
    return home, Bbox([[0.0, 0.0], [home.x1, 1.0]]), shares


def _position(place: SubplotSpec, figure: Figure | SubFigure) -> Bbox:
    return place.get_position(cast(Figure, figure))


def _of_place(place: SubplotSpec, figure: Figure | SubFigure) -> Bbox:
    """The share of a figure that a place in a grid has, with what is around it."""
    grid = place.get_gridspec()
    above = getattr(grid, "_subplot_spec", None)
    outer = Bbox.unit() if above is None else _of_place(above, figure)
    sides = grid.get_grid_positions(cast(Figure, figure))
    bottoms, tops, lefts, rights = (np.atleast_1d(side) for side in sides)
    rows, columns = place.rowspan, place.colspan
    left = rights[columns.start - 1] if columns.start > 0 else outer.x0
    right = rights[columns.stop - 1] if columns.stop < len(lefts) else outer.x1
    top = 0.5 * (bottoms[rows.start - 1] + tops[rows.start]) if rows.start > 0 else outer.y1
    last = rows.stop < len(tops)
    bottom = 0.5 * (bottoms[rows.stop - 1] + tops[rows.stop]) if last else outer.y0
    points = 72.0 / figure.get_figure(root=True).dpi
    across, up = _PAD / (points * figure.bbox.width), _PAD / (points * figure.bbox.height)
    return Bbox([[left + across, bottom + up], [right - across, top - up]])
