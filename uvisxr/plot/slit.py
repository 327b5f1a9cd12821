"""The slit and its pixels on a sky map, with their numbers and the values of a field."""

from __future__ import annotations

from typing import cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from ..dataset.fields import sightline
from ..drawing import sky as maps
from ..drawing.colours import colour_bar
from ..drawing.scales import engineering, multiple
from ..drawing.style import Style
from ..drawing.texts import minus
from ..errors import MissingStepError
from ..numerics.sphere import signed
from ..quality import flags as quality_flags
from .stage import Stage

#: Width below which a slit is drawn as a line, points.
_HAIRLINE = 4.0

#: Maximum number of values written beside the slit; their spacing, and distance from it, points.
_VALUES, _VALUE_PITCH, _VALUE_OFFSET = 12, 12.0, 7.0

#: Distance of the numbers of pixels from the ends of the slit, and its least length, points.
_END_OFFSET, _ROOM = 9.0, 30.0


def draw_slit(
    ax: Axes, sky: maps.Sky, stage: Stage, index: int, annotate: str | None, look: Style
) -> np.ndarray | None:
    """Draw the slit and its pixels; return these on the map, or None without pointing."""
    used = stage.used[index]
    if not np.isfinite(used).all():
        ax.text(0.5, 0.97, "no pointing", transform=ax.transAxes, **look["nothing"] | {"va": "top"})
        return None
    whole = isinstance(sky, maps.Whole)
    rows = sky(stage.slit[index])
    polygons = sky(used)
    if whole and maps.leaps(rows[:, 0]):
        # A pixel across the map's edge goes to the half where its first corner is.
        for part in (rows, polygons):
            part[..., 0] = part[:, :1, 0] + signed(part[..., 0] - part[:, :1, 0])
    slit = PolyCollection(list(rows), gid="slit", zorder=2.7)
    slit.set(**look["slit"])
    ax.add_collection(slit, autolim=False)
    good = quality_flags.good(stage.ds.isel(pic=[index])).values[0]
    if annotate is not None:
        _draw_field(ax, stage, index, polygons, annotate, look)
    else:
        pixels = PolyCollection(polygons[good], gid="pixels", zorder=2.8)
        pixels.set(**look["pixels"])
        if _across(ax, polygons) < _HAIRLINE:
            # Of such pixels nothing but their edges is seen, dark on the night side.
            pixels.set(edgecolor="face", linewidth=1.2, alpha=1.0)
            paper = ax.get_facecolor()
            rim = PolyCollection(polygons[good], gid="rim:slit", zorder=2.75, facecolor=paper)
            rim.set(edgecolor=paper, linewidth=2.8)
            ax.add_collection(rim, autolim=False)
        ax.add_collection(pixels, autolim=False)
    if not good.all():
        flagged = PolyCollection(polygons[~good], gid="flagged", zorder=2.85)
        flagged.set(**look["flagged"])
        ax.add_collection(flagged, autolim=False)
    return polygons


def _across(ax: Axes, polygons: np.ndarray) -> float:
    """Width of a slit on the canvas, points."""
    corners = ax.transData.transform(polygons[:, :2].reshape(-1, 2)).reshape(-1, 2, 2)
    widths = np.hypot(*(corners[:, 1] - corners[:, 0]).T)
    return float(np.median(widths)) * 72.0 / cast(Figure, ax.get_figure(root=True)).dpi


def mark_small(ax: Axes, polygons: np.ndarray, look: Style) -> None:
    """Put a ring around a slit that is too small on the map to be seen."""
    shown = ax.transData.transform(polygons.reshape(-1, 2))
    length = float(np.hypot(*np.ptp(shown, axis=0)))
    if length * 72.0 / cast(Figure, ax.get_figure(root=True)).dpi < _ROOM:
        x, y = polygons.reshape(-1, 2).mean(axis=0)
        ax.plot([x], [y], gid="mark:slit", zorder=3.5, **look["slit_mark"])


