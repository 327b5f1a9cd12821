"""Pictures of an archive, from sums over its catalogue: what was observed when, and seen where.

They draw numbers, and open neither product nor table: `uvisxr.catalogue.pictures` makes the sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from ..drawing.colours import colour_bar, colours, drawable, extend, limits, robust_norm
from ..drawing.layout import lay_out
from ..drawing.scales import plain_log
from ..drawing.style import Style, drawing
from ..drawing.style import style as styled
from ..drawing.texts import caption, is_narrow, literal, nothing, set_label, set_title, tied
from ..maps.grids import Cylindrical, Polar
from . import around
from . import axes as common
from .sheet import Sheet

#: Width of the picture of coverage, inches; its height without rows, and that of a row.
_WIDE, _AROUND, _ROW = 8.4, 1.5, 0.24

#: Sizes of maps, inches: cylindrical, and about a pole.
_MAP, _ROUND = (8.4, 4.2), (6.6, 5.8)

#: The most rows of coverage, and the least height of one, points.
_ROWS, _LEAST = 24, 11.0

#: Height of the tallest bar, in rows: above or below its middle, or all of it.
_TALL, _WHOLE = 0.46, 0.86

#: Room for the number of a year, points.
_LABEL = 40.0

#: Where on the scale of colours one spectrum is: by the first, which is nearly black, it would look
#: like the gaps between.
_ONE = 0.2

#: Ticks of so many days or more have a year among them.
_YEARS = 732

#: Room for the key above the axes, points.
_KEY = 18.0


@dataclass(frozen=True, eq=False)
class Coverage:
    """How much was observed of each target by time.

    Attributes
    ----------
    targets : tuple of str
        As they are written in pictures.
    channels : tuple of str
        One or two.
    edges : ndarray of datetime64, (n + 1,)
        Ends of the bins of time, UTC.
    amount : ndarray, (target, channel, n)
        In each bin.
    total : ndarray, (target, channel)
        Also of what has no time.
    what : str
        What is counted, in the plural: "products".
    """

    targets: tuple[str, ...]
    channels: tuple[str, ...]
    edges: np.ndarray
    amount: np.ndarray
    total: np.ndarray
    what: str

    def most(self, rows: int) -> Coverage:
        """The targets of which there is most, that first; the last row is of all others."""
        order = np.argsort(-self.total.sum(axis=1), kind="stable")
        names = [self.targets[k] for k in order]
        amount, total = self.amount[order], self.total[order]
        if len(names) > rows:
            kept = rows - 1
            names = [*names[:kept], f"{len(names) - kept} others"]
            amount = np.concatenate([amount[:kept], amount[kept:].sum(axis=0, keepdims=True)])
            total = np.concatenate([total[:kept], total[kept:].sum(axis=0, keepdims=True)])
        return replace(self, targets=tuple(names), amount=amount, total=total)


@dataclass(frozen=True, eq=False)
class Looks:
    """What the spectra that looked at each cell of a body's map have in common.

    Attributes
    ----------
    body : str
        As it is written in pictures.
    grid : Cylindrical or Polar
        Of a sphere; azimuths of the first are longitudes, west-positive.
    values : ndarray, of the grid's shape
        NaN where no spectrum looked.
    name, units : str
        Of the values, as for `uvisxr.drawing.texts.caption`.
    counted : bool
        Whether they are numbers of spectra.
    spectra : int
        All of them.
    notes : tuple of str
        What else the title says.
    """

    body: str
    grid: Cylindrical | Polar
    values: np.ndarray
    name: str
    units: str
    counted: bool
    spectra: int
    notes: tuple[str, ...] = ()


@drawing
def coverage(
    found: Coverage,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw what was observed of each target by time: a row each, that with most above.

    Heights of bars are logarithmic and of one scale in all rows; of two channels the first has bars
    upwards, the other downwards. Totals are beside the rows. Targets without a row of their own are
    summed in the last.

    Parameters
    ----------
    found : Coverage
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Rows from 0 on, downwards, against time.
    """
    look = styled(style)
    number = min(len(found.targets), _ROWS)
    ax = common.new_axes(ax, figsize=(_WIDE, _AROUND + _ROW * max(number, 3)))
    if not found.targets:
        ax.set(xticks=[], yticks=[])
        nothing(ax, "Nothing to show: no product", look)
        return ax
    room = int(common.size(ax)[1] / _LEAST)
    found = found.most(int(np.clip(room, 2, number)) if number > 1 else 1)
    rows = len(found.targets)
    ax.set(xlim=date2num(found.edges[[0, -1]]), ylim=(rows - 0.5, -0.5))
    handles = _draw_bars(ax, found, look)
    _name_time(ax, found.edges)
    ax.yaxis.set_major_locator(FixedLocator(range(rows)))
    ax.set_yticklabels([literal(target) for target in found.targets])
    for axis in (ax.yaxis, _tell_totals(ax, found)):
        axis.set_tick_params(length=0)
        if is_narrow(ax.get_figure(root=True)):
            axis.set_tick_params(labelsize="x-small")
    if len(handles) > 1:
        ax.legend(
            handles=handles,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            borderaxespad=0.1,
            ncols=2,
            frameon=False,
        )
    set_title(ax, _heading(found), pad=_KEY if len(handles) > 1 else None)
    lay_out(ax)
    return ax


