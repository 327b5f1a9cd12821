"""What is written in pictures: titles, names with their units, and that there is nothing to see."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.text import Text

from ..dataset import instants
from ..dataset.bits import QUALITY_FLAGS
from ..dataset.single import only_body
from ..targets import PLANETS_OF_RINGS, canonical
from .style import Style

#: Units as written in pictures.
_UNITS = {
    "degree": "°",
    "kR angstrom-1": "kR/Å",
    "count s-1": "count/s",
    "angstrom": "Å",
    "hour": "h",
    "1": "",
}

#: Room for a label, of what the figure has for axes and all that is around them.
_SHARE = 0.76

#: Width of a figure below which letters are smaller, inches.
_NARROW = 4.0

#: Part of the room for a title that it takes.
_TAKEN = 0.97

#: Fields that are places on an ellipsoid, or above it.
_PLACES = frozenset({"alt", "lat", "lon", "lt"})

#: Keeps together what belongs together where a text is wrapped.
_TIE = "\N{NO-BREAK SPACE}"


def tied(text: str, at: str = " ") -> str:
    """A text that is not broken into lines at certain places, which begin with a blank."""
    return text.replace(at, _TIE + at[1:])


def literal(text: str) -> str:
    r"""A text of others, such as a label's, as one in which matplotlib finds no formula.

    Examples
    --------
    >>> from uvisxr.drawing.texts import literal
    >>> literal("$x^{$")
    '\\$x^{\\$'
    """
    return text.replace("$", r"\$")


def unit(units: str) -> str:
    """A unit as written in pictures, with the power of ten that it may start with."""
    power, _, rest = units.partition(" ") if re.match("10[⁻⁰-⁹¹²³]+ ", units) else ("", "", units)
    return f"{power} {_UNITS.get(rest, rest)}".strip()


def caption(name: str, units: str | None = None) -> str:
    """Text for an axis or colour bar: a long name and its unit."""
    # Text after a comma is explanatory, and too long for an axis.
    text = name.partition(",")[0]
    text = text[:1].upper() + text[1:]
    written = unit(units or "")
    return f"{text} ({written})" if written else text


def angstroms(ends: Iterable[float] | None) -> str:
    """A range of wavelengths; "" where it is not known."""
    low, high = (np.nan, np.nan) if ends is None else ends
    return "" if np.isnan(low) else f"{low:.0f}–{high:.0f}{_TIE}Å"


def edge(value: float) -> str:
    """An edge of a bin, which may be infinite."""
    return minus(f"{value:g}" if np.isfinite(value) else ("∞" if value > 0 else "-∞"))


def minus(number: str) -> str:
    """A number with a sign like that at the ticks of axes, instead of a hyphen."""
    return number.replace("-", "−")


def degrees_of_latitude(low: float, high: float) -> str:
    """A range of latitudes."""
    if low >= 0 or high <= 0:
        first, last = sorted((abs(low), abs(high)))
        return f"{first:g}–{last:g}° {'N' if low >= 0 else 'S'}"
    return f"{-low:g}° S–{high:g}° N"


def label(array: xr.DataArray) -> str:
    """The caption of an array: its long name, or else its name, and its unit."""
    return caption(array.attrs.get("long_name") or str(array.name), array.attrs.get("units"))


def product(ds: xr.Dataset) -> str:
    """Name of the observation."""
    return str(ds.attrs.get("name", ""))


def body(ds: xr.Dataset, by: Iterable[str] = ()) -> str:
    """Name of the target as written in pictures; "" if the observation's name has it.

    Of what is shown `by` a place on the body, or above it, that is the planet of rings too.
    """
    name = str(ds.attrs.get("geometry_target") or only_body(ds))
    target = canonical(str(ds.attrs.get("target") or ""))
    # The geometry of rings is that of their planet; a map is of the planet itself.
    placed = "map_projection" in ds.attrs or not _PLACES.isdisjoint(by)
    name = target if not name or (PLANETS_OF_RINGS.get(target) == name and not placed) else name
    name = PLANETS_OF_RINGS.get(name, name) if placed else name
    planet = PLANETS_OF_RINGS.get(name)
    name = f"{planet}'s rings".capitalize() if planet else name.title()
    return "" if product(ds).lower().startswith(name.lower()) else literal(name)


def span(ds: xr.Dataset) -> str:
    """From when to when the exposures last, UTC: to minutes, or if that is coarse, to seconds."""
    times: Sequence[np.ndarray] | None = instants.ends(ds)
    if times is None:
        # Of bins, whose exposures are no longer there.
        ends = [ds.attrs.get(f"time_coverage_{end}", "") for end in ("start", "end")]
        times = [np.array([end.rstrip("Z")], "datetime64[ns]") for end in ends if end]
    known = np.concatenate([np.empty(0, "datetime64[ns]"), *times])
    known = known[~np.isnat(known)]
    if not known.size:
        return ""
    first, last = known.min(), known.max()
    whole = all(t == t.astype("datetime64[m]") for t in (first, last))
    to: Literal["s", "m"] = "m" if whole or last - first >= np.timedelta64(10, "m") else "s"
    begin, end = (str(np.datetime_as_string(t, unit=to)).replace("T", _TIE) for t in (first, last))
    if begin == end:
        return f"{begin}{_TIE}UTC"
    if begin[:10] == end[:10]:
        return f"{begin}–{end[11:]}{_TIE}UTC"
    return f"{begin} – {end}{_TIE}UTC"


def heading(ds: xr.Dataset, *more: str, by: Iterable[str] = ()) -> str:
    """A title: the body, when it was observed, the observation's name, and what else is given.

    `by`: fields that are axes of the picture, besides those that a dataset of bins is binned by.
    """
    bins = (str(dim).removesuffix("_bin") for dim in ds.dims if str(dim).endswith("_bin"))
    parts = body(ds, (*by, *bins)), span(ds), literal(product(ds)), *more
    return ", ".join(part for part in parts if part)


def set_title(ax: Axes, text: str, y: float | None = None, pad: float | None = None) -> Text:
    """Give axes a title in as many lines as they need for it, whatever their size.

    `pad`, points, is its distance from the axes, if not that of all titles.
    """
    title = ax.set_title(text, y=y, pad=pad, **_smaller(ax.get_figure(root=True)))
    return fit(title, partial(_steady, [0.0], partial(_room_above, ax)))


def set_suptitle(figure: Figure, text: str) -> Text:
    """Give a figure a title in as many lines as it needs for it."""
    title = figure.suptitle(text, **_smaller(figure))
    return fit(title, partial(_extent, figure, "width"))


def set_label(axis: Axis, text: str) -> Text:
    """Label an axis of axes or of a colour bar in as many lines as it needs for it."""
    side = "width" if axis is axis.axes.xaxis else "height"
    return fit(
        axis.set_label_text(text, **_smaller(axis.axes.get_figure(root=True))),
        partial(_beside, axis.axes, side),
    )


def is_narrow(figure: Figure | None) -> bool:
    """Whether a figure is so narrow that what is written in it must be small."""
    return figure is not None and figure.bbox.width / figure.dpi < _NARROW


def _smaller(figure: Figure | None) -> dict[str, Any]:
    """Properties of texts: smaller ones in a small figure."""
    return {"fontsize": "small"} if is_narrow(figure) else {}


def fit(text: Text, room: Any) -> Text:
    """Break a text into lines no longer than `room()`, screen pixels, each time it is drawn."""
    text.set_wrap(True)
    # Matplotlib itself wraps at the edges of the figure, where other axes may be.
    text._get_wrap_line_width = room  # type: ignore[attr-defined]
    text._get_wrapped_text = partial(_wrapped, text)  # type: ignore[attr-defined]
    text._get_rendered_text_width = partial(_measured, text, {})  # type: ignore[attr-defined]
    return text


def _measured(text: Text, known: dict[tuple[object, ...], float], line: str) -> float:
    """Width of a line, screen pixels, measured once: lines are broken anew in each layout."""
    figure = text.get_figure(root=True)
    asked = line, hash(text.get_fontproperties()), None if figure is None else figure.dpi
    if asked not in known:
        known[asked] = Text._get_rendered_text_width(text, line)  # type: ignore[attr-defined]
    return known[asked]


def _wrapped(text: Any) -> str:
    """A text in lines as long as there is room."""
    whole, room = str(text.get_text()), text._get_wrap_line_width()
    if not text.get_wrap() or text.get_usetex():
        return whole
    lines = [_broken(line, room, text._get_rendered_text_width) for line in whole.split("\n")]
    return "\n".join(lines)


def _broken(line: str, room: float, width: Callable[[str], float]) -> str:
    """A line in lines that are no wider than `room`, but for words that are.

    How many words have room is guessed from how many letters have: each measurement of a long line
    takes as long as drawing it.
    """
    if width(line) <= room or " " not in line:
        return line
    ends = [k for k, letter in enumerate(line + " ") if letter == " "]
    taken = max(bisect_right(ends, len(line) * room / width(line)), 1)
    while taken > 1 and width(line[: ends[taken - 1]]) > room:
        taken -= 1
    while taken < len(ends) - 1 and width(line[: ends[taken]]) <= room:
        taken += 1
    end = ends[taken - 1]
    return f"{line[:end]}\n{_broken(line[end + 1 :], room, width)}"


def is_colour_bar(ax: Axes) -> bool:
    """Whether axes are those of a colour bar, by the label that matplotlib gives these."""
    return ax.get_label() == "<colorbar>"


def _extent(thing: Axes | Figure, side: str, share: float = 1.0) -> float:
    """Width or height of axes or a figure, or a share of it, screen pixels."""
    return share * float(getattr(thing.bbox, side))


def _beside(ax: Axes, side: str) -> float:
    """Length for the label of an axis.

    That of axes which are laid out does not depend on their own: the more lines, the smaller the
    axes, and so on.
    """
    figure, place = _place(ax)
    if figure is None or place is None:
        return _extent(ax, side)
    grid = place.get_gridspec()
    across = side == "width"
    ratios = np.array(grid.get_width_ratios() if across else grid.get_height_ratios(), float)
    share = float(ratios[list(place.colspan if across else place.rowspan)].sum() / ratios.sum())
    return _SHARE * share * _extent(figure, side)


def _place(ax: Axes) -> tuple[Figure | None, SubplotSpec | None]:
    return ax.get_figure(root=True), ax.get_subplotspec()


def _room_above(ax: Axes) -> float:
    """Width for a title: that of the axes, or where they are alone, of the figure around them."""
    figure, _ = _place(ax)
    box = ax.bbox
    if figure is None:
        return float(box.width)
    middle = 0.5 * (box.x0 + box.x1)
    around = 2 * min(middle - figure.bbox.x0, figure.bbox.x1 - middle)
    if any(o is not ax and not is_colour_bar(o) for o in figure.axes):
        return max(float(box.width), min(_beside(ax, "width"), float(around)))
    # All of it: a title as long as that must still fit when the figure is cropped to what is drawn.
    return max(float(box.width), float(around) + 1.0)


def _steady(last: list[float], room: Callable[[], float]) -> float:
    """Most of the room that there is, as much as `last` if that is still most of it.

    With one line more the axes are lower and the room is another: a title would have one line and
    two by turns, and lie beyond the edge where it has two in the end.
    """
    now = room()
    last[0] = min(max(last[0], _TAKEN * now), now)
    return last[0]


def nothing(ax: Axes, text: str, look: Style) -> Text:
    """Say in the middle of axes why they are empty."""
    written = ax.text(
        *(0.5, 0.5, text), transform=ax.transAxes, gid="nothing", zorder=5, **look["nothing"]
    )
    return fit(written, partial(_extent, ax, "width", 0.9))


def why_nothing(ds: xr.Dataset) -> str:
    """Why no spectrum of a dataset has a value: what they are flagged for, if they are."""
    if "quality" not in ds.variables:
        return "no value"
    names = flagged_for(ds["quality"].values)
    return f"no value:\n{names}" if names else "no value"


def why_left_out(ds: xr.Dataset, exclude: str | Iterable[str]) -> str:
    """Why no spectrum is drawn of those that have values: which of the flags they carry."""
    flags = ds["quality"].values if "quality" in ds.variables else np.zeros(1, int)
    wanted = {exclude} if isinstance(exclude, str) else set(exclude)
    return f"every spectrum is left out:\n{flagged_for(flags, wanted)}"


def flagged_for(flags: np.ndarray, wanted: Container[str] = QUALITY_FLAGS) -> str:
    """Names of the flags, or of those wanted, that any spectrum carries."""
    names = [n for n, bit in QUALITY_FLAGS.items() if n in wanted and (flags & bit).any()]
    return ", ".join(names).replace("_", " ")
