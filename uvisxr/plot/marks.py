"""Names of emission lines above spectra, moved apart, and systems of bands as rows of ticks.

A system of two bands has its name among those of lines, which leads to both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.transforms import Affine2D, Transform

from ..drawing.layout import lay_out
from ..drawing.style import Style
from . import axes as common

#: Room from the frame to the names, from there to where their lines end, and for a row of bands,
#: points.
_FRAME, _LEADER, _ROW = 3.0, 9.0, 11.0

#: Length of the ticks of bands, points, and the part of their row below the name.
_TICK = 4.0

#: Width of a letter, and distance of names, in sizes of their letters.
_LETTER, _PITCH = 0.62, 1.4

#: The most bands of a system that are named as lines are, and that are marked down to the spectra.
_PAIR, _FEW = 2, 6

#: The most of the width of axes that names take, and how many they are at least.
_FULL, _FIRST = 0.5, 3

#: The most of the height of axes that is left to names.
_MOST = 0.45

#: Wavelengths, angstrom.
Places = tuple[float, ...]

#: Lines by name, the most important first; systems of bands have several wavelengths.
Lines = Mapping[str, Places]


def headroom(ax: Axes, lines: Lines) -> float:
    """Part of the height of axes that the names of lines and bands take."""
    singles, bands = _named(ax, lines)
    height = (_depth(singles) if singles else 0.0) + _ROW * len(bands)
    share = (height + _FRAME) / common.size(ax)[1] if height else 0.0
    return share if share <= _MOST else 0.0


def mark_lines(ax: Axes, lines: Lines, look: Style, unnamed: bool = True) -> None:
    """Mark emission lines and bands of which all wavelengths lie in the axes' limits.

    Names stand apart whatever the limits become; of those for which the axes are too narrow, the
    last are left out, with their lines. Axes that are too low for names have lines alone, or none
    unless these may be `unnamed`. The axes' horizontal limits must be final.
    """
    lay_out(ax)
    _, height = common.size(ax)
    singles, bands = _named(ax, lines)
    if headroom(ax, lines) == 0.0:
        if unnamed:
            _draw_lines(ax, [wl for all_ in lines.values() for wl in all_], 1.0, look)
        return
    top = 1.0 - (_depth(singles) if singles else _FRAME) / height
    _draw_names(ax, singles, top, look)
    for row, (name, places) in enumerate(bands.items()):
        level = top - (row * _ROW + 2.0) / height
        _draw_bands(ax, name, places, level, [wl for all_ in singles.values() for wl in all_], look)


def _named(ax: Axes, lines: Lines) -> tuple[dict[str, Places], dict[str, Places]]:
    """Lines whose names stand upright in a row, and systems with a row each, that have room."""
    singles = {name: wl for name, wl in lines.items() if len(wl) <= _PAIR}
    most = max(_FIRST, int(_FULL * common.size(ax)[0] / (_PITCH * _size())))
    kept = dict(list(singles.items())[:most])
    bands = {name: wl for name, wl in lines.items() if len(wl) > _PAIR}
    # Above a row, its name would lie on what leads to those of lines.
    return kept, {name: wl for name, wl in bands.items() if not kept or _aside(ax, name, wl)}


def _aside(ax: Axes, name: str, places: Places) -> list[tuple[str, float, float]]:
    """On which sides of a row its name has room, and from where to where."""
    left, right = sorted(ax.get_xlim())
    needed = _LETTER * _size() * (len(name) + 1) / common.size(ax)[0] * (right - left)
    first, last = min(places), max(places)
    choices = [("left", first - needed, first), ("right", last, last + needed)]
    return [one for one in choices if one[1] > left and one[2] < right]


def _size() -> float:
    return float(FontProperties(size="x-small").get_size_in_points())


def _depth(singles: Lines) -> float:
    """Height of the longest name and of what leads to it, points."""
    return _FRAME + _LETTER * _size() * max(map(len, singles), default=0) + _LEADER


@dataclass(frozen=True)
class _Row:
    """Names side by side in axes, at a depth below their upper edge, `pitch` apart, points.

    The size of letters is that of when they are made: pictures may be drawn when the user's style
    is no longer in force.
    """

    ax: Axes
    wl: np.ndarray
    depth: float
    pitch: float

    def place(self, index: int, _: object) -> Transform:
        """Where the origin of one name is on the canvas."""
        dots = self.ax.figure.dpi / 72.0
        pitch = self.pitch * dots
        x = self.ax.transData.transform(np.column_stack([self.wl, np.zeros(self.wl.size)]))[:, 0]
        box = self.ax.bbox
        # Those beyond the limits need no room.
        seen = np.flatnonzero((x >= box.x0) & (x <= box.x1) | (np.arange(x.size) == index))
        order = seen[np.argsort(x[seen], kind="stable")]
        moved = spread(x[order], pitch, box.x0 + 0.6 * pitch, box.x1 - 0.6 * pitch)
        here = float(moved[np.flatnonzero(order == index)[0]])
        return Affine2D().translate(here, box.y1 - self.depth * dots)


def spread(wanted: np.ndarray, pitch: float, low: float, high: float) -> np.ndarray:
    """Ascending places as near to the wanted ones as can be, at least a pitch apart.

    Parameters
    ----------
    wanted : ndarray, (n,)
        Ascending.
    pitch : float
    low, high : float
        Between these as far as there is room.

    Examples
    --------
    >>> import numpy as np
    >>> from uvisxr.plot.marks import spread
    >>> spread(np.array([10.0, 11.0, 30.0]), 4.0, 0.0, 31.0).tolist()
    [8.5, 12.5, 30.0]
    """
    steps = pitch * np.arange(wanted.size)
    # Without the steps, places must not descend: blocks of equal ones, at their means.
    means: list[float] = []
    sizes: list[int] = []
    for value in wanted - steps:
        means.append(float(value))
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2:] = [(means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size]
            sizes[-2:] = [size]
    last = high - (steps[-1] if steps.size else 0.0)
    found: np.ndarray = np.clip(np.repeat(means, sizes), min(low, last), last) + steps
    return found


def _draw_lines(ax: Axes, wl: Sequence[float], top: float, look: Style) -> None:
    for one in wl:
        # Of lines, unlike collections, legends keep clear.
        mark = Line2D([one, one], [0.0, top], gid="emission", zorder=0.5, **look["emission"])
        mark.set_transform(ax.get_xaxis_transform())
        ax.add_artist(mark)


def _draw_names(ax: Axes, singles: Lines, top: float, look: Style) -> None:
    middles = np.array([np.mean(wl) for wl in singles.values()])
    row = _Row(ax, middles, _depth(singles) - _LEADER, _PITCH * _size())
    _draw_lines(ax, [wl for all_ in singles.values() for wl in all_], top, look)
    leader = {
        **look["emission"],
        "arrowstyle": "-",
        "shrinkA": 0,
        "shrinkB": 0,
        "relpos": (0.5, 0.0),
        "linestyle": "-",
    }
    ends = [(k, name, wl) for k, (name, all_) in enumerate(singles.items()) for wl in all_]
    for index, name, wl in ends:
        # To the second of two leads a line of its own.
        is_first = wl == singles[name][0]
        text = ax.annotate(
            name if is_first else "",
            (wl, top),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0.0, 0.0),
            textcoords=partial(row.place, index),
            annotation_clip=True,
            arrowprops=leader,
            gid="emission_name" if is_first else "emission_leader",
            **look["emission_name"],
        )
        text.set_in_layout(False)


def _draw_bands(
    ax: Axes,
    name: str,
    places: Places,
    level: float,
    others: Sequence[float],
    look: Style,
) -> None:
    """Draw a system of bands at a level, with its name where it lies on fewest of other lines."""
    tick = _TICK / common.size(ax)[1]
    first, last = min(places), max(places)
    segments = [[(first, level), (last, level)]]
    segments += [[(wl, level), (wl, level - tick)] for wl in places]
    rows = LineCollection(segments, transform=ax.get_xaxis_transform())
    rows.set(gid="bands", zorder=0.6, **_as_many(look) | {"linestyles": "-"})
    ax.add_collection(rows, autolim=False)
    if len(places) <= _FEW:
        _draw_lines(ax, places, level - tick, look)
    # Before the bands, or behind, or, without room on either side, above.
    choices = _aside(ax, name, places)
    # Lines that touch a name count too.
    near = [(high - low) / (len(name) + 1) for _, low, high in choices]
    crossed = [
        sum(low - by < wl < high + by for wl in others)
        for (_, low, high), by in zip(choices, near, strict=True)
    ]
    side = choices[int(np.argmin(crossed))][0] if choices else "above"
    middle = 0.5 * (first + last)
    if choices and min(crossed) > 0:
        # Where lines on both sides would run through it.
        begin, end = _widest(first, last, others)
        if end - begin > max(high - low for _, low, high in choices):
            side, middle = "above", 0.5 * (begin + end)
    place, aside, across, up = {
        "left": (first, (-3, 0), "right", "center"),
        "right": (last, (3, 0), "left", "center"),
        "above": (middle, (0, 1), "center", "bottom"),
    }[side]
    text = ax.annotate(
        name,
        (place, level),
        xycoords=ax.get_xaxis_transform(),
        xytext=aside,
        textcoords="offset points",
        annotation_clip=True,
        gid="bands_name",
        **look["emission_name"]
        | {"rotation": 0, "ha": across, "va": up}
        | {"bbox": {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.5}},
    )
    text.set_in_layout(False)


def _widest(first: float, last: float, others: Sequence[float]) -> tuple[float, float]:
    """The widest part of a range that is free of other wavelengths."""
    ends = [first, *sorted(wl for wl in others if first < wl < last), last]
    return max(pairwise(ends), key=lambda part: part[1] - part[0])


def _as_many(look: Style) -> dict[str, Any]:
    """The properties of one line as those of a collection."""
    return {f"{name}s" if name in _SINGLE else name: v for name, v in look["emission"].items()}


_SINGLE = frozenset(("color", "linewidth", "linestyle"))
