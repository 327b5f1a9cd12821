"""What stands beside an image: colour bar, compass, scale bar, and a map of where the image is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2DBase, Bbox

from ..drawing.style import Style, fix_ticks
from ..geometry import views
from .axes import size

#: Distance of the column from the axes, width of the colour bar, least height of that, and distance
#: between things in the column, points.
_AWAY, _BAR, _LEAST, _APART = 7.0, 11.0, 78.0, 8.0

#: Least height of a colour bar above a map, which says more than a compass does, points.
_LEAST_BESIDE_MAP = 32.0

#: Greatest part of the axes' height that a map takes.
_PART = 0.4

#: Least width and height of axes with a compass and a scale bar, points.
_LARGE = 110.0

#: Side of the map, height of its title, of the scale bar with its text, and the longest scale bar,
#: points.
_MAP, _TITLE, _SCALE, _LONGEST = 64.0, 12.0, 17.0, 52.0

#: Where arrows of the compass begin and end, and their names are, points from the foot; the Sun's
#: begins beyond the names of the others, with which it may coincide.
_ARROW, _SUN = (0.0, 13.0, 19.0), (25.0, 35.0, 37.0)

#: Half the width and the height of the Sun's name, points.
_HALF = (10.0, 5.0)

#: Room around the names of the arrows, points.
_MARGIN = (10.0, 6.0)

#: Round lengths of scale bars, of a power of ten.
_ROUND = np.array([1.0, 2.0, 5.0])


class Column:
    """A column to the right of axes that is filled from below.

    All is in points, so that it is as large beside small axes as beside large ones.
    """

    def __init__(self, ax: Axes) -> None:
        self._ax = ax
        self._used = 0.0

    def bar(self) -> Axes:
        """Axes for a colour bar, from what is in the column now up to the top of the image."""
        bar = self._ax.inset_axes((1.02, 0.0, 0.04, 1.0), label="<colorbar>")
        bar.set_axes_locator(_Beside(self._ax, self._used, None, _BAR))
        fix_ticks(bar)
        return bar

    def room(self, height: float, least: float = _LEAST) -> bool:
        """Whether there is room for something below a colour bar of a least height, points."""
        return size(self._ax)[1] - self._used - height >= least

    def add(self, width: float, height: float, gid: str, above: float = 0.0) -> Axes:
        """Empty axes on top of what is in the column, with room above them."""
        inset = self._ax.inset_axes((1.02, 0.0, 0.1, 0.1), label=gid)
        inset.set_axes_locator(_Beside(self._ax, self._used, height, width))
        inset.set(gid=gid, xticks=(), yticks=(), facecolor="none")
        self._used += height + above + _APART
        return inset

    def place(self, height: float, left: float = 0.0, low: float = 0.0, km: bool = False) -> _Place:
        """Room on top of what is in the column for artists of the axes themselves.

        Axes of their own would take as long to draw as all that stands in them.

        Parameters
        ----------
        height, left, low : float
            Points; the last two are the coordinates of the corner.
        km : bool
            Coordinates to the right are km on the scale of the axes.
        """
        place = _Place(self._ax, np.array([_AWAY - left, self._used - low]), km)
        self._used += height + _APART
        return place


class _Place(Affine2DBase):
    """From points in the column, or km on the scale of the axes, and points up, to the canvas."""

    def __init__(self, ax: Axes, corner: np.ndarray, km: bool) -> None:
        super().__init__()
        self._ax, self._corner, self._km = ax, corner, km
        figure = cast(Figure, ax.get_figure(root=True))
        self.set_children(ax.bbox, ax.viewLim, figure.dpi_scale_trans)

    def get_matrix(self) -> np.ndarray:
        """The matrix, of what the axes are now."""
        box, figure = self._ax.bbox, cast(Figure, self._ax.get_figure(root=True))
        point = figure.dpi / 72.0
        across = box.width / abs(float(np.ptp(self._ax.get_xlim()))) if self._km else point
        left, low = [box.x1, box.y0] + point * self._corner
        self._inverted, self._invalid = None, 0
        return np.array([[across, 0.0, left], [0.0, point, low], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class _Beside:
    """Where axes in the column are, asked for on drawing; a class, so that figures can be pickled.

    Attributes
    ----------
    ax : Axes
        What the column is beside.
    bottom : float
        Points.
    height : float, optional
        Points. Default: up to the top of the axes.
    width : float
        Points.
    """

    ax: Axes
    bottom: float
    height: float | None
    width: float

    def __call__(self, _: Any, __: Any) -> Bbox:
        figure = cast(Figure, self.ax.get_figure(root=True))
        box, point = self.ax.bbox, figure.dpi / 72.0
        low = box.y0 + self.bottom * point
        high = max(box.y1, low + 1.0) if self.height is None else low + self.height * point
        left = box.x1 + _AWAY * point
        shown = Bbox.from_extents(left, low, left + self.width * point, high)
        return shown.transformed(figure.transSubfigure.inverted())


def trial(ax: Axes) -> list[Axes]:
    """What takes as much width as a column, to lay out axes before it is known what it holds."""
    column = Column(ax)
    return [column.add(_MAP, 10.0, "trial"), column.bar()]


def draw_scale(column: Column, ax: Axes, look: Style) -> None:
    """Draw a bar of a round length that follows the scale of the axes, if there is room."""
    if min(size(ax)) < _LARGE or not column.room(_SCALE):
        return
    per_km = size(ax)[0] / abs(float(np.ptp(ax.get_xlim())))
    longest = _LONGEST / per_km
    power = 10.0 ** np.floor(np.log10(longest))
    length = float(power * _ROUND[_ROUND * power <= longest][-1])

    common: dict[str, Any] = {"transform": column.place(_SCALE, km=True), "clip_on": False}
    bar = Line2D([0, 0, length, length], [7, 3, 3, 7], lw=1.2, gid="scale_bar", **common)
    bar.set_color(look["compass"]["color"])
    ax.add_artist(bar)
    said = f"{length:,.4g} km" if length < 1e4 else f"{length:,.0f} km"
    text = {"ha": "left", "va": "bottom", **look["compass"], "gid": "scale_bar:length"}
    ax.add_artist(Text(0.0, 8.0, said, **common, **text))


def draw_compass(column: Column, ax: Axes, view: views.Views, look: Style) -> None:
    """Draw arrows to celestial north and east, and to the Sun, if there is room."""
    if min(size(ax)) < _LARGE:
        return
    right, up, away = views.tangent_plane(view)[0]
    one = view.at(0)
    north = np.array([0.0, 0.0, 1.0])
    sun = one.rotation.T @ one.sun
    # The arrows turn with axes that are inverted.
    turned = np.sign([np.diff(ax.get_xlim())[0], np.diff(ax.get_ylim())[0]])
    parts = {}
    for name, vector in (("N", north), ("E", np.cross(north, away)), ("Sun", sun)):
        flat = turned * [vector @ right, vector @ up]
        if np.hypot(*flat) > 0:
            flat = flat / np.hypot(*flat)
            reach = np.array(_SUN if name == "Sun" else _ARROW)
            if name == "Sun":
                # It is wider than high.
                reach[2] += np.abs(flat) @ _HALF
            parts[name] = reach[:, None] * flat
    ends = np.array([part[2] for part in parts.values()] + [np.zeros(2)])
    low, high = ends.min(axis=0) - _MARGIN, ends.max(axis=0) + _MARGIN
    height = float(high[1] - low[1])
    if not column.room(height):
        return
    place = column.place(height, *low.tolist())
    common: dict[str, Any] = {"transform": place, "clip_on": False}
    for name, part in parts.items():
        start, stop, (x, y) = part
        color = look["sun"]["color"] if name == "Sun" else look["compass"]["color"]
        arrow: dict[str, Any] = {
            "arrowstyle": "-|>",
            "mutation_scale": 8,
            "shrinkA": 0,
            "shrinkB": 0,
        }
        ax.add_artist(
            FancyArrowPatch(start, stop, color=color, gid=f"arrow:{name}", **arrow, **common)
        )
        text = {"ha": "center", "va": "center", **look["compass"], "gid": f"compass:{name}"}
        ax.add_artist(Text(x, y, name, **text, **common))


def add_map(column: Column, ax: Axes) -> Axes | None:
    """Square axes for a map of where the image is, if there is room."""
    side = min(_MAP, _PART * size(ax)[1])
    if not column.room(side + _TITLE, _LEAST_BESIDE_MAP):
        return None
    inset = column.add(side, side, "locator", above=_TITLE)
    inset.set_aspect("equal", adjustable="datalim")
    return inset


def mark_frame(inset: Axes, ax: Axes, look: Style) -> None:
    """Mark on a map which part of it axes show."""
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    shown = Rectangle((x0, y0), x1 - x0, y1 - y0, gid="frame", zorder=3.0, **look["locator"])
    inset.add_artist(shown)
