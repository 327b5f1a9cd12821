"""What is around maps of a body: names of parallels and meridians, and where the colour bar is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, Locator
from matplotlib.transforms import Bbox

from ..drawing.ground import INKS, Ground
from ..drawing.labels import Labels
from ..drawing.layout import lay_out
from ..drawing.style import Style, is_dark
from ..drawing.texts import fit, is_narrow, minus, set_label, set_title, tied
from ..maps.grids import DEGREES, Polar
from . import axes as common
from .sheet import Sheet

#: Of the meridians around polar maps, those with large names, and all with names on small maps.
_LARGE = 90.0

#: Steps between meridians from which on there is room for a name beside the lowest one.
_WIDE = 40.0

#: Axes less wide or high are small, points.
_SMALL = 180.0

#: How far from the middle, in diameters of a polar map, names at its rim are beside it.
_ASIDE = 0.15

#: Distance of names from the rim, of the title from them, and of the colour bar, points.
_OFF, _BELOW, _APART = 4.0, 5.0, 6.0

#: Distance of the title from the frame of a cylindrical map, beyond which the highest number is,
#: points.
_ABOVE = 9.0

#: Room beside titles, points.
_MARGIN = 6.0

#: Width of the colour bar, in widths of the map, and the least, points.
_THICK, _LEAST = 0.03, 7.0

#: Steps between ticks of longitude, local time and latitude, of which the first is taken that
#: leaves room for the numbers.
_STEPS = {"lon": (60.0, 120.0, 180.0), "lt": (3.0, 6.0, 12.0), "lat": (30.0, 60.0, 90.0)}

_GID = "meridian_name"


def name(ax: Axes, sheet: Sheet, look: Style) -> None:
    """Name what is around a map, which has its limits."""
    if isinstance(sheet.grid, Polar):
        _name_rim(ax, sheet, sheet.grid, look)
        return
    whole = 360.0 / DEGREES[sheet.by]
    ax.xaxis.set_major_locator(_Steps(0.0, whole, _STEPS[sheet.by]))
    ax.yaxis.set_major_locator(_Steps(-90.0, 90.0, _STEPS["lat"]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: minus(f"{v:g}")))
    side = "East" if sheet.eastward else "West"
    across = "Local solar time (h)" if sheet.by == "lt" else f"{side} longitude (°)"
    set_label(ax.xaxis, across)
    # As high as the map, which is less than its share of the figure.
    text = tied("Planetocentric latitude (°)", " (")
    up = fit(set_label(ax.yaxis, text), partial(_height, ax))
    if is_narrow(ax.get_figure(root=True)):
        up.set_fontsize("x-small")


def name_circles(ax: Axes, sheet: Sheet, ground: Ground, look: Style) -> None:
    """Name the parallels of a polar map that has its final place."""
    if not isinstance(sheet.grid, Polar):
        return
    grid, labels = sheet.grid, Labels(ax)
    labels.keep(text for text in ax.texts if text.get_gid() == "nothing")
    for lat in sheet.parallels():
        x, y = (float(a[0]) for a in grid.project(_between(sheet, grid), np.array([lat])))
        text = ax.text(x, y, _latitude(lat), ha="center", va="center", zorder=5.0)
        text.set(gid="parallel_name", fontsize="x-small" if _is_small(ax) else "small")
        ground.ink(text, np.array([x, y]), {})
        paper = INKS[is_dark(text.get_color())]
        text.set_bbox({"facecolor": paper, "edgecolor": "none", "alpha": 0.75, "pad": 1.0})
        labels.add([text])


def entitle(ax: Axes, text: str) -> None:
    """Give a map a title above its names, and its final place.

    That of a map which is alone in its figure is as wide as the figure, and in the middle of it.
    """
    names = [float(name.get_fontsize()) for name in _names(ax)]
    title = set_title(ax, text, pad=_OFF + 1.2 * max(names) + _BELOW if names else _ABOVE)
    figure = ax.get_figure(root=True)
    if figure is None or any(other is not ax for other in figure.axes):
        lay_out(ax)
        return
    fit(title, partial(_across, figure))
    lay_out(ax)
    box = ax.bbox
    title.set_x((0.5 * figure.bbox.width - box.x0) / box.width)


def _across(figure: Figure) -> float:
    return float(figure.bbox.width) - 2 * _MARGIN * figure.dpi / 72.0


def beside(ax: Axes) -> Axes:
    """Axes for a colour bar beside a map and its names, whatever their size."""
    bar = ax.inset_axes((1.0, 0.0, _THICK, 1.0), label="<colorbar>")
    bar.set_axes_locator(partial(_place, ax))
    return bar


def _place(ax: Axes, bar: Axes, renderer: Any) -> Bbox:
    points = (ax.figure.dpi if ax.figure else 72.0) / 72.0
    frame = ax.bbox
    right = max([frame.x1, *(text.get_window_extent(renderer).x1 for text in _names(ax))])
    width = max(_THICK * frame.width, _LEAST * points)
    place = Bbox.from_bounds(right + _APART * points, frame.y0, width, frame.height)
    return place.transformed(bar.figure.transSubfigure.inverted())


def _names(ax: Axes) -> list[Text]:
    return [text for text in ax.texts if text.get_gid() == _GID]


def _is_small(ax: Axes) -> bool:
    return min(common.size(ax)) < _SMALL


def _height(ax: Axes) -> float:
    return float(ax.bbox.height)


def _latitude(lat: float) -> str:
    return f"{abs(lat):g}°{tied(' ')}{'N' if lat > 0 else 'S'}"


def _between(sheet: Sheet, grid: Polar) -> np.ndarray:
    """An azimuth between two meridians, where no line is in the way, degrees."""
    return np.array([grid.zero + 0.5 * sheet.meridians()[1]])


def _name_rim(ax: Axes, sheet: Sheet, grid: Polar, look: Style) -> None:
    small, side = _is_small(ax), "E" if sheet.eastward else "W"
    edge = np.array([grid.edge if grid.north else -grid.edge])
    names = []
    for azimuth in sheet.meridians():
        hours = azimuth / DEGREES["lt"]
        lon = azimuth if sheet.eastward else -azimuth % 360.0
        text = f"{hours:g}{tied(' h')}" if sheet.by == "lt" else f"{lon:g}°{tied(' ')}{side}"
        large = azimuth % _LARGE == 0
        if large or not small:
            size = "medium" if large and not small else "small"
            names.append((np.array([azimuth]), text, _GID, size))
    if not small:
        # Away from the name below, which is wide.
        step = sheet.meridians()[1:2]
        at = _between(sheet, grid) + step * (step < _WIDE)
        names.append((at, _latitude(float(edge[0])), "parallel_name", "small"))
    for at, text, gid, size in names:
        x, y = (float(end[0]) / grid.limit for end in grid.project(at, edge))
        ax.annotate(
            text,
            (x * grid.limit, y * grid.limit),
            xytext=(_OFF * x, _OFF * y),
            textcoords="offset points",
            ha="left" if x > 2 * _ASIDE else "right" if x < -2 * _ASIDE else "center",
            va="bottom" if y > 2 * _ASIDE else "top" if y < -2 * _ASIDE else "center",
            gid=gid,
            color=look["compass"]["color"],
            fontsize=size,
        )


class _Steps(Locator):
    """Ticks at the first of some steps from `low` to `high` that leaves room for the numbers."""

    axis: Axis

    def __init__(self, low: float, high: float, steps: Sequence[float]) -> None:
        self._low, self._high, self._steps = low, high, steps

    def __call__(self) -> Any:
        room = self.axis.get_tick_space()
        span = self._high - self._low
        step = next((step for step in self._steps if span / step <= room), self._steps[-1])
        return np.arange(self._low, self._high + 1e-9, step)
