"""Pictures of the archive, from a catalogue alone: what was observed when, and looked at where.

They draw sums that DuckDB makes, so that it does not matter to them how many spectra there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from .. import calls, checks, targets
from ..errors import ArgumentError, MissingDependencyError
from ..instrument.channel import ChannelName
from ..maps.grids import Cylindrical, Polar
from ..maps.spheroid import Spheroid
from . import totals
from .database import Tables, of, opened
from .question import body_of, ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize


#: Which pole a map is about.
Pole = Literal["north", "south"]

#: Latitude at the rim of a polar map, degrees.
_RIM = 45.0

#: Names of medians, for colour bars.
_NAMES = {
    "phase": "median phase angle",
    "ems": "median emission angle",
    "sza": "median solar zenith angle",
    "alt": "median altitude",
    "distance": "median distance",
}


@calls.public("pictures.coverage")
def coverage(
    catalogue: str | Path | Tables,
    by: totals.Amount = "products",
    channel: ChannelName | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw what the products of a catalogue observed, by target and time.

    A row for each target, that with most above; bars, logarithmic, of the FUV upwards and of the
    EUV downwards. Products that failed do not count.

    Parameters
    ----------
    catalogue : path or Tables
        Folder of a catalogue.
    by : {"products", "spectra", "hours"}
        What is counted. Hours are those of integration.
    channel : {"FUV", "EUV"}, optional
        Only this channel.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    ArgumentError
        An argument has another value.
    MissingDependencyError
        Matplotlib or DuckDB is not installed.
    """
    checks.choice("by", by, totals.Amount)
    checks.choice("channel", channel, ChannelName | None)
    archive = _drawing()
    with opened(of(catalogue)) as connection:
        found = totals.coverage(connection, by, channel)
    names = tuple(_written(name) for name in found.targets)
    what = {"hours": "hours of integration"}.get(by, by)
    drawn = archive.Coverage(
        names, tuple(found.channels), found.edges, found.amount, found.total, what
    )
    return cast("Axes", archive.coverage(drawn, ax=ax, style=style))


@calls.public("pictures.looks")
def looks(
    catalogue: str | Path | Tables,
    body: str,
    by: totals.Shown = "count",
    channel: ChannelName | None = None,
    part: totals.Part | None = None,
    alt: tuple[float | None, float | None] | None = None,
    pole: Pole | None = None,
    spacing: float | None = None,
    cmap: str | Colormap | None = None,
    norm: str | Normalize | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    ax: Axes | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw where on a body the spectra of a catalogue looked, each at the centre of its pixel.

    Beside the disk that is the tangent point, however high; those that look away from the body do
    not count. Nor do spectra that were lost, and those of rows that the slit does not light; others
    with a flag, such as partial ones, do.

    Parameters
    ----------
    catalogue : path or Tables
        Folder of a catalogue.
    body : str
        Such as "TITAN". Of the rings, their planet.
    by : {"count", "phase", "ems", "sza", "alt", "distance"}
        How many spectra looked at each cell, or the median of a column over them.
    channel : {"FUV", "EUV"}, optional
        Only this channel.
    part : {"disk", "limb"}, optional
        Only lines of sight that meet the body, or that pass it.
    alt : (float, float), optional
        Only altitudes in this range, km, None for an open end.
    pole : {"north", "south"}, optional
        A map about a pole down to 45 degrees, of cells of one area on a sphere.
    spacing : float, optional
        Side of a cell, degrees; of a polar map that at the pole. Default: 2, or as much more, up
        to 10, as it takes for half of those that are looked at to hold four spectra.
    cmap : str or Colormap, optional
        Default: that of the style, inferno.
    norm : str or Normalize, optional
        Default: logarithmic for numbers of spectra, else linear.
    vmin, vmax : float, optional
        Limits of the colours. Default: of all values; of altitudes and distances without the
        outermost, which the title then says.
    ax : Axes, optional
        Default: those of a new figure.
    style : mapping, optional
        See `uvisxr.drawing.style.style`.

    Returns
    -------
    Axes

    Raises
    ------
    CatalogueError
        There is no catalogue, or it is damaged.
    ArgumentError
        No spectrum of the catalogue has that body in view, or an argument has another value.
    MissingDependencyError
        Matplotlib or DuckDB is not installed.
    """
    for name, value, kind in (
        ("by", by, totals.Shown),
        ("channel", channel, ChannelName | None),
        ("part", part, totals.Part | None),
        ("pole", pole, Pole | None),
    ):
        checks.choice(name, value, kind)
    if spacing is not None:
        checks.number("spacing", spacing, "degrees", least=0.1, most=30.0)
    low, high = (None, None) if alt is None else ends("alt", alt)
    archive = _drawing()
    wanted = body_of(body)
    chosen = totals.Chosen(wanted, channel, part, (low, high))
    with opened(of(catalogue, wanted, channel)) as connection:
        if spacing is None:
            spacing = totals.spacing(connection, chosen, partial(_grid, pole))
        grid = _grid(pole, spacing)
        found, spectra = totals.looks(connection, chosen, grid, by)
        time = totals.span(connection, chosen) if spectra else None
    if not spectra:
        _refuse(body, wanted, catalogue)
    notes = [str(one) for one in (channel, part) if one is not None]
    notes += [_heights(low, high)] if (low, high) != (None, None) else []
    notes += [f"{pole} pole"] if pole else []
    notes += [_between(*time)] if time is not None else []
    cell = f"{spacing:g}° × {spacing:g}°"
    name, unit = (
        (f"spectra in a cell of {cell}", "") if by == "count" else (_NAMES[by], totals.units(by)[1])
    )
    drawn = archive.Looks(
        _written(wanted), grid, found, name, unit, by == "count", spectra, tuple(notes)
    )
    return cast("Axes", archive.looks(drawn, cmap, norm, vmin, vmax, ax=ax, style=style))


def _refuse(body: str, wanted: str, catalogue: str | Path | Tables) -> None:
    """Refuse a body that no spectrum was near, and not one that is chosen from too narrowly."""
    with opened(of(catalogue)) as connection:
        known = totals.bodies(connection)
    if wanted not in known:
        there = f": there are {', '.join(known)}" if known else ""
        near = checks.nearest(wanted, known)
        raise ArgumentError(
            f"body={body!r}: no spectrum of the catalogue has it in view{there}{near}"
        )


def _drawing() -> Any:
    try:
        from ..plot import archive
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise MissingDependencyError(
            'pictures need matplotlib: pip install "uvisxr[plot]"'
        ) from error
    return archive


def _grid(pole: Pole | None, spacing: float) -> Cylindrical | Polar:
    sphere = Spheroid(1.0, 1.0)
    if pole is None:
        return Cylindrical.of(sphere, spacing, spacing)
    return Polar.of(sphere, pole == "north", spacing, _RIM, 0.0)


def _written(target: str) -> str:
    """A target as it is written in pictures."""
    planet = targets.PLANETS_OF_RINGS.get(target)
    if planet:
        return f"{planet}'s rings".capitalize()
    if not target:
        return "none"
    return target if len(target) < 4 and not targets.is_body(target) else target.capitalize()


def _heights(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"up to {high:g} km" if low is None else f"from {low:g} km up"
    return f"{low:g} to {high:g} km"


def _between(first: np.datetime64, last: np.datetime64) -> str:
    days = [str(time.astype("datetime64[D]")) for time in (first, last)]
    return days[0] if days[0] == days[1] else " – ".join(days)
