"""Bodies on a sky map: disk, night side, graticule, rings, limb, in order of distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Polygon
from matplotlib.path import Path

from ..geometry import outline
from ..geometry.ellipsoid import nearest
from ..geometry.views import Views
from . import sky as maps
from .ring_areas import draw_rings
from .rings import Place
from .style import Style
from .texts import literal

#: Bodies whose radius is a smaller fraction of the picture's side are drawn as a mark.
_DOT = 0.004

#: Least height of a disk that text is written on, points.
_READABLE = 80.0

#: Width of a letter, in sizes of letters, and how many times as wide as a text a disk must be.
_LETTER, _WIDER = 0.6, 1.4

#: Minimum distance between names, as a fraction of the picture's side.
_ROOM = 0.06


def draw_bodies(
    ax: Axes, sky: maps.Sky, target: Views | None, others: list[Views], below: str, look: Style
) -> None:
    """Draw bodies at one instant, farthest first.

    The text `below` says where on the target the spacecraft is. The `gid` of each artist names its
    part and body, such as "limb:TITAN".
    """
    views = ([] if target is None else [target]) + others
    if not views:
        return
    order = sorted(views, key=lambda v: -float(v.distance))
    for level, view in enumerate(order):
        zorder = 1.0 + level / (len(views) + 1)
        if _draw(ax, sky, view, look, zorder) and view is target:
            draw_sub_spacecraft(ax, sky, view, below, look)
    names: list[np.ndarray] = []
    _draw_sun(ax, sky, views[0], look, names)
    # Name the target, then the nearest bodies if there is room.
    for view in sorted(reversed(order), key=lambda v: v is not target):
        _name(ax, sky, view, look, names)


def _draw(ax: Axes, sky: maps.Sky, view: Views, look: Style, zorder: float) -> bool:
    """Draw one body; return whether it is large enough to be more than a mark."""

    def place(points: np.ndarray) -> np.ndarray:
        return sky(view.sky(points))

    limb = place(outline.limb(view.observer, view.radii))
    if not _is_in(ax, limb):
        return False
    side = max(abs(np.diff(ax.get_xlim())[0]), abs(np.diff(ax.get_ylim())[0]))
    wraps = isinstance(sky, maps.Whole) and maps.leaps(limb)
    middle = sky(view.centre)
    if np.ptp(limb, axis=0).max() < 2 * _DOT * side:
        ax.plot(*middle[:, None], gid=f"body:{view.name}", zorder=zorder, **look["body"])
        return False
    if view.name == "SATURN":
        draw_rings(ax, place, view, look, zorder - 1e-3, zorder + 1e-3)
    if not wraps:
        disk = Polygon(limb, gid=f"disk:{view.name}", zorder=zorder, **look["disk"])
        ax.add_patch(disk)
        _draw_graticule(ax, place, view, look, zorder)
        _draw_night(ax, place, view, look, zorder)
    curve = maps.broken(limb) if wraps else limb
    ax.plot(*curve.T, gid=f"limb:{view.name}", zorder=zorder, **look["limb"])
    return True


def _draw_graticule(ax: Axes, place: Place, view: Views, look: Style, zorder: float) -> None:
    """Draw meridians and parallels, as far as the observer sees them."""
    lines = [
        place(outline.visible(line, view.observer, view.radii))
        for line in outline.graticule(view.radii)
    ]
    _collect(ax, lines, f"graticule:{view.name}", zorder, look["graticule"])


def _draw_night(ax: Axes, place: Place, view: Views, look: Style, zorder: float) -> None:
    """Shade the night side of a body's disk, and draw the terminator."""
    dark = outline.night(view.observer, view.sun, view.radii)
    if len(dark):
        patch = Polygon(place(dark), gid=f"night:{view.name}", zorder=zorder)
        patch.set(**look["night"])
        ax.add_patch(patch)
    edge = outline.terminator(view.observer, view.sun, view.radii)
    if len(edge):
        line = place(edge)
        ax.plot(*line.T, gid=f"terminator:{view.name}", zorder=zorder, **look["terminator"])


def _collect(
    ax: Axes, lines: list[np.ndarray], gid: str, zorder: float, look: Mapping[str, Any]
) -> None:
    ax.add_collection(LineCollection(lines, gid=gid, zorder=zorder, **look), autolim=False)


def draw_sub_spacecraft(ax: Axes, sky: maps.Sky, view: Views, text: str, look: Style) -> None:
    """Mark the sub-spacecraft point, and write where it is."""
    normal, altitude = nearest(view.observer, view.radii)
    place = sky(view.sky(view.observer - altitude * normal))
    ax.plot(*place[:, None], gid="sub_spacecraft", zorder=3.0, **look["sub_spacecraft"])
    limb = sky(view.sky(outline.limb(view.observer, view.radii)))
    # On a small disk the text would hide it, or lie over the limb.
    width, height = np.ptp(ax.transData.transform(limb), axis=0) * 72.0 / ax.figure.dpi
    needed = _LETTER * FontProperties(size="x-small").get_size_in_points() * len(text)
    inside = height > _READABLE and width > _WIDER * needed
    x, y = place if inside else limb[np.argmin(limb[:, 1])]
    ax.annotate(
        text,
        (x, y),
        xytext=(0, -6),
        textcoords="offset points",
        annotation_clip=True,
        gid="place",
        zorder=4.1,
        **look["sub_spacecraft_place"],
    )


def _is_in(ax: Axes, place: np.ndarray) -> bool:
    (x0, x1), (y0, y1) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
    low, high = place.min(axis=0), place.max(axis=0)
    return bool(low[0] < x1 and high[0] > x0 and low[1] < y1 and high[1] > y0)


def _draw_sun(ax: Axes, sky: maps.Sky, view: Views, look: Style, taken: list[np.ndarray]) -> None:
    place = sky(view.sky(view.sun))
    if _is_in(ax, place[None]):
        ax.plot(*place[:, None], gid="sun", zorder=0.9, **look["sun"])
        _write(ax, "Sun", place, look, taken, 7.0)


def _name(ax: Axes, sky: maps.Sky, view: Views, look: Style, taken: list[np.ndarray]) -> None:
    """Write a body's name above it, or inside it if that would be outside the picture."""
    limb = sky(view.sky(outline.limb(view.observer, view.radii)))
    centre = sky(view.centre)
    # Of one of which a part is seen, in that part.
    (x1, x0), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(np.linspace(x0, x1, 9)[1:-1], np.linspace(y0, y1, 9)[1:-1])
    spots = np.stack([x.ravel(), y.ravel()], axis=-1)
    inside = spots[Path(limb).contains_points(spots)]
    part = inside[[np.argmax(inside @ [0.0, 1.0])]] if len(inside) else inside
    for place in (limb[np.argmax(limb[:, 1])], centre, *part):
        if _is_in(ax, place[None]):
            _write(ax, literal(view.name.title()), place, look, taken)
            return


def _write(
    ax: Axes,
    text: str,
    place: np.ndarray,
    look: Style,
    taken: list[np.ndarray],
    above: float = 3.0,
) -> None:
    """Write a name, points above, unless another is near; `taken` holds the others' positions."""
    there = ax.transAxes.inverted().transform(ax.transData.transform(place))
    if any(np.abs(there - other).max() < _ROOM for other in taken):
        return
    taken.append(there)
    ax.annotate(
        text,
        (place[0], place[1]),
        xytext=(0, above),
        textcoords="offset points",
        annotation_clip=True,
        gid="body_name",
        zorder=4.0,
        **look["body_name"],
    )