def number_ends(ax: Axes, stage: Stage, polygons: np.ndarray, look: Style) -> None:
    """Write the numbers of the first and the last pixel beyond their ends of the slit."""
    numbers = np.atleast_1d(stage.ds["pixel"].values)
    ends = np.stack([polygons[0, :2].mean(axis=0), polygons[-1, 2:].mean(axis=0)])
    first, last = ax.transData.transform(ends)
    length = float(np.hypot(*(last - first)))
    if length * 72.0 / ax.figure.dpi < _ROOM:
        return
    outward = _END_OFFSET * (last - first) / length
    # A single pixel has one end.
    places = list(zip(ends, numbers[[0, -1]], (-outward, outward), strict=True))[: numbers.size]
    for end, number, (x, y) in places:
        ax.annotate(
            str(number),
            (end[0], end[1]),
            xytext=(x, y),
            textcoords="offset points",
            annotation_clip=True,
            gid="pixel_number",
            zorder=4.0,
            **look["pixel_number"],
        )


def factor(ds: xr.Dataset, name: str, values: np.ndarray) -> float:
    """The multiple of its unit in which the colour bar tells a field."""
    units = str(ds[name].attrs.get("units", ""))
    known = np.abs(values[np.isfinite(values)])
    return multiple(float(known.max(initial=0.0)), units, _unit_body(ds, name)).factor


def _unit_body(ds: xr.Dataset, name: str) -> str | None:
    """The body in whose radii a field is told: the planet, of distances in its rings."""
    return str(ds.attrs.get("geometry_target", "")) if name == "ring_radius" else None


def _draw_field(
    ax: Axes, stage: Stage, index: int, polygons: np.ndarray, annotate: str, look: Style
) -> None:
    if annotate not in stage.ds.variables:
        remedy = sightline(annotate, "annotate").remedy
        raise MissingStepError(f"the dataset has no field {annotate!r}: {remedy}")
    field = stage.ds[annotate].isel(pic=index)
    values = field.values.astype(float)
    properties = {k: v for k, v in look["field"].items() if k != "cmap"}
    pixels = PolyCollection(list(polygons), array=values, cmap=look["field"]["cmap"], zorder=2.8)
    pixels.set(gid="field", **properties)
    ax.add_collection(pixels, autolim=False)
    name, units = str(field.attrs.get("long_name") or annotate), field.attrs.get("units", "")
    bar = colour_bar(pixels, ax, name, units, shrink=0.8)
    if units == "km":
        engineering(bar.ax.yaxis, name, units, body=_unit_body(stage.ds, annotate))


def write_values(ax: Axes, polygons: np.ndarray, values: np.ndarray, look: Style) -> None:
    """Write some of the values beside their pixels, away from the slit."""
    middle = polygons.mean(axis=1)
    corners = ax.transData.transform(polygons.reshape(-1, 2)).reshape(polygons.shape)
    pixels = corners.mean(axis=1)
    along = pixels[-1] - pixels[0]
    length = float(np.hypot(*along))
    across = np.array([along[1], -along[0]]) / length if length > 0 else np.array([1.0, 0.0])
    across = across if across[0] >= 0 else -across
    points = 72.0 / ax.figure.dpi
    most = int(np.clip(length * points / _VALUE_PITCH, 1, _VALUES))
    half = float(np.max((corners - pixels[:, None]) @ across)) * points
    aside = tuple((half + _VALUE_OFFSET) * across)
    written = np.unique(np.linspace(0, len(values) - 1, most).round().astype(int))
    decimals = _decimals(values[written])
    for k in written:
        if np.isfinite(values[k]):
            ax.annotate(
                minus(f"{values[k]:.{decimals}f}"),
                middle[k],
                xytext=aside,
                textcoords="offset points",
                rotation=np.rad2deg(np.arctan2(across[1], across[0])),
                rotation_mode="anchor",
                annotation_clip=True,
                gid="value",
                zorder=4.0,
                **look["field_value"],
            )


def _decimals(values: np.ndarray) -> int:
    """Decimals with which neighbours can be told apart."""
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    steps = steps[steps > 0]
    if not steps.size:
        return 2
    # Where a field turns round, neighbours may be as good as equal.
    least = max(float(steps.min()), 0.1 * float(np.median(steps)))
    return int(np.clip(np.ceil(-np.log10(least)), 0, 6))
