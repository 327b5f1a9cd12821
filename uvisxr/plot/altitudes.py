"""Circles of equal altitude above a limb, named along the line."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..drawing.ground import INKS, Ground
from ..drawing.labels import Labels
from ..drawing.style import Style
from ..geometry import outline, views
from . import axes as common
from .disks import Bodies

#: Least distance between circles, points.
_APART = 14.0

#: Bearing of the first name from the centre, and of each further one from the last, degrees.
_FIRST, _TURN = 125.0, 18.0

#: Parts of a name, from its middle to either end, beneath which the ground is asked for.
_ALONG = np.linspace(-1.0, 1.0, 7)

#: Part of a name over single cells that are hatched, which leave it readable.
_FEW = 0.12

#: How much worse a place is that is half dark and half light, rad on the way around.
_PATCHY = 8.0

#: Number of places that are tried for each name.
_TRIED = 48


def usual(ax: Axes, ds: xr.Dataset) -> tuple[float, ...]:
    """A few round altitudes that a dataset reaches, km, as far apart as can be told on axes."""
    seen = views.middle_sample(ds)["alt"].values
    if not np.isfinite(seen).any():
        return ()
    low, high = max(float(np.nanmin(seen)), 0.0), float(np.nanmax(seen))
    if not high > low:
        return ()
    found = [float(a) for a in MaxNLocator(4).tick_values(low, high) if 0 < a <= high]
    if not found:
        return ()
    step = found[1] - found[0] if len(found) > 1 else found[0]
    apart = step * common.size(ax)[1] / abs(float(np.ptp(ax.get_ylim())))
    every = max(1, int(np.ceil(_APART / apart)))
    return tuple(found[every - 1 :: every])


def draw_altitudes(
    ax: Axes,
    bodies: Bodies,
    altitudes: Iterable[float],
    ground: Ground,
    look: Style,
    labels: Labels | None,
) -> None:
    """Draw circles above the target's limb, those that have room for it with their names.

    The axes' limits and layout must be final.
    """
    one = bodies.target.at(0)
    for turn, altitude in enumerate(altitudes):
        radii = one.radii + altitude
        if np.sum((one.observer / radii) ** 2) <= 1:
            # The spacecraft itself is lower.
            continue
        # So fine that what is cut out for a name is as wide as the name.
        points = outline.limb(one.observer, radii, 1441)
        curve = bodies.seen(one, points)
        if labels is not None:
            curve = _named(ax, curve, f"{altitude:,.0f} km", turn, ground, look, labels)
        ground.draw(ax, [curve], f"altitude:{altitude:g}", look["altitude"], 2.1)


def _named(
    ax: Axes,
    curve: np.ndarray,
    name: str,
    turn: int,
    ground: Ground,
    look: Style,
    labels: Labels,
) -> np.ndarray:
    """Write a name along a curve where there is room; the curve without what is beneath it."""
    shown = ax.transData.transform(curve)
    low, high = ax.bbox.get_points()
    inside = ((shown > low + 4) & (shown < high - 4)).all(axis=1)
    at = np.flatnonzero(inside)
    if not at.size:
        return curve
    text = ax.text(0.0, 0.0, name, clip_on=True, zorder=4.0, gid="altitude_name")
    text.set(ha="center", va="center", rotation_mode="anchor", **look["altitude_value"])
    half = 0.5 * text.get_window_extent().width + 2.0
    # Names of neighbouring circles turn around the body, so that they do not collide.
    bearing = np.deg2rad(_FIRST + _TURN * turn)
    out = curve[at] - np.nanmean(curve, axis=0)
    away = np.abs(np.angle(np.exp(1j * (np.arctan2(out[:, 1], out[:, 0]) - bearing))))
    # Where it is all dark, or all light, they are read better than across an edge.
    apart = np.hypot(*np.diff(shown, axis=0).T)[at % (len(shown) - 1)]
    apart = apart[np.isfinite(apart) & (apart > 0)]
    reach = half / float(np.median(apart)) if apart.size else 0.0
    ends = [ground.under(curve[(at + k) % (len(curve) - 1)]) for k in _steps(reach)]
    dark = np.mean(ends, axis=0)
    away = away + 2.0 * _PATCHY * np.minimum(dark, 1.0 - dark)
    at = at[np.argsort(away)][:: max(1, at.size // _TRIED)]
    along = np.roll(shown[:-1], -4, axis=0) - np.roll(shown[:-1], 4, axis=0)
    slope = np.rad2deg(np.arctan2(along[:, 1], along[:, 0]))[at % len(along)]
    slope = (slope + 90.0) % 180.0 - 90.0
    places = [{"position": tuple(curve[k]), "rotation": s} for k, s in zip(at, slope, strict=True)]
    text.set(**places[0])
    labels.add([text], places[1:])
    if text.axes is None:
        return curve
    point = np.array(text.get_position())
    covered = np.hypot(*(shown - ax.transData.transform(point)).T) < half
    dark = ground.under(curve[covered])
    most = curve[covered][dark == (dark.mean() > 0.5)]
    ground.ink(text, most[0] if len(most) else point, look["altitude_value"])
    if _on_hatches(ax, curve[covered]):
        text.set_bbox({"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 0.6})
        text.set(color=INKS[ground.paper], path_effects=[])
    return np.where(covered[:, None], np.nan, curve)


def _on_hatches(ax: Axes, points: np.ndarray) -> bool:
    """Whether of the points (n, 2) more than a few lie on what is hatched."""
    hatched = [part for part in ax.patches if part.get_gid() == "hatched"]
    known = points[np.isfinite(points).all(axis=1)]
    return any(part.get_path().contains_points(known).mean() > _FEW for part in hatched)


def _steps(reach: float) -> list[int]:
    """Whole numbers of points along a circle from the middle of a name to parts of it."""
    found: list[int] = np.rint(reach * _ALONG).astype(int).tolist()
    return found