def _draw_bars(ax: Axes, found: Coverage, look: Style) -> list[Patch]:
    """Draw the bars of each channel, and the line that they stand on; entries of their key."""
    left, right = date2num(found.edges[:-1]), date2num(found.edges[1:])
    largest = float(found.amount.max()) if found.amount.size else 0.0
    scale = np.log1p(largest) or 1.0
    two = len(found.channels) > 1
    ground = np.arange(len(found.targets)) + (0.0 if two else 0.5 * _WHOLE)
    ax.hlines(ground, *ax.get_xlim(), gid="ground", zorder=2.5, **look["archive_line"])
    handles = []
    for k, channel in enumerate(found.channels):
        row, column = np.nonzero(found.amount[:, k] > 0)
        tall = np.log1p(found.amount[row, k, column]) / scale * (_TALL if two else _WHOLE)
        foot = ground[row]
        top = foot + tall if k else foot - tall
        x, y = (left[column], right[column]), (foot, top)
        corners = [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])]
        bars = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
        properties = look["archive_bars" if channel != "EUV" else "archive_bars_euv"]
        ax.add_collection(
            PolyCollection(list(bars), gid=channel, zorder=2.0, **properties), autolim=False
        )
        way = ("upwards", "downwards")[k] if two else ""
        handles.append(Patch(label=f"{channel}, {way}" if way else channel, **properties))
    return handles


def _name_time(ax: Axes, edges: np.ndarray) -> None:
    most = int(np.clip(common.size(ax)[0] / _LABEL, 3, 10))
    locator = AutoDateLocator(minticks=2, maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    first, last = edges[[0, -1]].astype("datetime64[D]") - np.array([0, 1])
    dates = [str(first)] if first == last else [str(first), str(last)]
    short = (last - first).astype(int) < _YEARS
    set_label(ax.xaxis, f"Time (UTC, {' to '.join(dates)})" if short else "Time (UTC)")


def _tell_totals(ax: Axes, found: Coverage) -> Axis:
    """Write the sums of the rows on an axis at the right."""
    right = ax.secondary_yaxis("right")
    right.yaxis.set_major_locator(FixedLocator(range(len(found.targets))))
    right.set_yticklabels([_rounded(total) for total in found.total.sum(axis=1)])
    set_label(right.yaxis, caption(found.what))
    return right.yaxis


def _heading(found: Coverage) -> str:
    step = (found.edges[1] - found.edges[0]) / np.timedelta64(1, "D")
    each = "a day" if step == 1 else tied(f"{step:g} days")
    parts = [f"{found.total.sum():,.0f} {found.what}"]
    parts += found.channels if len(found.channels) == 1 else ()
    largest = float(found.amount.max()) if found.amount.size else 0.0
    if largest:
        parts.append(f"bars: logarithmic, to {tied(f'{_rounded(largest)} in')} {each}")
    lost = float(found.total.sum() - found.amount.sum())
    if lost > 0.5:
        parts.append(tied(f"{lost:,.0f} without a time"))
    return ", ".join(parts)


def _rounded(amount: float) -> str:
    """A number of things, or of hours."""
    return f"{amount:,.0f}" if amount >= 100 or amount == round(amount) else f"{amount:.2g}"


@drawing
def looks(
    found: Looks,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw where on a body spectra looked: how many in each cell, or the median of what they saw.

    East is to the right, as on maps by `ds.uvis.plot.map`.

    Parameters
    ----------
    found : Looks
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Default: logarithmic for numbers of spectra, else linear.
    vmin, vmax : float, optional
        Default: of all values; of such that are not angles without the outermost, where these
        would take most of the colours. The title says if colours end before the values do.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes
        Of the cylindrical map in degrees, of the polar map in radii.

    Raises
    ------
    ArgumentError
        Matplotlib knows no such map or norm, or the limits do not fit.
    """
    look = styled(style)
    sheet = Sheet(found.grid, "lon", eastward=False, sun=None)
    values = sheet.within(np.asarray(found.values, float))
    known = values[np.isfinite(values)]
    chosen = look["image"] if cmap is None else look["image"] | {"cmap": cmap}
    usual = _usual(found, known)
    scale = colours(values, chosen.pop("cmap"), norm, vmin, vmax, usual)
    ax = common.new_axes(ax, figsize=_ROUND if sheet.polar else _MAP)
    mesh = sheet.draw(ax, np.ma.filled(drawable(values, scale), np.nan), scale, chosen)
    ground = sheet.ground(ax, values, scale)
    seen = sheet.draw_ground(ax, values, scale, ground, look)
    sheet.frame(ax, bare=False)
    if not known.size:
        said = nothing(ax, "Nothing to show: no spectrum", look)
        said.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "alpha": 0.85})
    sheet.draw_graticule(ax, ground, look)
    around.name(ax, sheet, look)
    if known.size:
        more = {"extend": extend(known, *limits(scale)), "cax": around.beside(ax)}
        plain_log(colour_bar(mesh, ax, found.name, found.units, **more).ax.yaxis)
    small = is_narrow(ax.get_figure(root=True))
    beyond = _beyond(known, *limits(scale))
    number = tied(f"{found.spectra:,} {'spectrum' if found.spectra == 1 else 'spectra'}")
    blank = [one.replace("not seen or left out", "no spectrum") for one in seen]
    notes = () if small else (*found.notes, *beyond, *map(tied, blank))
    around.entitle(ax, ", ".join([literal(found.body), number, *notes]))
    around.name_circles(ax, sheet, ground, look)
    return ax


def _usual(found: Looks, known: np.ndarray) -> Normalize:
    """The scale of colours: of numbers, logarithmic, with one spectrum apart from no colour."""
    if found.counted and known.size:
        most = max(float(known.max()), 10.0)
        return LogNorm(most ** (-_ONE / (1 - _ONE)), most)
    if found.units == "degree" and known.size and known.min() < known.max():
        return Normalize(float(known.min()), float(known.max()))
    return robust_norm(known)


def _beyond(known: np.ndarray, low: float, high: float) -> list[str]:
    """What the title says of values that have the colours at the ends of the scale."""
    if not known.size or (known.min() >= low and known.max() <= high):
        return []
    return [tied(f"values {known.min():.4g} to {known.max():.4g}".replace("-", "\N{MINUS SIGN}"))]
